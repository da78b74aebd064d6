"""A trade tape with known answers: made by a small generator of its own, so that every machine and every Python has the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trades import Trade

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = "2026-11-23"
OPENS_AT = 1_795_444_200_000
"""9:30 in New York on that day, in milliseconds since 1970."""

SYMBOLS = {"ACME": 1_012_500, "BOLT": 484_200, "CROW": 2_260_000}
"""What is traded, and where its price begins, in 1/10000."""

JUMP = ("ACME", 120, 15_000)
"""A price that jumps: symbol, number of the trade, by how much."""

WIDE = ("BOLT", 90, 6_000)
"""A spread that opens: symbol, number of the trade, by how much on each side."""

BLOCK = ("CROW", 150, 25_000)
"""A block that is traded at once: symbol, number of the trade, its size."""

LOST = ("BOLT", 140, 144)
"""Trades that never reach the feed: symbol, the first and the last number."""

_TICK = 100


def make_tape(*, minutes: int = 10, seed: int = 7) -> list[Trade]:
    """All trades of the first `minutes` of the day, in the order of their times."""
    trades = [trade for index, symbol in enumerate(SYMBOLS) for trade in _trades(symbol, minutes, seed + index)]
    kept = (trade for trade in trades if trade.symbol != LOST[0] or not LOST[1] <= trade.number <= LOST[2])
    return sorted(kept, key=lambda trade: (trade.at, trade.symbol))


def _trades(symbol: str, minutes: int, seed: int) -> Iterator[Trade]:
    numbers = _numbers(seed)
    at, price, number = OPENS_AT, SYMBOLS[symbol], 0
    while True:
        at += 500 + next(numbers) % 2_500
        if at >= OPENS_AT + minutes * 60_000:
            return
        number += 1
        price += (next(numbers) % 7 - 3) * _TICK
        below, above = (1 + next(numbers) % 2) * _TICK, (1 + next(numbers) % 2) * _TICK
        size = 10 * (1 + next(numbers) % 10)
        if (symbol, number) == JUMP[:2]:
            price += JUMP[2]
        if (symbol, number) == WIDE[:2]:
            below, above = below + WIDE[2], above + WIDE[2]
        if (symbol, number) == BLOCK[:2]:
            size = BLOCK[2]
        yield Trade(symbol, DAY, number, at, price, size, price - below, price + above)


def _numbers(seed: int) -> Iterator[int]:
    """Knuth's linear congruential generator (MMIX); its high bits, which are the good ones."""
    state = seed
    while True:
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        yield state >> 33
