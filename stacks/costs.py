"""What the examples cost, worked out from their templates: each example's `cost.py` says what a stream of it uses, and its README page
shows the sum. A test keeps page and template in step.

Prices are AWS's list prices of us-east-1 in US dollars, as last looked up in November 2026, without free tiers, taxes and data
transfer. They change, and other regions have others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MILLION: Final = 1_000_000

# https://aws.amazon.com/lambda/pricing/
LAMBDA_GB_SECOND: Final = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
LAMBDA_REQUEST: Final = 0.20 / MILLION
PROVISIONED_GB_SECOND: Final = {"arm64": 0.0000033334, "x86_64": 0.0000041667}
SNAPSTART_CACHED_GB_SECOND: Final = 0.0000015046
SNAPSTART_RESTORED_GB: Final = 0.0001397998
# https://aws.amazon.com/dynamodb/pricing/on-demand/
DYNAMODB_READ_UNIT: Final = 0.125 / MILLION
DYNAMODB_WRITE_UNIT: Final = 0.625 / MILLION
# https://aws.amazon.com/kinesis/data-streams/pricing/
KINESIS_SHARD_HOUR: Final = 0.015
KINESIS_PUT_UNIT: Final = 0.014 / MILLION
# https://aws.amazon.com/api-gateway/pricing/
REST_REQUEST: Final = 3.50 / MILLION
# https://aws.amazon.com/waf/pricing/
WAF_WEB_ACL_MONTH: Final = 5.00
WAF_RULE_MONTH: Final = 1.00
WAF_REQUEST: Final = 0.60 / MILLION
# https://aws.amazon.com/bedrock/pricing/ (Amazon Nova Lite)
NOVA_LITE_INPUT_TOKEN: Final = 0.06 / MILLION
NOVA_LITE_OUTPUT_TOKEN: Final = 0.24 / MILLION
# https://aws.amazon.com/transcribe/pricing/ (streaming, the first tier)
TRANSCRIBE_SECOND: Final = 0.024 / 60
TRANSCRIBE_LEAST_SECONDS: Final = 15
# https://aws.amazon.com/cloudwatch/pricing/ (what GetMetricData asks for, and other requests)
CLOUDWATCH_METRIC_ASKED: Final = 0.01 / 1_000
CLOUDWATCH_REQUEST: Final = 0.01 / 1_000


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a bill.

    Attributes:
        what: For what.
        amount: How much of it.
        unit: Of what.
        price: Of one, in dollars.
    """

    what: str
    amount: float
    unit: str
    price: float

    @property
    def dollars(self) -> float:
        """Amount times price."""
        return self.amount * self.price


def properties(template: Mapping[str, Any], type: str, **wanted: Any) -> dict[str, Any]:
    """The properties of the one resource of `type` that has these.

    Raises:
        LookupError: There is none, or more than one.
    """
    found = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == type and all(resource["Properties"].get(name) == value for name, value in wanted.items())
    ]
    if len(found) != 1:
        raise LookupError(f"{len(found)} resources of type {type} with {wanted}; one is meant")
    properties: dict[str, Any] = found[0]
    return properties


def invocations(function: Mapping[str, Any], *, count: float, seconds: float) -> list[Line]:
    """What a function's invocations cost: their time and their number.

    Args:
        function: The function's properties.
        count: How many.
        seconds: Of each.
    """
    [architecture] = function["Architectures"]
    memory = function["MemorySize"] / 1024
    return [
        Line(
            what=f"Lambda: {count:,.0f} times {seconds:g} s at {function['MemorySize']} MB ({architecture})",
            amount=count * seconds * memory,
            unit="GB-s",
            price=LAMBDA_GB_SECOND[architecture],
        ),
        Line(what="Lambda: requests", amount=count, unit="requests", price=LAMBDA_REQUEST),
    ]


def kept_warm(function: Mapping[str, Any], *, environment_hours: float) -> Line:
    """What a function's warm environments cost by being warm."""
    [architecture] = function["Architectures"]
    return Line(
        what=f"Provisioned concurrency: {environment_hours:g} environment-hours at {function['MemorySize']} MB",
        amount=environment_hours * 3600 * function["MemorySize"] / 1024,
        unit="GB-s",
        price=PROVISIONED_GB_SECOND[architecture],
    )


def table(lines: Sequence[Line]) -> str:
    """The lines and their sum, in Markdown."""
    rows = ["| for | amount | USD |", "|---|---|---|"]
    rows += [f"| {line.what} | {line.amount:,.0f} {line.unit} | {line.dollars:.4f} |" for line in lines]
    together = sum(line.dollars for line in lines)
    return "\n".join([*rows, f"| **together** | | **{together:.{2 if together >= 0.1 else 4}f}** |"])
