"""When things arrived. Pure: whoever reads the clock hands the time in."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from ._events import Finish, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._events import Event


class StreamTiming:
    """A stream's times, in seconds since the call began (its retries included); filled in while the stream is read.

    A time is taken when bytes are read, so a consumer that is slow to ask for the next event is part of what it measures.

    Attributes:
        started: The clock's reading when the call began.
        headers: When the answer's status and headers were there. None before.
        first_byte: When the first byte of the body was there. None before.
        first_text: When the first `Text` was there: the time to first token. None before.
        last_byte: When the latest bytes of the body were there. None before the first.
        ended: When the body's end was there. None before, and for a stream that was not read to its end.
        offsets: When each event was there, in order.
        bytes_received: Bytes of the body, as they came over the wire.
        attempts: How often the request was sent.
        resumes: How often the stream was taken up again where it had broken.
    """

    def __init__(self, started: float) -> None:
        """
        Args:
            started: The clock's reading at the start, in seconds.
        """
        self.started = started
        self.headers: float | None = None
        self.first_byte: float | None = None
        self.last_byte: float | None = None
        self.first_text: float | None = None
        self.ended: float | None = None
        self.offsets = array("d")
        self.bytes_received = 0
        self.attempts = 0
        self.resumes = 0
        self._texts = 0
        self._last_text = 0.0
        self._tokens: int | None = None

    @property
    def first_event(self) -> float | None:
        """When the first event was there. None before."""
        return self.offsets[0] if self.offsets else None

    @property
    def last_event(self) -> float | None:
        """When the last event was there. None before the first."""
        return self.offsets[-1] if self.offsets else None

    @property
    def events(self) -> int:
        """How many events came."""
        return len(self.offsets)

    @property
    def longest_gap(self) -> float | None:
        """The longest silence between two events, in seconds. None before the second event."""
        return max((later - earlier for earlier, later in zip(self.offsets, self.offsets[1:], strict=False)), default=None)

    @property
    def events_per_second(self) -> float | None:
        """Events after the first, over the time that they took. None where there was no time between them."""
        return _rate(len(self.offsets) - 1, self.offsets[-1] - self.offsets[0]) if self.offsets else None

    @property
    def tokens(self) -> int:
        """Tokens of the answer: as the stream's usage tells them, else its pieces of text, which are often single tokens."""
        return self._texts if self._tokens is None else self._tokens

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens after the first, over the time from the first text to the last. None where there was no time between them."""
        return None if self.first_text is None else _rate(self.tokens - 1, self._last_text - self.first_text)

    def record_bytes(self, now: float, size: int) -> None:
        """Notes that `size` bytes of the body came."""
        self.last_byte = now - self.started
        if self.first_byte is None:
            self.first_byte = self.last_byte
        self.bytes_received += size

    def record_events(self, now: float, events: Iterable[Event]) -> None:
        """Notes that these events came, all of them at once."""
        offset = now - self.started
        for event in events:
            self.offsets.append(offset)
            if type(event) is Text:
                self._texts += 1
                self._last_text = offset
                if self.first_text is None:
                    self.first_text = offset
            elif type(event) is Finish and event.usage is not None:
                self._tokens = event.usage.output_tokens


def _rate(count: int, seconds: float) -> float | None:
    return count / seconds if count > 0 and seconds > 0 else None
