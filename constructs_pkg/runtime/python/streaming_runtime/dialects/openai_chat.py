"""`openai-chat`: OpenAI's chat completions, streamed as chunks or whole as one document, as the request's `stream` field asks.

Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from streaming_runtime.dialects import base
from streaming_runtime.events import Error, Finish, Start, Usage, compact_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from streaming_runtime.request import Request

DONE = b"data: [DONE]\n\n"
_FINISH_REASON = {"other": "stop"}  # OpenAI's clients know a closed set of reasons
_ERROR_TYPE = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class Encoder(base.Encoder):
    """Model, stream and stream_options.include_usage are read from the request; the handler may name the model by `Start`."""

    name = "openai-chat"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        asked = request.json_object_or_empty()
        options = asked.get("stream_options")
        model = asked.get("model")
        self._id = "chatcmpl-" + request.id.replace("-", "")
        self._created: int | None = None
        self._received_at = request.received_at
        self._model = model if isinstance(model, str) else "unknown"
        self._include_usage = isinstance(options, dict) and options.get("include_usage") is True
        self._whole: list[str] | None = None if asked.get("stream") is True else []
        self._begun = False
        self._frame: tuple[bytes, bytes] = (b"", b"")
        if self._whole is None:
            self.content_type = "text/event-stream; charset=utf-8"
            self.headers = base.HEADERS
            self.heartbeat = b": heartbeat\n\n"
        else:
            self.content_type = "application/json"
            self.name = ""  # one document is no stream, and a reader must not take it for one

    def start(self, event: Start) -> bytes:
        """Takes the answer's names."""
        if self._begun:
            raise ValueError("START_TOO_LATE: found Start after the first chunk; allowed: before it; yield Start first")
        self._id = event.id or self._id
        self._model = event.model or self._model
        self._created = event.created if event.created is not None else self._created
        return b""

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        if self._whole is not None:
            self._whole.append(text)
            return b""
        first = b"" if self._begun else self._begin()
        before, after = self._frame
        return first + before + base.json_text(text) + after

    def finish(self, event: Finish) -> bytes:
        """Writes the terminal event."""
        reason = _FINISH_REASON.get(event.reason, event.reason)
        if self._whole is not None:
            return self._document("".join(self._whole), reason, event.usage)
        first = b"" if self._begun else self._begin()
        last = _data(self._chunk([{"index": 0, "delta": {}, "finish_reason": reason}]))
        counted = b""
        if self._include_usage and event.usage is not None:
            counted = _data({**self._chunk([]), "usage": _usage(event.usage)})
        return first + last + counted + DONE

    def error(self, event: Error) -> bytes:
        """Writes the error event."""
        return _data(error_document(500, event.code, event.message, None)) + DONE

    def error_body(self, status: int, code: str, message: str, param: str | None) -> bytes:
        """Writes an error answer."""
        return compact_json(error_document(status, code, message, param))

    def _begin(self) -> bytes:
        """The first chunk names the role; from here on a piece of text only goes between two fixed halves of a frame."""
        self._begun = True
        frame = _data(self._chunk([{"index": 0, "delta": {"content": ""}, "finish_reason": None}]))
        cut = frame.rindex(b'"content":""') + len(b'"content":')
        self._frame = (frame[:cut], frame[cut + 2 :])
        return _data(self._chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]))

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return self._envelope("chat.completion.chunk", choices)

    def _document(self, text: str, reason: str, usage: Usage | None) -> bytes:
        message = {"role": "assistant", "content": text, "refusal": None}
        choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}]
        document = self._envelope("chat.completion", choices)
        if usage is not None:
            document["usage"] = _usage(usage)
        return compact_json(document)

    def _envelope(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        if self._created is None:
            self._created = int(self._received_at)
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model, "choices": choices}


def _data(value: object) -> bytes:
    return b"data: %b\n\n" % compact_json(value)


def _usage(usage: Usage) -> dict[str, int]:
    return {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens, "total_tokens": usage.total_tokens}


def error_document(status: int, code: str, message: str, param: str | None) -> dict[str, Any]:
    """OpenAI's error shape."""
    kind = _ERROR_TYPE.get(status) or ("invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
