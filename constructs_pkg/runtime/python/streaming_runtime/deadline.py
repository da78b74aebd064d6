"""The second of the two clocks: when a stream must end, and how long its handler then has to go. Pure: times of time.monotonic()."""

from __future__ import annotations

GRACE_SECONDS = 2.0  # for a handler to leave once its stream is over
_USABLE = 0.8  # of the time that is left until Lambda kills the process; the rest is for the process to end by itself


class Deadline:
    """When a stream is cut off, in order, before Lambda does it without.

    Args:
        now: The present, by time.monotonic().
        remaining: Seconds until Lambda's timeout.
        margin: Seconds before Lambda's timeout to cut off; at most half of what remains, or a short timeout would leave no time to work.
        longest: Longest stream in seconds. None: Lambda's timeout alone.

    Attributes:
        cut_off_at: When the stream is ended.
        killed_at: When Lambda kills the process.
    """

    __slots__ = ("cut_off_at", "killed_at")

    def __init__(self, now: float, remaining: float, margin: float, longest: float | None) -> None:
        remaining = max(0.0, remaining)
        self.killed_at = now + remaining
        usable = remaining - min(margin, remaining / 2)
        self.cut_off_at = now + (usable if longest is None else min(usable, longest))

    def exit_at(self, since: float) -> float:
        """When the process gives up on a handler that should have gone at `since`."""
        return since + min(GRACE_SECONDS, max(0.0, self.killed_at - since) * _USABLE)


class Leaving:
    """A handler that has to go: interrupted at once, again at half time, and at the end of it the process ends instead."""

    __slots__ = ("_again_at", "exit_at")

    def __init__(self, since: float, exit_at: float) -> None:
        self._again_at = since + (exit_at - since) / 2
        self.exit_at = exit_at

    def due(self) -> float:
        """When to come again."""
        return min(self._again_at, self.exit_at)

    def again(self, now: float) -> bool:
        """Whether to interrupt it a second time, now. Says so once."""
        if now < self._again_at:
            return False
        self._again_at = float("inf")
        return True
