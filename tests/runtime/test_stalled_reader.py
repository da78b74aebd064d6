"""A reader who reads no more while the clock's thread has something to send: it waits, and never for longer than is left."""

from __future__ import annotations

import socket
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import Internal, StreamInterrupted, Text, transport
from streaming_runtime.deadline import Deadline
from streaming_runtime.dialects import Dialect
from streaming_runtime.invocation import Invocation
from streaming_runtime.pipeline import Pipeline
from streaming_runtime.request import Request
from streaming_runtime.settings import Settings
from streaming_runtime.supervision import CANCEL_PATIENCE_SECONDS
from streaming_runtime.telemetry import StreamReport
from streaming_runtime.transport import LOOK_SECONDS, Reply, RuntimeApi
from tests.runtime.neutral_api import url_event
from tests.runtime.test_store_cancel import Bystander

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADERS = {"lambda-runtime-aws-request-id": "r-1", "lambda-runtime-deadline-ms": "0"}
PATIENCE = 10.0


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RuntimeApi, socket.socket]]:
    """A Runtime API's connection, and its other end, which nobody reads."""
    near, far = socket.socketpair()
    with near, far:
        monkeypatch.setattr(transport, "_connect", lambda peer: near)
        api = RuntimeApi("127.0.0.1:1")
        yield api, far


def stalled(api: RuntimeApi, seconds: float) -> tuple[Pipeline, Deadline, Reply]:
    """A stream that has begun, whose reader takes nothing more, and of which something is gathered and due."""
    now = monotonic()
    request = Request(url_event("POST"), "r-1")
    deadline = Deadline(now, seconds, seconds / 2, None)
    reply = api.reply(Invocation(200, HEADERS, b"{}"))
    aside: Any = Bystander()
    running = Pipeline(
        request, Dialect("sse").encoder(request), reply, Settings({}), deadline, aside, aside, True, StreamReport(request, now)
    )  # fmt: skip
    running.push(Text("one"))
    running.pacer.add(b"x" * 5_000_000, now - 1)
    return running, deadline, reply


def test_at_the_deadline_the_handler_still_has_time_to_go(ends: tuple[RuntimeApi, socket.socket]) -> None:
    running, deadline, _ = stalled(ends[0], 0.8)
    due = running.tick()
    assert running.outcome == "deadline"
    assert deadline.abort_at <= monotonic()
    assert due < deadline.killed_at
    with pytest.raises(StreamInterrupted):
        running.push(Text("two"))


def test_a_cancel_ends_the_wait(ends: tuple[RuntimeApi, socket.socket]) -> None:
    running, _, _ = stalled(ends[0], 600.0)
    threading.Timer(0.05, running.cancel).start()
    begin = monotonic()
    running.tick()
    assert running.outcome == "cancelled"
    assert CANCEL_PATIENCE_SECONDS <= monotonic() - begin < PATIENCE


def test_a_runtime_api_that_speaks_ends_the_wait(ends: tuple[RuntimeApi, socket.socket]) -> None:
    running, _, _ = stalled(ends[0], 600.0)
    ends[1].sendall(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
    begin = monotonic()
    running.tick()
    assert running.outcome == "interrupted"
    assert LOOK_SECONDS <= monotonic() - begin < PATIENCE


def test_the_orderly_end_is_given_up_at_half_the_margin(ends: tuple[RuntimeApi, socket.socket]) -> None:
    running, deadline, reply = stalled(ends[0], 0.4)
    until = deadline.cut_off_at
    while monotonic() < until:
        running.pacer.since = monotonic()  # not due before the deadline
    due = running.tick()
    assert running.outcome == "deadline"
    assert due < deadline.killed_at
    with pytest.raises(transport.PeerInterrupted):
        reply.send([b"x"], 1, 65_536)


def test_a_reader_who_comes_back_gets_everything(ends: tuple[RuntimeApi, socket.socket]) -> None:
    running, _, reply = stalled(ends[0], 600.0)
    got = bytearray()

    def read() -> None:
        while len(got) < 5_000_000:
            got.extend(ends[1].recv(65_536))

    reader = threading.Timer(3 * LOOK_SECONDS, read)
    reader.start()
    running.tick()
    reader.join(PATIENCE)
    assert (running.outcome, got.count(b"x" * 65_536)) == ("", 76)
    assert reply.bytes_sent > 5_000_000


def test_a_handler_that_yields_without_a_pause_does_not_keep_its_deadline_out(ends: tuple[RuntimeApi, socket.socket]) -> None:
    for _ in range(10):
        now = monotonic()
        request = Request(url_event("POST"), "r-1")
        aside: Any = Bystander()
        reply = ends[0].reply(Invocation(200, HEADERS, b"{}"))
        deadline = Deadline(now, 60.0, 59.0, None)
        deadline.cut_off_at = now + 0.02
        running = Pipeline(
            request, Dialect("sse").encoder(request), reply, Settings({}), deadline, aside, aside, True, StreamReport(request, now)
        )  # fmt: skip
        ticks: list[float] = []

        def look(running: Pipeline = running, ticks: list[float] = ticks) -> None:
            sleep(0.03)
            while not running.outcome and len(ticks) < 20:
                ticks.append(running.tick())

        clock = threading.Thread(target=look)
        clock.start()
        with pytest.raises(StreamInterrupted):
            running.push_all(iter(lambda: Internal(1), None))
        clock.join(PATIENCE)
        assert running.outcome == "deadline", ticks
