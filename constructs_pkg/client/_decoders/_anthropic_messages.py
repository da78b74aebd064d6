"""The `anthropic-messages` dialect: https://docs.anthropic.com/en/docs/build-with-claude/streaming."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_pkg.client._events import Data, Event, Finish, Text

from ._base import EventStreamDialect, as_object, parse_object, read_error, read_usage

if TYPE_CHECKING:
    from ._event_stream import ServerSentEvent


class AnthropicMessagesDecoder(EventStreamDialect):
    """Typed events until `message_stop`. Reason and usage come before it, so that `Finish` is given there.

    What is not text (tool calls, thinking, citations) is given as `Data` named after its event.
    """

    dialect = "anthropic-messages"
    terminal = "event: message_stop"

    def __init__(self, *, max_event_bytes: int) -> None:
        super().__init__(max_event_bytes=max_event_bytes)
        self._reason: str | None = None
        self._usage: dict[str, object] = {}

    def _read(self, frame: ServerSentEvent, events: list[Event]) -> None:
        value = parse_object(frame.data, self.dialect)
        kind = value.get("type", frame.event)
        if kind == "content_block_delta":
            delta = as_object(value.get("delta"))
            text = delta.get("text")
            if delta.get("type") == "text_delta" and isinstance(text, str):
                if text:
                    events.append(Text(text))
            else:
                events.append(Data(value, "content_block_delta"))
        elif kind == "message_start":
            self._usage.update(as_object(as_object(value.get("message")).get("usage")))
        elif kind == "message_delta":
            # Its counts are those of the whole message so far: they replace what message_start gave.
            self._usage.update(as_object(value.get("usage")))
            reason = as_object(value.get("delta")).get("stop_reason")
            self._reason = self._reason if reason is None else str(reason)
        elif kind == "message_stop":
            events.append(Finish(self._reason, read_usage(self._usage)))
            self.done = True
        elif kind == "error":
            events.append(read_error(value.get("error")))
            self.done = True
        elif kind == "content_block_start":
            block = as_object(value.get("content_block"))
            if block.get("type") != "text":
                events.append(Data(value, "content_block_start"))
            elif isinstance(block.get("text"), str) and block["text"]:
                events.append(Text(block["text"]))
        elif kind not in ("content_block_stop", "ping"):
            events.append(Data(value, str(kind)))
