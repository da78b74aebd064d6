"""What one viewer is shown: every numbered event once and in order, and of the present always the newest. Pure but for its source.

A generator is asked for its next value when the last one has been written. A slow reader so makes it look less often: it is then shown
fewer quotes, each with the number of those it was not shown, and all the events that have come in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from market import Market

from streaming_runtime import Data, Finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from board import Page


class Source(Protocol):
    """A `Board`, or a `Replay`."""

    def read(self, symbol: str, after: int | None) -> Page: ...


class _Seen:
    """How far a viewer has got with one symbol."""

    def __init__(self, after: int | None) -> None:
        self.event = after
        self.version: int | None = None
        self.waiting = False


def live(
    source: Source,
    symbols: Sequence[str],
    after: dict[str, int],
    *,
    candle_seconds: int,
    over: Callable[[], bool],
    wait: Callable[[], None],
) -> Iterator[Data | Finish]:
    """Shows `symbols` until it is over.

    Args:
        source: Where the market is read.
        symbols: What to show.
        after: By symbol, the number of the last event that the viewer has. Symbols that are not in it begin with the present.
        candle_seconds: Length of a candle.
        over: Whether to end, asked after each look.
        wait: Called between two looks.
    """
    seen = {symbol: _Seen(after.get(symbol)) for symbol in symbols}
    while True:
        last, more = over(), False
        for symbol in symbols:
            more |= yield from _look(source, symbol, seen[symbol], candle_seconds)
        if last and not more:
            break
        if not more:
            wait()
    yield Data({"after": {symbol: how.event for symbol, how in seen.items() if how.event is not None}}, name="resume")
    yield Finish("stop")


def _look(source: Source, symbol: str, seen: _Seen, candle_seconds: int) -> Iterator[Data]:
    """Shows what is new. Returns whether there is more."""
    page = source.read(symbol, seen.event)
    state = page.state
    if state is not None and seen.event is not None and seen.event > state["events"]:
        yield _gap(symbol, reason="restarted", events={"from": state["events"] + 1, "to": seen.event})
        seen.event = None
    for event in page.events:
        if seen.event is not None and event["n"] > seen.event + 1:
            yield _gap(symbol, reason="expired", events={"from": seen.event + 1, "to": event["n"] - 1})
        shown = {name: value for name, value in event.items() if name != "kind"}
        yield Data(shown, name=event["kind"])
        seen.event = event["n"]
    if state is None:
        if not page.more and not seen.waiting:
            seen.waiting = True
            yield Data({"symbol": symbol}, name="waiting")
        return page.more
    if seen.event is None:
        seen.event = state["events"]
    version = state["version"]
    if version != seen.version:
        skipped = 0 if seen.version is None else max(0, version - seen.version - 1)
        seen.version = version
        quote = Market(symbol, candle_seconds=candle_seconds, stored=state).quote()
        yield Data({**quote, "skipped": skipped}, name="quote")
    return page.more


def _gap(symbol: str, **facts: Any) -> Data:
    return Data({"symbol": symbol, **facts}, name="gap")
