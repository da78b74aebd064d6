"""A stream's body, read: bytes in, events out, and the verdict whether it was whole. Sans-IO: both clients drive the same object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._events import Error, Event, Finish
from ._exceptions import DeadlineExceeded, MalformedStream, StreamError, StreamingClientError, StreamTimeout, StreamTruncated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ._compression import GzipDecoder
    from ._decoders import Decoder
    from ._timing import StreamTiming


class StreamReader:
    """Takes a body's bytes as they come and gives its events.

    Attributes:
        done: True once the terminal event came: there is nothing more to wait for.
        finish: The `Finish` event, once it came.
        failure: What the stream said went wrong, once it did: to be raised when the events before it are delivered.
    """

    def __init__(
        self,
        *,
        decoder: Decoder,
        content_decoder: GzipDecoder | None,
        timing: StreamTiming,
        clock: Callable[[], float],
        total_seconds: float | None,
        status_code: int,
        request_id: str | None,
        stream_id: str | None = None,
        counted: int = 0,
    ) -> None:
        """
        Args:
            decoder: The dialect's decoder.
            content_decoder: What undoes the body's compression, if it is compressed.
            timing: Where arrivals are noted.
            clock: Gives the time, in seconds.
            total_seconds: How long the stream may take from the start of the call. None: as long as it likes.
            status_code: For errors.
            request_id: For errors.
            stream_id: The name under which the function keeps the stream. None where it does not.
            counted: How much of it came in an earlier answer, as `Decoder.position` counts.
        """
        self.stream_id = stream_id
        self._counted = counted
        self.done = False
        self.finish: Finish | None = None
        self.failure: StreamError | None = None
        self._decoder = decoder
        self._content = content_decoder
        self._timing = timing
        self._clock = clock
        self._ends_at = None if total_seconds is None else timing.started + total_seconds
        self._total_seconds = total_seconds
        self._status_code = status_code
        self._request_id = request_id

    def feed(self, chunk: bytes) -> Iterable[list[Event]]:
        """Takes the next bytes of the body, as they stood on the wire, and gives the events that they complete, in batches.

        Where the stream says that it failed, `failure` is set after the last batch, for the caller to raise.

        Raises:
            StreamTimeout: when the stream has taken longer than it may.
            MalformedStream: the bytes are not what they should be.
        """
        if self._content is not None:
            return (events for _, events in self.unpack(chunk))
        now = self._arrived(chunk)
        try:
            return (self._noted(self._decoder.feed(chunk), now),)
        except MalformedStream as error:
            raise self._placed(error) from None

    def unpack(self, chunk: bytes) -> Iterator[tuple[bytes, list[Event]]]:
        """Like `feed`, but gives the bytes too, uncompressed, each piece with the events that it completed."""
        now = self._arrived(chunk)
        try:
            for piece in (chunk,) if self._content is None else self._content.feed(chunk):
                yield piece, self._noted(self._decoder.feed(piece), now)
        except MalformedStream as error:
            raise self._placed(error) from None

    def end(self) -> list[Event]:
        """Says that the body ended as HTTP ends one, and gives what was held back.

        Raises:
            StreamTruncated: when it ended before its terminal event, or in the middle of its compression.
            MalformedStream: what was held back is not what it should be.
        """
        now = self._clock()
        self._timing.ended = now - self._timing.started
        if self._content is not None and not self._content.complete and not self.done:
            raise self._truncated("the compressed stream ended in its middle")
        try:
            events = self._noted(self._decoder.close(), now)
        except (MalformedStream, StreamTruncated) as error:
            raise self._placed(error) from None
        if self._decoder.terminal is not None and not self.done:
            raise self._truncated(f"the stream ended without its terminal event ({self._decoder.terminal})")
        return events

    def broken(self, reason: str) -> None:
        """Says that the connection broke before the body's end.

        Raises:
            StreamTruncated: unless the terminal event had come before: then nothing was lost.
        """
        if not self.done:
            raise self._truncated(f"the connection broke in the middle of the stream: {reason}")

    def timed_out(self, seconds: float) -> StreamTimeout:
        """The exception for a stream that fell silent."""
        return StreamTimeout(
            f"the stream was silent for {seconds:g} seconds; raise Timeouts.read_seconds above the function's heartbeat if that is normal",
            status_code=self._status_code,
            request_id=self._request_id,
        )

    @property
    def dialect(self) -> str:
        """The dialect that the body is read in."""
        return self._decoder.dialect

    @property
    def last_event_id(self) -> str:
        """The place after the last event that came whole. Empty where the stream has no ids and no name."""
        if self._decoder.last_event_id or self.stream_id is None:
            return self._decoder.last_event_id
        return f"{self.stream_id}:{self._counted + self._decoder.position}"

    @property
    def out_of_time(self) -> bool:
        """Whether the whole call has taken as long as it may."""
        return self._ends_at is not None and self._clock() >= self._ends_at

    def go_on(self, content_decoder: GzipDecoder | None, request_id: str | None) -> None:
        """The stream broke, and another answer has its rest.

        Args:
            content_decoder: What undoes that answer's compression, if it is compressed.
            request_id: For errors.
        """
        self._content = content_decoder
        self._request_id = request_id
        self._decoder.restart()

    def _noted(self, events: list[Event], now: float) -> list[Event]:
        """Notes the arrival of events. A stream that is done ends in its `Finish`, or in an `Error`, which is no event to a caller."""
        if self._decoder.done:
            self.done = True
            last = events[-1] if events else None
            if isinstance(last, Finish):
                self.finish = last
            elif isinstance(last, Error):
                events.pop()
                self.failure = self._error(last)
        self._timing.record_events(now, events)
        return events

    def _arrived(self, chunk: bytes) -> float:
        now = self._clock()
        self._timing.record_bytes(now, len(chunk))
        if self._ends_at is not None and now > self._ends_at:
            raise StreamTimeout(
                f"the stream took longer than {self._total_seconds:g} seconds; raise Timeouts.total_seconds if that is normal",
                status_code=self._status_code,
                request_id=self._request_id,
            )
        return now

    def _error(self, event: Error) -> StreamError:
        kind = DeadlineExceeded if event.code == "deadline_exceeded" else StreamError
        return kind(f"{event.code}: {event.message}", code=event.code, status_code=self._status_code, request_id=self._request_id)

    def _truncated(self, reason: str) -> StreamTruncated:
        return StreamTruncated(
            f"{reason}: what was delivered is not the whole answer",
            last_event_id=self.last_event_id,
            status_code=self._status_code,
            request_id=self._request_id,
        )

    def _placed(self, error: StreamingClientError) -> StreamingClientError:
        """A decoder knows neither status nor request: they are added here."""
        error.status_code = self._status_code
        error.request_id = self._request_id
        return error
