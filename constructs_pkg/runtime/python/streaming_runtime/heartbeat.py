"""The first of the two clocks: how long the wire may be silent. Pure."""

from __future__ import annotations


class Heartbeat:
    """Says when the next heartbeat is due, so that nobody on the way takes a thinking model for a dead one.

    Args:
        frame: What the dialect's readers ignore. Empty: the dialect has no heartbeat.
        interval: Longest silence in seconds. 0: no heartbeats.
        started_at: When the silence before the first byte began.
    """

    __slots__ = ("_interval", "_started_at", "frame")

    def __init__(self, frame: bytes, interval: float, started_at: float) -> None:
        self.frame = frame
        self._interval = interval if frame and interval else float("inf")
        self._started_at = started_at

    def due(self, sent_at: float) -> float:
        """When the next one is due, something having been sent last at `sent_at`."""
        return max(self._started_at, sent_at) + self._interval
