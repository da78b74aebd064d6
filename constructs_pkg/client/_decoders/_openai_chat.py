"""The `openai-chat` dialect: https://platform.openai.com/docs/api-reference/chat-streaming."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from constructs_pkg.client._events import Data, Event, Finish, Text, Usage

from ._base import EventStreamDialect, parse_object, read_error, read_usage

if TYPE_CHECKING:
    from ._event_stream import ServerSentEvent


class OpenAIChatDecoder(EventStreamDialect):
    """`data: {chat.completion.chunk}` until `data: [DONE]`.

    Reason and usage come in chunks of their own before `[DONE]`, so that `Finish` is given at `[DONE]`. A chunk that says more
    than text (tool calls, a refusal, another choice than the first) is given whole, as `Data` named `chunk`.
    """

    dialect = "openai-chat"
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
        chunk = parse_object(frame.data, self.dialect)
        if "error" in chunk or frame.event == "error":
            failure = chunk.get("error", chunk)
            if failure is not None:
                events.append(read_error(failure))
                self.done = True
                return
        if chunk.get("usage") is not None:
            self._usage = read_usage(chunk["usage"]) or self._usage
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            return
        whole = False
        for choice in choices:
            if not isinstance(choice, dict):
                continue
            if choice.get("index"):  # absent or 0 is the first
                whole = True
                continue
            if choice.get("finish_reason") is not None:
                self._reason = str(choice["finish_reason"])
            delta = choice.get("delta")
            if not isinstance(delta, dict):
                continue
            text = delta.get("content")
            if isinstance(text, str) and text:
                events.append(Text(text))
                if len(delta) == 1:
                    continue
            whole = whole or _says_more_than_text(delta)
        if whole:
            events.append(Data(chunk, "chunk"))


def _says_more_than_text(delta: dict[str, Any]) -> bool:
    return any(name not in ("content", "role") and value for name, value in delta.items())
