"""How `call` looks: events on standard output, times and failures on standard error."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, TextIO

from ._events import Bytes, Data, Finish, RawEvent, Text

if TYPE_CHECKING:
    from ._timing import StreamTiming

_LONGEST_SHOWN = 100

# What a terminal would obey instead of show: a model's text is anybody's, and must not write to a clipboard or hide lines.
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F, *range(0x80, 0xA0)) if code not in (0x09, 0x0A)}
_DIM, _RED, _PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[0m"


class Printer:
    """Writes to the two standard streams, each piece at once.

    Attributes:
        shared_terminal: Whether both end on a terminal, where lines of one would cut those of the other.
    """

    def __init__(self, out: TextIO, err: TextIO, *, exact: bool = False) -> None:
        """
        Args:
            out: Standard output. To a terminal, control characters are written visibly; anything else gets them as they came.
            exact: Add nothing to what the answer holds, not even a last line feed, unless on a terminal.
            err: Standard error. Colour only on a terminal, and not with NO_COLOR (https://no-color.org).
        """
        self.shared_terminal = out.isatty() and err.isatty()
        self._out = out
        self._err = err
        self._terminal = out.isatty()
        self._colour = err.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._open_line = False  # text is being written whose line has not ended
        self._exact = exact

    def event(self, event: object) -> None:
        """Prints what an event holds: text as it is, data as a line of JSON, the end as nothing."""
        if isinstance(event, Text):
            self._write(event.text)
        elif isinstance(event, Bytes):
            self.raw(event.data)
        elif isinstance(event, (Data, RawEvent)):
            self._end_line()
            self._write(_as_json(event) + "\n")

    def raw(self, data: bytes) -> None:
        """Prints bytes as they are."""
        self._out.buffer.write(data)
        self._out.buffer.flush()
        self._open_line = not data.endswith(b"\n")

    def end(self) -> None:
        """Ends the last line."""
        if self._terminal or not self._exact:
            self._end_line()

    def timed(self, offset: float, event: object) -> None:
        """Prints when an event came, and what it was."""
        self.say(f"+{offset:.3f}s  {describe(event)}")

    def say(self, line: str) -> None:
        """Prints a line beside the answer."""
        if self.shared_terminal:
            self._end_line()
        self._stderr(f"{_DIM}{line}{_PLAIN}" if self._colour else line)

    def failure(self, reason: str) -> None:
        """Prints why the call failed, in one line."""
        line = " ".join(reason.split()).translate(_VISIBLE)
        self._stderr(f"{_RED}error:{_PLAIN} {line}" if self._colour else f"error: {line}")

    def _write(self, text: str) -> None:
        shown = text.translate(_VISIBLE) if self._terminal else text
        # A JSON string may hold half a character; standard output may know fewer than all of them.
        self.raw(shown.encode(self._out.encoding or "utf-8", "replace"))

    def _end_line(self) -> None:
        if self._open_line:
            self.raw(b"\n")

    def _stderr(self, line: str) -> None:
        self._err.write(line + "\n")
        self._err.flush()


def describe(event: object) -> str:
    """An event in one short line, such as `Text "Hello"`."""
    kind = type(event).__name__
    if isinstance(event, Text):
        return f"{kind} {_shown(json.dumps(event.text, ensure_ascii=False))}"
    if isinstance(event, Bytes):
        return f"{kind} {len(event.data)}"
    if isinstance(event, Finish):
        usage = event.usage
        counts = f"  {_count(usage.input_tokens)} tokens in, {_count(usage.output_tokens)} out" if usage is not None else ""
        return f"{kind} {event.reason or 'without a reason'}{counts}"
    return f"{kind} {_shown(_as_json(event))}"


def summary(timing: StreamTiming) -> str:
    """A stream's times in one line."""
    parts = [
        f"first byte {_seconds(timing.first_byte)}",
        f"first token {_seconds(timing.first_text)}",
        f"last {_seconds(timing.last_event)}",
        f"{timing.events} events",
        f"{timing.tokens} tokens",
    ]
    if timing.tokens_per_second is not None:
        parts.append(f"{timing.tokens_per_second:.1f} tokens/s")
    parts.append(f"longest gap {_seconds(timing.longest_gap)}")
    if timing.attempts > 1:
        parts.append(f"{timing.attempts} attempts")
    return " | ".join(parts)


def _as_json(event: object) -> str:
    value: object = event
    if isinstance(event, Data):
        value = event.value if event.name is None else {"name": event.name, "value": event.value}
    elif isinstance(event, RawEvent):
        value = {"event": event.event, "data": event.data, **({"id": event.id} if event.id else {})}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _shown(text: str) -> str:
    text = text.translate(_VISIBLE)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.3f}s"
