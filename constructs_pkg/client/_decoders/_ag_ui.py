"""The `ag-ui` dialect: https://docs.ag-ui.com/concepts/events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_pkg.client._events import Data, Event, Finish, Text

from ._base import EventStreamDialect, as_object, parse_object, read_error, read_usage

if TYPE_CHECKING:
    from ._event_stream import ServerSentEvent

_FRAMING = frozenset({"RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_END"})


class AgUiDecoder(EventStreamDialect):
    """`data: {"type": ...}` until `RUN_FINISHED` or `RUN_ERROR`. What is not text is `Data` named after its type."""

    dialect = "ag-ui"
    terminal = "RUN_FINISHED"

    def _read(self, frame: ServerSentEvent, events: list[Event]) -> None:
        value = parse_object(frame.data, self.dialect)
        kind = value.get("type")
        if kind in ("TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_CHUNK"):
            text = value.get("delta")
            if isinstance(text, str) and text:
                events.append(Text(text))
        elif kind == "RUN_FINISHED":
            result = as_object(value.get("result"))
            reason = result.get("reason")
            events.append(Finish(None if reason is None else str(reason), read_usage(result.get("usage"))))
            self.done = True
        elif kind == "RUN_ERROR":
            events.append(read_error({"code": value.get("code"), "message": value.get("message")}))
            self.done = True
        elif kind not in _FRAMING:
            events.append(Data(value, str(kind)))
