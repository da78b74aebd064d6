"""What the chat example costs: by the answer, and by the month whether anybody asks or not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from stacks import costs

if TYPE_CHECKING:
    from collections.abc import Mapping

STREAMS: Final = 1_000
TOKENS_IN: Final = 500
"""Of a question with what was said before it."""

TOKENS_OUT: Final = 300
SECONDS: Final = 6
CHARACTERS_OF_A_TOKEN: Final = 4
MONTH_HOURS: Final = 730

# https://aws.amazon.com/bedrock/pricing/ (Guardrails), for a text unit of up to 1000 characters; of rules without a price of their own
# there are none here. https://aws.amazon.com/cloudwatch/pricing/
CONTENT_FILTER_UNIT: Final = 0.15 / 1_000
SENSITIVE_INFORMATION_UNIT: Final = 0.10 / 1_000
UNIT_CHARACTERS: Final = 1_000
ALARM_METRIC_MONTH: Final = 0.10
DASHBOARD_MONTH: Final = 3.00


def thousand_streams(template: Mapping[str, Any]) -> list[costs.Line]:
    """A thousand questions with answers of some 200 words."""
    function = _function(template)
    writes, reads = _store_units(function)
    return [
        costs.Line(
            what="Bedrock: questions (Nova Lite)",
            amount=STREAMS * TOKENS_IN,
            unit="tokens",
            price=costs.NOVA_LITE_INPUT_TOKEN,
        ),
        costs.Line(
            what="Bedrock: answers (Nova Lite)",
            amount=STREAMS * TOKENS_OUT,
            unit="tokens",
            price=costs.NOVA_LITE_OUTPUT_TOKEN,
        ),
        *_guardrail(template),
        *costs.invocations(function, count=STREAMS, seconds=SECONDS),
        costs.Line(
            what="DynamoDB: what each stream said, and its slot",
            amount=STREAMS * writes,
            unit="write units",
            price=costs.DYNAMODB_WRITE_UNIT,
        ),
        costs.Line(
            what="DynamoDB: looks whether it was cancelled",
            amount=STREAMS * reads,
            unit="read units",
            price=costs.DYNAMODB_READ_UNIT,
        ),
    ]


def month(template: Mapping[str, Any]) -> list[costs.Line]:
    """What a month costs when nobody asks."""
    function = _function(template)
    web_acl = costs.properties(template, "AWS::WAFv2::WebACL")
    warm = costs.properties(template, "AWS::ApplicationAutoScaling::ScalableTarget")["MinCapacity"]
    return [
        costs.kept_warm(function, environment_hours=MONTH_HOURS * warm),
        costs.Line(what="WAF: the web ACL", amount=1, unit="web ACL", price=costs.WAF_WEB_ACL_MONTH),
        costs.Line(what="WAF: its rules", amount=len(web_acl["Rules"]), unit="rules", price=costs.WAF_RULE_MONTH),
        costs.Line(what="CloudWatch: the dashboard", amount=1, unit="dashboard", price=DASHBOARD_MONTH),
        costs.Line(what="CloudWatch: alarms", amount=_alarm_metrics(template), unit="metrics", price=ALARM_METRIC_MONTH),
    ]


def _function(template: Mapping[str, Any]) -> dict[str, Any]:
    """The one that streams; CDK has one of its own here, which copies the page at a deployment."""
    found = [resource["Properties"] for resource in template["Resources"].values() if resource["Type"] == "AWS::Lambda::Function"]
    [streaming] = [function for function in found if "MODEL_IDS" in function["Environment"]["Variables"]]
    return dict(streaming)


def _store_units(function: Mapping[str, Any]) -> tuple[float, float]:
    """Units written and read for one stream, as docs/constructs/StreamStore.md counts them."""
    minutes = SECONDS / 60
    bounded = "STREAM_STORE_STREAMS_PER_CALLER" in function["Environment"]["Variables"]
    batches = SECONDS  # one a second, and a second's tokens are below 1 KB
    return 2 + batches + 12 * minutes + (2 + 3 * minutes if bounded else 0), 48 * minutes


def _guardrail(template: Mapping[str, Any]) -> list[costs.Line]:
    found = [resource for resource in template["Resources"].values() if resource["Type"] == "AWS::Bedrock::Guardrail"]
    units = sum(math.ceil(tokens * CHARACTERS_OF_A_TOKEN / UNIT_CHARACTERS) for tokens in (TOKENS_IN, TOKENS_OUT))
    prices = {
        "ContentPolicyConfig": ("harmful content", CONTENT_FILTER_UNIT),
        "SensitiveInformationPolicyConfig": ("secrets and card numbers", SENSITIVE_INFORMATION_UNIT),
    }
    return [
        costs.Line(what=f"Bedrock: the guardrail, {what}", amount=STREAMS * units, unit="text units", price=price)
        for guardrail in found
        for policy, (what, price) in prices.items()
        if policy in guardrail["Properties"]
    ]


def _alarm_metrics(template: Mapping[str, Any]) -> int:
    """An alarm on an expression is billed for each metric in it."""
    alarms = [
        resource["Properties"] for resource in template["Resources"].values() if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    return sum(sum("MetricStat" in query for query in alarm.get("Metrics", ())) or 1 for alarm in alarms)
