"""The Runtime API on one socket: the only file that does I/O on the hot path, and the seam under which another client could sit.

What the rest of the runtime uses, and all that a replacement has to offer: `RuntimeApi.next`, `.reply` and `.fail_init`, and the
methods of `Reply`.

A raw socket, because http.client costs 20 ms of import and twice the time to the first byte. TCP_NODELAY, because without it the
last small packet of every answer waits 40 ms for an acknowledgement. The head leaves with the first chunk, the last chunk with the
terminator, each in one system call.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and, for streaming,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

from __future__ import annotations

import _socket as socket  # what `socket` adds to it costs every cold start milliseconds, and none of it is needed
import select
from binascii import b2a_base64
from time import monotonic

from . import http1
from .events import compact_json
from .http1 import Answer, AnswerReader, ConnectionClosed, ProtocolError
from .invocation import Invocation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    Until: TypeAlias = Callable[[], float]

CONNECT_PATIENCE_SECONDS = 5.0
ANSWER_PATIENCE_SECONDS = 10.0  # between two pieces of one answer; how long the first may take is the caller's to say
LOOK_SECONDS = 0.1  # how often a send that has to wait looks whether anybody still wants it
JOIN_BELOW_BYTES = 16_384  # below it one copy is cheaper than a vector of pieces, above it dearer
_FIRST_BYTES = (
    16_384  # a larger buffer would be mapped and unmapped by the system for each answer, at a third of an invocation's cost
)
_MORE_BYTES = 262_144
_MOST_CONTENT_TYPES = 16
MAX_PIECES = 500  # sendmsg takes 1024 on Linux and macOS (IOV_MAX)
_PREFIX = "/2018-06-01/runtime"
_POST_INVOCATION = f"POST {_PREFIX}/invocation/".encode()
_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
_INVOCATION_ID = "Lambda-Runtime-Invocation-Id"


class TransportError(Exception):
    """The Runtime API is gone, or does not speak its protocol. Nothing more can be served."""


class PeerInterrupted(Exception):
    """The Runtime API broke off one reply. The next invocation may be fine."""


class RuntimeApi:
    """A connection to the Runtime API, kept alive and remade where it broke.

    Args:
        address: host:port, as AWS_LAMBDA_RUNTIME_API has it.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._peer = (host.strip("[]"), int(port)) if host and port.isdigit() else (address, 80)
        self.host = address
        self._socket: socket.socket | None = None
        self._next = http1.request("GET", f"{_PREFIX}/invocation/next", address, {})
        self._stream_heads: dict[str, bytes] = {}

    def next(self) -> Invocation:
        """Waits, for ever if need be, for the next invocation.

        Raises:
            TransportError: There is no Runtime API, or it said something else.
        """
        reused = self._socket is not None
        try:
            try:
                answer = self._ask_next()
            except (ConnectionError, ConnectionClosed):
                self.close()
                if not reused:
                    raise
                answer = self._ask_next()  # a connection kept alive may have been closed between two invocations
            return Invocation(answer.status, answer.headers, answer.body)
        except (OSError, ProtocolError) as error:
            raise TransportError(f"RUNTIME_API: GET /invocation/next on {self.host} failed: {error}") from error

    def reply(self, invocation: Invocation) -> Reply:
        """The reply to this invocation. Nothing is sent yet.

        Raises:
            TransportError: The connection broke since, and there is no other.
        """
        try:
            return Reply(self, self._socket or self._connected(), invocation)
        except OSError as error:
            raise TransportError(f"RUNTIME_API: no connection to {self.host}: {error}") from error

    def await_restore(self) -> None:
        """Says that a snapshot may be taken of this process, and waits, for ever if need be, until it is restored from it.

        Source: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks.html

        Raises:
            TransportError: There is no Runtime API, or it said something else.
        """
        try:
            self._connected().sendall(http1.request("GET", f"{_PREFIX}/restore/next", self.host, {}))
            answer = self.read_answer(None)
        except (OSError, ProtocolError) as error:
            raise TransportError(f"RUNTIME_API: GET /restore/next on {self.host} failed: {error}") from error
        finally:
            self.close()  # the next connection is made in the restored process, whose network may be another one
        if answer.status != 200:
            raise TransportError(f"RUNTIME_API: GET /restore/next was answered {answer.status}: {answer.body[:200]!r}")

    def fail_init(self, error_type: str, message: str) -> None:
        """Tells why the function cannot start.

        Raises:
            TransportError: It could not be told within some seconds.
        """
        self._fail("init", error_type, message)

    def fail_restore(self, error_type: str, message: str) -> None:
        """Tells why the function cannot go on after it was restored from a snapshot.

        Raises:
            TransportError: It could not be told within some seconds.
        """
        self._fail("restore", error_type, message)

    def _fail(self, phase: str, error_type: str, message: str) -> None:
        headers = {_ERROR_TYPE: error_type, "Content-Type": "application/json"}
        body = compact_json(_error_document(error_type, message))
        try:
            connection = self._connected()
            connection.settimeout(ANSWER_PATIENCE_SECONDS)
            connection.sendall(http1.request("POST", f"{_PREFIX}/{phase}/error", self.host, headers, body))
            self.read_answer(ANSWER_PATIENCE_SECONDS)
        except (OSError, ProtocolError) as error:
            raise TransportError(f"RUNTIME_API: POST /{phase}/error on {self.host} failed: {error}") from error
        finally:
            self.close()

    def close(self) -> None:
        """Closes the connection; the next call makes another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def read_answer(self, patience: float | None) -> Answer:
        """Reads one answer.

        Args:
            patience: Seconds until its first byte. None: for ever.
        """
        connection = self._socket or self._connected()
        if patience is not None:
            _await_data(connection, patience)
        data = connection.recv(_FIRST_BYTES)
        answer = http1.whole(data) or _read_on(connection, data)
        if not answer.keep_alive:
            self.close()
        return answer

    def stream_head(self, content_type: str) -> bytes:
        """What follows the request id in the head of a streamed reply: the same for all replies of one content type."""
        known = self._stream_heads.get(content_type)
        if known is None:
            known = b"/response HTTP/1.1\r\n" + http1.fields(
                self.host,
                {
                    "Content-Type": content_type,
                    "Lambda-Runtime-Function-Response-Mode": "streaming",
                    "Transfer-Encoding": "chunked",
                    "Trailer": f"{_ERROR_TYPE}, {_ERROR_BODY}",
                },
            )
            if len(self._stream_heads) < _MOST_CONTENT_TYPES:
                self._stream_heads[content_type] = known
        return known

    def _ask_next(self) -> Answer:
        (self._socket or self._connected()).sendall(self._next)
        return self.read_answer(None)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = _connect(self._peer)
        return self._socket


class Reply:
    """The reply to one invocation: a stream, a document, or an error. Used by one thread at a time, except `abort`.

    `until` says a time of time.monotonic(): a send that the peer does not take by then raises PeerInterrupted. It is asked again and
    again, so it may change. None: the send waits, and only `abort` from another thread frees it.

    Attributes:
        content_type: Of the stream; may be set until the first `send`.
        begun: Whether anything has been sent.
        ended: Whether everything has been sent.
        bytes_sent: Of the body, without HTTP's own.
        chunks_sent: Of the body.
    """

    # How every reply begins; said once for all of them, as it is said before every first byte.
    content_type = "application/octet-stream"
    begun = False
    ended = False
    bytes_sent = 0
    chunks_sent = 0

    def __init__(self, api: RuntimeApi, connection: socket.socket, invocation: Invocation) -> None:
        self._api = api
        self._socket = connection
        self._invocation = invocation

    def send(self, pieces: Sequence[bytes], size: int, max_chunk: int, until: Until | None = None, *, end: bytes = b"") -> None:
        """Sends `pieces`, together `size` bytes, in chunks of at most `max_chunk` bytes, and `end` behind them.

        Raises:
            PeerInterrupted: The peer closed the connection, or did not take it in time.
        """
        head = b""
        if not self.begun:
            self.begun = True
            head = self._stream_head()
        if size > max_chunk:
            whole = memoryview(b"".join(pieces))
            for start in range(0, size, max_chunk):
                chunk = whole[start : start + max_chunk]
                last = b"\r\n" + end if start + max_chunk >= size else b"\r\n"
                self._write([head + b"%x\r\n" % len(chunk), chunk, last], len(chunk), until)
                head = b""
            self.chunks_sent += -(-size // max_chunk)
        elif size:
            self._write([head + b"%x\r\n" % size, *pieces, b"\r\n" + end], size, until)
            self.chunks_sent += 1
        elif head or end:
            self._write([head + end], 0, until)
        self.bytes_sent += size

    def finish(
        self, pieces: Sequence[bytes], size: int, max_chunk: int, error: tuple[str, str] | None = None, until: Until | None = None
    ) -> None:
        """Sends the last pieces and the end; with `error`, a type and a message, the trailers that make Lambda count it."""
        self.ended = True
        end = http1.LAST_CHUNK
        if error is not None:
            document = b2a_base64(compact_json(_error_document(*error)), newline=False).decode()
            end = http1.last_chunk({_ERROR_TYPE: error[0], _ERROR_BODY: document})
        self.send(pieces, size, max_chunk, until, end=end)

    def respond(self, content_type: str, body: bytes) -> None:
        """The whole reply at once, for direct invocations: nothing streams."""
        self.begun = self.ended = True
        self._write([self._head("response", {"Content-Type": content_type}, body)], 0, None)

    def fail(self, error_type: str, message: str, until: Until | None = None) -> None:
        """Reports an error instead of a reply."""
        self.begun = self.ended = True
        headers = {"Content-Type": "application/json", _ERROR_TYPE: error_type}
        self._write([self._head("error", headers, compact_json(_error_document(error_type, message)))], 0, until)

    def result(self) -> Answer:
        """Reads what the Runtime API says to the complete reply. How long that may take is the deadline's business.

        Raises:
            PeerInterrupted: It says nothing, or nothing that makes sense. The connection is closed then.
        """
        try:
            return self._api.read_answer(None)
        except (OSError, ProtocolError) as error:
            self._api.close()
            raise PeerInterrupted(f"no answer to the reply: {error}") from error

    def verdict(self) -> Answer | None:
        """After a PeerInterrupted: what the Runtime API had to say, where it did; the connection is closed either way."""
        try:
            return self._api.read_answer(0.05)
        except (OSError, ProtocolError):
            return None  # it broke off without a word, which the caller knows already
        finally:
            self._api.close()

    def broken_off(self) -> bool:
        """Whether the peer closed the connection or spoke before the end. Does not wait."""
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def abort(self) -> None:
        """Frees a send that waits in another thread, and ends the connection."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            del error  # it is closed already, which is what was asked for

    def _write(self, parts: list[bytes | memoryview], size: int, until: Until | None) -> None:
        """Sends `parts`, together somewhat more than `size` bytes."""
        if until is not None:
            self._write_until(b"".join(parts), until)
            return
        try:
            if size < JOIN_BELOW_BYTES or len(parts) > MAX_PIECES:
                self._socket.sendall(b"".join(parts))
            else:
                sent = self._socket.sendmsg(parts)
                if sent < sum(map(len, parts)):
                    self._socket.sendall(memoryview(b"".join(parts))[sent:])
        except OSError as error:
            raise PeerInterrupted(f"the reply was broken off: {error}") from error

    def _write_until(self, data: bytes, until: Until) -> None:
        left = memoryview(data)
        try:
            while left:
                patience = until() - monotonic()
                if _ready(self._socket, select.POLLOUT, min(patience, LOOK_SECONDS)):
                    try:
                        left = left[self._socket.send(left, socket.MSG_DONTWAIT) :]
                    except BlockingIOError:
                        continue  # less room than poll thinks worth its while; ask again
                elif patience <= LOOK_SECONDS:
                    raise PeerInterrupted("the reply was not taken in time")
                elif self.broken_off():
                    raise PeerInterrupted("the reply was broken off: the Runtime API spoke before its end")
        except OSError as error:
            raise PeerInterrupted(f"the reply was broken off: {error}") from error

    def _stream_head(self) -> bytes:
        invocation = self._invocation
        head = _POST_INVOCATION + invocation.request_id.encode("latin-1", "replace") + self._api.stream_head(self.content_type)
        if invocation.invocation_id:
            head += http1.field(_INVOCATION_ID, invocation.invocation_id)
        return head + b"\r\n"

    def _head(self, what: str, headers: dict[str, str], body: bytes) -> bytes:
        if self._invocation.invocation_id:
            headers[_INVOCATION_ID] = self._invocation.invocation_id
        return http1.request("POST", f"{_PREFIX}/invocation/{self._invocation.request_id}/{what}", self._api.host, headers, body)


def _connect(peer: tuple[str, int]) -> socket.socket:
    """A connection to the first of the peer's addresses that takes one."""
    failure: OSError = OSError(f"no address for {peer[0]}")
    for family, kind, protocol, _, address in socket.getaddrinfo(*peer, 0, socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(CONNECT_PATIENCE_SECONDS)
            connection.connect(address)
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _read_on(connection: socket.socket, data: bytes) -> Answer:
    """Reads the rest of an answer that did not come in one piece, or never will."""
    reader = AnswerReader()
    while True:
        answer = reader.feed(data) if data else reader.close()
        if answer is not None:
            return answer
        _await_data(connection, ANSWER_PATIENCE_SECONDS)
        data = connection.recv(_MORE_BYTES)


def _await_data(connection: socket.socket, patience: float) -> None:
    if not _ready(connection, select.POLLIN, patience):
        raise ProtocolError(f"silence for {patience:g} seconds")


def _ready(connection: socket.socket, event: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(connection, event)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def _error_document(error_type: str, message: str) -> dict[str, object]:
    """No stack trace: it is in the log, and whoever may invoke the function need not see its insides."""
    return {"errorMessage": message, "errorType": error_type, "stackTrace": []}
