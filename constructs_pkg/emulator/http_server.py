"""HTTP/1.1 servers on loopback: `http1` parses and frames, asyncio moves bytes. The only file here that listens.

Two kinds of connection: `HttpConnection` hands over each event as it comes (the Runtime API, whose bodies are streams), and
`ExchangeConnection` waits for the whole request, as Lambda's own endpoints do, and then lets a coroutine answer it.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from constructs_pkg.emulator.http1 import BadRequest, End, Head, RequestParser, ResponseWriter

Headers = Sequence[tuple[str, str]]

LOOPBACK = "127.0.0.1"

HIGH_WATER_BYTES = 262_144
"""Unsent bytes of one connection from which its source is paused."""


DRAIN_SECONDS = 0.1
"""Pause between two looks at the connections that are left."""


class PortInUse(OSError):
    """The port that was asked for is taken."""


READ_BYTES = 65_536
"""So much is read from a connection at once."""

_BUFFER = threading.local()


def _buffer() -> memoryview:
    """What all connections of a thread read into: what was read is taken out before anything else is.

    asyncio.Protocol has 256 KiB made ready for each read, and most of it given back: that takes longer than the read.
    """
    found: memoryview | None = getattr(_BUFFER, "view", None)
    if found is None:
        found = _BUFFER.view = memoryview(bytearray(READ_BYTES))
    return found


class HttpConnection(asyncio.BufferedProtocol):
    """One connection. Subclasses say what happens at each event; nothing here waits."""

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.transport: asyncio.Transport | None = None
        self.peer = ""
        self._parser = RequestParser()
        self._request: Head | None = None
        self._response: ResponseWriter | None = None
        self._out: list[bytes] = []
        self._buffer = _buffer()

    # What a subclass answers to.

    def on_request(self, request: Head) -> None:
        """A request's head is here."""
        raise NotImplementedError

    def on_data(self, data: bytes) -> None:
        """A piece of the request's body is here."""
        raise NotImplementedError

    def on_end(self, trailers: Sequence[tuple[bytes, bytes]]) -> None:
        """The request is whole."""
        raise NotImplementedError

    def on_events_done(self) -> None:
        """Everything that one read from the socket brought has been handed over."""

    def on_lost(self) -> None:
        """The peer is gone, whatever was under way."""

    # What a subclass says.

    def send_head(self, status: int, headers: Headers) -> None:
        """Queues a response's head.

        Raises:
            ValueError: `HEADER_NOT_ALLOWED`.
        """
        self._response = ResponseWriter(self._request)
        self._out.append(self._response.head(status, headers))

    def send_data(self, data: bytes) -> None:
        """Queues a piece of the response's body: one HTTP chunk where the response is chunked."""
        assert self._response is not None
        framed = self._response.data(data)
        if framed:
            self._out.append(framed)

    def send_end(self) -> None:
        """Queues the response's end, sends it, and takes up the next request of the connection."""
        response, self._response = self._response, None
        assert response is not None
        self._out.append(response.end())
        self.flush()
        self._request = None
        if response.closes or not self._parser.done:
            self.close()
            return
        self._parser.next_request()
        if self._parser.waiting_bytes:
            asyncio.get_running_loop().call_soon(self._events)

    def flush(self) -> None:
        """Sends what is queued, in one write."""
        if self._out and self.transport is not None:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out.clear()
            if not self.transport.is_closing():
                self.transport.write(data)

    def close(self) -> None:
        """Closes after what was sent has left."""
        if self.transport is not None:
            self.transport.close()

    def cut(self) -> None:
        """Sends what is queued and ends the connection without ending the response: no client can take it for complete."""
        self.flush()
        self.close()

    def reset(self) -> None:
        """Sends what is queued and resets the connection: the peer's next read or write fails."""
        self.flush()
        if self.transport is not None:
            # Not to linger is what makes the system send a reset in place of an orderly end.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()

    @property
    def idle(self) -> bool:
        """Whether no request is under way."""
        return self._request is None and self._response is None

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        # asyncio does this only for sockets made with an explicit protocol number; without it a chunk waits 40 ms for an ACK.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if peer else LOOPBACK
        self.server.connections.add(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """See asyncio.BufferedProtocol."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See asyncio.BufferedProtocol."""
        self.data_received(bytes(self._buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Takes what came."""
        self._parser.feed(data)
        self._events()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        del exc
        self.transport = None
        self.server.connections.discard(self)
        self.on_lost()

    def _events(self) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        try:
            while (event := self._parser.next_event()) is not None:
                if isinstance(event, bytes):
                    self.on_data(event)
                elif isinstance(event, Head):
                    self._request = event
                    if event.expects_continue:
                        self._out.append(b"HTTP/1.1 100 Continue\r\n\r\n")
                        self.flush()
                    self.on_request(event)
                elif isinstance(event, End):
                    self.on_end(event.trailers)
        except BadRequest as bad:
            if self._response is None:
                self._request = None
                self.send_head(bad.status, [("Content-Length", "0"), ("Connection", "close")])
                self.send_end()
            self.close()
        self.on_events_done()


class HttpRequest(NamedTuple):
    """A whole request, as it stood on the wire.

    Attributes:
        method: `POST`.
        raw_path: Percent-encoded, without the query.
        raw_query: What followed the `?`, or empty.
        headers: Name and value pairs as received, names in the caller's case, repeated ones kept.
        body: The whole body, chunked or not.
        peer: The caller's address.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: Headers
    body: bytes
    peer: str

    def header(self, name: str) -> str | None:
        """The first value of a header; the name's case does not matter."""
        wanted = name.lower()
        for key, value in self.headers:
            if key.lower() == wanted:
                return value
        return None


class Exchange:
    """One request and the answer to it, as a front sees them."""

    def __init__(self, connection: ExchangeConnection, request: HttpRequest, *, too_large: bool) -> None:
        self.request = request
        self.too_large = too_large
        self.on_lost: Callable[[], None] | None = None
        self.on_pause: Callable[[], None] | None = None
        self.on_resume: Callable[[], None] | None = None
        self.on_over: Callable[[], None] | None = None
        self.status = 0
        self.started = False
        self._over = False
        self._connection: ExchangeConnection | None = connection

    @property
    def alive(self) -> bool:
        """Whether there is still somebody to answer."""
        return self._connection is not None

    def start(self, status: int, headers: Headers) -> None:
        """Queues the head. A response without Content-Length is chunked."""
        if self._connection is not None:
            self._connection.send_head(status, headers)
        self.started, self.status = True, status

    def write(self, data: bytes) -> None:
        """Queues a chunk."""
        if self._connection is not None:
            self._connection.send_data(data)

    def flush(self) -> None:
        """Sends what is queued."""
        if self._connection is not None:
            self._connection.flush()

    def end(self) -> None:
        """The response is complete."""
        connection, self._connection = self._connection, None
        self._finish()
        if connection is not None:
            connection.exchange = None
            connection.send_end()

    def cut(self) -> None:
        """The response stays incomplete, and the caller can tell."""
        connection, self._connection = self._connection, None
        self._finish()
        if connection is not None:
            connection.exchange = None
            connection.cut()

    def reset(self) -> None:
        """The caller's connection is reset."""
        connection, self._connection = self._connection, None
        self._finish()
        if connection is not None:
            connection.exchange = None
            connection.reset()

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """A whole response at once."""
        self.start(status, [*headers, ("Content-Length", str(len(body)))])
        self.write(body)
        self.end()

    def _finish(self) -> None:
        if not self._over:
            self._over = True
            if self.on_over is not None:
                self.on_over()

    def lose(self) -> None:
        """The caller is gone."""
        self._connection = None
        self._finish()
        if self.on_lost is not None:
            self.on_lost()


Handler = Callable[[Exchange], Awaitable[None] | None]
"""Answers an exchange, or gives what has to be awaited for it. What is done without that saves a task and a turn of the loop."""


class ExchangeConnection(HttpConnection):
    """Collects a request, then has it answered by the server's handler."""

    def __init__(self, server: HttpServer, handler: Handler, max_body_bytes: int) -> None:
        super().__init__(server)
        self.exchange: Exchange | None = None
        self._handler = handler
        self._max_body_bytes = max_body_bytes
        self._head: Head | None = None
        self._body: list[bytes] = []
        self._size = 0

    def on_request(self, request: Head) -> None:
        """See HttpConnection."""
        self._head, self._body, self._size = request, [], 0

    def on_data(self, data: bytes) -> None:
        """See HttpConnection."""
        self._size += len(data)
        if self._size <= self._max_body_bytes:
            self._body.append(data)

    def on_end(self, trailers: Sequence[tuple[bytes, bytes]]) -> None:
        """See HttpConnection."""
        del trailers
        head = self._head
        assert head is not None
        raw_path, _, raw_query = head.target.decode("latin-1").partition("?")
        request = HttpRequest(
            method=head.method.decode("latin-1"),
            raw_path=raw_path,
            raw_query=raw_query,
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers],
            body=b"".join(self._body),
            peer=self.peer,
        )
        self._head, self._body = None, []
        self.exchange = Exchange(self, request, too_large=self._size > self._max_body_bytes)
        self.server.answer(self.exchange, self._handler)

    def on_lost(self) -> None:
        """See HttpConnection."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.lose()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        if self.exchange is not None and self.exchange.on_pause is not None:
            self.exchange.on_pause()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        if self.exchange is not None and self.exchange.on_resume is not None:
            self.exchange.on_resume()


class HttpServer:
    """One listening port and its connections."""

    def __init__(self, make_connection: Callable[[HttpServer], HttpConnection], *, on_error: Callable[[str], None]) -> None:
        """
        Args:
            make_connection: Makes the protocol object of a new connection.
            on_error: Told in one line when a handler fails, which is this package's own fault.
        """
        self.connections: set[HttpConnection] = set()
        self.port = 0
        self._make_connection = make_connection
        self._on_error = on_error
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def for_exchanges(cls, handler: Handler, *, max_body_bytes: int, on_error: Callable[[str], None]) -> HttpServer:
        """A server whose every request is answered by a coroutine."""
        return cls(lambda server: ExchangeConnection(server, handler, max_body_bytes), on_error=on_error)

    async def bind(self, port: int = 0) -> int:
        """Takes a port of 127.0.0.1 and listens; 0 takes a free one. Returns the port.

        Raises:
            PortInUse: the port is taken.
        """
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((LOOPBACK, port))
            self._server = await loop.create_server(lambda: self._make_connection(self), sock=sock, backlog=1024)
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(
                    error.errno,
                    f"PORT_IN_USE: port {port} of {LOOPBACK} is taken; stop what listens there, or give another --port",
                ) from error
            raise
        self.port = sock.getsockname()[1]
        return self.port

    def answer(self, exchange: Exchange, handler: Handler) -> None:
        """Runs a handler for an exchange, and answers 500 where it fails."""
        try:
            rest = handler(exchange)
        except Exception as error:  # noqa: BLE001 - as below
            self._fail(exchange, error)
            return
        if rest is not None:
            task = asyncio.get_running_loop().create_task(self._answer(exchange, rest))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, exchange: Exchange, rest: Awaitable[None]) -> None:
        try:
            await rest
        except Exception as error:  # noqa: BLE001 - the last resort of a server: told, and answered
            self._fail(exchange, error)

    def _fail(self, exchange: Exchange, error: Exception) -> None:
        self._on_error(f"EMULATOR_FAULT: {type(error).__name__}: {error}")
        if exchange.started:
            exchange.cut()
        else:
            body = b'{"Message":"Internal Server Error"}'
            exchange.respond(500, [("Content-Type", "application/json")], body)

    async def drain(self) -> None:
        """Stops listening, and drops every connection as soon as it has answered what it was asked."""
        if self._server is not None:
            self._server.close()
        while any(not connection.idle for connection in self.connections):
            for connection in list(self.connections):
                if connection.idle:
                    connection.close()
            await asyncio.sleep(DRAIN_SECONDS)
        await self.close()

    async def close(self) -> None:
        """Stops listening and drops every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            if connection.transport is not None:
                connection.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
