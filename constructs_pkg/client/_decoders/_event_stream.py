"""Server-sent events, as the browser reads them."""

from __future__ import annotations

from typing import NamedTuple

from constructs_pkg.client._exceptions import MalformedStream

_BOM = b"\xef\xbb\xbf"
_LINE_FEED = 10
_CARRIAGE_RETURN = 13

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""The largest event accepted unless told otherwise: 8 MiB, so that a stream without line ends cannot fill the memory."""


class ServerSentEvent(NamedTuple):
    """One dispatched event.

    Attributes:
        event: Its type, `message` when the stream named none.
        data: Its data lines, joined by line feeds.
        id: The last event id at this event, its own or an earlier one's.
    """

    event: str
    data: str
    id: str


class ServerSentEventDecoder:
    """Turns bytes into events, however they were cut. Pure: no sockets, no clock.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

    An event is dispatched by an empty line and only when it has data: neither a heartbeat comment nor a lone `id:` makes
    an event. What stands after the last empty line when the stream ends is no event.

    Attributes:
        last_event_id: The id that a client would send as Last-Event-ID. Empty before the stream gives one.
        retry_milliseconds: The reconnection time that the stream asks for. None before it does.
    """

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        """
        Args:
            max_event_bytes: The largest event accepted, in bytes of its lines.
        """
        self.last_event_id = ""
        self.retry_milliseconds: int | None = None
        self._max_event_bytes = max_event_bytes
        self._pieces: list[bytes] = []  # of a line whose end has not come; joined once, so that a long line costs no square time
        self._pieces_size = 0
        self._skip_line_feed = False  # the line ended in CR at the very end of a piece: an LF that follows belongs to it
        self._start: bytes | None = b""  # the stream's first bytes while they may still be a BOM; None once that is decided
        self._data: list[bytes] = []
        self._data_size = 0
        self._event = b""
        self._id: str | None = None

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Takes the stream's next bytes and returns the events that they complete.

        Raises:
            MalformedStream: `EVENT_TOO_LARGE` when an event grows beyond `max_event_bytes`.
        """
        if self._start is not None:
            data = self._start + data
            if len(data) < 3 and _BOM.startswith(data):
                self._start = data
                return []
            self._start = None
            if data.startswith(_BOM):
                data = data[3:]
        if self._skip_line_feed and data:
            self._skip_line_feed = False
            if data[0] == _LINE_FEED:
                data = data[1:]
        if not data:
            return []

        lines = data.splitlines()  # of bytes: at LF, CR and CRLF, and nowhere else
        last = data[-1]
        if last in (_LINE_FEED, _CARRIAGE_RETURN):
            rest = b""
            self._skip_line_feed = last == _CARRIAGE_RETURN
        else:
            rest = lines.pop()
        if self._pieces and lines:
            self._pieces.append(lines[0])
            lines[0] = b"".join(self._pieces)
            self._pieces.clear()
            self._pieces_size = 0

        events: list[ServerSentEvent] = []
        for line in lines:
            if not line:
                self._dispatch(events)
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b" ", 5) else line[5:])
                self._data_size += len(line)
                if self._data_size > self._max_event_bytes:
                    raise self._too_large()
            elif line[0] != 58:  # a colon starts a comment
                self._field(line)

        if rest:
            self._pieces.append(rest)
            self._pieces_size += len(rest)
            if self._pieces_size + self._data_size > self._max_event_bytes:
                raise self._too_large()
        return events

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"event":
            self._event = value
        elif name == b"data":  # without a colon: an empty line of data
            self._data.append(value)
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= 18:  # of bytes: ASCII digits
            self.retry_milliseconds = int(value)

    def _dispatch(self, events: list[ServerSentEvent]) -> None:
        if self._id is not None:
            self.last_event_id = self._id
            self._id = None
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            kind = self._event.decode("utf-8", "replace") if self._event else "message"
            events.append(ServerSentEvent(kind, data.decode("utf-8", "replace"), self.last_event_id))
            self._data.clear()
            self._data_size = 0
        self._event = b""

    def _too_large(self) -> MalformedStream:
        return MalformedStream(
            f"EVENT_TOO_LARGE: an event of the stream is larger than {self._max_event_bytes} bytes; "
            "raise max_event_bytes if events of this size are meant to come."
        )
