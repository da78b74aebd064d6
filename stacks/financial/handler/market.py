"""What a symbol's trades add up to: the open candle, the spread, and numbered events for all that must not be lost. Pure.

A market is a fold over trades: the same trades in the same order give the same numbers on the same events, however they were
cut into batches. So a batch that is delivered twice changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trades import Trade, number

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOW = 20
"""Trades that say what is usual."""

PRICE_TIMES = 8
"""A price that moved this many times as far as usual is an anomaly; so are, by their own factors, a spread and a size."""

SPREAD_TIMES = 4
SIZE_TIMES = 10
_TICK = 100  # 0.01: what counts as usual where nothing moved at all

Event = dict[str, Any]


class Market:
    """One symbol.

    Attributes:
        version: How often it was stored; a viewer that has not seen each knows how many it missed.
        events: How many events it has given, which is also the number of the last.
    """

    def __init__(self, symbol: str, *, candle_seconds: int, stored: dict[str, Any] | None = None) -> None:
        """
        Args:
            symbol: Whose trades these are.
            candle_seconds: Length of a candle.
            stored: What `to_json` gave. Default: a symbol never seen before.
        """
        self.symbol = symbol
        self._candle_ms = candle_seconds * 1000
        stored = stored or {}
        self.version: int = stored.get("version", 0)
        self.events: int = stored.get("events", 0)
        self._day: str = stored.get("day", "")
        self._number: int = stored.get("number", 0)
        self._last: dict[str, int] = stored.get("last", {})
        self._candle: dict[str, int] | None = stored.get("candle")
        self._usual: dict[str, list[int]] = stored.get("usual", {"move": [], "spread": [], "size": []})

    @property
    def position(self) -> tuple[str, int]:
        """Day and number of the last trade that was taken in."""
        return self._day, self._number

    def to_json(self) -> dict[str, Any]:
        """All of it, to be stored."""
        return {
            "version": self.version,
            "events": self.events,
            "day": self._day,
            "number": self._number,
            "last": self._last,
            "candle": self._candle,
            "usual": self._usual,
        }

    def apply(self, trades: Iterable[Trade]) -> list[Event]:
        """Takes trades in. Those that it has had already change nothing.

        Returns:
            The events that came of them: closed candles, anomalies, gaps in the feed.
        """
        events: list[Event] = []
        for trade in trades:
            if (trade.day, trade.number) <= self.position:
                continue
            self._find_gap(trade, events)
            self._find_anomalies(trade, events)
            self._add_to_candle(trade, events)
            self._day, self._number = trade.day, trade.number
            self._last = {"at": trade.at, "price": trade.price, "bid": trade.bid, "ask": trade.ask}
        return events

    def quote(self) -> dict[str, Any]:
        """The present, as a viewer sees it."""
        last = self._last
        return {
            "symbol": self.symbol,
            "at": last["at"],
            "price": number(last["price"]),
            "bid": number(last["bid"]),
            "ask": number(last["ask"]),
            "spread": number(last["ask"] - last["bid"]),
            "candle": None if self._candle is None else _shown(self._candle),
        }

    def _say(self, events: list[Event], kind: str, **facts: Any) -> None:
        self.events += 1
        events.append({"kind": kind, "n": self.events, "symbol": self.symbol, **facts})

    def _find_gap(self, trade: Trade, events: list[Event]) -> None:
        """Only the very first trade ever seen may have any number: nothing is known of what came before it."""
        if not self._day:
            return
        expected = self._number + 1 if trade.day == self._day else 1
        if trade.number > expected:
            missing = {"from": expected, "to": trade.number - 1}
            self._say(events, "gap", reason="feed", day=trade.day, trades=missing)

    def _find_anomalies(self, trade: Trade, events: list[Event]) -> None:
        spread = trade.ask - trade.bid
        move = abs(trade.price - self._last["price"]) if self._last else None
        seen = (("move", move, PRICE_TIMES, _TICK), ("spread", spread, SPREAD_TIMES, _TICK), ("size", trade.size, SIZE_TIMES, 1))
        for rule, value, times, least in seen:
            if value is None:
                continue
            usual = self._usual[rule]
            if len(usual) == WINDOW and value * WINDOW > times * max(sum(usual), least * WINDOW):
                shown = number if rule != "size" else int
                mean = round(max(sum(usual) / WINDOW, least))
                facts = {"value": shown(value), "usual": shown(mean), "price": number(trade.price)}
                self._say(events, "anomaly", rule=rule, trade=trade.number, at=trade.at, **facts)
            usual.append(value)
            del usual[:-WINDOW]

    def _add_to_candle(self, trade: Trade, events: list[Event]) -> None:
        start = trade.at - trade.at % self._candle_ms
        candle = self._candle
        if candle is not None and start > candle["start"]:
            self._say(events, "candle", **_shown(candle))
            candle = None
        # A trade whose clock ran behind counts where it arrived: a candle that was shown as closed never changes.
        if candle is None:
            candle = {"start": start, "open": trade.price, "high": trade.price, "low": trade.price}
            candle |= {"close": trade.price, "volume": 0, "turnover": 0, "trades": 0}
        candle["high"] = max(candle["high"], trade.price)
        candle["low"] = min(candle["low"], trade.price)
        candle["close"] = trade.price
        candle["volume"] += trade.size
        candle["turnover"] += trade.price * trade.size
        candle["trades"] += 1
        self._candle = candle


def _shown(candle: dict[str, int]) -> dict[str, Any]:
    prices = {name: number(candle[name]) for name in ("open", "high", "low", "close")}
    # Half up, in whole numbers: the average price, weighted by size.
    average = (2 * candle["turnover"] + candle["volume"]) // (2 * candle["volume"])
    return {"start": candle["start"], **prices, "vwap": number(average), "volume": candle["volume"], "trades": candle["trades"]}
