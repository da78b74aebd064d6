"""The same view on a recorded tape: what a viewer would have seen, faster. For a laptop, and for a page without a feed behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from board import Page
from market import Market

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trades import Trade

_PAGE = 200


class Replay:
    """Reads as `Board` does; its market moves with the clock, from the moment it is made, and stays where the tape ends."""

    def __init__(self, tape: Sequence[Trade], *, speed: float, candle_seconds: int, clock: Callable[[], float]) -> None:
        """
        Args:
            tape: Trades in the order of their times.
            speed: Seconds of the tape that pass in one second.
            candle_seconds: Length of a candle.
            clock: In seconds, from anywhere.
        """
        self._tape = tape
        self._speed = speed
        self._candle_seconds = candle_seconds
        self._clock = clock
        self._started = clock()
        self._position = 0
        self._markets: dict[str, Market] = {}
        self._events: dict[str, list[dict[str, Any]]] = {}

    @property
    def over(self) -> bool:
        """Whether the tape has been shown to its end."""
        return self._position == len(self._tape)

    def read(self, symbol: str, after: int | None) -> Page:
        """The events after number `after`, then the present. None: the present alone."""
        self._move()
        market = self._markets.get(symbol)
        if market is None:
            return Page([], None)
        events = [] if after is None else self._events[symbol][after : after + _PAGE]
        more = len(events) == _PAGE
        return Page(events, None if more else market.to_json(), more)

    def _move(self) -> None:
        """Takes in what has been traded by now, as one batch, as the reader of the stream does."""
        shown_ms = (self._clock() - self._started) * 1000 * self._speed
        batches: dict[str, list[Trade]] = {}
        while self._position < len(self._tape) and self._tape[self._position].at - self._tape[0].at <= shown_ms:
            trade = self._tape[self._position]
            batches.setdefault(trade.symbol, []).append(trade)
            self._position += 1
        for symbol, trades in batches.items():
            market = self._markets.setdefault(symbol, Market(symbol, candle_seconds=self._candle_seconds))
            self._events.setdefault(symbol, []).extend(market.apply(trades))
            market.version += 1
