"""An answer while it streams: the two shells, blocking and async, around one `StreamReader` and one `Origin`."""

from __future__ import annotations

import logging
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ._events import Event, Finish, Text
from ._exceptions import ConfigurationError, StreamingClientError, StreamTimeout, StreamTruncated
from ._refusals import request_id_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping

    import httpx

    from ._exchange import Call, ClientCore
    from ._reader import StreamReader
    from ._timing import StreamTiming
    from ._transport import AsyncTransport, SyncTransport

T = TypeVar("T")
_log = logging.getLogger("constructs_pkg.client")


@dataclass(frozen=True)
class Origin:
    """Where a stream came from: what it takes to get its rest, or to stop it."""

    core: ClientCore
    call: Call


class _AnswerView:
    """What is known of an answer besides its events."""

    def __init__(self, response: httpx.Response, reader: StreamReader, timing: StreamTiming, origin: Origin) -> None:
        self._response = response
        self._reader = reader
        self._origin = origin
        self._begun = False
        self._broken = False
        self.timing = timing
        """When things arrived; filled in while the stream is read."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} HTTP {self.status_code} {self.dialect}>"

    @property
    def status_code(self) -> int:
        """The HTTP status, 200 to 299."""
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers, looked up in any case."""
        return self._response.headers

    @property
    def request_id(self) -> str | None:
        """The id under which AWS knows the request. None where the answer has none."""
        return request_id_of(self._response.headers)

    @property
    def dialect(self) -> str:
        """The dialect that the answer is read in."""
        return self._reader.dialect

    @property
    def last_event_id(self) -> str:
        """The place after the last event that came whole, to pass as `last_event_id=` to a later call. Empty where there are no ids."""
        return self._reader.last_event_id

    @property
    def stream_id(self) -> str | None:
        """The name under which the function knows the stream, to cancel it. None where it keeps none (`StreamStore`)."""
        return self._reader.stream_id

    @property
    def finish(self) -> Finish | None:
        """The stream's `Finish`: why it ended and what it cost. None before it, and in dialects without one."""
        return self._reader.finish

    @property
    def _is_abandoned(self) -> bool:
        """Whether its reader leaves while the function still makes it."""
        return self._reader.stream_id is not None and not (self._broken or self._reader.done or self.timing.ended is not None)

    def _stop_steps(self) -> Any:
        if self._reader.stream_id is None:
            raise ConfigurationError(
                "NO_STREAM_ID: the function gave this stream no name, so that it cannot be stopped; give it a StreamStore."
            )
        return self._origin.core.cancel(self._origin.call, self._reader.stream_id, self.timing)

    def _rest_steps(self, error: StreamingClientError) -> Any:
        return self._origin.core.take_up(self._origin.call, self._reader, self.timing, error)

    def _begin(self) -> StreamReader:
        if self._begun:
            raise RuntimeError(
                "STREAM_READ_TWICE: this stream is being read, or was; a stream can be read once; keep its events in a list."
            )
        self._begun = True
        return self._reader


class Stream(_AnswerView):
    """An answer while it streams. Iterate over it once; it is closed when its `with` block is left."""

    def __init__(
        self, transport: SyncTransport, response: httpx.Response, reader: StreamReader, timing: StreamTiming, origin: Origin
    ) -> None:
        super().__init__(response, reader, timing, origin)
        self._transport = transport

    def __iter__(self) -> Iterator[Event]:
        """The events as they come; `Error` never is one of them, it is raised.

        A stream that breaks off and that the function keeps is taken up again (`RetryPolicy.resumes`), with no event lost or twice.

        Raises:
            StreamTruncated: The stream ended before its terminal event.
            StreamError: The stream said that it failed; `DeadlineExceeded` where it ran out of time.
            StreamTimeout: It fell silent for longer than `Timeouts.read_seconds`, or took longer than `total_seconds`.
            MalformedStream: Its bytes are not what its type says.
        """
        reader = self._begin()
        while True:
            try:
                yield from self._events(reader)
            except (StreamTruncated, StreamTimeout) as error:
                self._response.close()
                self._broken = True
                self._response = self._transport.run(self._rest_steps(error))
                self._broken = False
            else:
                return

    def _events(self, reader: StreamReader) -> Iterator[Event]:
        for chunk in self._transport.chunks(self._response, reader):
            for events in reader.feed(chunk):
                yield from events
            if reader.failure is not None:
                raise reader.failure
        yield from reader.end()

    def iter_bytes(self) -> Iterator[bytes]:
        """The body itself as it comes, uncompressed. Raises what iterating over the events raises: errors are seen here too.

        A stream that breaks off is not taken up again: a part of an event would stand there twice.
        """
        reader = self._begin()
        for chunk in self._transport.chunks(self._response, reader):
            for piece, _ in reader.unpack(chunk):
                yield piece
            if reader.failure is not None:
                raise reader.failure
        reader.end()

    def collect(self) -> list[Event]:
        """Every event, once the stream is complete. Raises what iterating raises."""
        return list(self)

    def text(self) -> str:
        """The whole text, once the stream is complete. Raises what iterating raises."""
        return "".join(event.text for event in self if isinstance(event, Text))

    def cancel(self) -> bool:
        """Asks the function to stop the stream, which it does within some two seconds; its reader sees it end with an error.

        Returns:
            Whether it was still running.

        Raises:
            ConfigurationError: `NO_STREAM_ID` where the function keeps no streams.
            StreamingClientError: What became of the request.
        """
        return bool(self._transport.run(self._stop_steps()))

    def close(self) -> None:
        """Hangs up. AWS does not tell the function; one that keeps its streams is asked to stop, if this one is not complete."""
        self._response.close()
        if self._is_abandoned:
            self._broken = True
            try:
                self.cancel()
            except StreamingClientError as error:
                _log.warning("the stream %s may run on: %s", self.stream_id, error)


class AsyncStream(_AnswerView):
    """An answer while it streams. Iterate over it once; it is closed when its `async with` block is left."""

    def __init__(
        self, transport: AsyncTransport, response: httpx.Response, reader: StreamReader, timing: StreamTiming, origin: Origin
    ) -> None:
        super().__init__(response, reader, timing, origin)
        self._transport = transport
        self._running: AsyncGenerator[Any, None] | None = None

    def __aiter__(self) -> AsyncIterator[Event]:
        """The events as they come; raises what `Stream` raises."""
        return self._run(self._all_events())

    def iter_bytes(self) -> AsyncIterator[bytes]:
        """The body itself as it comes, uncompressed. Raises what iterating over the events raises: errors are seen here too."""
        return self._run(self._bytes())

    async def collect(self) -> list[Event]:
        """Every event, once the stream is complete. Raises what iterating raises."""
        return [event async for event in self]

    async def text(self) -> str:
        """The whole text, once the stream is complete. Raises what iterating raises."""
        return "".join([event.text async for event in self if isinstance(event, Text)])

    async def cancel(self) -> bool:
        """Asks the function to stop the stream; see `Stream.cancel`."""
        return bool(await self._transport.run(self._stop_steps()))

    async def close(self) -> None:
        """Hangs up. AWS does not tell the function; one that keeps its streams is asked to stop, if this one is not complete."""
        if self._running is not None:
            await self._running.aclose()
        await self._response.aclose()
        if self._is_abandoned:
            self._broken = True
            try:
                await self.cancel()
            except StreamingClientError as error:
                _log.warning("the stream %s may run on: %s", self.stream_id, error)

    def _run(self, running: AsyncGenerator[T, None]) -> AsyncIterator[T]:
        self._begin()
        self._running = running
        return running

    async def _all_events(self) -> AsyncGenerator[Event, None]:
        while True:
            try:
                async with aclosing(self._events()) as events:
                    async for event in events:
                        yield event
            except (StreamTruncated, StreamTimeout) as error:
                await self._response.aclose()
                self._broken = True
                self._response = await self._transport.run(self._rest_steps(error))
                self._broken = False
            else:
                return

    async def _events(self) -> AsyncGenerator[Event, None]:
        reader = self._reader
        async with aclosing(self._transport.chunks(self._response, reader)) as chunks:
            async for chunk in chunks:
                for events in reader.feed(chunk):
                    for event in events:
                        yield event
                if reader.failure is not None:
                    raise reader.failure
        for event in reader.end():
            yield event

    async def _bytes(self) -> AsyncGenerator[bytes, None]:
        reader = self._reader
        async with aclosing(self._transport.chunks(self._response, reader)) as chunks:
            async for chunk in chunks:
                for piece, _ in reader.unpack(chunk):
                    yield piece
                if reader.failure is not None:
                    raise reader.failure
        reader.end()
