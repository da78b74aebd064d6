"""What the financial example costs: by the viewer, and by the day whether anybody watches or not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from stacks import costs

if TYPE_CHECKING:
    from collections.abc import Mapping

VIEWERS: Final = 1_000
SECONDS: Final = 300
SYMBOLS: Final = 3
MARKET_HOURS: Final = 6.5


def thousand_streams(template: Mapping[str, Any]) -> list[costs.Line]:
    """A thousand viewers, each of three symbols for five minutes."""
    function = costs.properties(template, "AWS::Lambda::Function", Handler="index.handler")
    looks = SECONDS * 1000 / int(function["Environment"]["Variables"]["LOOK_MILLISECONDS"])
    return [
        *costs.invocations(function, count=VIEWERS, seconds=SECONDS),
        costs.Line(
            # Half a unit for up to 4 KB, eventually consistent: what is new, and the present.
            what=f"DynamoDB: {looks:g} looks at {SYMBOLS} symbols each",
            amount=VIEWERS * looks * SYMBOLS / 2,
            unit="read units",
            price=costs.DYNAMODB_READ_UNIT,
        ),
    ]


def trading_day(template: Mapping[str, Any]) -> list[costs.Line]:
    """What a day of the feed costs, one batch a second and three symbols in it."""
    function = costs.properties(template, "AWS::Lambda::Function", Handler="index.handler")
    reader = costs.properties(template, "AWS::Lambda::Function", Handler="consumer.handler")
    shards = costs.properties(template, "AWS::Kinesis::Stream")["ShardCount"]
    batches = MARKET_HOURS * 3600 * shards
    return [
        costs.Line(what="Kinesis: shards", amount=24 * shards, unit="shard-hours", price=costs.KINESIS_SHARD_HOUR),
        *costs.invocations(reader, count=batches, seconds=0.05),
        costs.Line(
            what="DynamoDB: the present of 3 symbols a second, read",
            amount=batches * SYMBOLS,
            unit="read units",
            price=costs.DYNAMODB_READ_UNIT,
        ),
        costs.Line(
            what="DynamoDB: the present of 3 symbols a second, and a candle a minute, written",
            amount=batches * SYMBOLS * (1 + 1 / 60),
            unit="write units",
            price=costs.DYNAMODB_WRITE_UNIT,
        ),
        costs.kept_warm(function, environment_hours=_warm_hours(template)),
    ]


def _warm_hours(template: Mapping[str, Any]) -> float:
    """Warm environments of a trading day, in hours: those within the market's hours and those outside."""
    target = costs.properties(template, "AWS::ApplicationAutoScaling::ScalableTarget")
    (opens, most), (closes, least) = (
        (_hour(action["Schedule"]), action["ScalableTargetAction"]["MinCapacity"]) for action in target["ScheduledActions"]
    )
    return float((closes - opens) * most + (24 - closes + opens) * least)


def _hour(schedule: str) -> float:
    found = re.match(r"cron\((\d+) (\d+) ", schedule)
    assert found is not None, schedule
    return int(found[2]) + int(found[1]) / 60
