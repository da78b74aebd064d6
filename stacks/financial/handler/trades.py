"""A trade as the feed tells it. Prices are whole numbers of 1/10000, so that sums are exact. Pure."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any, NamedTuple

SCALE = 10_000
SYMBOL = re.compile(r"[A-Z][A-Z0-9.]{0,9}", re.ASCII)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PRICE = re.compile(r"(\d{1,9})(?:\.(\d{1,4}))?", re.ASCII)


class Trade(NamedTuple):
    """One trade, and the best bid and ask after it.

    Attributes:
        symbol: What was traded.
        day: The trading day, as in 2026-11-23.
        number: Its number among the symbol's trades of that day, from 1 on and without holes: a hole is a loss.
        at: When, in milliseconds since 1970.
        price: In 1/10000.
        size: Units.
        bid: In 1/10000.
        ask: In 1/10000.
    """

    symbol: str
    day: str
    number: int
    at: int
    price: int
    size: int
    bid: int
    ask: int

    @classmethod
    def parse(cls, record: bytes) -> Trade:
        """Reads a record of the feed: a JSON object with these names, prices as decimal strings.

        Raises:
            ValueError: It is none; the text says what is wrong, without what was found.
        """
        try:
            found = json.loads(record)
        except (ValueError, RecursionError) as error:
            raise ValueError("not JSON") from error
        if not isinstance(found, dict):
            raise ValueError("not a JSON object")
        trade = cls(
            symbol=_text(found, "symbol", SYMBOL),
            day=_text(found, "day", _DAY),
            number=_whole(found, "trade"),
            at=_whole(found, "at"),
            price=_price(found, "price"),
            size=_whole(found, "size"),
            bid=_price(found, "bid"),
            ask=_price(found, "ask"),
        )
        if trade.ask < trade.bid:
            raise ValueError("'ask' is below 'bid'")
        if trade.day not in _days(trade.at):
            # Trades of an earlier day than the last are old news: one wrong day would have all that follow ignored.
            raise ValueError("'day' is not the day of 'at'")
        return trade

    def record(self) -> bytes:
        """The trade as the feed tells it."""
        prices = {"price": decimal(self.price), "bid": decimal(self.bid), "ask": decimal(self.ask)}
        known = {"symbol": self.symbol, "day": self.day, "trade": self.number, "at": self.at, "size": self.size, **prices}
        return json.dumps(known, separators=(",", ":")).encode()


def _days(at: int) -> set[str]:
    """The dates that it was anywhere on earth, at that time."""
    try:
        moment = dt.datetime.fromtimestamp(at / 1000, dt.UTC)
        return {(moment + dt.timedelta(hours=hours)).date().isoformat() for hours in (-12, 0, 14)}
    except (OverflowError, ValueError) as error:
        raise ValueError("'at' is no time in milliseconds since 1970") from error


def decimal(scaled: int) -> str:
    """A price as a decimal string."""
    whole, rest = divmod(scaled, SCALE)
    return f"{whole}.{rest:04d}"


def number(scaled: int) -> float:
    """A price as JSON carries it: the float that is nearest, which prints as the price again."""
    return scaled / SCALE


def _text(found: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(f"'{name}' is missing or malformed")
    return value


def _whole(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**53:
        raise ValueError(f"'{name}' is missing, or no whole number above 0")
    return value


def _price(found: dict[str, Any], name: str) -> int:
    parts = _PRICE.fullmatch(str(found.get(name, "")))
    if parts is None:
        raise ValueError(f"'{name}' is missing, or no price with at most four decimals")
    return int(parts[1]) * SCALE + int((parts[2] or "").ljust(4, "0"))
