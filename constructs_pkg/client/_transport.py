"""The only file that does I/O: sends requests with httpx, reads bodies, waits. What to do is decided elsewhere."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ._exceptions import ConfigurationError, ConnectionFailed, MissingDependency, StreamingClientError, StreamTimeout
from ._exchange import Call, ReadRefusal, Send, Step, Timeouts, Wait, drive
from ._url import is_loopback

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator

    from ._reader import StreamReader

try:
    import httpx
except ModuleNotFoundError as _error:
    if _error.name != "httpx":
        raise
    raise MissingDependency(
        "HTTPX_MISSING: the streaming client needs httpx, which is not installed; pip install 'streaming-lambda-constructs[client]'."
    ) from None

T = TypeVar("T")

LONGEST_DRAIN_SECONDS = 1.0
"""How long the HTTP end of a stream is waited for once its terminal event came, so that the connection can be used again."""


class SyncTransport:
    """Does an exchange's steps and reads bodies, blocking."""

    def __init__(self, *, base_url: str, auth: httpx.Auth | None, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._http = httpx.Client(auth=auth, **_client_options(base_url, timeouts))

    def close(self) -> None:
        """Closes every connection."""
        self._http.close()

    def run(self, steps: Generator[Step, Any, T]) -> T:
        """Does what an exchange asks for until it has its answer."""
        return drive(steps, self._do)

    def _do(self, step: Step) -> httpx.Response | bytes | None:
        match step:
            case Send(call):
                with _sending(self._timeouts):
                    return self._http.send(_request(self._http, call), stream=True)
            case ReadRefusal(answer, limit):
                collected = _Collected(limit, self._timeouts)
                with contextlib.closing(answer), contextlib.suppress(httpx.TransportError):
                    for chunk in answer.iter_raw():
                        if collected.add(chunk):
                            break
                return collected.body
            case Wait(seconds):
                time.sleep(seconds)
        return None

    def chunks(self, response: httpx.Response, reader: StreamReader) -> Iterator[bytes]:
        """The body's bytes as they come off the wire, read only when asked for: a slow consumer pauses the sender."""
        drain: threading.Timer | None = None
        try:
            for chunk in response.iter_raw():
                if drain is not None:
                    continue
                yield chunk
                if reader.done:
                    drain = threading.Timer(LONGEST_DRAIN_SECONDS, _hang_up, (response,))
                    drain.daemon = True
                    drain.start()
        except httpx.TransportError as error:
            _interrupted(error, reader, self._timeouts)
        finally:
            if drain is not None:
                drain.cancel()


class AsyncTransport:
    """Does an exchange's steps and reads bodies, in an event loop."""

    def __init__(self, *, base_url: str, auth: httpx.Auth | None, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._http = httpx.AsyncClient(auth=auth, **_client_options(base_url, timeouts))

    async def close(self) -> None:
        """Closes every connection."""
        await self._http.aclose()

    async def run(self, steps: Generator[Step, Any, T]) -> T:
        """Does what an exchange asks for until it has its answer."""
        try:
            step = next(steps)
            while True:
                try:
                    result = await self._do(step)
                except StreamingClientError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as done:
            return cast("T", done.value)

    async def _do(self, step: Step) -> httpx.Response | bytes | None:
        match step:
            case Send(call):
                with _sending(self._timeouts):
                    return await self._http.send(_request(self._http, call), stream=True)
            case ReadRefusal(answer, limit):
                collected = _Collected(limit, self._timeouts)
                with contextlib.suppress(httpx.TransportError):
                    async for chunk in answer.aiter_raw():
                        if collected.add(chunk):
                            break
                await answer.aclose()
                return collected.body
            case Wait(seconds):
                import anyio

                await anyio.sleep(seconds)
        return None

    async def chunks(self, response: httpx.Response, reader: StreamReader) -> AsyncGenerator[bytes, None]:
        """The body's bytes as they come off the wire, read only when asked for: a slow consumer pauses the sender."""
        import anyio

        try:
            body = response.aiter_raw()  # closed with the response
            async for chunk in body:
                yield chunk
                if reader.done:
                    break
            if reader.done:
                with anyio.move_on_after(LONGEST_DRAIN_SECONDS):
                    async for _ in body:
                        pass
        except httpx.TransportError as error:
            _interrupted(error, reader, self._timeouts)


class _Collected:
    """The beginning of a refusal's body: bounded in size and in time, however it trickles."""

    def __init__(self, limit: int, timeouts: Timeouts) -> None:
        self.body = b""
        self._limit = limit
        self._ends_at = time.monotonic() + (timeouts.read_seconds or 60.0)

    def add(self, chunk: bytes) -> bool:
        """Takes a chunk; True when that is enough."""
        self.body = (self.body + chunk)[: self._limit]
        return len(self.body) >= self._limit or time.monotonic() >= self._ends_at


def _client_options(base_url: str, timeouts: Timeouts) -> dict[str, Any]:
    options: dict[str, Any] = {
        "timeout": httpx.Timeout(
            connect=timeouts.connect_seconds, read=timeouts.read_seconds, write=timeouts.write_seconds, pool=timeouts.pool_seconds
        ),
        "follow_redirects": False,  # a signature is good for one URL only
    }
    if is_loopback(base_url) and base_url.startswith("http://"):
        options["trust_env"] = False  # a proxy cannot reach this machine
        options["verify"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused; spares loading the certificate authorities
    return options


def _request(http: httpx.Client | httpx.AsyncClient, call: Call) -> httpx.Request:
    timeout = httpx.USE_CLIENT_DEFAULT if call.patience_seconds is None else httpx.Timeout(call.patience_seconds)
    return http.build_request(call.method, call.url, headers=call.headers, content=call.content, timeout=timeout)


@contextlib.contextmanager
def _sending(timeouts: Timeouts) -> Iterator[None]:
    """Says in this package's terms why a request got no answer."""
    try:
        yield
    except (httpx.ConnectError, httpx.ProxyError) as error:
        raise ConnectionFailed(f"cannot connect: {_reason(error)}", request_sent=False) from None
    except httpx.ConnectTimeout:
        raise ConnectionFailed(f"cannot connect within {timeouts.connect_seconds:g} seconds", request_sent=False) from None
    except httpx.PoolTimeout:
        raise StreamTimeout(
            f"no connection of this client came free within {timeouts.pool_seconds:g} seconds; close streams that are no longer read"
        ) from None
    except httpx.TimeoutException:
        raise StreamTimeout(
            f"the answer did not begin within {timeouts.read_seconds:g} seconds; raise Timeouts.read_seconds if that is normal"
        ) from None
    except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ConfigurationError(f"BAD_REQUEST: this request cannot be sent: {_reason(error)}") from None
    except httpx.TransportError as error:
        raise ConnectionFailed(f"the server hung up before it answered: {_reason(error)}") from None


def _interrupted(error: httpx.TransportError, reader: StreamReader, timeouts: Timeouts) -> None:
    """Says in this package's terms why a body broke off; says nothing when it was complete already."""
    if isinstance(error, httpx.ReadTimeout) and not reader.done:
        raise reader.timed_out(timeouts.read_seconds or 0.0) from None
    try:
        reader.broken(_reason(error))
    except StreamingClientError as told:
        raise told from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _hang_up(response: httpx.Response) -> None:
    """Ends a read that another thread is waiting in."""
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream is not None else None
    if isinstance(connection, socket.socket):
        with contextlib.suppress(OSError):  # it ended by itself meanwhile
            connection.shutdown(socket.SHUT_RDWR)
