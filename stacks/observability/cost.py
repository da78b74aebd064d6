"""What the observability example costs: by the viewer. A month in which nobody watches costs nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from stacks import costs

if TYPE_CHECKING:
    from collections.abc import Mapping

VIEWERS: Final = 1_000
NUMBERS: Final = 17
"""Metrics of a function that are shown, as in handler/metrics.mjs."""


def thousand_streams(template: Mapping[str, Any]) -> list[costs.Line]:
    """A thousand streams of the longest kind. Each looks for itself: numbers are asked for by the viewer, not once for all."""
    function = costs.properties(template, "AWS::Lambda::Function", Handler="index.handler", MemorySize=256)
    variables = function["Environment"]["Variables"]
    functions = str(variables["WATCHED"]).count('"label"')
    seconds = float(variables["MOST_SECONDS"])
    looks = math.ceil(seconds / float(variables["METRICS_SECONDS"]))
    return [
        costs.Line(
            what=f"CloudWatch: {NUMBERS} numbers of {functions} functions, {looks} times",
            amount=VIEWERS * looks * functions * NUMBERS,
            unit="metrics",
            price=costs.CLOUDWATCH_METRIC_ASKED,
        ),
        costs.Line(
            what=f"CloudWatch: alarms of {functions} stacks, {looks} times",
            amount=VIEWERS * looks * functions,
            unit="requests",
            price=costs.CLOUDWATCH_REQUEST,
        ),
        *costs.invocations(function, count=VIEWERS, seconds=seconds),
    ]
