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
            self._status, self._headers, self._keep_alive, self._length, self._chunked = _parse_head(self._buffer[:end])
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


def whole(data: bytes) -> Answer | None:
    """The answer that `data` is: the short way for what arrives in one piece, as nearly everything from the Runtime API does.

    Returns:
        None where an AnswerReader has to see what it is.

    Raises:
        ProtocolError: It cannot become an answer.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end]
    parsed = _heads.get(head) if end < _LONGEST_KNOWN_HEAD else None
    if parsed is None:
        parsed = _parse_head(head)
        if end < _LONGEST_KNOWN_HEAD:
            if len(_heads) >= _MOST_KEYS:
                _heads.clear()  # they differ by their Date: what was met some seconds ago does not come back
            _heads[head] = parsed
    status, headers, keep_alive, length, _ = parsed
    if length is None or len(data) != end + 4 + length or status < 200:
        return None
    return Answer(status, headers, data[end + 4 :], keep_alive)


def request(method: str, path: str, host: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    """A request's head, and its body where its length is known."""
    named = headers if body is None else {"Content-Length": str(len(body)), **headers}
    return b"".join((request_line(method, path), fields(host, named), b"\r\n", body or b""))


def request_line(method: str, path: str) -> bytes:
    """The first line of a request."""
    return f"{method} {path} HTTP/1.1\r\n".encode("latin-1", "replace")


def fields(host: str, headers: dict[str, str]) -> bytes:
    """The header lines of a request, without the empty one behind them."""
    return b"".join((field("Host", host), *(field(name, value) for name, value in headers.items())))


def field(name: str, value: str) -> bytes:
    """One header line."""
    return f"{name}: {value}\r\n".encode("latin-1", "replace")


def last_chunk(trailers: dict[str, str]) -> bytes:
    """The end of a chunked body."""
    if not trailers:
        return LAST_CHUNK
    return b"".join((b"0\r\n", *(field(name, value) for name, value in trailers.items()), b"\r\n"))


def _parse_head(head: bytes | bytearray) -> tuple[int, dict[str, str], bool, int | None, bool]:
    """A head without its end: status, headers, whether the connection stays, and the body's length (None: not said) or that it is chunked."""
    lines = head.decode("latin-1").split("\r\n")
    start = lines.pop(0)
    status, persistent = _starts.get(start) or _start_of(start)
    headers: dict[str, str] = {}
    known = _keys
    for line in lines:
        name, _, value = line.partition(" ")  # most have one space behind the colon; the colon stays with the name
        key = known.get(name)
        if key is None:
            key, value = _field_of(line)
        headers[key] = value.strip()
    if len(headers) != len(lines):
        _require_one_length(lines)
    connection = headers.get("connection")
    if connection is not None:
        persistent = "close" not in connection.lower() if persistent else connection.lower() == "keep-alive"
    length, chunked = _framing(status, headers)
    return status, headers, persistent, length, chunked


def _framing(status: int, headers: dict[str, str]) -> tuple[int | None, bool]:
    """The body's length, None where it is not said, and whether it is chunked."""
    if status in _BODILESS or status < 200:
        return 0, False
    encoding = headers.get("transfer-encoding")
    if encoding is not None:
        if encoding.lower() != "chunked":
            raise ProtocolError(f"transfer encoding {encoding[:80]!r}")
        return None, True
    said = headers.get("content-length")
    if said is None:
        return None, False
    length = int(said) if said.isdecimal() and len(said) < 12 else -1  # of Latin-1's characters, 0 to 9 alone are decimal
    if not 0 <= length <= MAX_BODY_BYTES:
        raise ProtocolError(f"content length {said[:80]!r}")
    return length, False


def _start_of(line: str) -> tuple[int, bool]:
    """Reads a status line: the status, and whether its version keeps connections."""
    version, code = line[:9], line[9:12]
    if version not in _VERSIONS or not (len(code) == 3 and code.isascii() and code.isdigit()) or line[12:13] not in ("", " "):
        raise ProtocolError(f"no HTTP/1.1 status line: {line[:80]!r}")
    found = int(code), version == _VERSIONS[0]
    if len(_starts) < _MOST_KEYS and len(line) < 80:
        _starts[line] = found
    return found


def _require_one_length(lines: list[str]) -> None:
    """Whoever says two lengths means two messages."""
    fields = (line.partition(":") for line in lines)
    if len({value.strip() for name, _, value in fields if name.lower() == "content-length"}) > 1:
        raise ProtocolError("two different content lengths")


_VERSIONS = ("HTTP/1.1 ", "HTTP/1.0 ")
_BODILESS = (204, 304)
# Names met before with their colon, checked and in lower case, and status lines: they are always the same, and looked up fast.
_keys: dict[str, str] = {}
_starts: dict[str, tuple[int, bool]] = {}
_MOST_KEYS = 64
# Short heads met before, parsed: what the Runtime API says to a reply is the same each time, but for its Date. Nobody changes their headers.
_heads: dict[bytes, tuple[int, dict[str, str], bool, int | None, bool]] = {}
_LONGEST_KNOWN_HEAD = 256


def _field_of(line: str) -> tuple[str, str]:
    """One header line, however it is spaced: its name in lower case, and its value."""
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise ProtocolError(f"no header line: {line[:80]!r}")
    key = name.lower()
    if len(_keys) < _MOST_KEYS and " " not in name:
        _keys[f"{name}:"] = key
    return key, value


def _require_status_line_start(buffer: bytearray) -> None:
    """Refuses garbage at once instead of waiting for an end that may never come."""
    expected = b"HTTP/1."
    if not expected.startswith(bytes(buffer[: len(expected)])):
        raise ProtocolError(f"no HTTP/1.1 status line: {bytes(buffer[:80])!r}")
