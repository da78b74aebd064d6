"""A stream's body, read: bytes in, events out, and the verdict whether it was whole. Sans-IO: both clients drive the same object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._events import Error, Event, Finish
from ._exceptions import DeadlineExceeded, MalformedStream, StreamError, StreamingClientError, StreamTimeout, StreamTruncated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._compression import GzipDecoder
    from ._decoders import Decoder
    from ._timing import StreamTiming


class StreamReader:
    """Takes a body's bytes as they come and gives its events.

    Attributes:
        done: True once the terminal event came: there is nothing more to wait for.
        finish: The `Finish` event, once it came.
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
        """
        self.done = False
        self.finish: Finish | None = None
        self._decoder = decoder
        self._content = content_decoder
        self._timing = timing
        self._clock = clock
        self._ends_at = None if total_seconds is None else timing.started + total_seconds
        self._total_seconds = total_seconds
        self._status_code = status_code
        self._request_id = request_id

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Takes the next bytes of the body, as they stood on the wire, and gives the events that they complete.

        Raises:
            StreamError: where the stream says that it failed, after the events before that.
            StreamTimeout: when the stream has taken longer than it may.
            MalformedStream: the bytes are not what they should be.
        """
        now = self._arrived(chunk)
        try:
            for piece in (chunk,) if self._content is None else self._content.feed(chunk):
                yield from self._events(self._decoder.feed(piece), now)
        except MalformedStream as error:
            raise self._placed(error) from None

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        """Like `feed`, but gives the bytes themselves, uncompressed; the events are looked at for errors and for the end."""
        now = self._arrived(chunk)
        try:
            for piece in (chunk,) if self._content is None else self._content.feed(chunk):
                yield piece
                for _ in self._events(self._decoder.feed(piece), now):
                    pass
        except MalformedStream as error:
            raise self._placed(error) from None

    def end(self) -> Iterator[Event]:
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
            yield from self._events(self._decoder.close(), now)
        except (MalformedStream, StreamTruncated) as error:
            raise self._placed(error) from None
        if self._decoder.terminal is not None and not self.done:
            raise self._truncated(f"the stream ended without its terminal event ({self._decoder.terminal})")

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
        """The id of the last event that came whole. Empty where the stream has no ids."""
        return self._decoder.last_event_id

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

    def _events(self, events: list[Event], now: float) -> Iterator[Event]:
        for event in events:
            kind = type(event)
            if kind is Error:
                raise self._failure(event)  # type: ignore[arg-type]
            self._timing.record_event(now, event)
            if kind is Finish:
                self.finish = event  # type: ignore[assignment]
            yield event
        if self._decoder.done:
            self.done = True

    def _failure(self, event: Error) -> StreamError:
        kind = DeadlineExceeded if event.code == "deadline_exceeded" else StreamError
        return kind(f"{event.code}: {event.message}", code=event.code, status_code=self._status_code, request_id=self._request_id)

    def _truncated(self, reason: str) -> StreamTruncated:
        return StreamTruncated(
            f"{reason}: what was delivered is not the whole answer",
            last_event_id=self._decoder.last_event_id,
            status_code=self._status_code,
            request_id=self._request_id,
        )

    def _placed(self, error: StreamingClientError) -> StreamingClientError:
        """A decoder knows neither status nor request: they are added here."""
        error.status_code = self._status_code
        error.request_id = self._request_id
        return error
