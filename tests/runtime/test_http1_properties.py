"""Any bytes that a Runtime API could send lead to a defined outcome, never to a hang: however they are, and wherever they are cut."""

from __future__ import annotations

import itertools
import random
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streaming_runtime import transport
from streaming_runtime.http1 import Answer, AnswerReader, ProtocolError, whole
from streaming_runtime.invocation import Invocation
from streaming_runtime.transport import RuntimeApi, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 10.0
VALID = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r\r\nLambda-Runtime-Deadline-Ms: 1\r\nContent-Length: 2\r\n\r\n{}"
PARTS = (
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 202\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 N\r\n", b"HTTP/2 200\r\n", b"\r\n", b"\n",
    b"Content-Length: 3\r\n", b"content-length: 0\r\n", b"Content-Length: 99999999999\r\n", b"Content-Length: \xb2\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"X\r\n", b": x\r\n", b"A: b\r\n", b"abc",
    b"3\r\nabc\r\n", b"0\r\n\r\n", b"0\r\n", b"fffffffff\r\n", b"-1\r\n", b"\x00", b"\xff\xfe", b"{}", VALID, VALID[:40],
)  # fmt: skip
MESSAGES = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PARTS), max_size=12).map(b"".join))


def read(pieces: list[bytes]) -> Answer | str:
    """What comes of the pieces and the end of the connection: an answer, or a refusal."""
    reader = AnswerReader()
    try:
        for number, piece in enumerate(pieces):
            answer = reader.feed(piece)
            if answer is not None:
                if any(pieces[number + 1 :]):
                    raise ProtocolError("bytes behind the answer")
                return answer
        return reader.close()
    except ProtocolError:
        return "refused"


def told(answer: Answer | str) -> object:
    return answer if isinstance(answer, str) else (answer.status, answer.headers, answer.body, answer.keep_alive)


@given(MESSAGES, st.lists(st.integers(0, 400), max_size=6))
@settings(max_examples=600, deadline=None)
@example(VALID, [5])
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy", [39])
def test_every_way_of_cutting_gives_the_same_outcome(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]
    assert (
        told(read(pieces))
        == told(read([data[index : index + 1] for index in range(len(data))]))
        == told(read([data] if data else []))
    )


@given(MESSAGES)
@settings(max_examples=600, deadline=None)
@example(VALID)
def test_the_short_way_for_a_whole_answer_is_the_long_way(data: bytes) -> None:
    try:
        short = whole(data)
    except ProtocolError:
        assert read([data]) == "refused"
    else:
        if short is not None:
            assert told(short) == told(read([data]))


@given(MESSAGES)
@settings(max_examples=300, deadline=None)
def test_an_answer_is_an_invocation_or_refused(data: bytes) -> None:
    answer = read([data])
    if isinstance(answer, Answer):
        try:
            invocation = Invocation(answer.status, answer.headers, answer.body)
        except ProtocolError:
            return
        assert invocation.request_id
        assert not set(invocation.request_id) & set(" /?#\r\n")


# ---- the same on a socket: what asks has its answer, or its error, in bounded time


@contextmanager
def runtime_api(*scripts: list[bytes], then: str = "close") -> Iterator[RuntimeApi]:
    """A Runtime API that answers its first request with the first script's pieces, and so on, each on a connection of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)

        def serve() -> None:
            for pieces in scripts:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(PATIENCE)
                    try:
                        connection.recv(65_536)
                        for piece in pieces:
                            connection.sendall(piece)
                        if then == "half":
                            connection.shutdown(socket.SHUT_WR)
                            connection.recv(1)
                    except OSError:
                        continue  # the asker has heard enough

        thread = threading.Thread(target=serve)
        thread.start()
        api = RuntimeApi(f"127.0.0.1:{listener.getsockname()[1]}")
        try:
            yield api
        finally:
            api.close()
            listener.close()
            thread.join(PATIENCE)
            assert not thread.is_alive()


def mutated(rng: random.Random) -> list[bytes]:
    """A right answer with something done to it, in pieces; or garbage."""
    data = bytearray(rng.choice([VALID, rng.randbytes(rng.randrange(1, 60)), b"".join(rng.choices(PARTS, k=6))]))
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(data))
        data[place : place + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        if not data:
            data += b"x"
    end = rng.randrange(len(data) + 1)
    cut = rng.randrange(end + 1)
    return [bytes(data[:cut]), bytes(data[cut:end])]


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("then", ["close", "half"])
def test_garbage_on_the_wire_is_an_invocation_or_a_transport_error(seed: int, then: str) -> None:
    with runtime_api(mutated(random.Random(seed)), then=then) as api:
        try:
            invocation = api.next()
        except TransportError:
            return
        assert invocation.request_id


@pytest.mark.parametrize(
    "half", [VALID[:3], VALID[:60], VALID[:-1], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab"]
)
def test_half_an_answer_and_then_silence_is_given_up(half: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER_PATIENCE_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asked = threading.Thread(target=_answer_and_wait, args=(listener, half))
        asked.start()
        api = RuntimeApi(f"127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(TransportError, match="silence"):
            api.next()
        api.close()
        asked.join(PATIENCE)
        assert not asked.is_alive()


def _answer_and_wait(listener: socket.socket, data: bytes) -> None:
    listener.settimeout(PATIENCE)
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(PATIENCE)
        connection.recv(65_536)
        connection.sendall(data)
        connection.recv(1)  # until the asker has gone
