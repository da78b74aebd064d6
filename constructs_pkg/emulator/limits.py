"""How much, and how fast, a function's response may be. Pure: the time is given.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html (200 MB; the first 6 MB unshaped, then
2 MB/s) and the token bucket of AWS's runtime interface emulator (github.com/aws/aws-lambda-runtime-interface-emulator): 6 MiB at
once, then 262,144 bytes every 125 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_STREAM_BYTES = 209_715_200
"""Largest streamed response: 200 MB."""


@dataclass(frozen=True, kw_only=True)
class Bandwidth:
    """A token bucket's shape: bytes at once, then bytes every so many seconds."""

    burst_bytes: int = 6_291_456
    refill_bytes: int = 262_144
    refill_seconds: float = 0.125


AWS = Bandwidth()


class Shaper:
    """The bucket of one stream."""

    def __init__(self, bandwidth: Bandwidth, now: float) -> None:
        """
        Args:
            bandwidth: The bucket's shape.
            now: Seconds of a clock that only goes forward.
        """
        self._bandwidth = bandwidth
        self._tokens = bandwidth.burst_bytes
        self._filled_at = now

    def take(self, size: int, now: float) -> float:
        """Takes bytes that have been written, and says how long the writer has to wait: 0 for not at all.

        Args:
            size: How many.
            now: Seconds of the same clock.
        """
        shape = self._bandwidth
        refills = int((now - self._filled_at) / shape.refill_seconds)
        if refills > 0:
            self._tokens = min(shape.burst_bytes, self._tokens + refills * shape.refill_bytes)
            self._filled_at += refills * shape.refill_seconds
        self._tokens -= size
        if self._tokens >= 0:
            return 0.0
        needed = math.ceil(-self._tokens / shape.refill_bytes)
        return self._filled_at + needed * shape.refill_seconds - now
