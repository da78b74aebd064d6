"""The `ndjson` dialect: one JSON value a line."""

from __future__ import annotations

from constructs_pkg.client._events import Data, Event
from constructs_pkg.client._exceptions import MalformedStream, StreamTruncated

from ._base import parse_json
from ._plain import _too_large


class NdjsonDecoder:
    """Each line is a `Data`; empty lines (heartbeats) are none. Complete when HTTP says so, and never in the middle of a line."""

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
