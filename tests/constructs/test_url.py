"""StreamingUrl: the URL on an alias, and both permissions for each kind of caller."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, CfnParameter, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match, Template

from constructs_pkg import StreamingUrl

if TYPE_CHECKING:
    from collections.abc import Callable

ROLE_ARN = "arn:aws:iam::123456789012:role/existing"
TAGGED = {"StringEquals": {"aws:PrincipalTag/team": "chat"}}
BOTH = {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}


def plain_alias(stack: Stack) -> lambda_.Alias:
    function = lambda_.Function(
        stack,
        "Plain",
        code=lambda_.Code.from_inline("exports.handler = awslambda.streamifyResponse(async (e, s) => s.end('x'))"),
        handler="index.handler",
        runtime=lambda_.Runtime.NODEJS_22_X,
    )
    return lambda_.Alias(stack, "PlainAlias", alias_name="prod", version=function.current_version)


def make_url(stack: Stack, **parameters: Any) -> StreamingUrl:
    return StreamingUrl(stack, "Url", alias=plain_alias(stack), **parameters)


def permissions(stack: Stack) -> list[dict[str, Any]]:
    return [found["Properties"] for found in Template.from_stack(stack).find_resources("AWS::Lambda::Permission").values()]


def identity_statements(stack: Stack) -> list[dict[str, Any]]:
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    return [statement for policy in policies for statement in policy["Properties"]["PolicyDocument"]["Statement"]]


def test_it_stands_on_a_plain_alias_of_any_runtime(stack: Stack) -> None:
    make_url(stack)
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Url", {"Qualifier": "prod", "InvokeMode": "RESPONSE_STREAM", "AuthType": "AWS_IAM"}
    )


def test_a_role_of_the_app_gets_both_permissions_on_the_alias(stack: Stack) -> None:
    url = make_url(stack)
    url.grant_invoke_url(iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal()))
    [alias_id] = Template.from_stack(stack).find_resources("AWS::Lambda::Alias")
    statements = identity_statements(stack)
    assert {statement["Action"] for statement in statements} == BOTH
    assert {statement["Resource"]["Ref"] for statement in statements} == {alias_id}
    conditions = {statement["Action"]: statement["Condition"] for statement in statements}
    assert conditions["lambda:InvokeFunctionUrl"] == {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}
    assert conditions["lambda:InvokeFunction"] == {"Bool": {"lambda:InvokedViaFunctionUrl": True}}
    assert permissions(stack) == []


@pytest.mark.parametrize("kind", ["user", "group"])
def test_users_and_groups_get_both_permissions(kind: str, stack: Stack) -> None:
    url = make_url(stack)
    url.grant_invoke_url(iam.User(stack, "User") if kind == "user" else iam.Group(stack, "Group"))
    assert {statement["Action"] for statement in identity_statements(stack)} == BOTH


@pytest.mark.parametrize(
    ("grantee", "principal"),
    [
        (lambda: iam.AccountPrincipal("999999999999"), "999999999999"),
        (lambda: iam.ArnPrincipal("arn:aws:iam::999999999999:role/partner"), "arn:aws:iam::999999999999:role/partner"),
    ],
    ids=["account", "role of another account"],
)
def test_principals_outside_the_app_get_both_in_the_functions_policy(
    grantee: Callable[[], iam.IGrantable], principal: str, stack: Stack
) -> None:
    make_url(stack).grant_invoke_url(grantee())
    found = permissions(stack)
    assert {permission["Action"] for permission in found} == BOTH
    assert {permission["Principal"] for permission in found} == {principal}
    by_action = {permission["Action"]: permission for permission in found}
    assert by_action["lambda:InvokeFunctionUrl"]["FunctionUrlAuthType"] == "AWS_IAM"
    assert by_action["lambda:InvokeFunction"]["InvokedViaFunctionUrl"] is True


def test_an_organisation_gets_both_bound_to_its_id(stack: Stack) -> None:
    make_url(stack).grant_invoke_url(iam.OrganizationPrincipal("o-abcdefghij"))
    found = permissions(stack)
    assert {permission["Action"] for permission in found} == BOTH
    assert {permission["PrincipalOrgID"] for permission in found} == {"o-abcdefghij"}


@pytest.mark.parametrize("mutable", [True, False])
@pytest.mark.parametrize("agnostic", [True, False], ids=["agnostic", "explicit environment"])
def test_an_imported_role_is_granted_where_the_grant_has_an_effect(
    mutable: bool, agnostic: bool, make_stack: Callable[..., Stack]
) -> None:
    """CDK's own grant to an imported, immutable role of the same account succeeds and writes nothing."""
    stack = make_stack(env=None if agnostic else Environment(account="123456789012", region="eu-west-1"))
    role = iam.Role.from_role_arn(stack, "Existing", ROLE_ARN, mutable=mutable)
    make_url(stack).grant_invoke_url(role)
    found = permissions(stack)
    assert {permission["Action"] for permission in found} == BOTH
    assert {permission["Principal"] for permission in found} == {ROLE_ARN}


def test_granting_twice_changes_nothing(stack: Stack) -> None:
    url = make_url(stack)
    role = iam.Role.from_role_arn(stack, "Existing", ROLE_ARN)
    url.grant_invoke_url(role)
    url.grant_invoke_url(role)
    assert len(permissions(stack)) == 2


def test_a_service_is_granted_for_each_of_its_sources(stack: Stack) -> None:
    url = make_url(stack)
    service = iam.ServicePrincipal("cloudfront.amazonaws.com")
    arns = {f"arn:aws:cloudfront::123456789012:distribution/{name}" for name in "AB"}
    for arn in [*sorted(arns), *sorted(arns)]:
        url.grant_invoke_url(service, source_arn=arn)
    found = permissions(stack)
    assert {(one["Action"], one["SourceArn"]) for one in found} == {(action, arn) for action in BOTH for arn in arns}
    assert len(found) == 4


def test_an_account_of_one_organisation_stays_that_account(stack: Stack) -> None:
    url = make_url(stack)
    for organisation in ("o-aaaaaaaaaa", "o-bbbbbbbbbb"):
        conditions = {"StringEquals": {"aws:PrincipalOrgID": organisation}}
        url.grant_invoke_url(iam.AccountPrincipal("210987654321").with_conditions(conditions))
    found = permissions(stack)
    assert [one["PrincipalOrgID"] for one in found] == ["o-aaaaaaaaaa"] * 2 + ["o-bbbbbbbbbb"] * 2
    assert all("210987654321" in json.dumps(one["Principal"]) for one in found)


@pytest.mark.parametrize(
    ("grantee", "named"),
    [
        (lambda _, name: iam.Role.from_role_name(_, "Found", name), "role/"),
        (lambda _, name: iam.ArnPrincipal(f"arn:aws:iam::123456789012:role/{name}"), "role/"),
        (lambda _, name: iam.AccountPrincipal(name), "Ref"),
        (lambda _, name: iam.OrganizationPrincipal(name), "Ref"),
    ],
)
def test_a_principal_known_at_deployment_is_granted(grantee: Callable[[Stack, str], Any], named: str, stack: Stack) -> None:
    url = make_url(stack)
    url.grant_invoke_url(grantee(stack, CfnParameter(stack, "Name").value_as_string))
    found = permissions(stack)
    assert {one["Action"] for one in found} == BOTH
    for one in found:
        assert named in json.dumps([one["Principal"], one.get("PrincipalOrgID")])


@pytest.mark.parametrize(
    "elsewhere",
    [Environment(account="210987654321", region="eu-west-1"), Environment(account="123456789012", region="us-east-1")],
)
def test_a_role_of_another_environment_is_refused_where_the_function_has_no_name(
    elsewhere: Environment, make_stack: Callable[..., Stack]
) -> None:
    stack = make_stack(env=Environment(account="123456789012", region="eu-west-1"))
    role = iam.Role(Stack(stack.node.root, "There", env=elsewhere), "Role", assumed_by=iam.AccountRootPrincipal())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="^GRANT_ACROSS_ENVIRONMENTS: There/Role .*ArnPrincipal"):
        make_url(stack).grant_invoke_url(role)


def test_a_service_is_granted_with_its_source(stack: Stack) -> None:
    arn = "arn:aws:cloudfront::123456789012:distribution/E123"
    make_url(stack).grant_invoke_url(
        iam.ServicePrincipal("cloudfront.amazonaws.com"), source_arn=arn, source_account="123456789012"
    )
    found = permissions(stack)
    assert {permission["Action"] for permission in found} == BOTH
    assert {permission["SourceArn"] for permission in found} == {arn}
    assert {permission["SourceAccount"] for permission in found} == {"123456789012"}
    assert {permission["Principal"] for permission in found} == {"cloudfront.amazonaws.com"}


@pytest.mark.parametrize(
    ("grantee", "parameters", "code"),
    [
        (lambda: iam.ServicePrincipal("cloudfront.amazonaws.com"), {}, "GRANT_NEEDS_SOURCE"),
        (lambda: iam.AccountPrincipal("999999999999"), {"source_account": "1"}, "GRANT_SOURCE_UNUSED"),
        (lambda: iam.AnyPrincipal(), {}, "GRANT_TO_EVERYONE"),
        (lambda: iam.StarPrincipal(), {}, "GRANT_TO_EVERYONE"),
        (lambda: iam.CompositePrincipal(*[iam.AccountPrincipal(12 * digit) for digit in "12"]), {}, "GRANT_PRINCIPAL"),
        (lambda: iam.WebIdentityPrincipal("cognito-identity.amazonaws.com"), {}, "GRANT_PRINCIPAL"),
        (lambda: iam.AccountPrincipal("999999999999").with_conditions(TAGGED), {}, "GRANT_CONDITION"),
        (lambda: iam.ArnPrincipal(ROLE_ARN).with_conditions(TAGGED), {}, "GRANT_CONDITION"),
    ],
)
def test_a_grant_that_would_be_wrong_is_refused_by_code(
    grantee: Callable[[], iam.IGrantable], parameters: dict[str, str], code: str, make_stack: Callable[..., Stack]
) -> None:
    stack = make_stack()
    url = make_url(stack)
    with pytest.raises(ValueError, match=f"^{code}: "):
        url.grant_invoke_url(grantee(), **parameters)
    assert permissions(stack) == []


def test_a_grant_that_nothing_could_take_is_refused(make_stack: Callable[..., Stack]) -> None:
    """Of another account's alias no policy can be written here, and an account has none of its own."""
    stack = make_stack(env=Environment(account="123456789012", region="eu-west-1"))
    theirs = lambda_.Function.from_function_arn(stack, "Theirs", "arn:aws:lambda:eu-west-1:999999999999:function:theirs")
    version = lambda_.Version.from_version_attributes(stack, "Version", lambda_=theirs, version="7")
    alias = lambda_.Alias.from_alias_attributes(stack, "TheirAlias", alias_name="prod", alias_version=version)
    url = StreamingUrl(stack, "TheirUrl", alias=alias)
    with pytest.raises(ValueError, match="^GRANT_WITHOUT_EFFECT: "):
        url.grant_invoke_url(iam.AccountPrincipal("111111111111"))


def test_a_grant_on_a_public_url_is_refused(make_stack: Callable[..., Stack]) -> None:
    url = make_url(make_stack(), auth_type=lambda_.FunctionUrlAuthType.NONE)
    with pytest.raises(ValueError, match="^URL_IS_PUBLIC: "):
        url.grant_invoke_url(iam.AccountPrincipal("999999999999"))


def test_a_public_url_is_open_with_both_permissions_when_asked_for(stack: Stack) -> None:
    make_url(stack, auth_type=lambda_.FunctionUrlAuthType.NONE)
    found = permissions(stack)
    assert {permission["Action"] for permission in found} == BOTH
    assert {permission["Principal"] for permission in found} == {"*"}
    Template.from_stack(stack).has_resource(
        "AWS::Lambda::Url", {"Metadata": {"streaming-lambda:public-url": "asked for by auth_type"}}
    )


def test_latest_is_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    function = lambda_.Function(
        stack, "F", code=lambda_.Code.from_inline("x"), handler="index.handler", runtime=lambda_.Runtime.NODEJS_22_X
    )
    alias = lambda_.Alias(stack, "A", alias_name="live", version=function.latest_version)
    with pytest.raises(ValueError, match="^URL_ON_LATEST: "):
        StreamingUrl(stack, "Url", alias=alias)


def test_credentials_for_any_origin_are_refused(make_stack: Callable[..., Stack]) -> None:
    with pytest.raises(ValueError, match="^CORS_ANY_ORIGIN_WITH_CREDENTIALS: "):
        make_url(make_stack(), cors=lambda_.FunctionUrlCorsOptions(allowed_origins=["*"], allow_credentials=True))


def test_a_region_that_has_no_function_urls_is_warned_of() -> None:
    app = App(builtin_cloud_formation_validation=False, tree_metadata=False)
    stack = Stack(app, "Zurich", env=Environment(account="123456789012", region="eu-central-2"))
    function = lambda_.Function(
        stack, "Function", code=lambda_.Code.from_inline("x"), handler="index.h", runtime=lambda_.Runtime.NODEJS_22_X
    )
    StreamingUrl(stack, "Url", alias=lambda_.Alias(stack, "Alias", alias_name="live", version=function.current_version))
    Annotations.from_stack(stack).has_warning("*", Match.string_like_regexp("eu-central-2 has no Function URLs"))
