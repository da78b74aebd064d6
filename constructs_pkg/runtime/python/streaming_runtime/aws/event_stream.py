"""Frames of application/vnd.amazon.eventstream, however they were cut. Pure: no sockets, no clock.

A frame: its length, the length of its headers and the CRC-32 of these eight bytes; headers; payload; the CRC-32 of all before it.
Numbers are big-endian.

Source: https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream
"""

from __future__ import annotations

from binascii import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_FRAME_BYTES = 24 * 1_048_576  # of a payload 16 MB are allowed; what claims more is no frame
_PRELUDE_BYTES = 12
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # of values that have one length; 6 and 7 say theirs


class MalformedFrame(Exception):
    """The bytes are no event stream, or were changed on the way."""


class Frame:
    """One message.

    Attributes:
        headers: By name, as in ":event-type"; text as str, numbers as int, flags as bool, anything else as bytes.
        payload: As it was sent.
    """

    __slots__ = ("headers", "payload")

    def __init__(self, headers: dict[str, Any], payload: bytes) -> None:
        self.headers = headers
        self.payload = payload


class EventStreamDecoder:
    """Turns bytes into frames, each when its last byte is there."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Takes what arrived, and yields each frame that it completes; take them all. What came before a wrong one is yielded first.

        Raises:
            MalformedFrame: A length or a checksum is wrong.
        """
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _PRELUDE_BYTES:
            total, headers_size = _number(buffer[:4]), _number(buffer[4:8])
            if crc32(buffer[:8]) != _number(buffer[8:12]):
                raise MalformedFrame("the checksum of a frame's beginning is wrong")
            if not _PRELUDE_BYTES + headers_size + 4 <= total <= MAX_FRAME_BYTES:
                raise MalformedFrame(f"a frame of {total} bytes with headers of {headers_size}")
            if len(buffer) < total:
                break
            frame = bytes(buffer[:total])
            del buffer[:total]
            if crc32(frame[:-4]) != _number(frame[-4:]):
                raise MalformedFrame("the checksum of a frame is wrong")
            end = _PRELUDE_BYTES + headers_size
            yield Frame(_headers(frame[_PRELUDE_BYTES:end]), frame[end:-4])

    def close(self) -> None:
        """The stream is over.

        Raises:
            MalformedFrame: In the middle of a frame.
        """
        if self._buffer:
            raise MalformedFrame(f"the stream ended {len(self._buffer)} bytes into a frame")


def _headers(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        kind = data[name_end] if name_end < len(data) else -1
        start = name_end + 1
        if kind in (6, 7):
            size = _number(data[start : start + 2])
            start += 2
        else:
            size = _SIZES.get(kind, len(data))
        at, name = start + size, data[at + 1 : name_end]
        if at > len(data):
            raise MalformedFrame("a header longer than the headers")
        found[name.decode("utf-8", "replace")] = _value(kind, data[start:at])
    return found


def _value(kind: int, value: bytes) -> Any:
    if kind == 7:
        return value.decode("utf-8", "replace")
    if kind in (0, 1):
        return kind == 0
    return int.from_bytes(value, "big", signed=True) if kind in (2, 3, 4, 5, 8) else value


def _number(data: bytes | bytearray) -> int:
    return int.from_bytes(data, "big")
