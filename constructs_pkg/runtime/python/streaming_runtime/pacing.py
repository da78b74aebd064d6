"""When gathered bytes leave. Pure: it is told the time and never asks.

A lone token leaves at once. One that comes within QUIET_SECONDS of what left last belongs to a burst, and a burst is gathered until it
fills a chunk or its first piece has waited the flush interval: one system call per token would halve the throughput.
"""

from __future__ import annotations

QUIET_SECONDS = 100e-6


class Pacer:
    """Gathers bytes and says when to send them.

    Args:
        max_bytes: Send when this much is gathered.
        flush_interval: Longest wait of a gathered piece, in seconds. 0: nothing is gathered.

    Attributes:
        pieces: What is gathered, in order.
        size: Its length in bytes.
        since: When its first piece came.
        sent_at: When something was sent last.
    """

    __slots__ = ("_flush_interval", "_leaves_at", "_max_bytes", "_quiet", "pieces", "sent_at", "since", "size")

    def __init__(self, max_bytes: int, flush_interval: float) -> None:
        self._max_bytes = max_bytes
        self._leaves_at = 0.0
        self._flush_interval = flush_interval
        self._quiet = QUIET_SECONDS if flush_interval > QUIET_SECONDS else flush_interval
        self.pieces: list[bytes] = []
        self.size = 0
        self.since = 0.0
        self.sent_at = float("-inf")

    def begin(self, head: bytes) -> None:
        """Takes what stands in front of the first piece, and leaves with it."""
        self.pieces.append(head)
        self.size += len(head)

    def add(self, piece: bytes, now: float) -> bool:
        """Takes a piece. Returns whether everything gathered should be sent now."""
        pieces = self.pieces
        if not pieces:
            self.since = now
            self._leaves_at = now if now - self.sent_at >= self._quiet else now + self._flush_interval
        pieces.append(piece)
        self.size = size = self.size + len(piece)
        return now >= self._leaves_at or size >= self._max_bytes

    def take(self) -> tuple[list[bytes], int]:
        """Hands over what is gathered, and its size."""
        taken = self.pieces, self.size
        self.pieces = []
        self.size = 0
        return taken

    def due(self) -> float:
        """When someone else has to send what is gathered, if no further piece comes to do it."""
        return self.since + self._flush_interval if self.pieces else float("inf")
