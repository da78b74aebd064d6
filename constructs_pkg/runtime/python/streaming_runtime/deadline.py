"""The second of the two clocks: when a stream must end, and how long its handler then has to go. Pure: times of time.monotonic()."""

from __future__ import annotations

GRACE_SECONDS = 2.0  # for a handler to leave once its stream is over
POLITE_SECONDS = 0.01
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
        # Comparisons, not min and max, which take thrice as long: this is done before every first byte.
        if remaining < 0.0:
            remaining = 0.0
        self.killed_at = now + remaining
        usable = remaining - (margin if margin + margin < remaining else remaining / 2)
        self.cut_off_at = now + (usable if longest is None or usable < longest else longest)

    @property
    def abort_at(self) -> float:
        """When a reader who does not take that end is given up: half of the margin is for the handler to go."""
        return (self.cut_off_at + self.killed_at) / 2

    def exit_at(self, since: float) -> float:
        """When the process gives up on a handler that should have gone at `since`."""
        return since + min(GRACE_SECONDS, max(0.0, self.killed_at - since) * _USABLE)


class Leaving:
    """A handler that has to go: interrupted soon, again at half time, and at the end of it the process ends instead.

    Soon and not at once, because a handler that is yielding leaves by itself at its next event, at a place it knows.
    """

    __slots__ = ("_interrupts", "exit_at")

    def __init__(self, since: float, exit_at: float) -> None:
        self.exit_at = exit_at
        self._interrupts = [since + min(POLITE_SECONDS, (exit_at - since) / 4), since + (exit_at - since) / 2]

    def due(self) -> float:
        """When to come again."""
        return self._interrupts[0] if self._interrupts else self.exit_at

    def interrupts(self, now: float) -> bool:
        """Whether to interrupt it now. Says so once for each time."""
        if not self._interrupts or now < self._interrupts[0]:
            return False
        del self._interrupts[0]
        return True
