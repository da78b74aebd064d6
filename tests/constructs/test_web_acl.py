"""WebAcl: what is blocked, what only counts, and which prompts get through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import CfnParameter, Stack
from aws_cdk.assertions import Template

from constructs_pkg.web_acl import ManagedWebAcl, WebAcl

from .reading import only

if TYPE_CHECKING:
    from collections.abc import Callable

BODY_RULES = {
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "EC2MetaDataSSRF_BODY",
}


def properties(stack: Stack, acl: WebAcl, front: Any = "CLOUDFRONT") -> dict[str, Any]:
    ManagedWebAcl(stack, "WebAcl", rules=acl, front=front)
    return only(Template.from_stack(stack).find_resources("AWS::WAFv2::WebACL"))[1]


def rules(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {rule["Name"]: rule for rule in found["Rules"]}


def test_the_default_is_reputation_rate_core_and_known_bad_inputs(stack: Stack) -> None:
    found = properties(stack, WebAcl())
    assert [rule["Name"] for rule in found["Rules"]] == ["IpReputation", "RateLimit", "CoreRules", "KnownBadInputs"]
    assert [rule["Priority"] for rule in found["Rules"]] == [0, 1, 2, 3]
    groups = [
        rule["Statement"]["ManagedRuleGroupStatement"]["Name"]
        for rule in found["Rules"]
        if "ManagedRuleGroupStatement" in rule["Statement"]
    ]
    assert groups == [
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
    ]
    assert found["DefaultAction"] == {"Allow": {}}


def test_one_address_gets_300_requests_in_5_minutes_and_then_429_with_a_time_to_wait(stack: Stack) -> None:
    found = properties(stack, WebAcl())
    rate = rules(found)["RateLimit"]
    assert rate["Statement"]["RateBasedStatement"] == {"Limit": 300, "EvaluationWindowSec": 300, "AggregateKeyType": "IP"}
    answer = rate["Action"]["Block"]["CustomResponse"]
    assert answer["ResponseCode"] == 429
    assert answer["ResponseHeaders"] == [{"Name": "Retry-After", "Value": "300"}]
    assert '"code":"rate_limited"' in found["CustomResponseBodies"][answer["CustomResponseBodyKey"]]["Content"]


def test_a_long_prompt_with_markup_in_it_is_counted_and_not_blocked(stack: Stack) -> None:
    group = rules(properties(stack, WebAcl()))["CoreRules"]["Statement"]["ManagedRuleGroupStatement"]
    assert {override["Name"]: override["ActionToUse"] for override in group["RuleActionOverrides"]} == {
        name: {"Count": {}} for name in BODY_RULES
    }


def test_suspect_bodies_are_blocked_when_asked_for(stack: Stack) -> None:
    group = rules(properties(stack, WebAcl(block_suspect_bodies=True)))["CoreRules"]["Statement"]["ManagedRuleGroupStatement"]
    assert "RuleActionOverrides" not in group


def test_known_bad_inputs_block_in_bodies_too(stack: Stack) -> None:
    rule = rules(properties(stack, WebAcl()))["KnownBadInputs"]
    assert rule["OverrideAction"] == {"None": {}}
    assert "RuleActionOverrides" not in rule["Statement"]["ManagedRuleGroupStatement"]


def test_rate_and_window_are_parameters(stack: Stack) -> None:
    rate = rules(properties(stack, WebAcl(rate_limit=1000, rate_window_seconds=60)))["RateLimit"]
    assert rate["Statement"]["RateBasedStatement"]["Limit"] == 1000
    assert rate["Statement"]["RateBasedStatement"]["EvaluationWindowSec"] == 60
    assert rate["Action"]["Block"]["CustomResponse"]["ResponseHeaders"][0]["Value"] == "60"


def test_there_may_be_no_rate_limit(stack: Stack) -> None:
    assert "RateLimit" not in rules(properties(stack, WebAcl(rate_limit=None)))


def test_numbers_may_be_tokens(stack: Stack) -> None:
    limit = CfnParameter(stack, "Limit", type="Number").value_as_number
    window = CfnParameter(stack, "Window", type="Number").value_as_number
    rate = rules(properties(stack, WebAcl(rate_limit=limit, rate_window_seconds=window)))["RateLimit"]
    assert rate["Statement"]["RateBasedStatement"]["Limit"] == {"Ref": "Limit"}
    assert rate["Action"]["Block"]["CustomResponse"]["ResponseHeaders"][0]["Value"] == {"Ref": "Window"}


@pytest.mark.parametrize(("kilobytes", "read"), [(1, None), (16, None), (17, "KB_32"), (33, "KB_48"), (64, "KB_64")])
@pytest.mark.parametrize("front", ["CLOUDFRONT", "API_GATEWAY"])
def test_bodies_above_a_limit_are_blocked_also_where_waf_does_not_read_to_their_end(
    kilobytes: int, read: str | None, front: str, make_stack: Callable[..., Stack]
) -> None:
    found = properties(make_stack(), WebAcl(largest_body_kb=kilobytes), front)
    rule = rules(found)["BodySize"]
    assert rule["Statement"]["SizeConstraintStatement"]["Size"] == kilobytes * 1024
    assert rule["Statement"]["SizeConstraintStatement"]["ComparisonOperator"] == "GT"
    assert rule["Statement"]["SizeConstraintStatement"]["FieldToMatch"] == {"Body": {"OversizeHandling": "MATCH"}}
    assert rule["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 413
    wanted = None if read is None else {"RequestBody": {front: {"DefaultSizeInspectionLimit": read}}}
    assert found.get("AssociationConfig") == wanted


@pytest.mark.parametrize(("front", "scope"), [("CLOUDFRONT", "CLOUDFRONT"), ("API_GATEWAY", "REGIONAL")])
def test_the_scope_is_the_fronts(front: str, scope: str, stack: Stack) -> None:
    assert properties(stack, WebAcl(), front)["Scope"] == scope


def test_everything_is_counted_and_sampled(stack: Stack) -> None:
    found = properties(stack, WebAcl(largest_body_kb=8))
    configurations = [rule["VisibilityConfig"] for rule in found["Rules"]] + [found["VisibilityConfig"]]
    assert all(each["CloudWatchMetricsEnabled"] and each["SampledRequestsEnabled"] for each in configurations)
    assert len({each["MetricName"] for each in configurations}) == len(configurations)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"rate_limit": 9}, "RATE_LIMIT_OUT_OF_RANGE"),
        ({"rate_limit": 2_000_000_001}, "RATE_LIMIT_OUT_OF_RANGE"),
        ({"rate_limit": True}, "RATE_LIMIT_OUT_OF_RANGE"),
        ({"rate_window_seconds": 301}, "RATE_LIMIT_OUT_OF_RANGE"),
        ({"largest_body_kb": 0}, "BODY_LIMIT_OUT_OF_RANGE"),
        ({"largest_body_kb": 65}, "BODY_LIMIT_OUT_OF_RANGE"),
        ({"largest_body_kb": 1.5}, "BODY_LIMIT_OUT_OF_RANGE"),
    ],
)
def test_what_waf_does_not_offer_is_refused_by_code(parameters: dict[str, Any], code: str) -> None:
    with pytest.raises(ValueError, match=f"^{code}: "):
        WebAcl(**parameters)
