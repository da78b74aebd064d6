"""`ag-ui`: the Agent User Interaction protocol. The request names thread and run; where it does not, they are made of its id.

Source: https://docs.ag-ui.com/concepts/events
"""

from __future__ import annotations

from streaming_runtime.dialects import base
from streaming_runtime.dialects.names import NamedEncoder, data_frame
from streaming_runtime.events import Data, Error, Finish, compact_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from streaming_runtime.request import Request


class Encoder(NamedEncoder):
    """`Start.id` becomes the message's id; by default it is made of the request's."""

    name = "ag-ui"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._id = "msg-" + self._key
        self._run = {"threadId": self._named("threadId", "thread-"), "runId": self._named("runId", "run-")}
        self._delta: tuple[bytes, bytes] | None = None

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        first = b""
        if self._delta is None:
            message = compact_json(self._id)
            self._delta = b'data: {"type":"TEXT_MESSAGE_CONTENT","messageId":%b,"delta":' % message, b"}\n\n"
            first = self._begin() + data_frame({"type": "TEXT_MESSAGE_START", "messageId": self._id, "role": "assistant"})
        before, after = self._delta
        return first + before + base.json_text(text) + after

    def data(self, event: Data) -> bytes:
        """Writes a JSON value, as a custom event."""
        return self._begin() + data_frame({"type": "CUSTOM", "name": base.data_name(event.name), "value": event.value})

    def finish(self, event: Finish) -> bytes:
        """Writes the terminal event."""
        result: dict[str, Any] = {"reason": event.reason}
        usage = event.usage
        if usage is not None:
            result["usage"] = {
                "inputTokens": usage.input_tokens,
                "outputTokens": usage.output_tokens,
                "totalTokens": usage.total_tokens,
            }
        message = b"" if self._delta is None else data_frame({"type": "TEXT_MESSAGE_END", "messageId": self._id})
        return self._begin() + message + data_frame({"type": "RUN_FINISHED", **self._run, "result": result})

    def error(self, event: Error) -> bytes:
        """Writes the terminal event of a run that failed."""
        return self._begin() + data_frame({"type": "RUN_ERROR", "message": event.message, "code": event.code})

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return data_frame({"type": "RUN_STARTED", **self._run})

    def _named(self, field: str, prefix: str) -> str:
        value = self._asked.get(field)
        return value if isinstance(value, str) and value else prefix + self._key
