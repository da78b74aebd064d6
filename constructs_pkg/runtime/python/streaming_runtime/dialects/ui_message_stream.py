"""`ui-message-stream`: the stream that `useChat` of Vercel's `ai` package reads.

The heartbeat is a comment, as the package itself writes it: a data part would reach the application's `onData`.

Source: https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol
"""

from __future__ import annotations

from streaming_runtime.dialects import base
from streaming_runtime.dialects.names import NamedEncoder, data_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from streaming_runtime.events import Data, Error, Finish
    from streaming_runtime.request import Request

DONE = b"data: [DONE]\n\n"
_DELTA = b'data: {"type":"text-delta","id":"text","delta":%b}\n\n'
_HEADERS = {**base.HEADERS, "x-vercel-ai-ui-message-stream": "v1"}


class Encoder(NamedEncoder):
    """`Start.id` becomes the message's id; by default it is the request's."""

    name = "ui-message-stream"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.headers = _HEADERS
        self._id = "msg-" + self._key
        self._text_begun = False

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        if self._text_begun:
            return _DELTA % base.json_text(text)
        self._text_begun = True
        return self._begin() + data_frame({"type": "text-start", "id": "text"}) + _DELTA % base.json_text(text)

    def data(self, event: Data) -> bytes:
        """Writes a JSON value, as a part `data-<name>`."""
        name = base.data_name(event.name)
        return self._begin() + data_frame({"type": f"data-{name}", "data": event.value})

    def finish(self, event: Finish) -> bytes:
        """Writes the terminal events."""
        last: dict[str, Any] = {"type": "finish", "finishReason": event.reason.replace("_", "-")}
        usage = event.usage
        if usage is not None:
            counted = {
                "inputTokens": usage.input_tokens,
                "outputTokens": usage.output_tokens,
                "totalTokens": usage.total_tokens,
            }
            last["messageMetadata"] = {"usage": counted}
        text = data_frame({"type": "text-end", "id": "text"}) if self._text_begun else b""
        return self._begin() + text + data_frame({"type": "finish-step"}) + data_frame(last) + DONE

    def error(self, event: Error) -> bytes:
        """Writes the error part. It has no place for the code."""
        return data_frame({"type": "error", "errorText": event.message}) + DONE

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return data_frame({"type": "start", "messageId": self._id}) + data_frame({"type": "start-step"})
