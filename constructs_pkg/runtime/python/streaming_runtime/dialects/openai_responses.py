"""`openai-responses`: OpenAI's Responses API, streamed as typed events or whole as one document, as the request's `stream` asks.

Its last events repeat the whole text, so a stream of this dialect keeps its text in memory until its end.

Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from streaming_runtime.dialects import base
from streaming_runtime.dialects.names import NamedEncoder, named_frame
from streaming_runtime.dialects.openai_chat import error_document
from streaming_runtime.events import Error, Finish, Usage, compact_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from streaming_runtime.request import Request

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}  # every other reason completes a response


class Encoder(NamedEncoder):
    """Model and stream are read from the request; the handler may name the model by `Start`."""

    name = "openai-responses"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._id = "resp_" + self._key
        self._item_id = "msg_" + self._key
        self._sequence = 0
        self._texts: list[str] = []
        self._item_begun = False
        self._streams = self._asked.get("stream") is True
        if not self._streams:
            self._answer_whole()

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        self._texts.append(text)
        if not self._streams:
            return b""
        first = b"" if self._item_begun else self._begin_item()
        number = self._sequence
        self._sequence += 1
        return first + self._delta % (number, base.json_text(text))

    def finish(self, event: Finish) -> bytes:
        """Writes the terminal event."""
        reason = _INCOMPLETE.get(event.reason)
        status = "completed" if reason is None else "incomplete"
        output = self._output(status)
        response = self._response(
            status, output=output, usage=event.usage, incomplete_details=None if reason is None else {"reason": reason}
        )
        if not self._streams:
            return compact_json(response)
        first = b"" if self._begun else self._begin()
        return first + self._end_item(output) + self._event(f"response.{status}", response=response)

    def error(self, event: Error) -> bytes:
        """Writes the failed response, which the protocol wants, and an error event, at which openai's clients raise."""
        first = b"" if self._begun else self._begin()
        failed = self._response("failed", error={"code": event.code, "message": event.message})
        told = {"code": event.code, "message": event.message, "param": None}
        return (
            first
            + self._event("response.failed", response=failed)
            + self._event("error", **told, error={**told, "type": "server_error"})
        )

    def error_body(self, status: int, code: str, message: str, param: str | None) -> bytes:
        """Writes an error answer."""
        return compact_json(error_document(status, code, message, param))

    def _begin(self) -> bytes:
        self._begun = True
        response = self._response("in_progress")
        return self._event("response.created", response=response) + self._event("response.in_progress", response=response)

    def _begin_item(self) -> bytes:
        first = b"" if self._begun else self._begin()
        self._item_begun = True
        self._place = {"item_id": self._item_id, "output_index": 0, "content_index": 0}
        kind = b"response.output_text.delta"
        place = compact_json(self._place)[1:-1]
        # What %b and %d stand for is put in later; ids hold no percent sign that would be taken for one.
        self._delta = b'event: %b\ndata: {"type":"%b","sequence_number":%%d,%b,"delta":%%b,"logprobs":[]}\n\n' % (
            kind,
            kind,
            place.replace(b"%", b"%%"),
        )
        item = {"type": "message", "id": self._item_id, "status": "in_progress", "role": "assistant", "content": []}
        return (
            first
            + self._event("response.output_item.added", output_index=0, item=item)
            + self._event("response.content_part.added", **self._place, part=_part(""))
        )

    def _end_item(self, output: list[dict[str, Any]]) -> bytes:
        if not self._item_begun:
            return b""
        text = "".join(self._texts)
        return (
            self._event("response.output_text.done", **self._place, text=text, logprobs=[])
            + self._event("response.content_part.done", **self._place, part=_part(text))
            + self._event("response.output_item.done", output_index=0, item=output[0])
        )

    def _output(self, status: str) -> list[dict[str, Any]]:
        if not self._texts:
            return []
        content = [_part("".join(self._texts))]
        return [{"type": "message", "id": self._item_id, "status": status, "role": "assistant", "content": content}]

    def _event(self, kind: str, **fields: Any) -> bytes:
        number = self._sequence
        self._sequence += 1
        return named_frame({"type": kind, "sequence_number": number, **fields})

    def _response(
        self,
        status: str,
        *,
        output: list[dict[str, Any]] | None = None,
        usage: Usage | None = None,
        error: dict[str, str] | None = None,
        incomplete_details: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": error,
            "incomplete_details": incomplete_details,
            "instructions": None,
            "metadata": {},
            "model": self._model,
            "output": output or [],
            "parallel_tool_calls": True,
            "temperature": None,
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "usage": None if usage is None else _usage(usage),
        }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total_tokens,
    }
