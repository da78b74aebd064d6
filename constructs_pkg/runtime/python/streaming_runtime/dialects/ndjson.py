"""`ndjson`: a JSON object a line, each with its `type`, and a terminal line.

The lines are {"type":"text","text"}, {"type":<name or "data">,"data"}, {"type":"finish","reason","usage"} and
{"type":"error","code","message"}; the last two end the stream. An empty line is the heartbeat, which readers skip.

Source: https://github.com/ndjson/ndjson-spec
"""

from __future__ import annotations

from streaming_runtime.dialects import base
from streaming_runtime.events import Data, Error, Finish, compact_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from streaming_runtime.request import Request

RESERVED = ("text", "finish", "error")


class Encoder(base.Encoder):
    """Encodes one stream."""

    name = "ndjson"
    content_type = "application/x-ndjson"
    heartbeat = b"\n"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.headers = base.HEADERS

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        return b'{"type":"text","text":%b}\n' % base.json_text(text)

    def data(self, event: Data) -> bytes:
        """Writes a JSON value."""
        return compact_json({"type": base.data_name(event.name, RESERVED), "data": event.value}) + b"\n"

    def finish(self, event: Finish) -> bytes:
        """Writes the terminal line."""
        usage = event.usage
        counted = usage and {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        }
        return compact_json({"type": "finish", "reason": event.reason, "usage": counted}) + b"\n"

    def error(self, event: Error) -> bytes:
        """Writes the error line."""
        return compact_json({"type": "error", "code": event.code, "message": event.message}) + b"\n"
