"""An HTTP/1.1 answer as it arrives: its head, then its body piece by piece. Pure: no sockets, no clock.

The Runtime API's answers are read by http1.AnswerReader, which wants them whole; a model's answer has to be passed on while it comes.

Source: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

MAX_LINE_BYTES = 65_536  # of a head, and of a chunk's size or the trailers
_HEX = frozenset(b"0123456789abcdefABCDEF")


class MalformedAnswer(Exception):
    """The peer does not speak HTTP/1.1, or broke off. The connection is of no further use."""


class AnswerParser:
    """Turns bytes into one answer, however they were cut.

    Attributes:
        begun: Whether anything has arrived.
        status: 0 until the head is there.
        headers: By name in lower case; repeated ones joined by ", ".
        complete: Whether all of it is there.
        keep_alive: Whether another request may follow on the connection, once it is complete.
    """

    __slots__ = ("_buffer", "_chunked", "_left", "_state", "begun", "complete", "headers", "keep_alive", "status")

    def __init__(self) -> None:
        self.begun = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.complete = False
        self.keep_alive = False
        self._buffer = bytearray()
        self._state = self._head
        self._chunked = False
        self._left: int | None = None  # bytes of the body, or of this chunk, still to come; None: until the connection ends

    def feed(self, data: bytes) -> bytes:
        """Takes what arrived. Returns what of the body is in it.

        Raises:
            MalformedAnswer: It cannot become an answer.
        """
        self.begun = True
        self._buffer += data
        body: list[bytes] = []
        while self._state(body):
            pass
        return b"".join(body)

    def close(self) -> None:
        """The peer closed the connection.

        Raises:
            MalformedAnswer: The answer is not complete.
        """
        if self.status and not self._chunked and self._left is None:
            self.complete = True
        if not self.complete:
            raise MalformedAnswer("the connection was closed before the answer was complete")

    # Each state takes what it can of the buffer, and says whether another might go on.

    def _head(self, body: list[bytes]) -> bool:  # noqa: ARG002 - every state is given it
        block = self._until(b"\r\n\r\n")
        if block is None:
            expected = b"HTTP/1."
            if not expected.startswith(bytes(self._buffer[: len(expected)])):
                raise MalformedAnswer(f"no HTTP/1.1 status line: {bytes(self._buffer[:80])!r}")
            return False
        status_line, *lines = block.decode("latin-1").split("\r\n")
        version, _, rest = status_line.partition(" ")
        code = rest[:3]
        if version not in ("HTTP/1.1", "HTTP/1.0") or len(code) != 3 or not (code.isascii() and code.isdigit()):
            raise MalformedAnswer(f"no HTTP/1.1 status line: {status_line[:80]!r}")
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise MalformedAnswer(f"no header line: {line[:80]!r}")
            key, value = name.lower(), value.strip()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        if code[0] == "1":  # an interim answer; the real one follows
            return True
        self.status, self.headers = int(code), headers
        connection = headers.get("connection", "").lower()
        self.keep_alive = "close" not in connection if version == "HTTP/1.1" else connection == "keep-alive"
        self._frame()
        return True

    def _frame(self) -> None:
        encoding, length = self.headers.get("transfer-encoding"), self.headers.get("content-length")
        self._state = self._plain
        if self.status in (204, 304):
            self._left = 0
        elif encoding is not None:
            if encoding.lower() != "chunked":
                raise MalformedAnswer(f"transfer encoding {encoding[:80]!r}")
            self._chunked = True
            self._state = self._size
        elif length is not None:
            if not (length.isascii() and length.isdigit() and len(length) < 16):
                raise MalformedAnswer(f"content length {length[:80]!r}")
            self._left = int(length)
        else:
            self.keep_alive = False

    def _plain(self, body: list[bytes]) -> bool:
        self._take(body)
        if self._left == 0:
            self._end()
        return False

    def _size(self, body: list[bytes]) -> bool:  # noqa: ARG002
        line = self._until(b"\r\n")
        if line is None:
            return False
        text = line.partition(b";")[0].strip()
        if not text or len(text) > 8 or not _HEX.issuperset(text):
            raise MalformedAnswer(f"chunk size {bytes(text[:80])!r}")
        self._left = int(text, 16)
        self._state = self._chunk if self._left else self._trailers
        return True

    def _chunk(self, body: list[bytes]) -> bool:
        self._take(body)
        if self._left or len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            raise MalformedAnswer("a chunk longer than its size")
        del self._buffer[:2]
        self._state = self._size
        return True

    def _trailers(self, body: list[bytes]) -> bool:  # noqa: ARG002
        line = self._until(b"\r\n")
        if line is None:
            return False
        if not line:
            self._end()
        return bool(line)

    def _end(self) -> None:
        self.complete = True
        if self._buffer:
            raise MalformedAnswer("bytes behind the answer")

    def _take(self, body: list[bytes]) -> None:
        piece = bytes(self._buffer if self._left is None else self._buffer[: self._left])
        if piece:
            del self._buffer[: len(piece)]
            body.append(piece)
            if self._left is not None:
                self._left -= len(piece)

    def _until(self, end: bytes) -> bytes | None:
        at = self._buffer.find(end)
        if at < 0:
            if len(self._buffer) > MAX_LINE_BYTES:
                raise MalformedAnswer(f"no end of a line or head within {MAX_LINE_BYTES} bytes")
            return None
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(end)]
        return found
