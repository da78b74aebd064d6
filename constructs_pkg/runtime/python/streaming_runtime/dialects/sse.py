"""`sse`: named server-sent events with one line of JSON each, and a terminal event.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from json import dumps

from streaming_runtime.dialects import base
from streaming_runtime.events import Data, Error, Finish, compact_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from streaming_runtime.request import Request

RESERVED = ("text", "finish", "error")
HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}  # nobody on the way may store it or hold it back


class Encoder(base.Encoder):
    """Encodes one stream."""

    name = "sse"
    content_type = "text/event-stream; charset=utf-8"
    heartbeat = b": heartbeat\n\n"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.headers = HEADERS

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        try:
            return b'event: text\ndata: {"text":%b}\n\n' % dumps(text, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return _event("text", {"text": text})

    def data(self, event: Data) -> bytes:
        """Writes a JSON value."""
        name = "data" if event.name is None else event.name
        if name in RESERVED or not name or any(character in name for character in "\r\n\0"):
            raise ValueError(
                f"DATA_NAME: found {event.name!r}; allowed: one line, not empty, none of {', '.join(RESERVED)}; choose another name"
            )
        return _event(name, event.value)

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
