"""The `ndjson` dialect: one JSON value a line, as our runtime writes them and as others do."""

from __future__ import annotations

from typing import Any

from constructs_pkg.client._events import Data, Error, Event, Finish, Text
from constructs_pkg.client._exceptions import MalformedStream, StreamTruncated

from ._base import parse_json, read_error, read_usage
from ._plain import _too_large


class TypedLinesDecoder:
    """Our runtime's `ndjson`: each line an object with its `type`, and a terminal line of type `finish` or `error`.

    The answer's header `x-stream-dialect` tells it from the lines of others.
    """

    dialect = "ndjson"
    terminal: str | None = 'a line of type "finish"'
    last_event_id = ""

    def __init__(self, *, max_event_bytes: int) -> None:
        """
        Args:
            max_event_bytes: The longest line accepted, in bytes.
        """
        self.done = False
        self._lines = NdjsonDecoder(max_event_bytes=max_event_bytes)

    @property
    def position(self) -> int:
        return self._lines.position

    def restart(self) -> None:
        self._lines.restart()

    def feed(self, data: bytes) -> list[Event]:
        return [] if self.done else self._read(self._lines.feed(data))

    def close(self) -> list[Event]:
        return [] if self.done else self._read(self._lines.close())

    def _read(self, lines: list[Event]) -> list[Event]:
        events: list[Event] = []
        for line in lines:
            assert isinstance(line, Data)
            event = _event_of(line.value)
            if event is not None:
                events.append(event)
            if isinstance(event, (Finish, Error)):
                self.done = True
                break
        return events


def _event_of(value: Any) -> Event | None:
    """What a line says; None for a piece of text without any."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "text":
        text = value.get("text")
        return Text(text) if isinstance(text, str) and text else None
    if kind == "finish":
        reason = value.get("reason")
        return Finish(reason if isinstance(reason, str) else None, read_usage(value.get("usage")))
    if kind == "error":
        return read_error(value)
    if isinstance(kind, str):
        return Data(value.get("data"), None if kind == "data" else kind)
    return Data(value)


class NdjsonDecoder:
    """The lines of others: each is a `Data`; empty lines (heartbeats) are none.

    Complete when HTTP says so, and never in the middle of a line.
    """

    dialect = "ndjson"
    terminal: str | None = None
    done = False
    last_event_id = ""

    def __init__(self, *, max_event_bytes: int) -> None:
        """
        Args:
            max_event_bytes: The longest line accepted, in bytes.
        """
        self._max_event_bytes = max_event_bytes
        self.position = 0
        self._pieces: list[bytes] = []
        self._size = 0

    def restart(self) -> None:
        self._pieces.clear()
        self._size = 0

    def feed(self, data: bytes) -> list[Event]:
        *lines, rest = data.split(b"\n")
        if lines and self._pieces:
            self._pieces.append(lines[0])
            lines[0] = b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
        events: list[Event] = [Data(parse_json(line, self.dialect)) for line in lines if not line.isspace() and line]
        self.position += len(events)
        if rest:
            self._pieces.append(rest)
            self._size += len(rest)
            if self._size > self._max_event_bytes:
                raise _too_large("a line of the stream", self._max_event_bytes)
        return events

    def close(self) -> list[Event]:
        line = b"".join(self._pieces)
        self._pieces.clear()
        if not line.strip():
            return []
        try:
            return [Data(parse_json(line, self.dialect))]  # writers that leave out the last line feed are common
        except MalformedStream:
            raise StreamTruncated(
                "the stream ended in the middle of a line: what came before it is not the whole answer"
            ) from None
