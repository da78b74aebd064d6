"""`anthropic-messages`: Anthropic's Messages API, streamed as named events or whole as one message, as the request's `stream` asks.

Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from streaming_runtime.dialects import base
from streaming_runtime.dialects.names import NamedEncoder, named_frame
from streaming_runtime.events import Error, Finish, Usage, compact_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from streaming_runtime.request import Request

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
    "tool_calls": "tool_use",
    "other": "end_turn",  # Anthropic's clients know a closed set of reasons
}
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b}}\n\n'


class Encoder(NamedEncoder):
    """Model and stream are read from the request; the handler may name the model by `Start`."""

    name = "anthropic-messages"
    heartbeat = b'event: ping\ndata: {"type":"ping"}\n\n'

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._id = "msg_" + self._key
        self._block_begun = False
        self._whole: list[str] | None = None
        if self._asked.get("stream") is not True:
            self._whole = []
            self._answer_whole()

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        if self._whole is not None:
            self._whole.append(text)
            return b""
        if self._block_begun:
            return _DELTA % base.json_text(text)
        self._block_begun = True
        block = named_frame({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        return (b"" if self._begun else self._begin()) + block + _DELTA % base.json_text(text)

    def finish(self, event: Finish) -> bytes:
        """Writes the terminal event."""
        reason = STOP_REASONS[event.reason]
        if self._whole is not None:
            text = "".join(self._whole)
            content = [{"type": "text", "text": text}] if text else []
            return compact_json(self._message(content, reason, event.usage))
        first = b"" if self._begun else self._begin()
        block = named_frame({"type": "content_block_stop", "index": 0}) if self._block_begun else b""
        delta = {"stop_reason": reason, "stop_sequence": None}
        return (
            first
            + block
            + named_frame({"type": "message_delta", "delta": delta, "usage": _usage(event.usage)})
            + named_frame({"type": "message_stop"})
        )

    def error(self, event: Error) -> bytes:
        """Writes the error event."""
        return named_frame(_error("api_error", event.code, event.message))

    def error_body(self, status: int, code: str, message: str, param: str | None) -> bytes:  # noqa: ARG002 - Anthropic names none
        """Writes an error answer."""
        kind = _ERROR_TYPES.get(status) or ("invalid_request_error" if status < 500 else "api_error")
        return compact_json(_error(kind, code, message))

    def _begin(self) -> bytes:
        self._begun = True
        return named_frame({"type": "message_start", "message": self._message([], None, None)})

    def _message(self, content: list[dict[str, str]], reason: str | None, usage: Usage | None) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": _usage(usage),
        }


def _usage(usage: Usage | None) -> dict[str, int]:
    """Counts that nobody knows are 0: Anthropic's clients read them without looking whether they are there."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}


def _error(kind: str, code: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message, "code": code}}
