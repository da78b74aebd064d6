"""A small HTTP client for a model's server: one request, and the lines of its answer as they come."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import h11

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 120.0
"""Longest wait for the next bytes of an answer."""

READ_BYTES = 65_536


class ServerError(Exception):
    """The server answered with an error status, or not at all."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


class _Response:
    """The answer to one request."""

    def __init__(self, reader: asyncio.StreamReader, connection: h11.Connection) -> None:
        self._reader = reader
        self._h11 = connection
        self.status = 0

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                assert not isinstance(event, type) or event is h11.PAUSED
                return event
            async with asyncio.timeout(SILENCE_SECONDS):
                data = await self._reader.read(READ_BYTES)
            self._h11.receive_data(data)

    async def head(self) -> None:
        """Waits for the answer's head."""
        event = await self._event()
        while isinstance(event, h11.InformationalResponse):
            event = await self._event()
        assert isinstance(event, h11.Response)
        self.status = event.status_code

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)

    async def body(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """The body line by line, without their ends."""
        rest = b""
        async for chunk in self.chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.rstrip(b"\r")
        if rest:
            yield rest


@asynccontextmanager
async def post_json(
    url: str, document: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
) -> AsyncGenerator[_Response, None]:
    """Posts a document. Leaving the context closes the connection, which tells the server to stop.

    Raises:
        ServerError: no connection, or a status of 400 and more.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = h11.Connection(h11.CLIENT)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            secure = parts.scheme == "https"
            port = parts.port or (443 if secure else 80)
            reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=True if secure else None)
    except OSError as error:  # TimeoutError is one
        raise ServerError(503, f"no connection to {parts.netloc}: {error}") from error
    try:
        body = json.dumps(document).encode()
        fixed = [("Host", parts.netloc), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        request = h11.Request(method="POST", target=parts.path, headers=[*fixed, *(headers or {}).items()])
        pieces = [connection.send(request), connection.send(h11.Data(data=body)), connection.send(h11.EndOfMessage())]
        writer.write(b"".join(piece for piece in pieces if piece))
        response = _Response(reader, connection)
        try:
            await response.head()
            if response.status >= 400:
                raise ServerError(response.status, (await response.body()).decode("utf-8", "replace"))
            yield response
        except (OSError, h11.RemoteProtocolError) as error:
            raise ServerError(503, f"the connection to {parts.netloc} broke: {error}") from error
    finally:
        writer.close()
