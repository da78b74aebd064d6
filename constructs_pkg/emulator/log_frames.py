"""Log records as runtimes hand them to Lambda: frames on the descriptor that _LAMBDA_TELEMETRY_LOG_FD names. Pure.

A frame: u32 type, whose first three bytes are a5 5a 00, u32 length, u64 microseconds since 1970, the text; big-endian. A record keeps
its lines together so. Source: FramedTelemetryLogSink in awslambdaric's bootstrap.py.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD = struct.Struct(">IIQ")
_MAGIC = 0xA55A0000
_MASK = 0xFFFFFF00

MAX_FRAME_BYTES = 1_048_576
"""Longest record that is waited for; CloudWatch takes a quarter of that."""


class FrameReader:
    """Turns bytes into records, however they were cut. After bytes that are no frame, all that follows is taken as text."""

    def __init__(self, on_record: Callable[[str], None]) -> None:
        """
        Args:
            on_record: Takes a record, without the line end at its end.
        """
        self._on_record = on_record
        self._buffer = b""
        self._lost = False

    def feed(self, data: bytes) -> None:
        """Takes what came."""
        self._buffer += data
        while not self._lost and len(self._buffer) >= _HEAD.size:
            kind, length, _ = _HEAD.unpack_from(self._buffer)
            if kind & _MASK != _MAGIC or length > MAX_FRAME_BYTES:
                self._lost = True
                break
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            text, self._buffer = self._buffer[_HEAD.size : end], self._buffer[end:]
            self._on_record(text.decode("utf-8", "replace").rstrip("\n"))
        if self._lost:
            *lines, self._buffer = self._buffer.split(b"\n")
            for line in lines:
                self._on_record(line.decode("utf-8", "replace"))
