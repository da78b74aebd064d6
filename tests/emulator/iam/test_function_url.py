"""Who may call a Function URL. https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.emulator.iam import api_refusal, function_url_refusal
from tests.assembly.builder import write_stack
from tests.emulator.iam.account import ALIAS, BOTH, FUNCTION, Account, permissions, role

if TYPE_CHECKING:
    from pathlib import Path

URL_ONLY, INVOKE_ONLY = [BOTH[0]], [BOTH[1]]
DENY = {"Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": "*"}

# case: (name, resources, who, may)
CASES: list[tuple[str, dict[str, Any], str, bool]] = [
    ("role with both", {"R": role(*BOTH)}, "R", True),
    ("role with the first alone", {"R": role(*URL_ONLY)}, "R", False),
    ("role with the second alone", {"R": role(*INVOKE_ONLY)}, "R", False),
    ("role without a grant", {"R": role()}, "R", False),
    ("role with both on the function, not on the alias", {"R": role(*({**s, "Resource": FUNCTION} for s in BOTH))}, "R", False),
    ("role with both on every alias", {"R": role(*({**s, "Resource": f"{FUNCTION}:*"} for s in BOTH))}, "R", True),
    ("role with all of Lambda", {"R": role({"Effect": "Allow", "Action": "lambda:*", "Resource": "*"})}, "R", True),
    (
        "role for URLs without auth",
        {"R": role({**BOTH[0], "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}}, BOTH[1])},
        "R",
        False,
    ),
    (
        "role that may invoke just otherwise",
        {"R": role(BOTH[0], {**BOTH[1], "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "false"}}})},
        "R",
        False,
    ),
    ("role with both and a deny", {"R": role(*BOTH, DENY)}, "R", False),
    ("half from the role, half from the resource", {"R": role(*URL_ONLY), "P": permissions("*")["MayInvoke"]}, "R", True),
    ("resource policy for the role", {"R": role(), **permissions("arn:aws:iam::123456789012:role/caller")}, "R", True),
    (
        "resource policy for the role, role denies",
        {"R": role(DENY), **permissions("arn:aws:iam::123456789012:role/caller")},
        "R",
        False,
    ),
    ("resource policy for the own account", {"R": role(), **permissions("123456789012")}, "R", False),
    ("resource policy for another role", {"R": role(), **permissions("arn:aws:iam::123456789012:role/other")}, "R", False),
    (
        "resource policy on the function, not on the alias",
        {"R": role(), **permissions("*", function={"Ref": "Chat"})},
        "R",
        False,
    ),
    ("admin", {}, "admin", True),
    ("stranger", {}, "stranger", False),
    ("stranger, resource policy for all", permissions("*"), "stranger", True),
    ("outsider", {}, "outsider", False),
    ("outsider, resource policy for its account", permissions("999999999999"), "outsider", True),
    ("outsider, resource policy for its root", permissions("arn:aws:iam::999999999999:root"), "outsider", True),
    ("outsider, resource policy for all", permissions("*"), "outsider", True),
    ("outsider, only the first permission", {"P": permissions("999999999999")["MayUrl"]}, "outsider", False),
    ("outsider, only the second permission", {"P": permissions("999999999999")["MayInvoke"]}, "outsider", False),
    ("outsider, resource policy for a third account", permissions("888888888888"), "outsider", False),
    ("outsider, resource policy for an organization", permissions("*", PrincipalOrgID="o-abcdefghij"), "outsider", False),
    ("outsider, URL without auth in the permission", permissions("999999999999", auth_type="NONE"), "outsider", False),
]


@pytest.mark.parametrize(("resources", "who", "may"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_url_with_iam_auth(tmp_path: Path, resources: dict[str, Any], who: str, may: bool) -> None:
    decision = Account(tmp_path, resources).url(who)
    assert decision.allowed is may, decision.reason


def test_caller_without_a_signature_is_nobody_unless_all_may(tmp_path: Path) -> None:
    assert not Account(tmp_path / "a", {"R": role(*BOTH)}).url(None).allowed
    assert not Account(tmp_path / "b", permissions("123456789012")).url(None).allowed


NONE_CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("both to all", permissions("*", auth_type="NONE"), True),
    ("the first alone", {"P": permissions("*", auth_type="NONE")["MayUrl"]}, False),
    ("the second alone", {"P": permissions("*", auth_type="NONE")["MayInvoke"]}, False),
    ("nothing", {}, False),
    ("to one account", permissions("123456789012", auth_type="NONE"), False),
    ("for IAM auth", permissions("*", auth_type="AWS_IAM"), False),
    ("on the function", permissions("*", auth_type="NONE", function={"Ref": "Chat"}), False),
    ("from one source", permissions("*", auth_type="NONE", SourceArn="arn:aws:s3:::b"), False),
]


@pytest.mark.parametrize("who", [None, "admin", "R"])
@pytest.mark.parametrize(("resources", "may"), [case[1:] for case in NONE_CASES], ids=[case[0] for case in NONE_CASES])
def test_url_without_auth_still_needs_a_resource_policy_for_all(
    tmp_path: Path, resources: dict[str, Any], may: bool, who: str | None
) -> None:
    decision = Account(tmp_path, {"R": role(*BOTH), **resources}).url(who, auth_type="NONE")
    assert decision.allowed is may, decision.reason


def test_url_on_the_function_itself(tmp_path: Path) -> None:
    account = Account(tmp_path, permissions("*", auth_type="NONE", function={"Fn::GetAtt": ["Chat", "Arn"]}))
    assert account.url(None, FUNCTION, "NONE").allowed
    assert account.url(None, f"{FUNCTION}:$LATEST", "NONE").allowed


def test_permission_for_an_organization_helps_its_members(tmp_path: Path) -> None:
    resources = {"R": role(), **permissions("*", PrincipalOrgID="o-abcdefghij")}
    assert Account(tmp_path / "in", resources, organization="o-abcdefghij").url("R").allowed
    assert not Account(tmp_path / "other", resources, organization="o-otherother").url("R").allowed
    assert not Account(tmp_path / "none", resources).url("R").allowed


def test_reason_names_the_missing_permission_and_where_the_other_one_came_from(tmp_path: Path) -> None:
    account = Account(tmp_path, {"R": role(*INVOKE_ONLY)})
    reason = account.url("R").reason
    assert f"lambda:InvokeFunctionUrl on {ALIAS}" in reason
    assert "needs both permissions; lambda:InvokeFunction alone is allowed" in reason


def test_reason_names_the_statement_that_allows(tmp_path: Path) -> None:
    assert "inline policy 1 of App/R, statement 2" in Account(tmp_path, {"R": role(*BOTH)}).url("R").reason


def test_caller_sees_aws_words_and_nothing_of_the_reason(tmp_path: Path) -> None:
    answer = function_url_refusal(Account(tmp_path, {"R": role(*URL_ONLY)}).url("R"))
    assert answer.status == 403
    assert dict(answer.headers) == {"Content-Type": "application/json", "x-amzn-ErrorType": "AccessDeniedException"}
    assert json.loads(answer.body) == {
        "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
        "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
    }


@pytest.mark.parametrize(
    ("statements", "who", "because"),
    [
        ([], "R", "because no identity-based policy allows the lambda:InvokeFunction action"),
        ([DENY], "R", "with an explicit deny in an identity-based policy"),
        ([], "outsider", "because no resource-based policy allows the lambda:InvokeFunction action"),
    ],
)
def test_api_says_who_may_not_do_what(tmp_path: Path, statements: list[Any], who: str, because: str) -> None:
    account = Account(tmp_path, {"R": role(*statements)})
    decision = account.authorizer.authorize(account.principal(who), "lambda:InvokeFunction", ALIAS)
    message = json.loads(api_refusal(decision).body)["Message"]
    caller = account.principal(who).session_arn
    assert message == f"User: {caller} is not authorized to perform: lambda:InvokeFunction on resource: {ALIAS} {because}"


@pytest.mark.parametrize(
    ("identity", "resource", "may"),
    [
        ((), True, False),
        (tuple(BOTH), False, False),
        ((BOTH[0],), True, False),
        (tuple(BOTH), True, True),
        ((*BOTH, DENY), True, False),
    ],
    ids=["resource side alone", "identity side alone", "half of the identity side", "both sides", "both sides and a deny"],
)
@pytest.mark.parametrize("principal", ["222222222222", "arn:aws:iam::222222222222:role/caller", "*"])
def test_across_accounts_both_sides_must_allow(
    tmp_path: Path, identity: tuple[dict[str, Any], ...], resource: bool, principal: str, may: bool
) -> None:
    there = {"Resources": {"R": role(*identity)}}
    write_stack(tmp_path, "There", there, environment="aws://222222222222/us-east-1")
    account = Account(tmp_path, permissions(principal) if resource else {})
    caller = account.principals.named["There/R"]
    decision = account.authorizer.authorize_function_url(caller, ALIAS, "AWS_IAM")
    assert decision.allowed is may, decision.reason
