"""A Runtime API that dies, lies or stalls: every case has a defined outcome, and none is a hang."""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.runtime.neutral_api import PATIENCE, Runtime, running, url_event

if TYPE_CHECKING:
    from tests.runtime.conftest import Start

OK = "@streaming_handler\ndef handler(request, context):\n    yield 'ok'"
BLOCKING = """
    @streaming_handler(dialect="sse")
    def handler(request, context):
        if request.path == "/quick":
            yield Text("quick")
            return
        yield Text("x")
        try:
            time.sleep(3600)
        finally:
            print("CLEANED UP")
"""
ENDLESS = """
    @streaming_handler(dialect="sse")
    def handler(request, context):
        if request.path == "/quick":
            yield Text("quick")
            return
        try:
            while True:
                yield Text("x" * 1000)
        finally:
            print("CLEANED UP")
"""

GARBAGE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a short line and nothing more": b"HTTP/2",
    "another status": b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops",
    "a status that is none": b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
    "no request id": b"HTTP/1.1 200 OK\r\nLambda-Runtime-Deadline-Ms: 1\r\nContent-Length: 2\r\n\r\n{}",
    "no deadline": b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r\r\nContent-Length: 2\r\n\r\n{}",
    "a request id that breaks the path": (
        b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r /\r\nLambda-Runtime-Deadline-Ms: 1\r\nContent-Length: 2\r\n\r\n{}"
    ),
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a body longer than its length": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc",
    "a chunk size that is none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an unknown encoding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a header that is none": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
}


def assert_ends(runtime: Runtime, said: str) -> None:
    code, log = runtime.exit()
    assert code == 1
    assert log.count("\n") == 1, "one line"
    assert said in log
    assert "Traceback" not in log


@pytest.mark.parametrize("answer", GARBAGE)
def test_garbage_for_an_invocation_ends_the_process(start: Start, answer: str) -> None:
    runtime = start(OK)
    connection = runtime.await_next()
    connection.send(GARBAGE[answer])
    if answer == "a short line and nothing more":
        connection.socket.close()
    assert_ends(runtime, "GET /invocation/next")


@pytest.mark.parametrize(
    "half", [b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"]
)
def test_half_an_invocation_and_the_end_of_the_connection_ends_the_process(start: Start, half: bytes) -> None:
    runtime = start(OK)
    connection = runtime.await_next()
    connection.send(half)
    connection.socket.close()
    assert_ends(runtime, "before the answer was complete")


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    (tmp_path / "index.py").write_text("def handler(event, context): ...")
    with running(tmp_path, environment={"AWS_LAMBDA_RUNTIME_API": address}) as runtime:
        assert_ends(runtime, "refused")


def test_a_runtime_api_that_dies_between_invocations_ends_the_process(start: Start, interpreter: str) -> None:
    runtime = start(OK)
    runtime.invoke(url_event())
    connection = runtime.await_next()
    runtime.listener.close()
    connection.socket.close()
    assert_ends(runtime, "GET /invocation/next")


def test_an_idle_connection_that_was_closed_is_made_anew(start: Start) -> None:
    runtime = start(OK)
    assert runtime.invoke(url_event()).body == b"ok"
    connection = runtime.await_next()
    connection.socket.close()
    runtime.connection = None
    assert runtime.invoke(url_event()).body == b"ok"


def test_connection_close_is_honoured(start: Start) -> None:
    runtime = start(OK)
    runtime.deliver(url_event())
    connection = runtime.connection
    assert connection is not None
    reply = connection.read_body(runtime.head())
    assert reply.body == b"ok"
    connection.send(b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert connection.is_closed()
    runtime.connection = None
    assert runtime.invoke(url_event()).body == b"ok"


def test_an_interim_answer_is_skipped(start: Start) -> None:
    runtime = start(OK)
    runtime.await_next().send(b"HTTP/1.1 100 Continue\r\n\r\n")
    runtime.connection.read_request = _next_again(runtime)  # type: ignore[union-attr,method-assign]
    assert runtime.invoke(url_event()).body == b"ok"


def _next_again(runtime: Runtime):  # type: ignore[no-untyped-def]
    """The request has been read already; the answer to it is still owed."""
    connection = runtime.connection
    assert connection is not None
    real = connection.read_request

    def once():  # type: ignore[no-untyped-def]
        from tests.runtime.neutral_api import NEXT, Reply

        connection.read_request = real  # type: ignore[method-assign]
        return Reply(NEXT, {})

    return once


@pytest.mark.parametrize("status", [400, 403, 410, 413])
def test_a_refused_reply_is_logged_and_survived(start: Start, status: int) -> None:
    runtime = start(OK)
    runtime.deliver(url_event())
    runtime.rest(runtime.head(), status=status)
    assert runtime.invoke(url_event()).body == b"ok"
    runtime.await_next()
    assert f"answered {status}" in runtime.log()


def test_a_500_to_a_reply_ends_the_process_as_aws_asks(start: Start) -> None:
    runtime = start(OK)
    runtime.deliver(url_event())
    runtime.rest(runtime.head(), status=500)
    assert_ends(runtime, "answered 500")


@pytest.mark.parametrize("source", [BLOCKING, ENDLESS])
@pytest.mark.parametrize("how", ["410", "close", "reset"])
def test_a_reply_broken_off_closes_the_generator_at_once(start: Start, source: str, how: str) -> None:
    runtime = start(source)
    runtime.deliver(url_event(), timeout=60)
    reply = runtime.head()
    runtime.chunk(reply)
    broken = runtime.connection
    assert broken is not None
    begin = time.monotonic()
    if how == "410":
        broken.send(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
        if source is ENDLESS:
            broken.socket.shutdown(socket.SHUT_WR)
    elif how == "reset":
        broken.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        broken.socket.close()
    else:
        broken.socket.close()
    runtime.connection = None
    runtime.accept()
    if how == "410":
        broken.socket.close()
    assert b'{"text":"quick"}' in runtime.invoke(url_event(path="/quick")).body
    assert time.monotonic() - begin < 2
    runtime.await_next()
    log = runtime.log()
    assert log.count("CLEANED UP") == 1
    assert "Traceback" not in log
    if how == "410":
        assert "answered 410" in log


def test_no_answer_to_a_reply_ends_the_process_at_the_deadline(start: Start) -> None:
    runtime = start(OK)
    runtime.deliver(url_event(), timeout=0.5)
    assert runtime.connection is not None
    runtime.connection.read_body(runtime.head())
    code, log = runtime.exit()
    assert code == 1
    assert "RUNTIME_EXIT" in log


def test_no_answer_to_an_init_error_is_not_waited_for_for_ever(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = start("raise ValueError", environment={})
    connection = runtime.accept()
    connection.read_body(connection.read_request())
    connection.socket.close()
    code, log = runtime.exit()
    assert code == 1
    assert "POST /init/error" in log


def test_a_stopped_process_goes_on_where_it_was(start: Start) -> None:
    runtime = start(OK)
    assert runtime.invoke(url_event()).body == b"ok"
    runtime.await_next()
    os.kill(runtime.process.pid, signal.SIGSTOP)  # as Lambda freezes it between invocations
    os.kill(runtime.process.pid, signal.SIGCONT)
    runtime.connection.read_request = _next_again(runtime)  # type: ignore[union-attr,method-assign]
    assert runtime.invoke(url_event()).body == b"ok"


def test_nothing_is_left_behind_by_streams_that_broke_off(start: Start) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("counts descriptors in /proc, which only Linux has")
    runtime = start(BLOCKING)
    runtime.invoke(url_event(path="/quick"))
    counts = []
    for _ in range(10):
        runtime.deliver(url_event())
        runtime.chunk(runtime.head())
        assert runtime.connection is not None
        runtime.connection.socket.close()
        runtime.connection = None
        runtime.accept()
        runtime.invoke(url_event(path="/quick"))
        process = Path("/proc") / str(runtime.process.pid)
        counts.append((len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))))
    assert len(set(counts)) == 1, counts
    assert counts[0][1] == 2, "the handler's thread and the clock's"


assert PATIENCE < 60


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 2"])
def test_a_reply_that_gets_no_answer_is_logged_and_the_next_invocation_served(start: Start, said: bytes) -> None:
    runtime = start(BLOCKING)
    runtime.deliver(url_event(path="/quick"))
    silent = runtime.connection
    assert silent is not None
    silent.read_body(silent.read_request())
    silent.send(said)
    silent.socket.close()
    runtime.connection = None
    assert b'{"text":"quick"}' in runtime.invoke(url_event(path="/quick")).body
    runtime.await_next()
    assert runtime.log().count("STREAM_BROKEN_OFF: no answer to the reply") == 1
