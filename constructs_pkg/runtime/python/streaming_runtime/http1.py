"""The HTTP/1.1 that the Runtime API speaks: requests as bytes, answers from bytes. Pure: no sockets, no clock.

Source: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

MAX_HEAD_BYTES = 1_048_576  # the client context travels in a header
MAX_BODY_BYTES = 64 * 1_048_576  # Lambda's largest event is 6 MB
_HEX = frozenset(b"0123456789abcdefABCDEF")

LAST_CHUNK = b"0\r\n\r\n"


class ProtocolError(Exception):
    """The peer does not speak HTTP/1.1 as the Runtime API does. The connection is of no further use."""


class ConnectionClosed(ProtocolError):
    """The peer closed the connection without a word."""


class Answer:
    """One complete answer. Header names are in lower case; of a repeated header the last counts."""

    __slots__ = ("body", "headers", "keep_alive", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes, keep_alive: bool) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.keep_alive = keep_alive


class AnswerReader:
    """Turns bytes into one answer, however they were cut. One reader for one answer; bytes behind it are an error."""

    __slots__ = (
        "_body_start",
        "_buffer",
        "_chunked",
        "_decoded",
        "_headers",
        "_keep_alive",
        "_length",
        "_position",
        "_status",
        "started",
    )

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.started = False
        self._status = 0
        self._headers: dict[str, str] = {}
        self._keep_alive = True
        self._chunked = False
        self._length: int | None = None
        self._body_start = 0
        self._decoded = bytearray()
        self._position = 0

    def feed(self, data: bytes) -> Answer | None:
        """Takes what arrived. Returns the answer when it is complete.

        Raises:
            ProtocolError: What arrived cannot become an answer.
        """
        self.started = True
        self._buffer += data
        while not self._status:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD_BYTES:
                    raise ProtocolError(f"no end of the headers within {MAX_HEAD_BYTES} bytes")
                _require_status_line_start(self._buffer)
                return None
            self._read_head(bytes(self._buffer[:end]))
            if self._status < 200:  # an interim answer, as 100 Continue; the real one follows
                self._status = 0
                del self._buffer[: end + 4]
            else:
                self._body_start = self._position = end + 4
        if self._chunked:
            return self._read_chunks()
        if self._length is None:
            if len(self._buffer) - self._body_start > MAX_BODY_BYTES:
                raise ProtocolError(f"a body of more than {MAX_BODY_BYTES} bytes")
            return None
        return self._complete_at(self._body_start + self._length)

    def close(self) -> Answer:
        """The peer closed the connection.

        Raises:
            ProtocolError: The answer is not complete.
        """
        if self._status and not self._chunked and self._length is None:
            return Answer(self._status, self._headers, bytes(self._buffer[self._body_start :]), False)
        if not self.started:
            raise ConnectionClosed("the connection was closed")
        raise ProtocolError("the connection was closed before the answer was complete")

    def _read_head(self, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        version, _, rest = lines[0].partition(" ")
        code = rest[:3]
        if (
            version not in ("HTTP/1.1", "HTTP/1.0")
            or not (len(code) == 3 and code.isascii() and code.isdigit())
            or rest[3:4] not in ("", " ")
        ):
            raise ProtocolError(f"no HTTP/1.1 status line: {lines[0][:80]!r}")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            key = (_keys.get(name) if colon else None) or _key_of(name, colon, line)
            value = value.strip()
            if key == "content-length" and headers.get(key, value) != value:
                raise ProtocolError("two different content lengths")
            headers[key] = value
        self._status = int(code)
        self._headers = headers
        connection = headers.get("connection", "").lower()
        self._keep_alive = connection == "keep-alive" if version == "HTTP/1.0" else "close" not in connection
        self._frame_body(headers)

    def _frame_body(self, headers: dict[str, str]) -> None:
        encoding = headers.get("transfer-encoding")
        length = headers.get("content-length")
        self._chunked = False
        self._length = None
        if self._status in (204, 304) or self._status < 200:
            self._length = 0
        elif encoding is not None:
            if encoding.lower() != "chunked":
                raise ProtocolError(f"transfer encoding {encoding[:80]!r}")
            self._chunked = True
        elif length is not None:
            if not (length.isascii() and length.isdigit() and len(length) < 12 and int(length) <= MAX_BODY_BYTES):
                raise ProtocolError(f"content length {length[:80]!r}")
            self._length = int(length)

    def _read_chunks(self) -> Answer | None:
        buffer = self._buffer
        while True:
            line_end = buffer.find(b"\r\n", self._position)
            if line_end < 0:
                if len(buffer) - self._position > 4096:
                    raise ProtocolError("a chunk's size line without end")
                return None
            size_text = bytes(buffer[self._position : line_end]).partition(b";")[0].strip()
            if not size_text or len(size_text) > 8 or not _HEX.issuperset(size_text):
                raise ProtocolError(f"chunk size {size_text[:80]!r}")
            size = int(size_text, 16)
            if size == 0:
                return self._read_trailers(line_end + 2)
            if len(self._decoded) + size > MAX_BODY_BYTES:
                raise ProtocolError(f"a body of more than {MAX_BODY_BYTES} bytes")
            start = line_end + 2
            if len(buffer) < start + size + 2:
                return None
            if buffer[start + size : start + size + 2] != b"\r\n":
                raise ProtocolError("a chunk longer than its size")
            self._decoded += buffer[start : start + size]
            self._position = start + size + 2

    def _read_trailers(self, position: int) -> Answer | None:
        """Trailers are skipped: the Runtime API has none in its answers."""
        if self._buffer[position : position + 2] == b"\r\n":
            end = position + 2
        else:
            found = self._buffer.find(b"\r\n\r\n", position)
            if found < 0:
                if len(self._buffer) - position > MAX_HEAD_BYTES:
                    raise ProtocolError(f"no end of the trailers within {MAX_HEAD_BYTES} bytes")
                return None
            end = found + 4
        if len(self._buffer) > end:
            raise ProtocolError("bytes behind the answer")
        return Answer(self._status, self._headers, bytes(self._decoded), self._keep_alive)

    def _complete_at(self, end: int) -> Answer | None:
        if len(self._buffer) < end:
            return None
        if len(self._buffer) > end:
            raise ProtocolError("bytes behind the answer")
        return Answer(self._status, self._headers, bytes(self._buffer[self._body_start : end]), self._keep_alive)


def request(method: str, path: str, host: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    """A request's head, and its body where its length is known."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode("latin-1", "replace") + (body or b"")


def last_chunk(trailers: dict[str, str]) -> bytes:
    """The end of a chunked body."""
    if not trailers:
        return LAST_CHUNK
    lines = [f"{name}: {value}" for name, value in trailers.items()]
    return "\r\n".join(("0", *lines, "", "")).encode("latin-1", "replace")


_keys: dict[
    str, str
] = {}  # names met before, checked and in lower case: an answer's names are always the same, and looked up fast
_MOST_KEYS = 64


def _key_of(name: str, colon: str, line: str) -> str:
    if not colon or not name or name != name.strip():
        raise ProtocolError(f"no header line: {line[:80]!r}")
    key = name.lower()
    if len(_keys) < _MOST_KEYS:
        _keys[name] = key
    return key


def _require_status_line_start(buffer: bytearray) -> None:
    """Refuses garbage at once instead of waiting for an end that may never come."""
    expected = b"HTTP/1."
    if not expected.startswith(bytes(buffer[: len(expected)])):
        raise ProtocolError(f"no HTTP/1.1 status line: {bytes(buffer[:80])!r}")
