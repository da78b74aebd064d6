"""`StreamingFunction.from_attributes` and `StreamingUrl.from_attributes`: what another app made, granted on, fronted and watched."""

from __future__ import annotations

import pytest
from aws_cdk import App, CfnParameter, Duration, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match, Template

from constructs_pkg import (
    AlarmThresholds,
    BrowserIdentity,
    StreamAlarms,
    StreamingDashboard,
    StreamingDistribution,
    StreamingFunction,
    StreamingRestApi,
    StreamingUrl,
    StreamLimits,
    WebAcl,
)

ARN = "arn:aws:lambda:eu-west-1:111111111111:function:chat"
URL = "https://abc123.lambda-url.eu-west-1.on.aws/"
HERE = Environment(account="111111111111", region="eu-west-1")


def a_stack(env: Environment | None = HERE) -> Stack:
    app = App(builtin_cloud_formation_validation=False, tree_metadata=False)
    return Stack(app, "Importing", env=env)


def imported(stack: Stack, **attributes):
    return StreamingFunction.from_attributes(stack, "Chat", **{"function_arn": ARN, "url": URL, **attributes})


def permissions(template: Template) -> list[dict]:
    found = template.find_resources("AWS::Lambda::Permission").values()
    return sorted((resource["Properties"] for resource in found), key=lambda each: each["Action"])


def test_an_import_makes_no_resource() -> None:
    stack = a_stack()
    fn = imported(stack)
    assert Template.from_stack(stack).to_json().get("Resources", {}) == {}
    assert fn.url.url == URL
    assert fn.alias.alias_name == "live"
    assert fn.alias.function_arn == f"{ARN}:live"


def test_a_role_of_this_app_gets_both_permissions_on_the_alias() -> None:
    stack = a_stack()
    role = iam.Role(stack, "Caller", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    imported(stack).grant_invoke_url(role)
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::IAM::Policy",
        {
            "PolicyDocument": {
                "Statement": [
                    Match.object_like({"Action": "lambda:InvokeFunctionUrl", "Resource": f"{ARN}:live"}),
                    Match.object_like({"Action": "lambda:InvokeFunction", "Resource": f"{ARN}:live"}),
                ]
            }
        },
    )
    template.resource_count_is("AWS::Lambda::Permission", 0)


@pytest.mark.parametrize("env", [HERE, None], ids=["explicit", "agnostic"])
def test_an_account_gets_both_permissions_in_the_functions_policy(env) -> None:
    stack = a_stack(env)
    imported(stack).grant_invoke_url(iam.AccountPrincipal("333333333333"))
    plain, by_url = permissions(Template.from_stack(stack))
    assert plain == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": f"{ARN}:live",
        "InvokedViaFunctionUrl": True,
        "Principal": "333333333333",
    }
    assert by_url == {
        "Action": "lambda:InvokeFunctionUrl",
        "FunctionName": f"{ARN}:live",
        "FunctionUrlAuthType": "AWS_IAM",
        "Principal": "333333333333",
    }


def test_a_service_needs_a_source_on_an_imported_url_too() -> None:
    fn = imported(a_stack())
    with pytest.raises(ValueError, match="GRANT_NEEDS_SOURCE"):
        fn.grant_invoke_url(iam.ServicePrincipal("events.amazonaws.com"))


def test_what_only_the_other_accounts_policy_could_say_is_refused() -> None:
    fn = imported(a_stack(), function_arn=ARN.replace("1" * 12, "2" * 12))
    with pytest.raises(ValueError, match=r"GRANT_ELSEWHERE: .*222222222222.*111111111111.*app that makes the function"):
        fn.grant_invoke_url(iam.AccountPrincipal("333333333333"))


def test_a_role_here_on_a_function_of_another_account_is_told_of_the_other_half() -> None:
    stack = a_stack()
    role = iam.Role(stack, "Caller", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    imported(stack, function_arn=ARN.replace("1" * 12, "2" * 12)).grant_invoke_url(role)
    Annotations.from_stack(stack).has_warning("*", Match.string_like_regexp("account 222222222222.*both accounts|Both policies"))


def test_a_public_url_takes_no_grant() -> None:
    fn = imported(a_stack(), auth_type=lambda_.FunctionUrlAuthType.NONE)
    with pytest.raises(ValueError, match="URL_IS_PUBLIC"):
        fn.grant_invoke_url(iam.AccountPrincipal("333333333333"))


@pytest.mark.parametrize(
    "arn", ["chat", f"{ARN}:live", f"{ARN}:7", "arn:aws:s3:::bucket", "arn:aws:lambda:eu-west-1:111111111111:layer:chat:1"]
)
def test_an_arn_that_is_not_a_functions_is_refused(arn) -> None:
    with pytest.raises(ValueError, match="IMPORT_ARN"):
        imported(a_stack(), function_arn=arn)


@pytest.mark.parametrize("alias", ["$LATEST", "7", ""])
def test_an_alias_that_is_none_is_refused(alias) -> None:
    with pytest.raises(ValueError, match="IMPORT_ALIAS"):
        imported(a_stack(), alias_name=alias)


@pytest.mark.parametrize(
    "url", ["https://chat.example.com/", "abc123.lambda-url.eu-west-1.on.aws", "http://abc.lambda-url.eu-west-1.on.aws/"]
)
def test_an_address_that_is_no_function_url_is_refused(url) -> None:
    with pytest.raises(ValueError, match="URL_MALFORMED"):
        imported(a_stack(), url=url)


def test_tokens_are_taken_as_they_are() -> None:
    stack = a_stack()
    arn, url = CfnParameter(stack, "Arn"), CfnParameter(stack, "Address")
    alias, memory = CfnParameter(stack, "AliasName"), CfnParameter(stack, "Memory", type="Number")
    fn = imported(
        stack,
        function_arn=arn.value_as_string,
        url=url.value_as_string,
        alias_name=alias.value_as_string,
        memory_size=memory.value_as_number,
        timeout=Duration.seconds(memory.value_as_number),
    )
    fn.grant_invoke_url(iam.AccountPrincipal("333333333333"))
    StreamAlarms(stack, "Alarms", alias=fn.alias, url=fn.url)
    template = Template.from_stack(stack)
    assert permissions(template)[0]["FunctionName"] == {"Fn::Join": ["", [{"Ref": "Arn"}, ":", {"Ref": "AliasName"}]]}


def test_alarms_know_what_the_import_was_told_and_make_no_second_filters() -> None:
    stack = a_stack()
    fn = imported(stack, timeout=Duration.seconds(100), memory_size=1024, reserved_concurrent_executions=50)
    alarms = StreamAlarms(
        stack, "Alarms", alias=fn.alias, url=fn.url, thresholds=AlarmThresholds(daily_gb_seconds=1000), provisioned=False
    )
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::Logs::MetricFilter", 0)
    assert alarms.time_to_first_byte is not None
    assert alarms.duration is not None
    assert alarms.reserved_concurrency is not None
    assert alarms.daily_cost is not None
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "MetricName": "Duration",
            "Dimensions": [{"Name": "FunctionName", "Value": "chat"}, {"Name": "Resource", "Value": "chat:live"}],
        },
    )


def test_with_its_log_group_the_metric_filters_are_made_here() -> None:
    stack = a_stack()
    group = logs.LogGroup.from_log_group_name(stack, "Group", "/chat")
    fn = imported(stack, log_group=group)
    StreamAlarms(stack, "Alarms", alias=fn.alias, url=fn.url)
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::Logs::MetricFilter", {"LogGroupName": "/chat"})


def test_it_can_be_shown_on_a_dashboard() -> None:
    stack = a_stack()
    fn = imported(stack)
    StreamingDashboard(stack, "Board", aliases={"Chat": fn.alias})
    Template.from_stack(stack).resource_count_is("AWS::CloudWatch::Dashboard", 1)


def test_cloudfront_in_front_may_call_the_alias_by_the_url() -> None:
    stack = a_stack()
    fn = imported(stack, limits=StreamLimits(heartbeat_seconds=10), timeout=Duration.minutes(5))
    StreamingDistribution(stack, "Front", url=fn.url, web_acl=WebAcl.disabled())
    template = Template.from_stack(stack)
    plain, by_url = permissions(template)
    assert plain["FunctionName"] == by_url["FunctionName"] == f"{ARN}:live"
    assert by_url["FunctionUrlAuthType"] == "AWS_IAM"
    template.has_resource_properties(
        "AWS::CloudFront::Distribution",
        {
            "DistributionConfig": Match.object_like(
                {"Origins": [Match.object_like({"DomainName": "abc123.lambda-url.eu-west-1.on.aws"})]}
            )
        },
    )


def test_cloudfront_refuses_the_heartbeat_of_an_imported_function_that_is_too_slow() -> None:
    stack = a_stack()
    fn = imported(stack, limits=StreamLimits(heartbeat_seconds=90))
    with pytest.raises(ValueError, match="HEARTBEAT_TOO_SLOW"):
        StreamingDistribution(stack, "Front", url=fn.url, web_acl=WebAcl.disabled())


def test_cloudfront_for_a_function_of_another_region_is_refused() -> None:
    stack = a_stack()
    fn = imported(stack, function_arn=ARN.replace("eu-west-1", "us-west-2"))
    with pytest.raises(ValueError, match=r"DISTRIBUTION_ELSEWHERE: .*us-west-2"):
        StreamingDistribution(stack, "Front", url=fn.url, web_acl=WebAcl.disabled())


def test_a_rest_api_may_call_the_imported_alias() -> None:
    stack = a_stack()
    fn = imported(stack)
    StreamingRestApi(stack, "Api", alias=fn.alias, web_acl=WebAcl.disabled())
    assert permissions(Template.from_stack(stack))[0]["FunctionName"] == f"{ARN}:live"


def test_browsers_may_call_it() -> None:
    stack = a_stack()
    BrowserIdentity(stack, "Browsers").allow_to_call(imported(stack).url)
    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Policy",
        {"PolicyDocument": Match.object_like({"Statement": Match.array_with([Match.object_like({"Resource": f"{ARN}:live"})])})},
    )


def test_its_role_takes_grants_where_it_was_given() -> None:
    stack = a_stack()
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111111111111:role/chat")
    s3.Bucket(stack, "Bucket").grant_read(imported(stack, role=role))
    Template.from_stack(stack).has_resource_properties("AWS::IAM::Policy", {"Roles": ["chat"]})


def test_a_url_alone_can_be_imported() -> None:
    stack = a_stack()
    function = lambda_.Function.from_function_arn(stack, "Function", ARN)
    version = lambda_.Version.from_version_attributes(stack, "Version", lambda_=function, version="live")
    alias = lambda_.Alias.from_alias_attributes(stack, "Alias", alias_name="live", alias_version=version)
    url = StreamingUrl.from_attributes(stack, "Url", alias=alias, url=URL)
    url.grant_invoke_url(iam.OrganizationPrincipal("o-abcdefghij"))
    assert [each["PrincipalOrgID"] for each in permissions(Template.from_stack(stack))] == ["o-abcdefghij"] * 2


def test_an_imported_url_is_a_cdk_function_url_to_other_constructs() -> None:
    stack = a_stack()
    url = imported(stack).url.function_url
    assert url.url == URL
    assert url.function_arn == f"{ARN}:live"
    assert url.auth_type == lambda_.FunctionUrlAuthType.AWS_IAM
    assert url.url_ref.function_arn == f"{ARN}:live"
    assert url.grant_invoke_url(iam.AccountPrincipal("333333333333")).success
