"""Where a caller that comes back goes on: the summaries that it was given, and which document they are of. Pure.

The cursor is the caller's own: it holds nothing that the caller has not been sent. One that was tampered with yields a summary of what was
tampered with, to whoever did it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib

MOST_CHARACTERS = 200_000
_MOST_BYTES = 1_000_000  # unpacked


class StaleCursor(Exception):
    """The cursor is of another document."""


def identity(text: str, section_characters: int) -> str:
    """What tells a document, and how it is cut, from any other."""
    return hashlib.sha256(f"{section_characters}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def encode(document: str, summaries: list[str]) -> str:
    """A cursor: text that is safe in JSON and in URLs."""
    packed = zlib.compress(json.dumps([document, summaries], ensure_ascii=False).encode("utf-8", "surrogatepass"))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode(cursor: str, document: str, most: int) -> list[str]:
    """The summaries in a cursor.

    Args:
        cursor: What `encode` gave.
        document: The document that the caller brings along with it.
        most: How many summaries the document can have.

    Raises:
        ValueError: It is no cursor.
        StaleCursor: It is of another document.
    """
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found = json.loads(_unpacked(packed))
    except (ValueError, binascii.Error, zlib.error, RecursionError) as error:
        raise ValueError("no cursor") from error
    if not isinstance(found, list) or len(found) != 2 or not isinstance(found[1], list):
        raise ValueError("no cursor")
    of, summaries = found
    if of != document:
        raise StaleCursor
    if len(summaries) >= most or not all(isinstance(summary, str) and summary.strip() for summary in summaries):
        raise ValueError("no cursor")
    return summaries


def _unpacked(packed: bytes) -> bytes:
    """Bounded: a small cursor can unpack to any size."""
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(packed, _MOST_BYTES)
    if not unpacking.eof:
        raise ValueError("too long, or cut off")
    return text
