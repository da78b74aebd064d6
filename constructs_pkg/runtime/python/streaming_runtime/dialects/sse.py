"""`sse`: named server-sent events with one line of JSON each, and a terminal event.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
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

    name = "sse"
    content_type = "text/event-stream; charset=utf-8"
    heartbeat = b": heartbeat\n\n"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.headers = base.HEADERS

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        return b'event: text\ndata: {"text":%b}\n\n' % base.json_text(text)

    def data(self, event: Data) -> bytes:
        """Writes a JSON value."""
        return _event(base.data_name(event.name, RESERVED), event.value)

    def finish(self, event: Finish) -> bytes:
        """Writes the terminal event."""
        usage = event.usage
        counted = usage and {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        }
        return _event("finish", {"reason": event.reason, "usage": counted})

    def error(self, event: Error) -> bytes:
        """Writes the error event."""
        return _event("error", {"code": event.code, "message": event.message})


def _event(name: str, value: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (base.utf8(name), compact_json(value))
