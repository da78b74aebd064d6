"""`text`: the text itself. It has no heartbeat, no error event and no terminal event: HTTP alone says that it is complete."""

from __future__ import annotations

from streaming_runtime.dialects import base
from streaming_runtime.events import Data, compact_json


class Encoder(base.Encoder):
    """Encodes one stream."""

    name = "text"
    content_type = "text/plain; charset=utf-8"

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        try:
            return text.encode()
        except UnicodeEncodeError:
            return base.utf8(text)

    def raw(self, data: bytes) -> bytes:
        """Writes bytes."""
        return data  # bytes are bytes: wherever they are cut, the reader puts them together again

    def data(self, event: Data) -> bytes:
        """Writes a JSON value."""
        return compact_json(event.value) + b"\n"
