"""A thousand streams with faults of every kind: each has exactly one recorded outcome, and nothing of them is left behind.

Who records it: the runtime, by one record a stream, for whatever its process survives and for the end it brings about itself; whoever
runs the process (Lambda, here the test) for a process that was killed, of which there is no record.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import signal
import socket
import struct
import subprocess
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.runtime.dynamodb_server import serving
from tests.runtime.neutral_api import PATIENCE, Reply, Runtime, running, url_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SEED = 20_261_123
STREAMS = 1_000
SECONDS = 2.0  # of the invocations that run into their deadline, half of which is the margin
SOURCE = """
    from streaming_runtime import *
    import gc, os, sys, time, json
    opened = closed = 0

    def census():
        gc.collect()
        descriptors = 0
        for number in range(256):
            try:
                os.fstat(number)
            except OSError:
                continue
            descriptors += 1
        return {"threads": len(sys._current_frames()), "descriptors": descriptors, "objects": len(gc.get_objects()), "open": opened - closed}

    @streaming_handler(dialect="sse")
    def handler(request, context):
        global opened, closed
        if request.path == "/census":
            return HttpResponse.json(census())
        return pieces(request)

    def pieces(request):
        global opened, closed
        opened += 1
        try:
            yield from PATHS.get(request.path, quick)(request)
        finally:
            closed += 1

    def quick(request):
        for piece in ("one", "two", "three"):
            yield Text(piece)

    def long(request):
        for _ in range(200):
            yield Text("x" * 10_000)

    def endless(request):
        while True:
            yield Text("x" * 1_000)

    def ticking(request):
        while True:
            yield Text("x")
            time.sleep(0.01)

    def blocked(request):
        yield Text("x")
        time.sleep(3600)

    def silent(request):
        time.sleep(3600)
        yield Text("never")

    def broken_text(request):
        for piece in (b"caf\\xc3", b"\\xa9 \\xff\\xfe ", "\\ud800", b"\\xe2\\x82"):
            yield piece

    def reads_json(request):
        yield Data(request.json())

    def raises_first(request):
        raise ValueError("before the first byte")
        yield

    def raises_later(request):
        yield Text("x")
        raise ValueError("after the first byte")

    def throttled(request):
        raise Throttled("slowly", retry_after=3)
        yield

    def stays(request):
        try:
            yield Text("x")
            while True:
                time.sleep(0.01)
                yield Text("x")
        except GeneratorExit:
            yield Text("I stay")

    def stubborn(request):
        yield Text("x")
        while True:
            try:
                time.sleep(3600)
            except BaseException:
                pass

    def exits(request):
        yield Text("x")
        sys.exit(3)

    PATHS = {"/" + function.__name__: function for function in (
        quick, long, endless, ticking, blocked, silent, broken_text, reads_json, raises_first, raises_later, throttled, stays, stubborn, exits)}
"""

# ---- faults: each does one stream its own way, and says what the record must say of it


def whole(runtime: Runtime, rng: random.Random) -> str:
    assert b'"reason":"stop"' in runtime.invoke(url_event(path=rng.choice(["/quick", "/long"]))).body
    return "completed"


def slow_reader(runtime: Runtime, rng: random.Random) -> str:
    runtime.deliver(url_event(path="/long"), timeout=60)
    reply = runtime.head()
    for _ in range(3):
        time.sleep(0.01 * rng.random())
        runtime.chunk(reply)
    assert runtime.rest(reply).body.count(b"data: ") == 201
    return "completed"


def reset(runtime: Runtime, rng: random.Random) -> str:
    connection = _begun(runtime, rng.choice(["/endless", "/blocked", "/stays"]))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    _drop(runtime)
    return "interrupted"


def closed(runtime: Runtime, rng: random.Random) -> str:
    _begun(runtime, rng.choice(["/endless", "/blocked", "/stays"]))
    _drop(runtime)
    return "interrupted"


def gone_midway(runtime: Runtime, rng: random.Random) -> str:
    connection = _begun(runtime, rng.choice(["/endless", "/blocked"]))
    connection.sendall(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
    connection.shutdown(socket.SHUT_WR)
    old, runtime.connection = runtime.connection, None
    runtime.accept()
    assert old is not None
    old.socket.close()
    return "interrupted"


def refused(runtime: Runtime, rng: random.Random) -> str:
    runtime.deliver(url_event())
    runtime.rest(runtime.head(), status=rng.choice([400, 403, 410, 413]))
    return "completed"


def closed_behind(runtime: Runtime, rng: random.Random) -> str:
    runtime.deliver(url_event())
    assert runtime.connection is not None
    runtime.connection.read_body(runtime.head())
    runtime.connection.send(b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    _drop(runtime)
    return "completed"


def stall(runtime: Runtime, rng: random.Random) -> str:
    _begun(runtime, "/endless", timeout=SECONDS)  # and nothing more is read
    stalled, runtime.connection = runtime.connection, None
    runtime.accept()
    assert stalled is not None
    stalled.socket.close()
    return "deadline"


def deadline(runtime: Runtime, rng: random.Random) -> str:
    path = rng.choice(["/blocked", "/silent"])
    reply = runtime.invoke(url_event(path=path), timeout=SECONDS)
    assert b"deadline_exceeded" in reply.body
    assert reply.status == (200 if path == "/blocked" else 504)
    return "deadline"


MALFORMED = (b"", b"{", b"nul", b"\xff\xfe", b'{"a": "\xc3"}', b"[" * 100_000, b'{"a":1}x', b"\xef\xbb\xbf{}", b"'a'", b"\0")
ODD = (
    b"null",
    b"[]",
    b"1e400",
    b'"text"',
    b'{"requestContext":5}',
    b'{"requestContext":{"http":[]}}',
    b'{"a":NaN}',
    b'"\\ud800"',
)


def malformed(runtime: Runtime, rng: random.Random) -> str:
    reply = runtime.invoke(body=rng.choice(MALFORMED))
    assert reply.is_error
    assert reply.json["errorType"] == "Runtime.UnmarshalError"
    return "errored"


def odd(runtime: Runtime, rng: random.Random) -> str:
    assert b"three" in runtime.invoke(body=rng.choice(ODD)).body
    return "completed"


def in_pieces(runtime: Runtime, rng: random.Random) -> str:
    """The event arrives in pieces, cut anywhere, and chunked."""
    connection = runtime.await_next()
    event = json.dumps(url_event()).encode()
    runtime._invocations += 1
    head = (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
        f"lambda-runtime-aws-request-id: request-{runtime._invocations}\r\nLAMBDA-RUNTIME-DEADLINE-MS: 9999999999999\r\n\r\n"
    )
    answer = head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event)
    cuts = sorted(rng.sample(range(1, len(answer)), 3))
    for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True):
        connection.send(answer[start:end])
        time.sleep(0.002)
    assert b"three" in runtime.rest(runtime.head()).body
    return "completed"


def wrong_utf8_out(runtime: Runtime, rng: random.Random) -> str:
    body = runtime.invoke(url_event(path="/broken_text")).body.decode()
    assert body.count("\N{REPLACEMENT CHARACTER}") >= 3
    return "completed"


def wrong_utf8_in(runtime: Runtime, rng: random.Random) -> str:
    event = url_event("POST", "/reads_json", body=b'{"a": "\xff"}')
    assert base64.b64decode(event["body"])
    assert runtime.invoke(event).status == 400
    return "errored"


def raises(runtime: Runtime, rng: random.Random) -> str:
    path, status = rng.choice([("/raises_first", 500), ("/raises_later", 200), ("/throttled", 429)])
    reply = runtime.invoke(url_event(path=path))
    assert (reply.status, reply.trailer_error is None) == (status, path == "/throttled")
    return "errored"


SURVIVED: dict[Callable[[Runtime, random.Random], str], int] = {
    whole: 150, slow_reader: 60, reset: 90, closed: 90, gone_midway: 60, refused: 60, closed_behind: 30, stall: 12, deadline: 12,
    malformed: 60, odd: 40, in_pieces: 50, wrong_utf8_out: 50, wrong_utf8_in: 40, raises: 60,
}  # fmt: skip


def killed(runtime: Runtime, rng: random.Random) -> str:
    _begun(runtime, rng.choice(["/endless", "/blocked", "/silent"]), head=False)
    os.killpg(runtime.process.pid, signal.SIGKILL)
    assert runtime.process.wait(PATIENCE) == -signal.SIGKILL
    return "killed"


def exits(runtime: Runtime, rng: random.Random) -> str:
    reply = runtime.invoke(url_event(path="/exits"))
    assert reply.trailer_error is not None
    assert runtime.process.wait(PATIENCE) == 3
    return "errored"


def told_to_end(runtime: Runtime, rng: random.Random) -> str:
    runtime.deliver(url_event())
    runtime.rest(runtime.head(), status=500)
    assert runtime.process.wait(PATIENCE) == 1
    return "completed"


def stubborn(runtime: Runtime, rng: random.Random) -> str:
    """It catches what should get it out of there, so the process has to go."""
    reply = runtime.invoke(url_event(path="/stubborn"), timeout=SECONDS)
    assert b"deadline_exceeded" in reply.body
    assert runtime.process.wait(PATIENCE) == 1
    return "deadline"


def unanswered(runtime: Runtime, rng: random.Random) -> str:
    """The Runtime API takes the reply and never says a word."""
    runtime.deliver(url_event(), timeout=SECONDS)
    assert runtime.connection is not None
    runtime.connection.read_body(runtime.head())
    assert runtime.process.wait(PATIENCE) == 1
    return "completed"


NOT_SURVIVED: dict[Callable[[Runtime, random.Random], str], int] = {
    killed: 40, exits: 20, told_to_end: 20, stubborn: 6, unanswered: 6
}  # fmt: skip
CANCELLED = 22
WHOLE_BESIDE_THEM = 22


def _begun(runtime: Runtime, path: str, *, timeout: float = 60.0, head: bool = True) -> socket.socket:
    runtime.deliver(url_event(path=path), timeout=timeout)
    if head:
        runtime.chunk(runtime.head())
    assert runtime.connection is not None
    return runtime.connection.socket


def _drop(runtime: Runtime) -> None:
    assert runtime.connection is not None
    runtime.connection.socket.close()
    runtime.connection = None


# ---- lanes: streams one after another; several lanes at once


class Lane:
    """One handler's processes, one after another, and what became of each stream."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        folder.mkdir()
        (folder / "index.py").write_text(textwrap.dedent(SOURCE), encoding="utf-8")
        self._folder = folder
        self._environment = {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_LOG_FORMAT": "JSON", **environment}
        self._processes = 0
        self.recorded = 0

    @contextmanager
    def process(self) -> Iterator[tuple[Runtime, dict[str, str]]]:
        """A process, and what its streams should be recorded as, by request id; compared when it has ended."""
        self._processes += 1
        expected: dict[str, str] = {}
        log = self._folder / f"log-{self._processes}"
        with log.open("wb") as output, running(self._folder, environment=self._environment, output=output) as runtime:
            yield runtime, expected
        found = records(log)
        killed = {request for request, outcome in expected.items() if outcome == "killed"}
        assert found == [item for item in expected.items() if item[0] not in killed]
        self.recorded += len(found) + len(killed)


def records(log: Path) -> list[tuple[str, str]]:
    """Request id and outcome of every record, in order."""
    found = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if "_aws" in said:
                found.append((said["requestId"], said["outcome"]))
    return found


def census(runtime: Runtime) -> dict[str, int]:
    """What the process holds; its resident memory in KiB."""
    reply = runtime.invoke(url_event(path="/census"))
    resident = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(runtime.process.pid)], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    return {**reply.json, "resident": int(resident.stdout)}


def surviving(folder: Path, number: int, lanes: int) -> int:
    """One process lives through every fault that it can live through."""
    rng = random.Random(SEED + number)
    faults = [fault for fault, count in SURVIVED.items() for _ in range(number + lanes, count, lanes)]
    rng.shuffle(faults)
    faults[:0] = SURVIVED  # one of each first, so that whatever is loaded only once is loaded
    lane = Lane(folder, {})
    with lane.process() as (runtime, expected):
        before: dict[str, int] = {}
        for done, fault in enumerate(faults):
            if done == len(SURVIVED):
                before = census(runtime)
                expected[f"request-{runtime._invocations}"] = "completed"
            outcome = fault(runtime, rng)
            expected[f"request-{runtime._invocations}"] = outcome
        after = census(runtime)
        expected[f"request-{runtime._invocations}"] = "completed"
        assert after["open"] == before["open"] == 0, "every generator was closed"
        assert after["threads"] == before["threads"]
        assert after["descriptors"] == before["descriptors"]
        assert after["objects"] - before["objects"] < 300, (before, after)
        assert after["resident"] - before["resident"] < 4_096, (before, after)
    return lane.recorded - 2  # the census


def restarting(folder: Path) -> int:
    """What ends the process: each stream has one of its own, some after a stream that went well."""
    rng = random.Random(SEED)
    faults = [fault for fault, count in NOT_SURVIVED.items() for _ in range(count)]
    rng.shuffle(faults)
    lane = Lane(folder, {})
    for fault in faults:
        with lane.process() as (runtime, expected):
            outcome = fault(runtime, rng)
            expected[f"request-{runtime._invocations}"] = outcome
    return lane.recorded


def cancelled(folder: Path, environment: Mapping[str, str]) -> int:
    """One process streams, another one takes the callers' cancels."""
    alice = {"callerId": "AIDAALICE", "userArn": "arn:aws:iam::111122223333:user/alice"}
    lane, other = Lane(folder / "streams", environment), Lane(folder / "cancels", environment)
    with lane.process() as (runtime, expected), other.process() as (canceller, nothing):
        before: dict[str, int] = {}
        for number in range(CANCELLED):
            path = ["/blocked", "/ticking", "/endless"][number % 3]
            runtime.deliver(url_event(path=path, iam=alice), timeout=60)
            reply = runtime.head()
            runtime.chunk(reply)
            stream = reply.prelude["headers"]["x-stream-id"]
            _cancel(canceller, stream, alice)
            if path == "/endless":  # nobody has read it, so nobody can be told
                unread, runtime.connection = runtime.connection, None
                runtime.accept()
                unread.socket.close()
            else:
                assert b'"code":"cancelled"' in runtime.rest(reply).body
            expected[f"request-{runtime._invocations}"] = "cancelled"
            assert b'"reason":"stop"' in runtime.invoke(url_event(iam=alice)).body
            expected[f"request-{runtime._invocations}"] = "completed"
            if number in (2, CANCELLED - 1):
                found = census(runtime)
                expected[f"request-{runtime._invocations}"] = "completed"
                before = before or found
        assert found["open"] == before["open"] == 0
        assert (found["threads"], found["descriptors"]) == (before["threads"], before["descriptors"])
        assert found["objects"] - before["objects"] < 300, (before, found)
        assert not nothing
    return lane.recorded + other.recorded - 2  # the census


def _cancel(canceller: Runtime, stream: str, who: dict[str, str]) -> None:
    """Until the stream is in the table, nobody can cancel it."""
    until = time.monotonic() + PATIENCE
    answer: Reply | None = None
    while time.monotonic() < until:
        answer = canceller.invoke(url_event("DELETE", headers={"x-stream-id": stream}, iam=who))
        if answer.status == 202:
            return
        time.sleep(0.05)
    raise AssertionError(answer and answer.prelude)


@pytest.mark.timeout(240)
def test_a_thousand_streams_with_faults_each_have_one_outcome_and_leave_nothing_behind(tmp_path: Path) -> None:
    lanes = 3
    with ExitStack() as stack:
        server = stack.enter_context(serving())
        environment = {**server.environment, "STREAM_STORE_TABLE": server.table()}
        pool = stack.enter_context(ThreadPoolExecutor(lanes + 2))
        running_lanes = [pool.submit(surviving, tmp_path / f"lane-{number}", number, lanes) for number in range(lanes)]
        running_lanes.append(pool.submit(restarting, tmp_path / "restarting"))
        (tmp_path / "cancelled").mkdir()
        running_lanes.append(pool.submit(cancelled, tmp_path / "cancelled", environment))
        recorded = [lane.result() for lane in running_lanes]
    assert sum(recorded) == STREAMS, recorded


def test_the_counts_make_a_thousand() -> None:
    assert sum(SURVIVED.values()) + sum(NOT_SURVIVED.values()) + CANCELLED + WHOLE_BESIDE_THEM == STREAMS
