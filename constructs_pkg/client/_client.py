"""The two clients: what a user tells them, and one line of I/O each. Everything they decide is in `_exchange`."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ._decoders import MAX_EVENT_BYTES
from ._exchange import ClientCore, Timeouts
from ._retry import RetryPolicy
from ._signing import SigV4Auth
from ._stream import AsyncStream, Origin, Stream
from ._transport import AsyncTransport, SyncTransport
from ._url import require_base_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from types import TracebackType

TransportT = TypeVar("TransportT", SyncTransport, AsyncTransport)


class _ClientOptions(Generic[TransportT]):
    """What both clients take when they are made."""

    _transport_type: type[TransportT]

    def __init__(
        self,
        url: str,
        *,
        session: Any = None,
        region: str | None = None,
        service: str = "lambda",
        sign: bool = True,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        """
        Args:
            url: The Function URL, or the address of what stands in front of it. https, or http to this machine.
            session: A `boto3.Session`, whose credentials sign each request. Default: one made from the environment.
            region: The region to sign for. Default: the one in the URL's host name, else the session's.
            service: The service to sign for. Default: `lambda`; `execute-api` for API Gateway.
            sign: False for a URL without auth: no credentials are looked for, and none are sent. Default: True.
            headers: Sent with every request.
            timeouts: The longest waits. Default: `Timeouts()`.
            retry: How often a call is repeated before its answer began. Default: `RetryPolicy()`.
            max_event_bytes: The largest event accepted, in bytes. Default: 8 MiB.

        Raises:
            ConfigurationError: `BAD_URL`, `URL_WITH_PASSWORD`, or `INSECURE_URL` for plain http to another machine.
        """
        self._core = ClientCore(
            base_url=require_base_url(url, signed=sign),
            headers=dict(headers or {}),
            timeouts=timeouts or Timeouts(),
            retry=retry or RetryPolicy(),
            max_event_bytes=max_event_bytes,
            clock=time.perf_counter,
        )
        auth = SigV4Auth(session, region=region, service=service) if sign else None
        self._transport: TransportT = self._transport_type(base_url=url, auth=auth, timeouts=self._core.timeouts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._core.base_url.partition('?')[0]!r})"


class StreamingClient(_ClientOptions[SyncTransport]):
    """Calls a streaming URL that asks for IAM auth, and gives the events of its answer as they come. Safe to share between threads.

    with StreamingClient(url, session=boto3.Session()) as client:
        with client.stream("POST", "/v1/chat/completions", json={...}) as stream:
            for event in stream:
                ...
    """

    _transport_type = SyncTransport

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def stream(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: str | None = None,
        idempotent: bool | None = None,
        last_event_id: str | None = None,
    ) -> Iterator[Stream]:
        """Sends a request and gives its answer as soon as it begins.

        Args:
            method: `GET`, `POST`, ...
            path: What follows the client's URL: `/v1/chat/completions`. Default: the URL itself. It may have a query.
            params: Added to the query.
            json: A value to send as JSON.
            content: A body to send as it is. Default: no body.
            headers: Added to the client's own, and stronger than these.
            dialect: The answer's wire format. Default: what the answer's header `x-stream-dialect` says, else its content type.
            idempotent: Whether the function may run twice for this call, so that a broken connection, 502, 503 and 504 are
                repeated too. Default: what HTTP says of the method: not for POST and PATCH.
            last_event_id: Sent as Last-Event-ID, to get what came after that event.

        Raises:
            AccessDenied: 403.
            Throttled: 429, after the repetitions.
            HttpStatusError: Any other status outside 200 to 299.
            ConnectionFailed: No answer came.
            StreamTimeout: The answer did not begin in time.
            ConfigurationError: The call cannot be made as asked: `NO_CREDENTIALS`, `NO_REGION`, `UNKNOWN_DIALECT`, ...
        """
        core = self._core
        call = core.call(
            method, path, params=params, json=json, content=content, headers=headers,
            dialect=dialect, idempotent=idempotent, last_event_id=last_event_id,
        )  # fmt: skip
        timing = core.start()
        response = self._transport.run(core.exchange(call, timing))
        stream: Stream | None = None
        try:
            stream = Stream(self._transport, response, core.reader(call, response, timing), timing, Origin(core, call))
            yield stream
        finally:
            (response if stream is None else stream).close()

    def close(self) -> None:
        """Closes every connection. Streams that are still open break off."""
        self._transport.close()


class AsyncStreamingClient(_ClientOptions[AsyncTransport]):
    """The same with `async with` and `async for`. Not to be shared between event loops."""

    _transport_type = AsyncTransport

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        dialect: str | None = None,
        idempotent: bool | None = None,
        last_event_id: str | None = None,
    ) -> AsyncIterator[AsyncStream]:
        """Sends a request and gives its answer as soon as it begins. Takes and raises what `StreamingClient.stream` does."""
        core = self._core
        call = core.call(
            method, path, params=params, json=json, content=content, headers=headers,
            dialect=dialect, idempotent=idempotent, last_event_id=last_event_id,
        )  # fmt: skip
        timing = core.start()
        response = await self._transport.run(core.exchange(call, timing))
        stream: AsyncStream | None = None
        try:
            stream = AsyncStream(self._transport, response, core.reader(call, response, timing), timing, Origin(core, call))
            yield stream
        finally:
            await (response.aclose() if stream is None else stream.close())

    async def close(self) -> None:
        """Closes every connection. Streams that are still open break off."""
        await self._transport.close()
