"""The `sse` dialect: this project's own, a named server-sent event for each thing that a handler yields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_pkg.client._events import Data, Event, Finish, RawEvent, Text

from ._base import EventStreamDialect, parse_json, parse_object, read_error, read_usage

if TYPE_CHECKING:
    from ._event_stream import ServerSentEvent


class SseDecoder(EventStreamDialect):
    """`event: text`, `event: <name>`, and at the end `event: finish` or `event: error`."""

    dialect = "sse"
    terminal = "event: finish"

    def _read(self, frame: ServerSentEvent, events: list[Event]) -> None:
        kind = frame.event
        if kind == "text":
            text = parse_object(frame.data, self.dialect).get("text")
            if isinstance(text, str) and text:
                events.append(Text(text))
        elif kind == "finish":
            value = parse_object(frame.data, self.dialect)
            reason = value.get("reason")
            events.append(Finish(reason if isinstance(reason, str) else None, read_usage(value.get("usage"))))
            self.done = True
        elif kind == "error":
            events.append(read_error(parse_json(frame.data, self.dialect)))
            self.done = True
        elif kind == "message":
            # No handler of ours writes unnamed events: the stream is someone else's, so its data need not be JSON.
            events.append(RawEvent(frame.event, frame.data, frame.id))
        else:
            events.append(Data(parse_json(frame.data, self.dialect), None if kind == "data" else kind))


class EventStreamDecoder(EventStreamDialect):
    """The `event-stream` dialect: every server-sent event as it stands, complete when HTTP says so. For streams of others."""

    dialect = "event-stream"

    def _read(self, frame: ServerSentEvent, events: list[Event]) -> None:
        events.append(RawEvent(frame.event, frame.data, frame.id))
