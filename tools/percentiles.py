"""Percentiles for the local CloudWatch interface, which knows sums and extremes alone."""

from __future__ import annotations

import contextlib
import math
import re
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Iterator


def percentile(values: list[float], statistic: str) -> float:
    """The smallest of the values that so many of them do not exceed.

    Args:
        values: At least one, in any order.
        statistic: As CloudWatch writes it, such as `p99` or `p99.9`.
    """
    share = float(statistic.removeprefix("p")) / 100
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@contextlib.contextmanager
def percentiles() -> Iterator[None]:
    """Teaches them to moto's CloudWatch in this process until the block ends."""
    from moto.cloudwatch.models import Statistics  # of the development requirements

    known = Statistics.get_statistics_for_type

    def answer(self: Any, stat: str) -> Any:
        values = self.metric_single_values_list
        return percentile(values, stat) if re.fullmatch(r"p\d+(\.\d+)?", stat) and values else known(self, stat)

    with mock.patch.object(Statistics, "get_statistics_for_type", answer):
        yield
