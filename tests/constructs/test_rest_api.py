"""StreamingRestApi: every route streams, who may call it, and what would have made it buffer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, CfnParameter, Duration, Environment, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk.assertions import Annotations, Match, Template

from constructs_pkg._behind import remember_heartbeat
from constructs_pkg.defaults import StreamingDefaults
from constructs_pkg.rest_api import StreamingRestApi
from constructs_pkg.rest_route import RestRoute
from constructs_pkg.web_acl import WebAcl

from .reading import only

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT = "123456789012"
HERE = Environment(account=ACCOUNT, region="eu-west-1")
CHAT = RestRoute(path="/v1/chat")
MESSAGES = apigateway.JsonSchema(type=apigateway.JsonSchemaType.OBJECT, required=["messages"])


def make_alias(stack: Stack, *, timeout: int = 300, heartbeat: int | None = 15) -> lambda_.Alias:
    function = lambda_.Function(
        stack,
        "Plain",
        code=lambda_.Code.from_inline("exports.handler = awslambda.streamifyResponse(async (e, s) => s.end('x'))"),
        handler="index.handler",
        runtime=lambda_.Runtime.NODEJS_24_X,
        timeout=Duration.seconds(timeout),
    )
    if heartbeat is not None:
        remember_heartbeat(function, heartbeat)
    return lambda_.Alias(stack, "PlainAlias", alias_name="prod", version=function.current_version)


def imported_alias(stack: Stack, region: str = "eu-west-1") -> lambda_.IAlias:
    function = lambda_.Function.from_function_arn(stack, "F", f"arn:aws:lambda:{region}:{ACCOUNT}:function:chat")
    version = lambda_.Version.from_version_attributes(stack, "V", lambda_=function, version="7")
    return lambda_.Alias.from_alias_attributes(stack, "A", alias_name="live", alias_version=version)


def make(stack: Stack, *, alias: lambda_.IAlias | None = None, **parameters: Any) -> StreamingRestApi:
    return StreamingRestApi(stack, "Front", alias=alias or make_alias(stack), **parameters)


def methods(stack: Stack) -> dict[tuple[str, str], dict[str, Any]]:
    """The routes' methods by HTTP method and path's last segment."""
    template = Template.from_stack(stack)
    paths = {
        name: found["Properties"]["PathPart"] for name, found in template.find_resources("AWS::ApiGateway::Resource").items()
    }
    return {
        (found["HttpMethod"], paths.get(found["ResourceId"].get("Ref", ""), "/")): found
        for found in (each["Properties"] for each in template.find_resources("AWS::ApiGateway::Method").values())
    }


def stage(stack: Stack) -> dict[str, Any]:
    return only(Template.from_stack(stack).find_resources("AWS::ApiGateway::Stage"))[1]


class TestTheStreamsWay:
    def test_every_path_and_method_streams_from_the_alias(self, stack: Stack) -> None:
        make(stack)
        [alias_id] = Template.from_stack(stack).find_resources("AWS::Lambda::Alias")
        found = methods(stack)
        assert set(found) == {("ANY", "/"), ("ANY", "{proxy+}")}
        for method in found.values():
            integration = method["Integration"]
            assert integration["Type"] == "AWS_PROXY"
            assert integration["ResponseTransferMode"] == "STREAM"
            uri = json.dumps(integration["Uri"])
            assert alias_id in uri
            assert "2021-11-15" in uri
            assert "response-streaming-invocations" in uri

    def test_there_is_neither_cache_nor_compression(self, stack: Stack) -> None:
        make(stack)
        _, api = only(Template.from_stack(stack).find_resources("AWS::ApiGateway::RestApi"))
        assert "MinimumCompressionSize" not in api
        assert "CacheClusterEnabled" not in stage(stack)
        assert "CachingEnabled" not in json.dumps(stage(stack))

    def test_it_is_regional(self, stack: Stack) -> None:
        make(stack)
        _, api = only(Template.from_stack(stack).find_resources("AWS::ApiGateway::RestApi"))
        assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda api, stage: setattr(stage, "cache_cluster_enabled", True),
            lambda api, stage: setattr(
                stage,
                "method_settings",
                [apigateway.CfnStage.MethodSettingProperty(http_method="*", resource_path="/*", caching_enabled=True)],
            ),
            lambda api, stage: setattr(api, "minimum_compression_size", 0),
        ],
        ids=["cache", "a method's cache", "compression"],
    )
    def test_what_makes_it_buffer_afterwards_is_refused_at_synthesis(
        self, spoil: Callable[[Any, Any], None], make_stack: Callable[..., Stack]
    ) -> None:
        stack = make_stack()
        front = make(stack)
        spoil(front.api.node.default_child, front.stage.node.default_child)
        app = stack.node.root
        assert isinstance(app, App)
        with pytest.raises(RuntimeError, match="REST_BUFFERS: "):
            app.synth()

    def test_a_permission_for_each_route_and_none_for_the_consoles_test(self, stack: Stack) -> None:
        make(stack, routes=[CHAT, RestRoute(path="/v1/models", method="GET")])
        found = [each["Properties"] for each in Template.from_stack(stack).find_resources("AWS::Lambda::Permission").values()]
        [alias_id] = Template.from_stack(stack).find_resources("AWS::Lambda::Alias")
        assert {json.dumps(each["FunctionName"]) for each in found} == {json.dumps({"Ref": alias_id})}
        assert {each["Action"] for each in found} == {"lambda:InvokeFunction"}
        arns = " ".join(json.dumps(each["SourceArn"]) for each in found)
        assert "/POST/v1/chat" in arns
        assert "/GET/v1/models" in arns
        assert "test-invoke-stage" not in arns

    @pytest.mark.parametrize("env", [HERE, None], ids=["explicit", "agnostic"])
    def test_an_imported_alias_gets_its_permission_too(self, env: Environment | None, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack(env=env)
        make(stack, alias=imported_alias(stack), routes=[CHAT])
        _, found = only(Template.from_stack(stack).find_resources("AWS::Lambda::Permission"))
        assert found["FunctionName"] == f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:chat:live"
        assert found["Principal"] == "apigateway.amazonaws.com"

    def test_an_alias_of_another_stack_is_fronted(self, flags: dict[str, Any]) -> None:
        app = App(context=flags, tree_metadata=False, builtin_cloud_formation_validation=False)
        alias = make_alias(Stack(app, "Function", env=HERE))
        stack = Stack(app, "Front", env=HERE)
        make(stack, alias=alias, routes=[CHAT])
        Template.from_stack(stack).resource_count_is("AWS::Lambda::Permission", 1)


class TestTimes:
    def test_the_integration_ends_with_the_function(self, stack: Stack) -> None:
        make(stack, alias=make_alias(stack, timeout=420), routes=[CHAT])
        assert methods(stack)["POST", "chat"]["Integration"]["TimeoutInMillis"] == 420_000

    def test_15_minutes_where_the_functions_timeout_is_not_known(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack(env=HERE)
        make(stack, alias=imported_alias(stack), routes=[CHAT], heartbeat_seconds=15)
        assert methods(stack)["POST", "chat"]["Integration"]["TimeoutInMillis"] == 900_000

    def test_a_stated_one_is_used_where_the_functions_is_not_known(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack(env=HERE)
        make(stack, alias=imported_alias(stack), routes=[CHAT], integration_timeout=Duration.minutes(2))
        assert methods(stack)["POST", "chat"]["Integration"]["TimeoutInMillis"] == 120_000

    @pytest.mark.parametrize("timeout", [Duration.minutes(16), Duration.millis(49)])
    def test_what_api_gateway_does_not_take_is_refused(self, timeout: Duration, make_stack: Callable[..., Stack]) -> None:
        with pytest.raises(ValueError, match="^INTEGRATION_TIMEOUT_OUT_OF_RANGE: "):
            make(make_stack(), integration_timeout=timeout)

    @pytest.mark.parametrize(("seconds", "why"), [(299, "would cut streams off"), (301, "the function ends first")])
    def test_another_timeout_than_the_functions_is_refused(
        self, seconds: int, why: str, make_stack: Callable[..., Stack]
    ) -> None:
        with pytest.raises(
            ValueError, match=f"^INTEGRATION_TIMEOUT_MISMATCH: integration_timeout is {seconds} s.*300 s: .*{why}"
        ):
            make(make_stack(), integration_timeout=Duration.seconds(seconds))

    def test_a_token_for_the_functions_timeout_is_not_compared(self, stack: Stack) -> None:
        seconds = CfnParameter(stack, "Seconds", type="Number").value_as_number
        alias = make_alias(stack)
        resource = alias.version.lambda_.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        resource.timeout = seconds
        make(stack, alias=alias, routes=[CHAT])
        assert methods(stack)["POST", "chat"]["Integration"]["TimeoutInMillis"] == 900_000

    @pytest.mark.parametrize(("endpoint", "limit"), [(apigateway.EndpointType.EDGE, 30), (apigateway.EndpointType.REGIONAL, 300)])
    def test_a_heartbeat_at_the_endpoints_idle_limit_is_refused(
        self, endpoint: apigateway.EndpointType, limit: int, make_stack: Callable[..., Stack]
    ) -> None:
        with pytest.raises(ValueError, match=f"^HEARTBEAT_TOO_SLOW: .*every {limit} s.*{endpoint.name} endpoint is {limit} s"):
            make(make_stack(), endpoint_type=endpoint, heartbeat_seconds=limit)

    def test_a_heartbeat_below_it_is_taken(self, stack: Stack) -> None:
        make(stack, endpoint_type=apigateway.EndpointType.EDGE, heartbeat_seconds=29)
        Annotations.from_stack(stack).has_no_warning("*", Match.string_like_regexp("heartbeat"))

    def test_silence_is_doubted_where_it_could_reach_the_limit(self, stack: Stack) -> None:
        make(stack, alias=make_alias(stack, heartbeat=None, timeout=301))
        Annotations.from_stack(stack).has_warning("/TestStack/Front", Match.string_like_regexp("300 s"))

    def test_silence_is_not_doubted_where_it_could_not(self, stack: Stack) -> None:
        make(stack, alias=make_alias(stack, heartbeat=None, timeout=300))
        Annotations.from_stack(stack).has_no_warning("*", Match.string_like_regexp("heartbeat"))


class TestAccess:
    def test_iam_is_asked_for_by_default_on_every_route(self, stack: Stack) -> None:
        make(stack)
        assert {found["AuthorizationType"] for found in methods(stack).values()} == {"AWS_IAM"}

    def test_a_cognito_user_pool_can_be_asked_instead(self, stack: Stack) -> None:
        authorizer = apigateway.CognitoUserPoolsAuthorizer(
            stack, "Authorizer", cognito_user_pools=[cognito.UserPool(stack, "Pool")]
        )
        make(stack, routes=[CHAT], authorizer=authorizer, authorization_scopes=["chat/ask"])
        found = methods(stack)["POST", "chat"]
        assert found["AuthorizationType"] == "COGNITO_USER_POOLS"
        assert found["AuthorizationScopes"] == ["chat/ask"]
        [authorizer_id] = Template.from_stack(stack).find_resources("AWS::ApiGateway::Authorizer")
        assert found["AuthorizerId"] == {"Ref": authorizer_id}

    def test_a_lambda_authorizer_can_be_asked_instead(self, stack: Stack) -> None:
        judge = lambda_.Function(
            stack, "Judge", code=lambda_.Code.from_inline("x"), handler="index.handler", runtime=lambda_.Runtime.NODEJS_24_X
        )
        make(stack, routes=[CHAT], authorizer=apigateway.TokenAuthorizer(stack, "Authorizer", handler=judge))
        assert methods(stack)["POST", "chat"]["AuthorizationType"] == "CUSTOM"

    @pytest.mark.parametrize("lambda_authorizer", [True, False])
    def test_scopes_that_nobody_looks_at_are_refused(self, lambda_authorizer: bool, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack()
        judge = lambda_.Function.from_function_name(stack, "Judge", "judge")
        authorizer = apigateway.TokenAuthorizer(stack, "Authorizer", handler=judge) if lambda_authorizer else None
        with pytest.raises(ValueError, match="^SCOPES_WITHOUT_COGNITO: "):
            make(stack, authorizer=authorizer, authorization_scopes=["chat/ask"])

    def test_a_role_of_the_app_may_call_the_routes_of_the_stage_and_nothing_else(self, stack: Stack) -> None:
        front = make(stack, routes=[CHAT, RestRoute(path="/v1/jobs/{id}", method="ANY")])
        front.grant_invoke(iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal()))
        _, policy = only(Template.from_stack(stack).find_resources("AWS::IAM::Policy"))
        [statement] = policy["PolicyDocument"]["Statement"]
        assert statement["Action"] == "execute-api:Invoke"
        written = json.dumps(statement["Resource"])
        [stage_id] = Template.from_stack(stack).find_resources("AWS::ApiGateway::Stage")
        assert stage_id in written
        assert "/POST/v1/chat" in written
        assert "/*/v1/jobs/*" in written
        assert len(statement["Resource"]) == 2

    @pytest.mark.parametrize(
        "grantee",
        [
            lambda stack: iam.AccountPrincipal("999999999999"),
            lambda stack: iam.Role.from_role_arn(stack, "Imported", "arn:aws:iam::999999999999:role/partner", mutable=False),
        ],
        ids=["account", "imported role"],
    )
    def test_others_are_named_in_the_apis_own_policy(self, grantee: Callable[[Stack], iam.IGrantable], stack: Stack) -> None:
        make(stack, routes=[CHAT]).grant_invoke(grantee(stack))
        _, api = only(Template.from_stack(stack).find_resources("AWS::ApiGateway::RestApi"))
        [statement] = api["Policy"]["Statement"]
        assert statement["Resource"] == "execute-api:/prod/POST/v1/chat"
        assert "999999999999" in json.dumps(statement["Principal"])

    def test_a_new_grant_is_deployed(self, make_stack: Callable[..., Stack], tmp_path: Any) -> None:
        names = []
        for index, granted in enumerate((False, True)):
            stack = make_stack(outdir=str(tmp_path / str(index)))
            front = make(stack, routes=[CHAT])
            if granted:
                front.grant_invoke(iam.AccountPrincipal("999999999999"))
            names.append(only(Template.from_stack(stack).find_resources("AWS::ApiGateway::Deployment"))[0])
        assert names[0] != names[1]

    @pytest.mark.parametrize(
        ("grantee", "code"),
        [(iam.AnyPrincipal, "GRANT_TO_EVERYONE"), (lambda: iam.ServicePrincipal("events.amazonaws.com"), "GRANT_NEEDS_SOURCE")],
    )
    def test_a_grant_that_would_be_wrong_is_refused(
        self, grantee: Callable[[], iam.IGrantable], code: str, make_stack: Callable[..., Stack]
    ) -> None:
        with pytest.raises(ValueError, match=f"^{code}: "):
            make(make_stack()).grant_invoke(grantee())

    def test_a_service_is_granted_with_its_source(self, stack: Stack) -> None:
        make(stack, routes=[CHAT]).grant_invoke(iam.ServicePrincipal("events.amazonaws.com"), source_account=ACCOUNT)
        _, api = only(Template.from_stack(stack).find_resources("AWS::ApiGateway::RestApi"))
        assert api["Policy"]["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}

    def test_a_grant_where_tokens_are_asked_for_is_refused(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack()
        authorizer = apigateway.CognitoUserPoolsAuthorizer(
            stack, "Authorizer", cognito_user_pools=[cognito.UserPool(stack, "Pool")]
        )
        with pytest.raises(ValueError, match="^GRANT_NEEDS_IAM: "):
            make(stack, authorizer=authorizer).grant_invoke(iam.AccountPrincipal("999999999999"))


class TestRoutes:
    def test_only_the_named_routes_exist(self, stack: Stack) -> None:
        make(stack, routes=[CHAT, RestRoute(path="/v1/models", method="GET"), RestRoute(path="/", method="GET")])
        assert set(methods(stack)) == {("POST", "chat"), ("GET", "models"), ("GET", "/")}

    def test_a_body_is_checked_whatever_its_content_type(self, stack: Stack) -> None:
        make(stack, routes=[RestRoute(path="/v1/chat", body=MESSAGES)])
        template = Template.from_stack(stack)
        model_id, model = only(template.find_resources("AWS::ApiGateway::Model"))
        assert model["Schema"]["required"] == ["messages"]
        validator_id, validator = only(template.find_resources("AWS::ApiGateway::RequestValidator"))
        assert validator["ValidateRequestBody"] is True
        assert validator["ValidateRequestParameters"] is True
        found = methods(stack)["POST", "chat"]
        assert found["RequestModels"] == {"$default": {"Ref": model_id}}
        assert found["RequestValidatorId"] == {"Ref": validator_id}

    def test_parameters_and_headers_can_be_required(self, stack: Stack) -> None:
        make(
            stack, routes=[RestRoute(path="/v1/jobs/{id}", method="GET", required_query=["after"], required_headers=["X-Tenant"])]
        )
        assert methods(stack)["GET", "{id}"]["RequestParameters"] == {
            "method.request.path.id": True,
            "method.request.querystring.after": True,
            "method.request.header.X-Tenant": True,
        }

    @pytest.mark.parametrize(
        "parameters",
        [
            {"path": "v1/chat"},
            {"path": "/v1/chat/"},
            {"path": "/v1//chat"},
            {"path": "/v1/chat", "method": "post"},
            {"path": "/v1/chat", "method": "GET", "body": MESSAGES},
            {"path": "/v1/chat", "required_query": "after"},
            {"path": "/v1/chat", "required_headers": "X-Tenant"},
        ],
    )
    def test_a_route_that_makes_no_sense_is_refused(self, parameters: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="^ROUTE_FORM: "):
            RestRoute(**parameters)

    @pytest.mark.parametrize("path", ["/{rest+}/x", "/a/{x}/b/{x}", "/a b", "/a{x}", "/{}", "/é"])
    def test_a_path_that_api_gateway_would_refuse_is_refused(self, path: str) -> None:
        with pytest.raises(ValueError, match="^ROUTE_FORM: "):
            RestRoute(path=path)

    @pytest.mark.parametrize("path", ["/", "/v1/chat:stream", "/a.b_c-d/{x}/{rest+}"])
    def test_a_path_that_api_gateway_takes_is_taken(self, path: str) -> None:
        assert RestRoute(path=path).path == path

    @pytest.mark.parametrize("name", ["v1.0", "", "a b", "x" * 129])
    def test_a_stage_name_that_api_gateway_would_refuse_is_refused(self, name: str, make_stack: Callable[..., Stack]) -> None:
        with pytest.raises(ValueError, match="^STAGE_NAME: "):
            make(make_stack(), stage_name=name)

    @pytest.mark.parametrize(("routes", "code"), [([], "ROUTE_NONE"), ([CHAT, CHAT], "ROUTE_TWICE")])
    def test_no_route_and_the_same_route_twice_are_refused(
        self, routes: list[RestRoute], code: str, make_stack: Callable[..., Stack]
    ) -> None:
        with pytest.raises(ValueError, match=f"^{code}: "):
            make(make_stack(), routes=routes)


class TestStage:
    def test_requests_are_throttled_counted_and_traced_and_prompts_are_not_logged(self, stack: Stack) -> None:
        make(stack)
        found = stage(stack)
        assert found["StageName"] == "prod"
        assert found["TracingEnabled"] is True
        [settings] = found["MethodSettings"]
        assert settings == {
            "HttpMethod": "*",
            "ResourcePath": "/*",
            "ThrottlingRateLimit": 50,
            "ThrottlingBurstLimit": 100,
            "MetricsEnabled": True,
            "LoggingLevel": "ERROR",
            "DataTraceEnabled": False,
        }

    def test_throttling_and_the_stages_name_are_parameters(self, stack: Stack) -> None:
        rate = CfnParameter(stack, "Rate", type="Number").value_as_number
        make(stack, throttling_rate_limit=rate, throttling_burst_limit=7, stage_name="v1")
        found = stage(stack)
        assert found["StageName"] == "v1"
        assert found["MethodSettings"][0]["ThrottlingRateLimit"] == {"Ref": "Rate"}
        assert found["MethodSettings"][0]["ThrottlingBurstLimit"] == 7

    @pytest.mark.parametrize("parameters", [{"throttling_rate_limit": 0}, {"throttling_burst_limit": -1}])
    def test_limits_that_let_nothing_through_are_refused(
        self, parameters: dict[str, Any], make_stack: Callable[..., Stack]
    ) -> None:
        with pytest.raises(ValueError, match="^THROTTLING_OUT_OF_RANGE: "):
            make(make_stack(), **parameters)

    def test_the_access_log_is_json_with_the_time_to_the_first_content(self, stack: Stack) -> None:
        make(stack)
        setting = stage(stack)["AccessLogSetting"]
        line = json.loads(setting["Format"])
        assert line["timeToFirstContent"] == "$context.integration.timeToFirstContent"
        assert line["timeToAllHeaders"] == "$context.integration.timeToAllHeaders"
        assert line["responseTransferMode"] == "$context.integration.responseTransferMode"
        assert line["requestId"] == "$context.requestId"
        group, properties = only(
            {
                name: found
                for name, found in Template.from_stack(stack).find_resources("AWS::Logs::LogGroup").items()
                if "AccessLogs" in name
            }
        )
        assert properties["RetentionInDays"] == 30
        assert group in json.dumps(setting["DestinationArn"])

    def test_its_log_group_takes_the_defaults_of_its_scope(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack(env=HERE)
        StreamingDefaults.set(stack, log_group_retention=logs.RetentionDays.ONE_YEAR, encryption_key=kms.Key(stack, "Key"))
        make(stack)
        Template.from_stack(stack).has_resource_properties(
            "AWS::Logs::LogGroup", {"RetentionInDays": 365, "KmsKeyId": Match.any_value()}
        )
        _, key = only(Template.from_stack(stack).find_resources("AWS::KMS::Key"))
        assert {"Service": "logs.eu-west-1.amazonaws.com"} in [
            statement["Principal"] for statement in key["KeyPolicy"]["Statement"]
        ]

    def test_the_log_group_or_its_retention_is_a_parameter(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack()
        own = logs.LogGroup(stack, "Mine")
        assert make(stack, log_group=own).log_group is own
        with pytest.raises(ValueError, match="^LOG_GROUP_GIVEN_TWICE: "):
            StreamingRestApi(
                stack,
                "Second",
                alias=lambda_.Alias.from_alias_attributes(
                    stack,
                    "A2",
                    alias_name="x",
                    alias_version=lambda_.Version.from_version_arn(
                        stack, "V2", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f:1"
                    ),
                ),
                log_group=own,
                log_group_retention=logs.RetentionDays.ONE_DAY,
            )

    def test_a_retention_is_kept(self, stack: Stack) -> None:
        make(stack, log_group_retention=logs.RetentionDays.ONE_WEEK)
        Template.from_stack(stack).has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": 7})

    @pytest.mark.parametrize("wanted", [False, True])
    def test_the_accounts_role_is_touched_only_when_asked_for(self, wanted: bool, stack: Stack) -> None:
        """With and without @aws-cdk/aws-apigateway:disableCloudWatchRole."""
        make(stack, cloud_watch_role=wanted)
        Template.from_stack(stack).resource_count_is("AWS::ApiGateway::Account", int(wanted))

    def test_no_output_is_made(self, stack: Stack) -> None:
        make(stack)
        assert "Outputs" not in Template.from_stack(stack).to_json()


class TestFirewall:
    def test_it_stands_before_the_stage_in_any_environment(self, stack: Stack) -> None:
        front = make(stack)
        template = Template.from_stack(stack)
        acl, found = only(template.find_resources("AWS::WAFv2::WebACL"))
        assert found["Scope"] == "REGIONAL"
        _, association = only(template.find_resources("AWS::WAFv2::WebACLAssociation"))
        assert association["WebACLArn"] == {"Fn::GetAtt": [acl, "Arn"]}
        [stage_id] = template.find_resources("AWS::ApiGateway::Stage")
        assert stage_id in json.dumps(association["ResourceArn"])
        assert front.web_acl is not None

    def test_one_that_exists_is_used(self, stack: Stack) -> None:
        arn = f"arn:aws:wafv2:eu-west-1:{ACCOUNT}:regional/webacl/x/1"
        assert make(stack, web_acl=WebAcl.from_arn(arn)).web_acl is None
        Template.from_stack(stack).has_resource_properties("AWS::WAFv2::WebACLAssociation", {"WebACLArn": arn})

    def test_it_can_be_left_out(self, stack: Stack) -> None:
        make(stack, web_acl=WebAcl.disabled())
        Template.from_stack(stack).resource_count_is("AWS::WAFv2::WebACLAssociation", 0)

    def test_one_of_the_wrong_scope_is_refused(self, make_stack: Callable[..., Stack]) -> None:
        with pytest.raises(ValueError, match="^WEB_ACL_SCOPE: "):
            make(make_stack(), web_acl=WebAcl.from_arn(f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/x/1"))


class TestBrowsers:
    ORIGIN = "https://app.example.com"

    def test_preflight_is_answered_and_api_gateways_own_errors_can_be_read(self, stack: Stack) -> None:
        make(stack, routes=[CHAT], cors=apigateway.CorsOptions(allow_origins=[self.ORIGIN]))
        assert methods(stack)["OPTIONS", "chat"]["AuthorizationType"] == "NONE"
        answers = Template.from_stack(stack).find_resources("AWS::ApiGateway::GatewayResponse").values()
        assert {each["Properties"]["ResponseType"] for each in answers} == {"DEFAULT_4XX", "DEFAULT_5XX"}
        for each in answers:
            assert each["Properties"]["ResponseParameters"] == {
                "gatewayresponse.header.Access-Control-Allow-Origin": f"'{self.ORIGIN}'"
            }

    def test_api_gateways_own_errors_have_the_shape_of_the_functions(self, stack: Stack) -> None:
        make(stack)
        for each in Template.from_stack(stack).find_resources("AWS::ApiGateway::GatewayResponse").values():
            template = each["Properties"]["ResponseTemplates"]["application/json"]
            written = template.replace("$context.error.responseType", "THROTTLED").replace(
                "$context.error.messageString", '"Slow down"'
            )
            assert json.loads(written) == {"error": {"code": "THROTTLED", "message": "Slow down"}}
            assert "ResponseParameters" not in each["Properties"]

    def test_credentials_for_any_origin_are_refused(self, make_stack: Callable[..., Stack]) -> None:
        with pytest.raises(ValueError, match="^CORS_ANY_ORIGIN_WITH_CREDENTIALS: "):
            make(make_stack(), cors=apigateway.CorsOptions(allow_origins=["*"], allow_credentials=True))


class TestDomain:
    def test_a_certificate_of_the_region_is_used_with_tls_1_2(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack(env=HERE)
        arn = f"arn:aws:acm:eu-west-1:{ACCOUNT}:certificate/1"
        front = make(stack, domain_name="api.example.com", certificate=acm.Certificate.from_certificate_arn(stack, "C", arn))
        Template.from_stack(stack).has_resource_properties(
            "AWS::ApiGateway::DomainName",
            {"DomainName": "api.example.com", "RegionalCertificateArn": arn, "SecurityPolicy": "TLS_1_2"},
        )
        assert front.url == "https://api.example.com/"

    @pytest.mark.parametrize("env", [HERE, None], ids=["explicit", "agnostic"])
    def test_a_zone_brings_certificate_and_records(self, env: Environment | None, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack(env=env)
        zone = route53.PublicHostedZone(stack, "Zone", zone_name="example.com")
        make(stack, domain_name="api.example.com", hosted_zone=zone)
        template = Template.from_stack(stack)
        template.resource_count_is("AWS::CertificateManager::Certificate", 1)
        assert {each["Properties"]["Type"] for each in template.find_resources("AWS::Route53::RecordSet").values()} == {
            "A",
            "AAAA",
        }

    def test_an_edge_endpoint_takes_its_certificate_from_us_east_1(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack(env=HERE)
        zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")
        make(stack, endpoint_type=apigateway.EndpointType.EDGE, domain_name="api.example.com", hosted_zone=zone)
        support = stack.node.root.node.find_child("TestStack-us-east-1")
        assert isinstance(support, Stack)
        Template.from_stack(support).resource_count_is("AWS::CertificateManager::Certificate", 1)
        _, domain = only(Template.from_stack(stack).find_resources("AWS::ApiGateway::DomainName"))
        assert "Fn::GetStackOutput" in domain["CertificateArn"]

    @pytest.mark.parametrize(
        ("parameters", "code"),
        [
            (lambda stack: {"domain_name": "api.example.com"}, "DOMAIN_WITHOUT_CERTIFICATE"),
            (
                lambda stack: {
                    "domain_name": "api.example.com",
                    "certificate": acm.Certificate.from_certificate_arn(
                        stack, "C", f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1"
                    ),
                },
                "CERTIFICATE_REGION",
            ),
        ],
    )
    def test_a_domain_without_its_certificate_is_refused(
        self, parameters: Callable[[Stack], dict[str, Any]], code: str, make_stack: Callable[..., Stack]
    ) -> None:
        stack = make_stack(env=HERE)
        with pytest.raises(ValueError, match=f"^{code}: "):
            make(stack, **parameters(stack))


class TestPrivate:
    def test_without_a_policy_it_could_not_be_deployed(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack(env=HERE)
        make(stack, endpoint_type=apigateway.EndpointType.PRIVATE)
        with pytest.raises(RuntimeError, match="PRIVATE_WITHOUT_POLICY: .*grant_invoke_from_vpc_endpoints_only"):
            Template.from_stack(stack)

    def test_with_one_it_can(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack(env=HERE)
        api = make(stack, endpoint_type=apigateway.EndpointType.PRIVATE)
        endpoint = ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
            stack, "Endpoint", vpc_endpoint_id="vpce-1", port=443
        )
        api.api.grant_invoke_from_vpc_endpoints_only([endpoint])
        Template.from_stack(stack).has_resource_properties(
            "AWS::ApiGateway::RestApi", {"EndpointConfiguration": {"Types": ["PRIVATE"]}}
        )

    def test_a_domain_name_of_the_public_kind_is_refused(self, make_stack: Callable[..., Stack]) -> None:
        with pytest.raises(ValueError, match="^PRIVATE_DOMAIN: .*api.example.com.*CfnDomainNameV2"):
            make(make_stack(env=HERE), endpoint_type=apigateway.EndpointType.PRIVATE, domain_name="api.example.com")


def test_two_apis_have_metrics_of_their_own(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(env=HERE)
    alias = make_alias(stack)
    for name in ("One", "Two"):
        StreamingRestApi(stack, name, alias=alias)
    found = Template.from_stack(stack).find_resources("AWS::ApiGateway::RestApi").values()
    assert len({api["Properties"]["Name"] for api in found}) == 2
