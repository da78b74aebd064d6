"""`text`: the text itself. It has no heartbeat, no error event and no terminal event: HTTP alone says that it is complete."""

from __future__ import annotations

from ..events import Data, compact_json
from . import base


class Encoder(base.Encoder):
    name = "text"
    content_type = "text/plain; charset=utf-8"

    def text(self, text: str) -> bytes:
        return base.utf8(text)

    def raw(self, data: bytes) -> bytes:
        return data  # bytes are bytes: wherever they are cut, the reader puts them together again

    def data(self, event: Data) -> bytes:
        return compact_json(event.value) + b"\n"
