"""What is made of the measured numbers. Pure."""

from __future__ import annotations

from math import ceil
from statistics import median
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


def rotated(items: Sequence[T], round_number: int) -> list[T]:
    """The order of one round: every item comes first equally often, and what runs before it changes."""
    shift = round_number % len(items) if items else 0
    turned = [*items[shift:], *items[:shift]]
    return turned[::-1] if (round_number // max(1, len(items))) % 2 else turned


def paired(ours: Sequence[float], peers: Sequence[float]) -> list[float]:
    """The ratio of each round: whatever slowed a round down slowed both."""
    return [mine / theirs for mine, theirs in zip(ours, peers, strict=True)]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles."""
    return {"median": median(values), "low": quantile(values, 0.25), "high": quantile(values, 0.75)}
