"""The `openai-responses` dialect: https://platform.openai.com/docs/api-reference/responses-streaming."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_pkg.client._events import Data, Event, Finish, Text

from ._base import EventStreamDialect, as_object, parse_object, read_error, read_usage

if TYPE_CHECKING:
    from ._event_stream import ServerSentEvent

_FRAMING = frozenset(
    {
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.done",
    }
)
"""Events that say where the text stands, or repeat it whole: they add nothing to what `Text` has said."""


class OpenAIResponsesDecoder(EventStreamDialect):
    """Typed events until `response.completed` or `response.incomplete`; `response.failed` and `error` are errors."""

    dialect = "openai-responses"
    terminal = "response.completed"

    def _read(self, frame: ServerSentEvent, events: list[Event]) -> None:
        if frame.data == "[DONE]":
            return
        value = parse_object(frame.data, self.dialect)
        kind = value.get("type", frame.event)
        if kind == "response.output_text.delta":
            text = value.get("delta")
            if isinstance(text, str) and text:
                events.append(Text(text))
        elif kind in ("response.completed", "response.incomplete"):
            response = as_object(value.get("response"))
            reason = as_object(response.get("incomplete_details")).get("reason") if kind == "response.incomplete" else "stop"
            events.append(Finish(None if reason is None else str(reason), read_usage(response.get("usage"))))
            self.done = True
        elif kind == "response.failed":
            events.append(read_error(as_object(value.get("response")).get("error"), default_code="response.failed"))
            self.done = True
        elif kind == "error":
            # Its own `type` is the word "error": the code beside it says more.
            events.append(read_error({**value, "type": None, **as_object(value.get("error"))}))
            self.done = True
        elif kind not in _FRAMING or as_object(value.get("item")).get("type", "message") != "message":
            events.append(Data(value, str(kind)))
