"""What the tape's candles must be, worked out without the handler's code: grouped by minute, in fractions."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any


def candles(tape: list[Any], symbol: str) -> list[dict[str, Any]]:
    """Every candle of a symbol, the last one, which is still open, included."""
    trades = [trade for trade in tape if trade.symbol == symbol]
    found = []
    for minute, grouped in groupby(trades, key=lambda trade: trade.at // 60_000):
        group = list(grouped)
        prices = [Decimal(trade.price) / 10_000 for trade in group]
        turnover = sum(Fraction(trade.price, 10_000) * trade.size for trade in group)
        volume = sum(trade.size for trade in group)
        average = turnover / volume
        exact = Decimal(average.numerator) / Decimal(average.denominator)
        found.append(
            {
                "start": minute * 60_000,
                "open": float(prices[0]),
                "high": float(max(prices)),
                "low": float(min(prices)),
                "close": float(prices[-1]),
                "vwap": float(exact.quantize(Decimal("0.0001"), ROUND_HALF_UP)),
                "volume": volume,
                "trades": len(group),
            }
        )
    return found
