"""Undoes gzip as the bytes come, so that an event flushed by the server is an event at once. Pure."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from ._exceptions import MalformedStream

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE_BYTES = 256 * 1024
"""Compressed bytes are undone in pieces of at most this size: a small body that unpacks to gigabytes never stands in memory whole."""


class GzipDecoder:
    """Turns a gzip body's bytes into the bytes that were compressed, however either was cut. Pure."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._began = False

    @property
    def complete(self) -> bool:
        """Whether the body may end here: at the end of a gzip member, its checksum seen and right; or before any byte."""
        return self._inflate.eof or not self._began

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Takes the body's next bytes and gives what they unpack to, in pieces.

        Raises:
            MalformedStream: `NOT_GZIP`.
        """
        while data:
            if self._inflate.eof:  # another member follows (https://www.rfc-editor.org/rfc/rfc1952#section-2.2)
                self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
            self._began = True
            try:
                piece = self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error:
                raise MalformedStream(
                    "NOT_GZIP: the answer says content-encoding: gzip, and its bytes are not; "
                    "something between the function and here changed them."
                ) from None
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if piece:
                yield piece


def content_decoder(content_encoding: str | None) -> GzipDecoder | None:
    """What undoes a content encoding. None where there is nothing to undo.

    Raises:
        MalformedStream: `UNKNOWN_ENCODING` for one that was not asked for.
    """
    encoding = (content_encoding or "").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip"):
        return GzipDecoder()
    raise MalformedStream(
        f"UNKNOWN_ENCODING: the answer is encoded as {encoding!r}; allowed: gzip, identity; send accept-encoding: identity."
    )
