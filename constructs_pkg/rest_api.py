"""API Gateway in front of a streaming function: a REST API whose every route streams."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aws_cdk import Acknowledgment, Duration, Names, Validations
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53_targets as targets
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from ._access_log import ACCESS_LOG, ERROR_BODY
from ._behind import require_heartbeat_within, timeout_seconds
from ._grants import reachable, with_source
from ._log_group import own_log_group
from ._own_domain import OwnDomain
from ._private_api import NamesItsCallers, refuse_domain
from ._really_streams import require_streaming
from ._tokens import is_unresolved
from ._unbuffered import StaysUnbuffered
from .defaults import StreamingDefaults
from .rest_route import checked, pattern, variables
from .web_acl import ManagedWebAcl, WebAcl, require_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_certificatemanager as acm
    from aws_cdk import aws_route53 as route53

    from .rest_route import RestRoute

_LONGEST_SECONDS: Final = 900
# https://docs.aws.amazon.com/apigateway/latest/developerguide/stages.html
_STAGE_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_IDLE_SECONDS: Final = {
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
    apigateway.EndpointType.EDGE: 30,
    apigateway.EndpointType.REGIONAL: 300,
    apigateway.EndpointType.PRIVATE: 300,
}


class StreamingRestApi(Construct):
    """A REST API that hands the stream of an alias on as it comes (`responseTransferMode` STREAM).

    Takes what a Function URL has not: a VPC's functions, other authorizers, request validation, throttling. Nothing is cached
    and nothing is compressed, and there is no parameter for either: API Gateway cannot stream with them
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html).

    Attributes:
        api: The L2 `RestApi`.
        stage: Its L2 `Stage`.
        url: Its address, with a slash at its end.
        methods: The L2 `Method`s of the routes, in their order.
        request_validator: The L2 `RequestValidator` of every route.
        log_group: Where the access logs go.
        web_acl: The L1 `CfnWebACL` that was made; None where one was given or there is none.
        certificate: Of the domain of one's own; None without one.
        domain: The L2 `DomainName`; None without one.
        records: The L2 `ARecord` and `AaaaRecord` that were made.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        alias: lambda_.IAlias,
        routes: Sequence[RestRoute] | None = None,
        authorizer: apigateway.IAuthorizer | None = None,
        authorization_scopes: Sequence[str] = (),
        endpoint_type: apigateway.EndpointType = apigateway.EndpointType.REGIONAL,
        integration_timeout: Duration | None = None,
        heartbeat_seconds: int | None = None,
        throttling_rate_limit: float = 50,
        throttling_burst_limit: int = 100,
        stage_name: str = "prod",
        cors: apigateway.CorsOptions | None = None,
        web_acl: WebAcl | None = None,
        domain_name: str | None = None,
        certificate: acm.ICertificate | None = None,
        hosted_zone: route53.IHostedZone | None = None,
        log_group: logs.ILogGroup | None = None,
        log_group_retention: logs.RetentionDays | None = None,
        cloud_watch_role: bool = False,
        description: str | None = None,
    ) -> None:
        """Makes the API and what belongs to it.

        Args:
            alias: What each route calls.
            routes: Paths and methods; others are answered with 403 or 404. Default: every path and method.
            authorizer: Who may call: a `CognitoUserPoolsAuthorizer`, `TokenAuthorizer` or `RequestAuthorizer`. Default: AWS_IAM, that
                is, nobody before `grant_invoke`.
            authorization_scopes: OAuth scopes, one of which a Cognito access token must have. Default: none; ID tokens pass.
            endpoint_type: REGIONAL, EDGE (CloudFront of AWS's own in front: idle limit 30 s instead of 5 minutes) or PRIVATE
                (give the API its policy: `.api.grant_invoke_from_vpc_endpoints_only(...)`). Default: REGIONAL.
            integration_timeout: Longest stream that API Gateway takes. Default: the function's timeout; 15 minutes where that is
                not known. Allowed: up to 15 minutes, and equal to the function's timeout.
            heartbeat_seconds: Longest silence of the function's own streams. Default: what `StreamLimits` set on the function;
                where nothing is known and it could matter, a warning.
            throttling_rate_limit: Requests a second over all callers, above which 429 is answered. Default: 50.
            throttling_burst_limit: Requests at once. Default: 100.
            stage_name: First segment of the path: letters, digits, hyphens and underscores. Default: prod.
            cors: What browsers of other origins may do. Default: nothing. API Gateway then answers preflight requests and puts the
                header on its own errors; the header of the function's answers the handler has to write, unlike behind a
                Function URL.
            web_acl: Firewall in front. Default: `WebAcl()`, that is, AWS managed rules and 300 requests in 5 minutes per
                address.
            domain_name: A name of one's own, such as `api.example.com`. Default: API Gateway's own.
            certificate: Its certificate, from this region (EDGE: from us-east-1). Default: one that `hosted_zone` validates.
            hosted_zone: Its zone; address records are made in it. Default: no records.
            log_group: Where the access logs go. Default: a log group of its own, deleted with the stack, and encrypted with the key of
                `StreamingDefaults` where there is one.
            log_group_retention: How long the log group of its own keeps them. Default: that of `StreamingDefaults`, else one month.
            cloud_watch_role: Whether to make the role by which API Gateway writes logs, and to set it for the whole account and
                region; it is kept when the stack is deleted. Default: False, whatever the feature flags say. Without one
                the first deployment in an account fails ("CloudWatch Logs role ARN must be set in account settings").
            description: Of the API. Default: the alias's path.

        Raises:
            ValueError: `STAGE_NAME`, `ROUTE_NONE`, `ROUTE_TWICE`, `INTEGRATION_TIMEOUT_OUT_OF_RANGE`, `INTEGRATION_TIMEOUT_MISMATCH`,
                `HEARTBEAT_TOO_SLOW`, `THROTTLING_OUT_OF_RANGE`, `SCOPES_WITHOUT_COGNITO`, `CORS_ANY_ORIGIN_WITH_CREDENTIALS`,
                `WEB_ACL_SCOPE`, `LOG_GROUP_GIVEN_TWICE`, `PRIVATE_DOMAIN`, and those of the domain (see `docs/errors.md`). At
                synthesis `PRIVATE_WITHOUT_POLICY`; `REST_BUFFERS` where a cache or compression was set on the L1 resources; and
                `RUNTIME_BUFFERS` where nothing taught a function of Python, Java, Ruby or .NET to stream.
        """
        super().__init__(scope, id)
        _check_stage_name(stage_name)
        self._routes = checked(routes)
        self._iam = authorizer is None
        self._stage_name = stage_name
        timeout = _integration_timeout(alias, integration_timeout)
        require_heartbeat_within(
            self,
            alias,
            stated=heartbeat_seconds,
            limit_seconds=_IDLE_SECONDS[endpoint_type],
            front=f"the idle limit of a {endpoint_type.name} endpoint",
            mend="use EndpointType.REGIONAL, whose limit is 300 s",
        )
        _check_throttling(throttling_rate_limit, throttling_burst_limit)
        _check_scopes(authorizer, authorization_scopes)
        if cors is not None:
            _refuse_any_origin_with_credentials(cors)
        if endpoint_type == apigateway.EndpointType.PRIVATE:
            refuse_domain(self.node.path, domain_name)
        own_domain = OwnDomain(
            self,
            names=() if domain_name is None else (domain_name,),
            certificate=certificate,
            hosted_zone=hosted_zone,
            in_us_east_1=endpoint_type == apigateway.EndpointType.EDGE,
        )
        self.certificate = own_domain.certificate
        defaults = StreamingDefaults.of(self)
        self.log_group = log_group or own_log_group(
            self, "AccessLogs", retention=log_group_retention or defaults.log_group_retention, key=defaults.encryption_key
        )
        if log_group is not None and log_group_retention is not None:
            raise ValueError(
                "LOG_GROUP_GIVEN_TWICE: log_group and log_group_retention are both set; the retention of a log group that is given "
                "belongs to that log group. Leave one of them out."
            )
        self.api = apigateway.RestApi(
            self,
            "Api",
            # CloudWatch tells the metrics of REST APIs apart by their names alone.
            rest_api_name=Names.unique_resource_name(self, max_length=128),
            description=description or f"Streams from {alias.node.path}",
            endpoint_configuration=apigateway.EndpointConfiguration(types=[endpoint_type]),
            cloud_watch_role=cloud_watch_role,
            default_cors_preflight_options=cors,
            deploy_options=apigateway.StageOptions(
                stage_name=stage_name,
                access_log_destination=apigateway.LogGroupLogDestination(self.log_group),
                access_log_format=apigateway.AccessLogFormat.custom(ACCESS_LOG),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,  # would log every prompt
                metrics_enabled=True,
                tracing_enabled=True,
                throttling_rate_limit=throttling_rate_limit,
                throttling_burst_limit=throttling_burst_limit,
            ),
        )
        _acknowledge_role(self.api)
        self.api.node.try_remove_child("Endpoint")  # RestApi's own CfnOutput; outputs belong to the stack
        self.stage = self.api.deployment_stage
        self.request_validator = self.api.add_request_validator(
            "RequestValidator", validate_request_body=True, validate_request_parameters=True
        )
        integration = apigateway.LambdaIntegration(
            alias,
            response_transfer_mode=apigateway.ResponseTransferMode.STREAM,
            timeout=timeout,
            allow_test_invoke=False,
        )
        self.methods = [self._method(route, integration, authorizer, authorization_scopes) for route in self._routes]
        self._permit(alias)
        self._error_responses(cors)
        self.web_acl = self._firewall(web_acl or WebAcl())
        self.domain = self._domain(domain_name, endpoint_type)
        self.records = own_domain.point_to(targets.ApiGatewayDomain(self.domain)) if self.domain is not None else []
        self.url = self.api.url if domain_name is None else f"https://{domain_name}/"
        self.node.add_validation(StaysUnbuffered(self.api, self.stage))
        if endpoint_type == apigateway.EndpointType.PRIVATE:
            self.node.add_validation(NamesItsCallers(self.api))
        require_streaming(self, alias)

    def grant_invoke(
        self, grantee: iam.IGrantable, *, source_arn: str | None = None, source_account: str | None = None
    ) -> iam.Grant:
        """Lets `grantee` call every route of this stage, with signed requests (service `execute-api`).

        Roles and users of this app get it in their own policy; everyone else in the API's resource policy, and in another
        account they need it in their own policy too
        (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html).

        Args:
            grantee: A role, user or group, a function (its role), an account, an organisation, or a service.
            source_arn: For a service: the resource on whose behalf it may call.
            source_account: For a service: the account on whose behalf it may call.

        Raises:
            ValueError: `GRANT_NEEDS_IAM` when the API has an authorizer, which asks for tokens and not for permissions; and
                what `StreamingUrl.grant_invoke_url` refuses.
        """
        if not self._iam:
            raise ValueError(
                f"GRANT_NEEDS_IAM: {self.node.path} has an authorizer, which looks at tokens: a permission changes nothing. Leave authorizer "
                "out for IAM, or remove the grant."
            )
        principal = with_source(reachable(grantee), source_arn, source_account)
        patterns = [(route.method, pattern(route.path)) for route in self._routes]
        grant = iam.Grant.add_to_principal_or_resource(
            grantee=principal,
            actions=["execute-api:Invoke"],
            resource_arns=[self.api.arn_for_execute_api(method, path, self.stage.stage_name) for method, path in patterns],
            # The API cannot name itself in its own policy; this short form is completed by API Gateway.
            resource_self_arns=[
                f"execute-api:/{self._stage_name}/{'*' if method == 'ANY' else method}{path}" for method, path in patterns
            ],
            resource=self.api,
        )
        grant.assert_success()
        return grant

    def _method(
        self,
        route: RestRoute,
        integration: apigateway.LambdaIntegration,
        authorizer: apigateway.IAuthorizer | None,
        scopes: Sequence[str],
    ) -> apigateway.Method:
        resource = self.api.root.resource_for_path(route.path)
        method = resource.add_method(
            route.method,
            integration,
            authorization_type=apigateway.AuthorizationType.IAM if authorizer is None else None,
            authorizer=authorizer,
            authorization_scopes=list(scopes) or None,
            request_validator=self.request_validator,
            # By content type, a body of another type would pass unseen.
            request_models={"$default": self._model(route)} if route.body is not None else None,
            request_parameters={
                **{f"method.request.path.{name}": True for name in variables(route.path)},
                **{f"method.request.querystring.{name}": True for name in route.required_query},
                **{f"method.request.header.{name}": True for name in route.required_headers},
            }
            or None,
        )
        if authorizer is None or authorizer.authorization_type != apigateway.AuthorizationType.COGNITO:
            Validations.of(method).acknowledge(
                Acknowledgment(
                    id="AwsSolutions::AwsSolutions-COG4",
                    reason="The method asks for IAM authorization or for another authorizer's; the rule knows Cognito user pools alone",
                )
            )
        return method

    def _model(self, route: RestRoute) -> apigateway.Model:
        name = f"Body-{route.method}-{route.path.strip('/').replace('/', '-') or 'root'}"
        schema = route.body
        assert schema is not None
        return apigateway.Model(self, name, rest_api=self.api, content_type="application/json", schema=schema)

    def _permit(self, alias: lambda_.IAlias) -> None:
        """CDK writes no permission for an imported alias of whose account it is not sure; the call would fail with 500."""
        for method in self.methods:
            if any(isinstance(child, lambda_.CfnPermission) for child in method.node.find_all()):
                continue
            lambda_.CfnPermission(
                method,
                "Permission",
                action="lambda:InvokeFunction",
                function_name=alias.function_arn,
                principal="apigateway.amazonaws.com",
                source_arn=method.method_arn,
            )

    def _error_responses(self, cors: apigateway.CorsOptions | None) -> None:
        """API Gateway's own errors in the shape of the function's, readable by the browsers that may call."""
        headers = None
        if cors is not None:
            single = len(cors.allow_origins) == 1
            headers = {"Access-Control-Allow-Origin": f"'{cors.allow_origins[0] if single else '*'}'"}
        for kind in (apigateway.ResponseType.DEFAULT_4_XX, apigateway.ResponseType.DEFAULT_5_XX):
            self.api.add_gateway_response(
                kind.response_type.title().replace("_", ""),
                type=kind,
                response_headers=headers,
                templates={"application/json": ERROR_BODY},
            )

    def _firewall(self, acl: WebAcl) -> wafv2.CfnWebACL | None:
        if not acl.enabled:
            return None
        made = None
        arn = acl.arn
        if arn is None:
            made = ManagedWebAcl(self, "WebAcl", rules=acl, front="API_GATEWAY")
            arn = made.arn
        else:
            require_scope(arn, "API_GATEWAY")
        wafv2.CfnWebACLAssociation(self, "WebAclAssociation", resource_arn=self.stage.stage_arn, web_acl_arn=arn)
        return made.resource if made is not None else None

    def _domain(self, name: str | None, endpoint_type: apigateway.EndpointType) -> apigateway.DomainName | None:
        if name is None or self.certificate is None:
            return None
        return self.api.add_domain_name(
            "Domain",
            domain_name=name,
            certificate=self.certificate,
            endpoint_type=endpoint_type,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )


def _acknowledge_role(api: apigateway.RestApi) -> None:
    role = api.node.try_find_child("CloudWatchRole")
    if role is None:
        return
    policy = "arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    Validations.of(role).acknowledge(
        Acknowledgment(
            id=f"AwsSolutions::AwsSolutions-IAM4[Policy::{policy}]",
            reason="The role serves every API of the account; API Gateway asks for this managed policy",
        )
    )


def _check_stage_name(name: str) -> None:
    if not is_unresolved(name) and _STAGE_NAME.fullmatch(name) is None:
        raise ValueError(
            f"STAGE_NAME: stage_name is {name!r}; API Gateway takes up to 128 letters, digits, hyphens and underscores. Choose such a name, "
            "as v1_0."
        )


def _integration_timeout(alias: lambda_.IAlias, given: Duration | None) -> Duration:
    longest = timeout_seconds(alias)
    if given is None:
        return Duration.seconds(_LONGEST_SECONDS if longest is None else longest)
    if given.is_unresolved():
        return given
    seconds = given.to_milliseconds() / 1000
    if not 0.05 <= seconds <= _LONGEST_SECONDS:
        raise ValueError(
            f"INTEGRATION_TIMEOUT_OUT_OF_RANGE: integration_timeout is {seconds:g} s; API Gateway streams for 0.05 to {_LONGEST_SECONDS} s "
            "(15 minutes). For a longer answer let the caller come back and resume."
        )
    if longest is not None and seconds != longest:
        raise ValueError(
            f"INTEGRATION_TIMEOUT_MISMATCH: integration_timeout is {seconds:g} s, the function's timeout {longest:g} s: "
            + (
                "API Gateway would cut streams off, and the function would run on and be billed."
                if seconds < longest
                else "the function ends first, so the longer one could never be reached."
            )
            + " Leave integration_timeout out to have them equal."
        )
    return given


def _check_throttling(rate: float, burst: float) -> None:
    for name, value in (("throttling_rate_limit", rate), ("throttling_burst_limit", burst)):
        if not is_unresolved(value) and (isinstance(value, bool) or not value > 0):
            raise ValueError(
                f"THROTTLING_OUT_OF_RANGE: {name} is {value!r}; at 0 every request is answered with 429. Choose a number above 0."
            )


def _check_scopes(authorizer: apigateway.IAuthorizer | None, scopes: Sequence[str]) -> None:
    if scopes and (authorizer is None or authorizer.authorization_type != apigateway.AuthorizationType.COGNITO):
        raise ValueError(
            f"SCOPES_WITHOUT_COGNITO: authorization_scopes is {list(scopes)!r}, and only a CognitoUserPoolsAuthorizer looks at scopes. "
            "Give one, or leave the scopes out."
        )


def _refuse_any_origin_with_credentials(cors: apigateway.CorsOptions) -> None:
    if cors.allow_credentials and "*" in cors.allow_origins:
        raise ValueError(
            "CORS_ANY_ORIGIN_WITH_CREDENTIALS: cors allows credentials from every origin; browsers refuse such an answer and it "
            "would hand the caller's session to any page. Name the origins, or leave allow_credentials out."
        )
