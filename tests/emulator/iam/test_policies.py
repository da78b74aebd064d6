"""Policies as IAM evaluates them: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.emulator.iam import Principals
from tests.emulator.iam.account import ACCOUNT, ALIAS, FUNCTION, Account, document, permissions, role

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"


def allow(action: Any = "lambda:InvokeFunction", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def allowed(directory: Path, *statements: dict[str, Any], context: dict[str, Any] | None = None, **ask: str) -> bool:
    account = Account(directory, {"R": role(*statements)})
    return account.may("R", ask.get("action", "lambda:InvokeFunction"), ask.get("resource", ALIAS), context)


# Actions and resources

ELEMENTS: list[tuple[str, list[dict[str, Any]], bool]] = [
    ("exact", [allow("lambda:InvokeFunction", ALIAS)], True),
    ("action in another case", [allow("LAMBDA:invokefunction", ALIAS)], True),
    ("action wildcard", [allow("lambda:Invoke*", ALIAS)], True),
    ("action with one any character", [allow("lambda:InvokeFunctio?", ALIAS)], True),
    ("every action", [allow("*")], True),
    ("action prefix", [allow("lambda:InvokeFunctionU")], False),
    ("another service", [allow("s3:*")], False),
    ("list of actions", [allow(["s3:GetObject", "lambda:InvokeFunction"])], True),
    ("not action that spares it", [{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], True),
    ("not action that names it", [{"Effect": "Allow", "NotAction": ["lambda:Inv*"], "Resource": "*"}], False),
    ("resource wildcard", [allow(resource="arn:aws:lambda:*:*:function:chat:*")], True),
    ("resource in another case", [allow(resource=ALIAS.replace("chat", "Chat"))], False),
    ("resource that is a prefix", [allow(resource=FUNCTION)], False),
    ("list of resources", [allow(resource=["arn:aws:s3:::b", ALIAS])], True),
    ("not resource that spares it", [{"Effect": "Allow", "Action": "*", "NotResource": FUNCTION}], True),
    ("not resource that names it", [{"Effect": "Allow", "Action": "*", "NotResource": f"{FUNCTION}*"}], False),
    ("characters that mean something to a regular expression", [allow(resource=ALIAS.replace("chat", "c.at"))], False),
    ("deny wins, whatever the order", [allow(), deny("lambda:InvokeFunction", ALIAS), allow()], False),
    ("deny of something else", [allow(), deny("lambda:DeleteFunction")], True),
    ("deny of all but it", [allow(), {"Effect": "Deny", "NotAction": "lambda:*", "Resource": "*"}], True),
    ("no statement", [], False),
    ("no action", [{"Effect": "Allow", "Resource": "*"}], False),
    ("no resource", [{"Effect": "Allow", "Action": "*"}], False),
]


@pytest.mark.parametrize(("statements", "expected"), [case[1:] for case in ELEMENTS], ids=[case[0] for case in ELEMENTS])
def test_actions_and_resources(tmp_path: Path, statements: list[dict[str, Any]], expected: bool) -> None:
    assert allowed(tmp_path, *statements) is expected


def test_many_wildcards_take_no_time(tmp_path: Path) -> None:
    assert not allowed(tmp_path, allow(resource="*" * 5000 + "x"))


def test_single_statement_needs_no_list(tmp_path: Path) -> None:
    policy = {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": allow()}}
    assert Account(tmp_path, {"R": role(Policies=[policy])}).may("R", "lambda:InvokeFunction", ALIAS)


# Policy variables


@pytest.mark.parametrize(
    ("resource", "asked", "version", "expected"),
    [
        ("arn:aws:s3:::${aws:PrincipalAccount}/x", f"arn:aws:s3:::{ACCOUNT}/x", "2012-10-17", True),
        ("arn:aws:s3:::${AWS:principalaccount}/*", f"arn:aws:s3:::{ACCOUNT}/x", "2012-10-17", True),
        ("arn:aws:s3:::${aws:username}/x", "arn:aws:s3:::caller/x", "2012-10-17", False),
        ("arn:aws:s3:::${aws:username, 'nobody'}/x", "arn:aws:s3:::nobody/x", "2012-10-17", True),
        ("arn:aws:s3:::${*}/x", "arn:aws:s3:::*/x", "2012-10-17", True),
        ("arn:aws:s3:::${*}/x", "arn:aws:s3:::any/x", "2012-10-17", False),
        ("arn:aws:s3:::${?}${$}", "arn:aws:s3:::?$", "2012-10-17", True),
        ("arn:aws:s3:::${aws:PrincipalAccount}/x", f"arn:aws:s3:::{ACCOUNT}/x", "2008-10-17", False),
        ("arn:aws:s3:::${aws:PrincipalAccount}/x", "arn:aws:s3:::${aws:PrincipalAccount}/x", "2008-10-17", True),
    ],
)
def test_policy_variables(tmp_path: Path, resource: str, asked: str, version: str, expected: bool) -> None:
    policy = {"PolicyName": "p", "PolicyDocument": document(allow("s3:*", resource), version=version)}
    assert Account(tmp_path, {"R": role(Policies=[policy])}).may("R", "s3:GetObject", asked) is expected


def test_a_variables_value_is_no_pattern(tmp_path: Path) -> None:
    statement = allow("s3:*", "arn:aws:s3:::${aws:SourceArn}")
    assert not allowed(tmp_path, statement, context={"aws:SourceArn": "*"}, action="s3:Get", resource="arn:aws:s3:::b")


# Conditions

CONDITIONS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"StringEquals": {"k": "a"}}, {"k": "a"}, True),
    ({"StringEquals": {"k": ["a", "b"]}}, {"k": "b"}, True),
    ({"StringEquals": {"k": "a"}}, {"k": "A"}, False),
    ({"StringEquals": {"k": "a*"}}, {"k": "ab"}, False),
    ({"StringEquals": {"K": "a"}}, {"k": "a"}, True),
    ({"StringEquals": {"k": "a"}}, {}, False),
    ({"StringEquals": {"k": "a", "l": "b"}}, {"k": "a"}, False),
    ({"StringEquals": {"k": "a"}, "StringLike": {"l": "b*"}}, {"k": "a", "l": "bc"}, True),
    ({"StringEqualsIfExists": {"k": "a"}}, {}, True),
    ({"StringEqualsIfExists": {"k": "a"}}, {"k": "b"}, False),
    ({"StringEquals": {"k": "${aws:PrincipalAccount}"}}, {"k": ACCOUNT}, True),
    ({"StringNotEquals": {"k": ["a", "b"]}}, {"k": "c"}, True),
    ({"StringNotEquals": {"k": ["a", "b"]}}, {"k": "b"}, False),
    ({"StringNotEquals": {"k": "a"}}, {}, True),
    ({"StringEqualsIgnoreCase": {"k": "a"}}, {"k": "A"}, True),
    ({"StringNotEqualsIgnoreCase": {"k": "a"}}, {"k": "A"}, False),
    ({"StringLike": {"k": "a?c*"}}, {"k": "abcd"}, True),
    ({"StringNotLike": {"k": "a*"}}, {"k": "abcd"}, False),
    ({"ArnLike": {"k": "arn:aws:s3:::b*"}}, {"k": "arn:aws:s3:::bucket"}, True),
    ({"ArnEquals": {"k": "arn:aws:sns:*:1:t"}}, {"k": "arn:aws:sns:eu:1:t"}, True),
    ({"ArnLike": {"k": "arn:aws:*:t"}}, {"k": "arn:aws:sns:eu:1:t"}, False),
    ({"ArnNotLike": {"k": "arn:aws:s3:::b*"}}, {"k": "arn:aws:s3:::bucket"}, False),
    ({"ArnNotEquals": {"k": "arn:aws:s3:::a"}}, {"k": "arn:aws:s3:::b"}, True),
    ({"Bool": {"k": True}}, {"k": "true"}, True),
    ({"Bool": {"k": "true"}}, {"k": "false"}, False),
    ({"Bool": {"k": "false"}}, {}, False),
    ({"BoolIfExists": {"k": "false"}}, {}, True),
    ({"Null": {"k": "true"}}, {}, True),
    ({"Null": {"k": True}}, {"k": "a"}, False),
    ({"Null": {"k": "false"}}, {"k": "a"}, True),
    ({"NumericEquals": {"k": 10}}, {"k": "10.0"}, True),
    ({"NumericNotEquals": {"k": 10}}, {"k": "10"}, False),
    ({"NumericLessThan": {"k": "10"}}, {"k": "9"}, True),
    ({"NumericLessThanEquals": {"k": 10}}, {"k": "10"}, True),
    ({"NumericGreaterThan": {"k": 10}}, {"k": "10"}, False),
    ({"NumericGreaterThanEquals": {"k": 10}}, {"k": "10"}, True),
    ({"NumericEquals": {"k": 10}}, {"k": "ten"}, False),
    ({"DateGreaterThan": {"aws:CurrentTime": "2026-11-23T11:59:59Z"}}, {}, True),
    ({"DateLessThan": {"aws:CurrentTime": "2026-11-23T11:59:59Z"}}, {}, False),
    ({"DateLessThanEquals": {"aws:EpochTime": "1795435200"}}, {}, True),
    ({"DateEquals": {"k": "2026-01-01"}}, {"k": "2026-01-01T00:00:00Z"}, True),
    ({"DateNotEquals": {"k": "2026-01-01"}}, {"k": "2026-01-02"}, True),
    ({"DateGreaterThanEquals": {"k": "2026-01-01"}}, {"k": "not a date"}, False),
    ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.1"]}}, {"aws:SourceIp": "127.0.0.1"}, True),
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "::1"}, False),
    ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "127.0.0.1"}, True),
    ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "10.1.1.1"}, False),
    ({"BinaryEquals": {"k": "aGk="}}, {"k": "aGk="}, True),
    ({"BinaryEquals": {"k": "aGk="}}, {"k": "%%"}, False),
    ({"ForAnyValue:StringEquals": {"k": ["a", "b"]}}, {"k": ["x", "b"]}, True),
    ({"ForAnyValue:StringEquals": {"k": "a"}}, {"k": ["x"]}, False),
    ({"ForAnyValue:StringEquals": {"k": "a"}}, {}, False),
    ({"ForAnyValue:StringNotEquals": {"k": "a"}}, {"k": ["a", "b"]}, True),
    ({"ForAnyValue:StringNotEquals": {"k": "a"}}, {}, False),
    ({"ForAllValues:StringLike": {"k": ["a*", "b"]}}, {"k": ["ab", "b"]}, True),
    ({"ForAllValues:StringEquals": {"k": ["a"]}}, {"k": ["a", "b"]}, False),
    ({"ForAllValues:StringEquals": {"k": ["a"]}}, {}, True),
    ({"ForAllValues:StringNotEquals": {"k": ["a"]}}, {"k": ["b", "a"]}, False),
    ({"forallvalues:stringequals": {"k": ["a"]}}, {"k": ["a"]}, True),
    # Keys that hold of every request
    ({"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/caller"}}, {}, True),
    ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:PrincipalType": "AssumedRole"}}, {}, True),
    ({"StringEquals": {"aws:ResourceAccount": ACCOUNT, "aws:RequestedRegion": "us-east-1"}}, {}, True),
    ({"Bool": {"aws:SecureTransport": "true"}}, {}, True),
    ({"Null": {"aws:PrincipalOrgID": "true"}}, {}, True),
    ({"Null": {"aws:username": "true"}}, {}, True),
]


@pytest.mark.parametrize(("condition", "context", "expected"), CONDITIONS, ids=[f"{c[0]} {c[1]}" for c in CONDITIONS])
def test_conditions(tmp_path: Path, condition: dict[str, Any], context: dict[str, Any], expected: bool) -> None:
    assert allowed(tmp_path, allow(Condition=condition), context=context) is expected


STRANGE: list[dict[str, Any]] = [
    {"StringResembles": {"k": "a"}},
    {"ForSomeValues:StringEquals": {"k": "a"}},
    {"NumericLessThan": {"k": "ten"}},
    {"NumericLessThan": {"k": "NaN"}},
    {"DateLessThan": {"k": "tomorrow"}},
    {"DateLessThan": {"k": "9" * 30}},
    {"IpAddress": {"k": "everywhere"}},
    {"Bool": {"k": "perhaps"}},
    {"BinaryEquals": {"k": "%%"}},
    {"StringEquals": "k"},
    {"StringEquals": {"k": {"a": "b"}}},
]


@pytest.mark.parametrize("condition", STRANGE, ids=str)
def test_condition_that_is_not_understood_fails_closed_and_is_told(tmp_path: Path, condition: dict[str, Any]) -> None:
    granting = Account(tmp_path / "allow", {"R": role(allow(Condition=condition))})
    assert not granting.may("R", "lambda:InvokeFunction", ALIAS, {"k": "a"})
    denying = Account(tmp_path / "deny", {"R": role(allow("*"), deny("lambda:*", Condition=condition))})
    assert not denying.may("R", "lambda:InvokeFunction", ALIAS, {"k": "a"})
    assert denying.may("R", "s3:GetObject", "arn:aws:s3:::b/k")
    for account, effect in ((granting, "allows nothing"), (denying, "denies what else fits it")):
        (warning,) = account.authorizer.warnings
        assert warning.startswith("POLICY_NOT_UNDERSTOOD: inline policy 1 of App/R, statement")
        assert effect in warning


@pytest.mark.parametrize("part", ["Action", "Resource", "Condition"])
def test_statement_with_an_unknown_part_fails_closed(tmp_path: Path, part: str) -> None:
    unknown = {"Fn::GetAtt": ["Custom", "Value"]}
    custom = {"Custom": {"Type": "Custom::Thing"}}
    granting = Account(tmp_path / "allow", {**custom, "R": role({**allow(), part: unknown})})
    assert not granting.may("R", "lambda:InvokeFunction", ALIAS)
    denying = Account(tmp_path / "deny", {**custom, "R": role(allow(), {**deny(), part: unknown})})
    assert not denying.may("R", "lambda:InvokeFunction", ALIAS)
    assert "UNRESOLVED_INTRINSIC" in denying.authorizer.warnings[0]


def test_statement_may_be_chosen_by_a_condition_of_the_template(tmp_path: Path) -> None:
    conditions = {"Yes": {"Fn::Equals": ["1", "1"]}, "No": {"Fn::Equals": ["1", "2"]}}
    given: Any = {"Fn::If": ["Yes", allow(), {"Ref": "AWS::NoValue"}]}
    missing: Any = {"Fn::If": ["No", allow("s3:*"), {"Ref": "AWS::NoValue"}]}
    account = Account(tmp_path, {"R": role(given, missing)}, Conditions=conditions)
    assert account.may("R", "lambda:InvokeFunction", ALIAS)
    assert not account.may("R", "s3:GetObject", "arn:aws:s3:::b/k")
    assert account.authorizer.warnings == ()


# Where policies come from

POLICY = {"PolicyDocument": document(allow("s3:GetObject"))}
ATTACHED: list[tuple[str, dict[str, Any], str]] = [
    (
        "policy",
        {"R": role(), "P": {"Type": "AWS::IAM::Policy", "Properties": {**POLICY, "PolicyName": "p", "Roles": [{"Ref": "R"}]}}},
        "R",
    ),
    (
        "role policy",
        {
            "R": role(),
            "P": {"Type": "AWS::IAM::RolePolicy", "Properties": {**POLICY, "PolicyName": "p", "RoleName": {"Ref": "R"}}},
        },
        "R",
    ),
    (
        "managed policy that names the role",
        {"R": role(), "P": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {**POLICY, "Roles": [{"Ref": "R"}]}}},
        "R",
    ),
    (
        "managed policy that the role names",
        {"R": role(ManagedPolicyArns=[{"Ref": "P"}]), "P": {"Type": "AWS::IAM::ManagedPolicy", "Properties": POLICY}},
        "R",
    ),
    ("AWS's managed policy", {"R": role(ManagedPolicyArns=["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"])}, "R"),
    (
        "role with a path",
        {"R": role(Path="/team/"), "P": {"Type": "AWS::IAM::Policy", "Properties": {**POLICY, "Roles": [{"Ref": "R"}]}}},
        "R",
    ),
    (
        "user",
        {"U": {"Type": "AWS::IAM::User"}, "P": {"Type": "AWS::IAM::Policy", "Properties": {**POLICY, "Users": [{"Ref": "U"}]}}},
        "U",
    ),
    (
        "group of the user",
        {
            "G": {"Type": "AWS::IAM::Group", "Properties": {"Policies": [POLICY]}},
            "U": {"Type": "AWS::IAM::User", "Properties": {"Groups": [{"Ref": "G"}]}},
        },
        "U",
    ),
    (
        "policy of the group",
        {
            "G": {"Type": "AWS::IAM::Group"},
            "U": {"Type": "AWS::IAM::User", "Properties": {"Groups": [{"Ref": "G"}]}},
            "P": {"Type": "AWS::IAM::Policy", "Properties": {**POLICY, "Groups": [{"Ref": "G"}]}},
        },
        "U",
    ),
    (
        "user added to the group",
        {
            "G": {"Type": "AWS::IAM::Group", "Properties": {"Policies": [POLICY]}},
            "U": {"Type": "AWS::IAM::User"},
            "A": {"Type": "AWS::IAM::UserToGroupAddition", "Properties": {"GroupName": {"Ref": "G"}, "Users": [{"Ref": "U"}]}},
        },
        "U",
    ),
    (
        "imported role",
        {"P": {"Type": "AWS::IAM::Policy", "Properties": {**POLICY, "Roles": ["imported"]}}},
        f"arn:aws:iam::{ACCOUNT}:role/imported",
    ),
    (
        "imported user",
        {"P": {"Type": "AWS::IAM::Policy", "Properties": {**POLICY, "Users": ["imported"]}}},
        f"arn:aws:iam::{ACCOUNT}:user/imported",
    ),
]


@pytest.mark.parametrize(("resources", "who"), [case[1:] for case in ATTACHED], ids=[case[0] for case in ATTACHED])
def test_policy_counts_wherever_it_hangs(tmp_path: Path, resources: dict[str, Any], who: str) -> None:
    account = Account(tmp_path, resources)
    assert account.may(who, "s3:GetObject", "arn:aws:s3:::b/k")
    assert not account.may(who, "s3:PutObject", "arn:aws:s3:::b/k")
    assert account.authorizer.warnings == ()


def test_unknown_managed_policy_gives_nothing_and_is_told(tmp_path: Path) -> None:
    account = Account(tmp_path, {"R": role(ManagedPolicyArns=["arn:aws:iam::aws:policy/Fancy"])})
    assert not account.may("R", "s3:GetObject", "arn:aws:s3:::b/k")
    assert "managed policy arn:aws:iam::aws:policy/Fancy" in account.authorizer.warnings[0]


def test_policy_attached_to_somebody_unknown_is_told(tmp_path: Path) -> None:
    resources = {
        "Custom": {"Type": "Custom::Thing"},
        "P": {"Type": "AWS::IAM::Policy", "Properties": {**POLICY, "Roles": [{"Fn::GetAtt": ["Custom", "Role"]}]}},
    }
    (warning,) = Account(tmp_path, resources).authorizer.warnings
    assert "policy App/P: it is attached to somebody unknown" in warning


# Boundaries

BOUNDARY = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document(allow("s3:*"))}}


def bounded(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"B": BOUNDARY, "R": role(*statements, PermissionsBoundary={"Ref": "B"})}


def test_boundary_limits_identity_policies(tmp_path: Path) -> None:
    account = Account(tmp_path, bounded(allow("*")))
    assert account.may("R", "s3:GetObject", "arn:aws:s3:::b/k")
    decision = account.authorizer.authorize(account.principal("R"), "lambda:InvokeFunction", ALIAS)
    assert not decision.allowed
    assert "permissions boundary" in decision.reason


def test_boundary_gives_nothing(tmp_path: Path) -> None:
    assert not Account(tmp_path, bounded()).may("R", "s3:GetObject", "arn:aws:s3:::b/k")


def test_boundary_limits_what_a_resource_policy_gives_to_the_role_but_not_to_its_session(tmp_path: Path) -> None:
    to_role = permissions(f"arn:aws:iam::{ACCOUNT}:role/caller")
    assert not Account(tmp_path / "role", {**bounded(), **to_role}).url("R").allowed
    to_session = permissions(f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/emulator")
    assert Account(tmp_path / "session", {**bounded(), **to_session}).url("R").allowed


def test_unknown_boundary_leaves_nothing(tmp_path: Path) -> None:
    account = Account(tmp_path, {"R": role(allow("*"), PermissionsBoundary="arn:aws:iam::123456789012:policy/elsewhere")})
    assert not account.may("R", "lambda:InvokeFunction", ALIAS)


# Resource policies


def test_service_needs_a_permission_with_its_source(tmp_path: Path) -> None:
    api = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:abc123/*/POST/chat"
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": "Live"},
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": api,
            "SourceAccount": ACCOUNT,
        },
    }
    account = Account(tmp_path, {"P": permission})

    def may(service: str, source: str, owner: str = ACCOUNT) -> bool:
        context = {"aws:SourceArn": source, "aws:SourceAccount": owner}
        return account.authorizer.authorize(Principals.service(service), "lambda:InvokeFunction", ALIAS, context).allowed

    assert may("apigateway.amazonaws.com", api.replace("*", "prod"))
    assert not may("apigateway.amazonaws.com", api.replace("abc123", "other"))
    assert not may("apigateway.amazonaws.com", api, owner="999999999999")
    assert not may("events.amazonaws.com", api)
    assert not account.may("stranger", "lambda:InvokeFunction", ALIAS, {"aws:SourceArn": api, "aws:SourceAccount": ACCOUNT})


def test_permission_for_urls_alone_gives_no_direct_invoke(tmp_path: Path) -> None:
    account = Account(tmp_path, permissions("999999999999"))
    assert account.url("outsider").allowed
    assert not account.may("outsider", "lambda:InvokeFunction", ALIAS)


def test_permission_that_cannot_be_read_gives_nothing_and_is_told(tmp_path: Path) -> None:
    broken = permissions("*", SourceArn={"Fn::GetAtt": ["Custom", "Arn"]})
    account = Account(tmp_path, {"Custom": {"Type": "Custom::Thing"}, **broken})
    assert not account.url("stranger").allowed
    assert len(account.authorizer.warnings) == 2


def rest_api(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Policy": document(*statements)}}}


def test_policy_of_a_rest_api_is_a_resource_policy(tmp_path: Path) -> None:
    grant = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    spared = {"AWS": [f"arn:aws:iam::{ACCOUNT}:role/caller"]}
    refuse = {"Effect": "Deny", "NotPrincipal": spared, "Action": "execute-api:*", "Resource": "execute-api:/*/DELETE/*"}
    account = Account(tmp_path, {"R": role(), **rest_api(grant, refuse)})
    base = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{account.assembly.stack('App').ref('Api')}"
    assert account.may("stranger", "execute-api:Invoke", f"{base}/prod/GET/chat")
    assert account.may("outsider", "execute-api:Invoke", f"{base}/prod/GET/chat")
    assert not account.may("stranger", "execute-api:Invoke", f"{base}/prod/DELETE/chat")
    assert not account.may("admin", "execute-api:Invoke", f"{base}/prod/DELETE/chat")
    assert account.may("R", "execute-api:Invoke", f"{base}/prod/DELETE/chat")
    assert not account.may("stranger", "execute-api:Invoke", base.replace(base.split(":")[-1], "other") + "/prod/GET/chat")


# Resources without an account


def test_models_belong_to_no_account(tmp_path: Path) -> None:
    account = Account(tmp_path, {"R": role(allow("bedrock:InvokeModelWithResponseStream", MODEL))})
    assert account.may("R", "bedrock:InvokeModelWithResponseStream", MODEL)
    assert not account.may("R", "bedrock:InvokeModel", MODEL)
    assert not account.may("R", "bedrock:InvokeModelWithResponseStream", MODEL.replace("lite", "pro"))
