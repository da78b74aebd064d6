"""A stream that is stopped from outside, step by step: the pipeline with a reply of the test's own."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import Error, Finish, Start, StreamInterrupted, Text
from streaming_runtime.deadline import Deadline
from streaming_runtime.dialects import Dialect
from streaming_runtime.pipeline import Pipeline
from streaming_runtime.request import Request
from streaming_runtime.settings import Settings
from streaming_runtime.store.encoders import NumberedEncoder, ReplayEncoder
from streaming_runtime.supervision import CANCEL_PATIENCE_SECONDS
from streaming_runtime.telemetry import StreamReport
from streaming_runtime.transport import PeerInterrupted
from tests.runtime.neutral_api import url_event

if TYPE_CHECKING:
    from streaming_runtime.dialects.base import Encoder


class Reply:
    """What the Runtime API would have got. `takes` says whether it takes the end."""

    def __init__(self, takes: bool = True) -> None:
        self.begun = self.ended = False
        self.content_type = ""
        self.sent = b""
        self.failure: tuple[str, ...] = ()
        self.aborted = False
        self.error: object = None
        self.bytes_sent = self.chunks_sent = 0
        self._takes = takes

    def send(self, pieces: list[bytes], size: int, max_chunk: int, until: Any = None) -> None:
        self.begun = True
        self.sent += b"".join(pieces)

    def finish(self, pieces: list[bytes], size: int, max_chunk: int, error: object = None, until: Any = None) -> None:
        self.ended = True
        if not self._takes:
            assert until is not None
            assert until() <= monotonic() + CANCEL_PATIENCE_SECONDS
            raise PeerInterrupted("the reply was not taken in time")
        self.send(pieces, size, max_chunk)
        self.error = error

    def fail(self, *what: Any) -> None:
        self.ended = True
        self.failure = what[:2]

    def broken_off(self) -> bool:
        return False

    def abort(self) -> None:
        self.aborted = True


class Bystander:
    """Clock and interrupter in one."""

    wakes_at = 0.0

    def wake(self) -> None:
        """Nobody sleeps."""

    def fire(self) -> None:
        """Nobody runs."""


def pipeline(reply: Reply, event: Any = None) -> Pipeline:
    request = Request(url_event("POST") if event is None else event, "r-1")
    now = monotonic()
    aside: Any = Bystander()
    return Pipeline(
        request, Dialect("sse").encoder(request), reply, Settings({}), Deadline(now, 60.0, 1.0, None), aside, aside, True,  # type: ignore[arg-type]
        StreamReport(request, now),
    )  # fmt: skip


def test_a_stream_that_has_begun_ends_with_the_dialects_error_and_without_trailers() -> None:
    reply = Reply()
    running = pipeline(reply)
    running.push(Text("one"))
    running.cancel()
    running.tick()
    assert running.outcome == "cancelled"
    assert reply.sent.endswith(b'event: error\ndata: {"code":"cancelled","message":"The stream was cancelled."}\n\n')
    assert reply.error is None
    with pytest.raises(StreamInterrupted):
        running.push(Text("two"))


def test_a_stream_that_is_over_before_the_clock_looks_has_no_supervisor() -> None:
    running = pipeline(Reply())
    running.push(Text("one"))
    running.complete()
    assert (running.outcome, running._supervisor) == ("completed", None)


def test_a_stream_that_has_not_begun_is_refused() -> None:
    reply = Reply()
    running = pipeline(reply)
    running.cancel()
    running.tick()
    assert (running.outcome, b'"statusCode":409' in reply.sent, b'"code":"cancelled"' in reply.sent) == ("cancelled", True, True)


def test_a_direct_invocation_that_has_not_begun_fails() -> None:
    reply = Reply()
    running = pipeline(reply, {})
    running.cancel()
    running.tick()
    assert (running.outcome, reply.failure) == ("cancelled", ("Function.Cancelled", "The stream was cancelled."))


def test_whoever_cancelled_need_not_read_the_end() -> None:
    reply = Reply(takes=False)
    running = pipeline(reply)
    running.push(Text("one"))
    running.cancel()
    running.tick()
    assert (running.outcome, reply.aborted) == ("cancelled", True)


def test_a_handler_that_ends_in_the_same_moment_adds_nothing() -> None:
    reply = Reply()
    running = pipeline(reply)
    running.push(Text("one"))
    running.cancel()
    running.tick()
    sent = reply.sent
    with pytest.raises(StreamInterrupted):
        running.complete()
    assert (running.outcome, reply.sent) == ("cancelled", sent)


def test_an_answer_that_is_complete_stays_so() -> None:
    reply = Reply()
    running = pipeline(reply)
    running.push(Text("one"))
    running.push(Finish())
    running.cancel()
    running.tick()
    assert running.outcome == ""
    running.complete()
    running.cancel()
    running.tick()
    assert running.outcome == "completed"
    assert b"cancelled" not in reply.sent


# ---- what the encoders around it do


def kept(inner: Encoder, numbers: bool = True) -> tuple[NumberedEncoder, list[tuple[bytes, int]], list[str]]:
    pieces: list[tuple[bytes, int]] = []
    ends: list[str] = []
    request = Request(url_event("POST"), "r-1")
    encoder = NumberedEncoder(request, inner, "A" * 24, numbers, lambda data, last: pieces.append((data, last)), ends.append)
    return encoder, pieces, ends


def test_everything_that_is_written_is_kept_with_its_number() -> None:
    encoder, pieces, ends = kept(Dialect("sse").encoder(Request(url_event("POST"), "r-1")))
    wire = encoder.start(Start(id="x")) + encoder.text("a") + encoder.raw("ö".encode()[:1]) + encoder.flush()
    wire += encoder.error(Error("cancelled", "c"))
    assert b"".join(data for data, _ in pieces) == wire
    assert [last for _, last in pieces] == [1, 2, 3]
    assert ends == ["cancelled"]


@pytest.mark.parametrize(
    ("code", "status"), [("cancelled", "cancelled"), ("deadline_exceeded", "deadline"), ("internal_error", "errored")]
)
def test_the_error_says_how_it_ended(code: str, status: str) -> None:
    encoder, _, ends = kept(Dialect("text").encoder(Request(url_event("POST"), "r-1")))
    encoder.error(Error(code, "m"))
    encoder.finish(Finish())
    assert ends == [status, "completed"]


def test_what_is_not_kept_has_no_ids_and_the_heartbeat_it_always_had() -> None:
    inner = Dialect("sse").encoder(Request(url_event("POST"), "r-1"))
    encoder, pieces, _ = kept(inner, numbers=False)
    assert encoder.text("a") == inner.text("a")
    assert encoder.heartbeat == inner.heartbeat
    assert [data for data, _ in pieces] == [inner.text("a")], "the keeper hears of it all the same, and has the stream begin"


@pytest.mark.parametrize(
    "dialect", ["openai-responses", "ag-ui", "ui-message-stream", "anthropic-messages", "openai-chat", "sse"]
)
def test_an_error_behind_what_was_replayed_does_not_begin_the_stream_again(dialect: str) -> None:
    request = Request({"stream": True}, "r-1")
    inner = Dialect(dialect).encoder(request)
    begun = Dialect(dialect).encoder(request)
    beginning = begun.text("a")
    error = Error("stream_lost", "m")
    replayed = ReplayEncoder(request, inner, "A" * 24)
    told = replayed.error(error)
    assert told.count(b"\n\n") == begun.error(error).count(b"\n\n")
    assert b"stream_lost" in told or b'"m"' in told
    assert not any(frame in told for frame in beginning.split(b"\n\n")[:1])
    assert replayed.raw(b"id: 1\n\n") == b"id: 1\n\n"
    assert replayed.flush() + replayed.finish(Finish()) == b"", "the end is among what is replayed"
