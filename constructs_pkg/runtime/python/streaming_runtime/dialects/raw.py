"""`bytes`: bytes as they are, text as UTF-8. Also what an undecorated handler streams with."""

from __future__ import annotations

from streaming_runtime.dialects import base


class Encoder(base.Encoder):
    """Encodes one stream."""

    name = "bytes"
    content_type = "application/octet-stream"

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        return base.utf8(text)

    def raw(self, data: bytes) -> bytes:
        """Writes bytes."""
        return data


class UndecoratedEncoder(Encoder):
    """The content type follows from what is yielded first: str is text, bytes are bytes."""

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        self.name = "text"
        self.content_type = "text/plain; charset=utf-8"
        self.text = base.utf8  # type: ignore[method-assign]  # the first piece decides
        return base.utf8(text)

    def raw(self, data: bytes) -> bytes:
        """Writes bytes."""
        self.text = base.utf8  # type: ignore[method-assign]
        return data
