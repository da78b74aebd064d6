"""The Runtime API's client against a peer of the test's own: what is on the wire, and what comes of each way a peer may fail."""

from __future__ import annotations

import base64
import json
import select
import socket
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import transport
from streaming_runtime.invocation import Invocation
from streaming_runtime.transport import JOIN_BELOW_BYTES, MAX_PIECES, PeerInterrupted, RuntimeApi, TransportError

if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Iterator

PATIENCE = 10.0
PREFIX = "/2018-06-01/runtime"
HEADERS = {"lambda-runtime-aws-request-id": "r-1", "lambda-runtime-deadline-ms": "1"}
NEXT = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r-1\r\nLambda-Runtime-Deadline-Ms: 1\r\nContent-Length: 2\r\n\r\n{}"
TAKEN = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Peer:
    """The other end: takes connections and reads what came, each time within bounds."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.connection: socket.socket | None = None

    def accept(self) -> socket.socket:
        if self.connection is not None:
            self.connection.close()
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(PATIENCE)
        return self.connection

    def read_until(self, end: bytes) -> bytes:
        assert self.connection is not None
        data = b""
        while not data.endswith(end):
            piece = self.connection.recv(1_048_576)
            assert piece, data[-100:]
            data += piece
        return data

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.listener.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.close()


@pytest.fixture
def api(peer: Peer) -> Iterator[RuntimeApi]:
    made = RuntimeApi(peer.address)
    yield made
    made.close()


def answered(peer: Peer, answer: bytes, call: Callable[[], Any], end: bytes = b"\r\n\r\n") -> Any:
    """Makes the call while the peer accepts a connection, reads one request and answers."""

    def serve() -> None:
        peer.accept()
        peer.read_until(end)
        assert peer.connection is not None
        peer.connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        return call()
    finally:
        thread.join(PATIENCE)


def a_reply(api: RuntimeApi, peer: Peer, **more: str) -> transport.Reply:
    reply = api.reply(Invocation(200, {**HEADERS, **more}, b"{}"))
    peer.accept()
    return reply


# ---- asking for invocations


@pytest.mark.parametrize(
    ("address", "expected"), [("127.0.0.1:9001", ("127.0.0.1", 9001)), ("[::1]:9001", ("::1", 9001)), ("host", ("host", 80))]
)
def test_the_address_is_read_as_lambda_writes_it(address: str, expected: tuple[str, int]) -> None:
    assert RuntimeApi(address)._peer == expected


def test_a_connection_is_kept_for_the_next_invocation_and_made_anew_where_it_was_closed(api: RuntimeApi, peer: Peer) -> None:
    assert answered(peer, NEXT, api.next).request_id == "r-1"
    kept = peer.connection
    assert kept is not None
    kept.sendall(NEXT)
    assert api.next().request_id == "r-1"
    peer.read_until(b"\r\n\r\n")
    assert answered(peer, NEXT, lambda: (kept.close(), api.next())[1]).request_id == "r-1"


def test_nobody_there_is_an_error_and_not_a_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    api = RuntimeApi(address)
    with pytest.raises(TransportError, match=r"GET /invocation/next on .* failed"):
        api.next()
    with pytest.raises(TransportError, match="no connection"):
        api.reply(Invocation(200, HEADERS, b"{}"))
    with pytest.raises(TransportError, match="POST /init/error"):
        api.fail_init("T", "m")
    with pytest.raises(TransportError, match="GET /restore/next"):
        api.await_restore()


def test_the_first_address_that_takes_a_connection_is_taken(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in (closed, peer.listener.getsockname())]
    monkeypatch.setattr(transport.socket, "getaddrinfo", lambda *_: addresses)
    assert answered(peer, NEXT, RuntimeApi("somewhere:1").next).request_id == "r-1"


def test_a_name_without_an_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport.socket, "getaddrinfo", lambda *_: [])
    with pytest.raises(TransportError, match="no address for nowhere"):
        RuntimeApi("nowhere:1").next()


def test_a_connection_that_is_there_already_tells_a_failure_too(api: RuntimeApi, peer: Peer) -> None:
    reply = a_reply(api, peer)
    assert not reply.begun
    assert peer.connection is not None
    peer.connection.sendall(TAKEN)
    api.fail_init("Runtime.T", "m")
    assert peer.read_until(b'"stackTrace":[]}').startswith(f"POST {PREFIX}/init/error HTTP/1.1\r\n".encode())
    assert api._socket is None


def test_a_snapshot_is_waited_for_and_its_connection_not_kept(api: RuntimeApi, peer: Peer) -> None:
    answered(peer, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", api.await_restore)
    assert api._socket is None
    with pytest.raises(TransportError, match="answered 403"):
        answered(peer, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", api.await_restore)


@pytest.mark.parametrize("phase", ["init", "restore"])
def test_a_failure_to_start_is_told_and_its_answer_not_waited_for_for_ever(
    api: RuntimeApi, peer: Peer, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ANSWER_PATIENCE_SECONDS", 0.05)
    tell = getattr(api, f"fail_{phase}")
    with pytest.raises(TransportError, match="silence for 0.05 seconds"):
        tell("Runtime.T", "m")
    peer.accept()
    said = peer.read_until(b"}")
    assert said.startswith(f"POST {PREFIX}/{phase}/error HTTP/1.1\r\n".encode())
    assert b"Lambda-Runtime-Function-Error-Type: Runtime.T\r\n" in said
    monkeypatch.setattr(transport, "ANSWER_PATIENCE_SECONDS", PATIENCE)
    answered(peer, TAKEN, lambda: tell("Runtime.T", "m"), b'"stackTrace":[]}')


def test_an_invocation_may_come_in_pieces(api: RuntimeApi, peer: Peer) -> None:
    def serve() -> None:
        connection = peer.accept()
        for index in range(len(NEXT)):
            connection.sendall(NEXT[index : index + 1])
            wait(lambda: False, 0.001)

    thread = threading.Thread(target=serve)
    thread.start()
    assert api.next().body == b"{}"
    thread.join(PATIENCE)


# ---- replies


def test_the_first_chunk_leaves_with_the_head_and_the_last_with_the_end(api: RuntimeApi, peer: Peer) -> None:
    reply = a_reply(api, peer, **{"lambda-runtime-invocation-id": "attempt-7"})
    reply.content_type = "text/plain"
    reply.send([b"ab", b"c"], 3, 65_536)
    head, _, body = peer.read_until(b"abc\r\n").partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        f"POST {PREFIX}/invocation/r-1/response HTTP/1.1",
        f"Host: {api.host}",
        "Content-Type: text/plain",
        "Lambda-Runtime-Function-Response-Mode: streaming",
        "Transfer-Encoding: chunked",
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
        "Lambda-Runtime-Invocation-Id: attempt-7",
    ]
    assert body == b"3\r\nabc\r\n"
    reply.finish([b"d"], 1, 65_536, ("Function.E", "m"))
    last = peer.read_until(b"\r\n\r\n").decode()
    assert last.startswith(
        "1\r\nd\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.E\r\nLambda-Runtime-Function-Error-Body: "
    )
    assert json.loads(base64.b64decode(last.split()[-1])) == {"errorMessage": "m", "errorType": "Function.E", "stackTrace": []}
    assert (reply.bytes_sent, reply.chunks_sent, reply.begun, reply.ended) == (4, 2, True, True)


def test_an_empty_stream_has_a_head_and_an_end(api: RuntimeApi, peer: Peer) -> None:
    reply = a_reply(api, peer)
    reply.finish([], 0, 65_536)
    assert peer.read_until(b"0\r\n\r\n").endswith(b"\r\n\r\n0\r\n\r\n")
    assert (reply.bytes_sent, reply.chunks_sent) == (0, 0)


def test_nothing_to_send_sends_nothing(api: RuntimeApi, peer: Peer) -> None:
    reply = a_reply(api, peer)
    reply.send([b"x"], 1, 65_536)
    peer.read_until(b"x\r\n")
    reply.send([], 0, 65_536)
    reply.finish([], 0, 65_536)
    assert peer.read_until(b"0\r\n\r\n") == b"0\r\n\r\n"


@pytest.mark.parametrize("until", [None, PATIENCE])
@pytest.mark.parametrize("sizes", [[10], [JOIN_BELOW_BYTES], [40_000, 30_000, 5], [1] * (MAX_PIECES * 40), [3_000_000]])
def test_whatever_its_size_everything_arrives_in_bounded_chunks(
    api: RuntimeApi, peer: Peer, sizes: list[int], until: float | None
) -> None:
    reply = a_reply(api, peer)
    pieces = [bytes([65 + number % 26]) * size for number, size in enumerate(sizes)]
    patience = None if until is None else (lambda: monotonic() + PATIENCE)
    sender = threading.Thread(target=reply.finish, args=(pieces, sum(sizes), 65_536, None, patience))
    sender.start()
    said = peer.read_until(b"\r\n0\r\n\r\n").partition(b"\r\n\r\n")[2]
    sender.join(PATIENCE)
    chunks = []
    while said:
        size, _, said = said.partition(b"\r\n")
        chunks.append(said[: int(size, 16)])
        said = said[int(size, 16) + 2 :]
    assert b"".join(chunks) == b"".join(pieces)
    assert max(map(len, chunks)) <= 65_536
    assert (reply.bytes_sent, reply.chunks_sent) == (sum(sizes), len(chunks) - 1)


def test_a_document_and_a_failure_leave_whole(api: RuntimeApi, peer: Peer) -> None:
    a_reply(api, peer, **{"lambda-runtime-invocation-id": "attempt-7"}).respond("application/json", b'{"a":1}')
    document = peer.read_until(b'{"a":1}')
    assert b"/invocation/r-1/response " in document
    assert b"Lambda-Runtime-Invocation-Id: attempt-7\r\n" in document
    assert b"Content-Length: 7\r\n" in document
    api.reply(Invocation(200, HEADERS, b"{}")).fail("Function.E", "m", lambda: monotonic() + PATIENCE)
    assert b"/invocation/r-1/error " in peer.read_until(b'"stackTrace":[]}')


def test_heads_are_remembered_within_bounds(api: RuntimeApi) -> None:
    for number in (*range(100), *range(100)):
        assert b"Content-Type: text/%d\r\n" % number in api.stream_head(f"text/{number}")
    assert len(api._stream_heads) <= transport._MOST_CONTENT_TYPES


# ---- peers that fail


def test_a_peer_that_has_gone_interrupts_whatever_is_sent(api: RuntimeApi, peer: Peer) -> None:
    reply = a_reply(api, peer)
    assert not reply.broken_off()
    reply.send([b"x"], 1, 65_536)
    assert peer.connection is not None
    peer.connection.close()  # with something unread: a reset
    assert wait(reply.broken_off)
    for patience in (None, lambda: monotonic() + PATIENCE):
        with pytest.raises(PeerInterrupted, match="the reply was broken off"):
            reply.send([b"x" * 50_000_000], 50_000_000, 65_536, patience)
    assert reply.verdict() is None
    assert api._socket is None
    reply.abort()  # of a connection that is closed already: nothing is left to do


def test_what_the_peer_says_before_the_end_is_heard(api: RuntimeApi, peer: Peer) -> None:
    reply = a_reply(api, peer)
    reply.send([b"x"], 1, 65_536)
    assert peer.connection is not None
    peer.connection.sendall(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
    assert wait(reply.broken_off)
    verdict = reply.verdict()
    assert verdict is not None
    assert (verdict.status, api._socket) == (410, None)


def test_the_answer_to_a_reply_is_read_and_a_connection_that_it_closes_is_not_kept(api: RuntimeApi, peer: Peer) -> None:
    reply = a_reply(api, peer)
    reply.finish([b"x"], 1, 65_536)
    assert peer.connection is not None
    peer.connection.sendall(TAKEN)
    assert reply.result().status == 202
    assert api._socket is not None
    peer.connection.sendall(b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert reply.result().status == 202
    assert api._socket is None


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 20", b"nonsense"])
def test_no_answer_that_makes_sense_closes_the_connection(api: RuntimeApi, peer: Peer, answer: bytes) -> None:
    reply = a_reply(api, peer)
    reply.finish([b"x"], 1, 65_536)
    peer.read_until(b"0\r\n\r\n")
    assert peer.connection is not None
    peer.connection.sendall(answer)
    peer.connection.close()
    with pytest.raises(PeerInterrupted, match="no answer to the reply"):
        reply.result()
    assert api._socket is None


def test_a_send_that_waits_is_freed_by_abort(api: RuntimeApi, peer: Peer) -> None:
    reply = a_reply(api, peer)
    freed = threading.Timer(0.05, reply.abort)
    freed.start()
    with pytest.raises(PeerInterrupted):
        reply.send([b"x" * 50_000_000], 50_000_000, 65_536)
    freed.join(PATIENCE)


def test_less_room_than_poll_promised_is_asked_for_again(api: RuntimeApi, peer: Peer) -> None:
    reply = a_reply(api, peer)
    real = reply._socket
    said: list[bytes] = []

    class Hesitant:
        """Takes nothing at first, then everything."""

        def fileno(self) -> int:
            return real.fileno()

        def send(self, data: memoryview, flags: int) -> int:
            said.append(bytes(data))
            if len(said) == 1:
                raise BlockingIOError
            return len(data)

    reply._socket = Hesitant()  # type: ignore[assignment]
    reply.fail("T", "m", lambda: monotonic() + PATIENCE)
    assert len(said) == 2
    assert said[0] == said[1]


def test_a_vector_taken_in_part_is_completed(api: RuntimeApi, peer: Peer) -> None:
    reply = a_reply(api, peer)

    class Partial:
        """Takes half of every vector."""

        def __init__(self, real: _socket.socket) -> None:
            self._real = real

        def sendmsg(self, parts: list[bytes]) -> int:
            data = b"".join(parts)
            self._real.sendall(data[: len(data) // 2])
            return len(data) // 2

        def sendall(self, data: bytes) -> None:
            self._real.sendall(data)

    reply._socket = Partial(reply._socket)  # type: ignore[assignment]
    reply.finish([b"x" * 20_000], 20_000, 65_536)
    assert peer.read_until(b"0\r\n\r\n").endswith(b"4e20\r\n" + b"x" * 20_000 + b"\r\n0\r\n\r\n")


def wait(look: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    until = monotonic() + seconds
    while not look() and monotonic() < until:
        select.select([], [], [], 0.005)
    return look()
