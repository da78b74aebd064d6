"""What a viewer asks for. Pure: raises what the caller got wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trades import SYMBOL

from streaming_runtime import BadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_SYMBOLS = 10
LONGEST_SECONDS = 780
"""Thirteen minutes: less than what the alarm takes for a stream that nearly reached the function's timeout."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A request that was found good.

    Attributes:
        symbols: What to show, each once.
        after: By symbol, the number of the last event that the viewer has.
        seconds: How long to show it.
    """

    symbols: tuple[str, ...]
    after: dict[str, int]
    seconds: int

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> View:
        """Reads `symbols=ACME,BOLT&after=ACME:12&seconds=60`; all but the symbols may be left out.

        Raises:
            BadRequest: Something in it is wrong; `param` says what.
        """
        unknown = sorted(query.keys() - {"symbols", "after", "seconds"})
        if unknown:
            raise BadRequest(
                f"There is no parameter '{unknown[0][:40]}'; symbols, after and seconds are known.", param=unknown[0][:40]
            )
        symbols = tuple(dict.fromkeys(query.get("symbols", "").split(",")))
        if not all(SYMBOL.fullmatch(symbol) for symbol in symbols):
            raise BadRequest("'symbols' is required: symbols such as ACME, with commas between them.", param="symbols")
        if len(symbols) > MOST_SYMBOLS:
            raise BadRequest(f"'symbols' names {len(symbols)}; at most {MOST_SYMBOLS} are shown in one stream.", param="symbols")
        return cls(symbols=symbols, after=_after(query.get("after", ""), symbols), seconds=_seconds(query.get("seconds")))


def _after(text: str, symbols: tuple[str, ...]) -> dict[str, int]:
    after: dict[str, int] = {}
    for part in text.split(",") if text else ():
        symbol, _, number = part.partition(":")
        if symbol not in symbols or not (number.isascii() and number.isdigit()) or len(number) > 12:
            raise BadRequest(
                "'after' holds pairs such as ACME:12, with commas between them, of the symbols asked for.", param="after"
            )
        after[symbol] = int(number)
    return after


def _seconds(text: str | None) -> int:
    if text is None:
        return LONGEST_SECONDS
    if not (text.isascii() and text.isdigit()) or len(text) > 3 or not 1 <= int(text) <= LONGEST_SECONDS:
        raise BadRequest(f"'seconds' is a whole number from 1 to {LONGEST_SECONDS}.", param="seconds")
    return int(text)
