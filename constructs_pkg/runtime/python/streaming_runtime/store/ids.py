"""A stream's name, and the place of an event in it. Pure, but for the randomness of a new name.

A stream is named by 144 random bits, so that nobody guesses another's; an event by `<stream>:<number>`, which is what `id:` carries and
Last-Event-ID brings back. What is counted depends on the dialect: frames of server-sent events, lines of ndjson, bytes of text and bytes.
"""

from __future__ import annotations

import os
from binascii import b2a_base64

_RANDOM_BYTES = 18
_LENGTH = 24
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_MOST_DIGITS = 12

FRAMES, LINES, BYTES = "frames", "lines", "bytes"
_UNITS = {"ndjson": LINES, "text": BYTES, "bytes": BYTES}
_ENDS = {FRAMES: b"\n\n", LINES: b"\n"}


def new_stream() -> str:
    """A name that nobody has had before. The system's randomness stays good in an environment restored from a snapshot.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
    """
    return b2a_base64(os.urandom(_RANDOM_BYTES), newline=False).decode().translate({43: 45, 47: 95})


def is_stream(text: str) -> bool:
    """Whether this can be a stream's name."""
    return len(text) == _LENGTH and _ALPHABET.issuperset(text)


def parse_event_id(text: str) -> tuple[str, int] | None:
    """Stream and number of a Last-Event-ID; None where it is none of ours. Number 0 is the place before the first event."""
    stream, colon, number = text.strip().partition(":")
    if not colon or not is_stream(stream) or not (number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS):
        return None
    return stream, int(number)


def unit_of(dialect: str) -> str:
    """What is counted in a stream of this dialect."""
    return _UNITS.get(dialect, FRAMES)


def split(data: bytes, unit: str) -> list[bytes]:
    """The frames or lines that `data` consists of, each with its end."""
    end = _ENDS[unit]
    pieces = data.split(end)
    last = pieces.pop()
    whole = [piece + end for piece in pieces]
    return [*whole, last] if last else whole


def without_first(data: bytes, unit: str, count: int) -> bytes:
    """What is left of `data` behind its first `count` events."""
    return data[count:] if unit == BYTES else b"".join(split(data, unit)[count:])
