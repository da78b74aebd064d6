"""HTTP/1.1 as a server speaks it: bytes to requests, responses to bytes. Pure: no sockets, no clock.

Lean on purpose, since every chunk of every stream passes here twice: it takes what HTTP clients send and refuses the rest, and hands over
trailers, in which the Runtime API tells of errors. Held against h11 in its tests.
Source: https://www.rfc-editor.org/rfc/rfc9112 (messages), https://www.rfc-editor.org/rfc/rfc9110#name-fields (fields).
"""

from __future__ import annotations

import functools
import http
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_HEAD_BYTES = 65_536
"""Longest head, and longest trailers. Lambda refuses far shorter ones; this bound only keeps memory flat."""

MAX_CHUNK_LINE_BYTES = 1_024

RawHeaders = list[tuple[bytes, bytes]]

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/1\.([01])")
_FIELDS = re.compile(
    rb"(?:\A|(?<=\r\n))"
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[^\x00-\x20\x7f](?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?)?)[ \t]*"
    rb"(?=\r\n|\Z)"
)
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\u0100-\U0010ffff]")
_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}

_END_OF_CHUNK, _END_OF_BODY = b"\r\n", b"0\r\n\r\n"

_MOST_HEADS, _LONGEST_KNOWN_HEAD = 64, 256


class BadRequest(Exception):
    """What came is not HTTP, or not HTTP that is understood here. `status` is what to answer."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class Head(NamedTuple):
    """A request's head.

    Attributes:
        method: `POST`.
        target: As it was sent.
        headers: Names in the caller's case, repeated ones kept.
        keep_alive: Whether the caller may send another request on this connection.
        minor: 1 for HTTP/1.1, 0 for HTTP/1.0.
        expects_continue: Whether the caller waits to be told to send the body.
    """

    method: bytes
    target: bytes
    headers: RawHeaders
    keep_alive: bool
    minor: int
    expects_continue: bool


class End(NamedTuple):
    """The request is whole."""

    trailers: RawHeaders


Event = Head | bytes | End
"""A head, a piece of the body, the end."""

_heads: dict[bytes, tuple[Head, int, int]] = {}
"""Short heads met before, each with the state that follows it and the length of its body: a runtime asks for each invocation, and a
caller on a connection that it keeps often asks, in the same words. Nobody changes what is in them."""

_WITHOUT_TRAILERS = End([])

_HEAD, _BODY, _CHUNK_SIZE, _CHUNK, _CHUNK_END, _TRAILERS, _DONE = range(7)
_IN_BODY = frozenset({_BODY, _CHUNK})


class RequestParser:
    """Turns bytes into requests, one after the other, however they were cut."""

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._state = _HEAD
        self._left = 0

    @property
    def done(self) -> bool:
        """Whether a whole request has been handed over, and the next one waits for `next_request`."""
        return self._state == _DONE

    @property
    def idle(self) -> bool:
        """Whether nothing of a request has come."""
        return self._state == _HEAD and self._at >= len(self._data)

    @property
    def waiting_bytes(self) -> bool:
        """Whether bytes of a further request are here already."""
        return self._at < len(self._data)

    def next_request(self) -> None:
        """The answer is out: what follows is another request."""
        self._state = _HEAD

    def feed(self, data: bytes) -> None:
        """Takes what came from the socket."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0

    def events(self) -> Iterator[Event]:
        """What the bytes so far amount to, up to the end of a request.

        Raises:
            BadRequest: they are no request.
        """
        while (event := self.next_event()) is not None:
            yield event

    def next_event(self) -> Event | None:
        """The first of what is left of them; None where more bytes or `next_request` have to come first.

        Raises:
            BadRequest: they are no request.
        """
        while True:
            state = self._state
            if state == _DONE:
                return None
            if state == _HEAD:
                return self._head()
            if state in _IN_BODY:
                return self._piece()
            if state == _CHUNK_SIZE:
                if not self._chunk_size():
                    return None
            elif state == _CHUNK_END:
                if not self._chunk_end():
                    return None
            else:
                return self._trailers()

    def _piece(self) -> Event | None:
        if self._left == 0:  # of a body whose length is known
            self._state = _DONE
            return _WITHOUT_TRAILERS
        data, at = self._data, self._at
        here = len(data) - at
        if here <= 0:
            return None
        size = min(here, self._left)
        piece = data if at == 0 and size == len(data) else data[at : at + size]
        self._at = at + size
        self._left -= size
        if self._left == 0 and self._state == _CHUNK:
            self._state = _CHUNK_END
        return piece

    def _chunk_size(self) -> bool:
        end = self._data.find(b"\r\n", self._at, self._at + MAX_CHUNK_LINE_BYTES)
        if end < 0:
            if len(self._data) - self._at >= MAX_CHUNK_LINE_BYTES:
                raise BadRequest("the line before a chunk is too long")
            return False
        line = _CHUNK_LINE.fullmatch(self._data, self._at, end)
        if line is None:
            raise BadRequest("the line before a chunk names no size")
        self._at = end + 2
        self._left = int(line.group(1), 16)
        self._state = _CHUNK if self._left else _TRAILERS
        return True

    def _chunk_end(self) -> bool:
        found = self._data[self._at : self._at + 2]
        if found != _END_OF_CHUNK:
            if _END_OF_CHUNK.startswith(found):
                return False
            raise BadRequest("a chunk is longer than its size")
        self._at += 2
        self._state = _CHUNK_SIZE
        return True

    def _trailers(self) -> Event | None:
        if self._data.startswith(b"\r\n", self._at):
            self._at += 2
            self._state = _DONE
            return _WITHOUT_TRAILERS
        block = self._block()
        if block is None:
            return None
        self._state = _DONE
        return End(_fields(block))

    def _head(self) -> Event | None:
        while self._data.startswith(b"\r\n", self._at):  # RFC 9112, 2.2: before a request line they are to be passed over
            self._at += 2
        block = self._block()
        if block is None:
            return None
        known = _heads.get(block)
        if known is None:
            known = _parsed(block)
            if len(block) <= _LONGEST_KNOWN_HEAD:
                if len(_heads) >= _MOST_HEADS:
                    _heads.clear()
                _heads[block] = known
        head, self._state, self._left = known
        return head

    def _block(self) -> bytes | None:
        """Lines up to an empty one, without it."""
        end = self._data.find(b"\r\n\r\n", self._at, self._at + MAX_HEAD_BYTES)
        if end < 0:
            if len(self._data) - self._at >= MAX_HEAD_BYTES:
                raise BadRequest(f"a head is longer than {MAX_HEAD_BYTES} bytes", 431)
            return None
        block = self._data[self._at : end]
        self._at = end + 4
        return block


def _parsed(block: bytes) -> tuple[Head, int, int]:
    """A head, and the state and the length of the body that follow it."""
    first, _, rest = block.partition(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise BadRequest("the request line is none")
    method, target, version = line.groups()
    minor = int(version)
    headers = _fields(rest) if rest else []
    state, size, keep_alive, continues = _framing(headers, minor)
    return Head(method, target, headers, keep_alive, minor, continues), state, size


def _fields(block: bytes) -> RawHeaders:
    headers: RawHeaders = _FIELDS.findall(block)
    if len(headers) != block.count(b"\r\n") + 1:  # each match is one whole line
        raise BadRequest("a header is none")
    return headers


def _framing(headers: RawHeaders, minor: int) -> tuple[int, int, bool, bool]:
    """State and length of the body, whether the connection stays, whether the caller waits to be told to go on."""
    length: bytes | None = None
    chunked = continues = False
    hosts = 0
    keep_alive = minor == 1
    for name, value in headers:
        size = len(name)
        # Most names have another length than the few that count here; those that have not are looked at.
        if size == 4 and name.lower() == b"host":
            hosts += 1
        elif size == 14 and name.lower() == b"content-length":
            if not value.isdigit() or len(value) > 20 or length not in (None, value):
                raise BadRequest("Content-Length is none, or there are two")
            length = value
        elif size == 17 and name.lower() == b"transfer-encoding":
            if chunked or value.lower() != b"chunked" or not minor:
                raise BadRequest("Transfer-Encoding other than chunked", 501)
            chunked = True
        elif size == 10 and name.lower() == b"connection":
            words = {word.strip() for word in value.lower().split(b",")}
            keep_alive = b"close" not in words and (keep_alive or b"keep-alive" in words)
        elif size == 6 and name.lower() == b"expect":
            continues = minor == 1 and value.lower() == b"100-continue"
    if minor and hosts != 1:
        raise BadRequest("Host is missing, or there are two")
    if chunked and length is not None:
        raise BadRequest("Content-Length and Transfer-Encoding: the body's end could be taken to be in two places")
    if chunked:
        return _CHUNK_SIZE, 0, keep_alive, continues
    size = int(length or 0)
    return _BODY, size, keep_alive, continues and size > 0


@functools.lru_cache(maxsize=256)
def _in_lower_case(name: str) -> str | None:
    """A header's name in lower case; None for what is no name."""
    return name.lower() if _NAME.fullmatch(name) else None


class ResponseWriter:
    """Turns one response into bytes."""

    def __init__(self, request: Head | None) -> None:
        """
        Args:
            request: What is answered; None for bytes that are no request.
        """
        self._request = request
        self._chunked = False
        self._bodiless = False
        self.closes = request is None or not request.keep_alive
        """Whether the connection ends with this response; known when the head is written."""

    def head(self, status: int, headers: Sequence[tuple[str, str]]) -> bytes:
        """The head. A response without Content-Length is chunked, or ends with the connection where the caller speaks HTTP/1.0.

        Raises:
            ValueError: a header that HTTP does not allow.
        """
        lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, '')}"]
        length = False
        for name, value in headers:
            lower = _in_lower_case(name)
            plain = value.isascii() and value.isprintable()  # nearly all are, and this is told faster than what is bad
            if lower is None or (not plain and _BAD_VALUE.search(value)):
                raise ValueError(f"HEADER_NOT_ALLOWED: {name!r} cannot stand in an HTTP response with its value")
            if lower == "content-length":
                length = True
            elif lower == "connection" and value.lower() == "close":
                self.closes = True
                continue
            lines.append(f"{name}: {value.strip()}")
        request = self._request
        self._bodiless = (request is not None and request.method == b"HEAD") or status in (204, 304)
        if not length and status not in (204, 304):
            if request is not None and request.minor == 1:
                self._chunked = True
                lines.append("Transfer-Encoding: chunked")
            else:
                self.closes = True
        if self.closes:
            lines.append("Connection: close")
        lines.append("\r\n")
        return "\r\n".join(lines).encode("latin-1")

    def data(self, data: bytes) -> bytes:
        """A piece of the body: one HTTP chunk where the response is chunked."""
        if not data or self._bodiless:
            return b""
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def end(self) -> bytes:
        """The end."""
        return _END_OF_BODY if self._chunked and not self._bodiless else b""
