"""The `ui-message-stream` dialect of Vercel's `ai` package: https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_pkg.client._events import Data, Error, Event, Finish, Text, Usage

from ._base import EventStreamDialect, as_object, parse_object, read_error, read_usage

if TYPE_CHECKING:
    from ._event_stream import ServerSentEvent

_FRAMING = frozenset({"start", "start-step", "finish-step", "text-start", "text-end"})


class UIMessageStreamDecoder(EventStreamDialect):
    """`data: {"type": ...}` until `finish` and `data: [DONE]`, where `Finish` is given. Other parts are `Data` named after their type."""

    dialect = "ui-message-stream"
    terminal = "data: [DONE]"

    def __init__(self, *, max_event_bytes: int) -> None:
        super().__init__(max_event_bytes=max_event_bytes)
        self._reason: str | None = None
        self._usage: Usage | None = None

    def _read(self, frame: ServerSentEvent, events: list[Event]) -> None:
        if frame.data == "[DONE]":
            events.append(Finish(self._reason, self._usage))
            self.done = True
            return
        value = parse_object(frame.data, self.dialect)
        kind = value.get("type")
        if kind == "text-delta":
            text = value.get("delta")
            if isinstance(text, str) and text:
                events.append(Text(text))
        elif kind == "finish":
            reason = value.get("finishReason")
            self._reason = None if reason is None else str(reason)
            self._usage = read_usage(as_object(value.get("messageMetadata")).get("usage"))
        elif kind == "error":
            events.append(read_error({"message": value.get("errorText")}))
            self.done = True
        elif kind == "abort":
            events.append(Error("aborted", "the server gave the answer up before its end"))
            self.done = True
        elif kind not in _FRAMING and kind != "data-heartbeat":
            events.append(Data(value, str(kind)))
