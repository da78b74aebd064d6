"""What the recommendations example costs: by the stream, and by the month for being ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stacks import costs

if TYPE_CHECKING:
    from collections.abc import Mapping

STREAMS: Final = 1_000
SECONDS: Final = 0.1
STARTED: Final = 0.05
"""Share of the streams that start a new environment."""

CHANGED: Final = 0.5
"""Share of the readers who rated something since the last time: theirs is scored and kept anew."""

MONTH_SECONDS: Final = 30 * 24 * 3600


def thousand_streams(template: Mapping[str, Any]) -> list[costs.Line]:
    """A thousand readers of ten recommendations each."""
    function = costs.properties(template, "AWS::Lambda::Function")
    memory = function["MemorySize"] / 1024
    return [
        *costs.invocations(function, count=STREAMS, seconds=SECONDS),
        costs.Line(
            what=f"SnapStart: {STARTED:.0%} start a new environment",
            amount=STREAMS * STARTED * memory,
            unit="GB restored",
            price=costs.SNAPSTART_RESTORED_GB,
        ),
        costs.Line(
            # Stars and last ranking together up to 8 KB, eventually consistent.
            what="DynamoDB: all that is known of a reader",
            amount=STREAMS,
            unit="read units",
            price=costs.DYNAMODB_READ_UNIT,
        ),
        costs.Line(
            # A ranking of ten books is 2 to 3 KB.
            what=f"DynamoDB: the ranking of the {CHANGED:.0%} whose stars have changed",
            amount=STREAMS * CHANGED * 3,
            unit="write units",
            price=costs.DYNAMODB_WRITE_UNIT,
        ),
    ]


def month(template: Mapping[str, Any]) -> list[costs.Line]:
    """What a month of one published version costs for having its picture at hand."""
    function = costs.properties(template, "AWS::Lambda::Function", SnapStart={"ApplyOn": "PublishedVersions"})
    return [
        costs.Line(
            what=f"SnapStart: the picture of one version ({function['MemorySize']} MB)",
            amount=MONTH_SECONDS * function["MemorySize"] / 1024,
            unit="GB-s",
            price=costs.SNAPSTART_CACHED_GB_SECOND,
        )
    ]


def month_kept_warm(template: Mapping[str, Any]) -> list[costs.Line]:
    """What provisioned concurrency of 1 would cost in that month in place of SnapStart."""
    function = costs.properties(template, "AWS::Lambda::Function")
    return [costs.kept_warm(function, environment_hours=MONTH_SECONDS / 3600)]
