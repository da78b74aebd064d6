"""When bytes leave, and in which pieces: pure, and on the wire."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from streaming_runtime.heartbeat import Heartbeat
from streaming_runtime.pacing import Pacer
from tests.runtime.neutral_api import url_event

if TYPE_CHECKING:
    from tests.runtime.conftest import Start


def test_a_lone_piece_leaves_at_once() -> None:
    assert Pacer(1000, 0.0005).add(b"x", 1.0)


def test_a_piece_close_behind_a_send_waits() -> None:
    pacer = Pacer(1000, 0.0005)
    pacer.sent_at = 1.0
    assert not pacer.add(b"x", 1.00005)
    assert pacer.due() == pytest.approx(1.00055)
    assert pacer.take() == ([b"x"], 1)
    assert pacer.due() == float("inf")


def test_a_piece_behind_a_silence_leaves_at_once() -> None:
    pacer = Pacer(1000, 0.0005)
    pacer.sent_at = 1.0
    assert pacer.add(b"x", 1.0002)


def test_a_full_chunk_leaves() -> None:
    pacer = Pacer(10, 0.1)
    pacer.sent_at = 1.0
    assert not pacer.add(b"x" * 9, 1.0)
    assert pacer.add(b"x", 1.0)


def test_a_burst_is_gathered_for_the_whole_interval_and_not_only_until_it_would_be_none() -> None:
    pacer = Pacer(1000, 0.0005)
    pacer.sent_at = 1.0
    assert not pacer.add(b"x", 1.00005)
    assert not pacer.add(b"x", 1.0003)
    assert pacer.add(b"x", 1.0006)


def test_what_stands_in_front_leaves_with_the_first_piece() -> None:
    pacer = Pacer(1000, 0.0005)
    pacer.begin(b"head")
    assert pacer.due() <= 1.0
    assert pacer.add(b"x", 1.0)
    assert pacer.take() == ([b"head", b"x"], 5)


def test_a_burst_leaves_when_its_first_piece_has_waited_the_interval() -> None:
    pacer = Pacer(1000, 0.00005)
    pacer.sent_at = 1.0
    assert not pacer.add(b"x", 1.00001)
    assert pacer.add(b"x", 1.00007)


def test_no_interval_gathers_nothing() -> None:
    pacer = Pacer(1000, 0.0)
    pacer.sent_at = 1.0
    assert pacer.add(b"x", 1.0)


def test_silence_counts_from_the_last_byte_or_the_start() -> None:
    heartbeat = Heartbeat(b": h\n\n", 15.0, 100.0)
    assert heartbeat.due(float("-inf")) == 115.0
    assert heartbeat.due(120.0) == 135.0


@pytest.mark.parametrize(("frame", "interval"), [(b"", 15.0), (b": h\n\n", 0.0)])
def test_no_heartbeat_without_a_frame_or_an_interval(frame: bytes, interval: float) -> None:
    assert Heartbeat(frame, interval, 100.0).due(0.0) == float("inf")


@pytest.mark.parametrize("limit", [1024, 65536])
@pytest.mark.parametrize("kind", ["bytes(3_000_000)", "'x' * 3_000_000"])
def test_chunks_are_bounded_and_a_large_event_spans_several(start: Start, limit: int, kind: str) -> None:
    runtime = start(
        f"@streaming_handler(dialect='bytes')\ndef handler(request, context):\n    yield b'a'\n    yield {kind}\n    yield b'z'",
        environment={"STREAM_MAX_CHUNK_BYTES": str(limit)},
    )
    reply = runtime.invoke(url_event())
    assert max(len(chunk) for _, chunk in reply.chunks) <= limit
    assert len(reply.body) == 3_000_002
    assert (reply.body[:1], reply.body[-1:]) == (b"a", b"z")


def test_a_burst_is_gathered_into_few_chunks(start: Start) -> None:
    runtime = start("def handler(event, context):\n    for _ in range(20_000):\n        yield b'01234567890123456789'")
    runtime.invoke(url_event())
    reply = runtime.invoke(url_event())
    intervals = (time.monotonic() - runtime.delivered_at) / 0.0005
    assert len(reply.body) == 400_000
    assert len(reply.chunks) < 10 + intervals, "and not 20,000"


def test_without_an_interval_every_event_is_its_own_chunk(start: Start) -> None:
    runtime = start(
        "def handler(event, context):\n    for _ in range(200):\n        yield b'x'",
        environment={"STREAM_FLUSH_INTERVAL_MICROSECONDS": "0"},
    )
    reply = runtime.invoke(url_event())
    assert [chunk for _, chunk in reply.chunks][1:] == [b"x"] * 199


def test_the_tail_of_a_burst_does_not_wait_for_the_next_token(start: Start, interpreter: str, tmp_path: Path) -> None:
    runtime = start(
        """
        def handler(event, context):
            yield b"a"
            yield b"b"
            yield b"c"
            while not os.path.exists("go"):
                time.sleep(0.01)
            yield b"d"
        """
    )
    runtime.deliver(url_event())
    reply = runtime.head()
    while not reply.raw.endswith(b"abc"):
        assert runtime.chunk(reply) is not None
    (tmp_path / "task" / "go").touch()
    runtime.rest(reply)
    assert reply.body == b"abcd"


def test_the_producer_waits_for_a_slow_reader_and_memory_stays_flat(start: Start, tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("reads memory from /proc, which only Linux has")
    runtime = start(
        """
        def handler(event, context):
            for number in range(200):
                open("made", "w").write(str(number))
                yield bytes(1_000_000)
        """
    )
    runtime.deliver(url_event(), timeout=60)
    reply = runtime.head()
    runtime.chunk(reply)
    made = tmp_path / "task" / "made"
    before = ""
    for _ in range(100):  # until nothing more is made: the producer waits
        text = made.read_text()
        if text and text == before:
            break
        before = text
        time.sleep(0.05)
    assert int(before or 0) < 30, "what the sockets hold, and no more"
    while runtime.chunk(reply) is not None:
        pass
    runtime.acknowledge()
    runtime.await_next()
    peak = Path(f"/proc/{runtime.process.pid}/status").read_text().partition("VmHWM:")[2].split()[0]
    assert int(peak) < 60_000, "kB at the most, for 200 MB"
    assert sum(len(chunk) for _, chunk in reply.chunks) > 200_000_000


@pytest.mark.parametrize("block", ["time.sleep(3600)", "while True: pass"])
@pytest.mark.parametrize("first", ["", "yield Text('x')\n    "])
def test_a_blocking_generator_does_not_silence_the_heartbeat(start: Start, block: str, first: str) -> None:
    runtime = start(
        f"@streaming_handler(dialect='sse')\ndef handler(request, context):\n    {first}{block}\n    yield",
        environment={"STREAM_HEARTBEAT_SECONDS": "1"},
    )
    runtime.deliver(url_event(), timeout=60)
    reply = runtime.head()
    expected = b'event: text\ndata: {"text":"x"}\n\n' if first else b""
    expected += b": heartbeat\n\n" * 2
    while len(reply.raw.partition(b"\0" * 8)[2]) < len(expected):
        assert runtime.chunk(reply) is not None
    assert reply.body == expected
    assert time.monotonic() - runtime.delivered_at > 1.9, "one a second, and no more"


@pytest.mark.parametrize(("dialect", "body"), [("text", "{}"), ("openai-chat", '{"stream":false}')])
def test_what_has_no_heartbeat_gets_none(start: Start, dialect: str, body: str) -> None:
    runtime = start(
        f"@streaming_handler(dialect='{dialect}')\ndef handler(request, context):\n    time.sleep(1.3)\n    raise BadRequest('late')\n    yield",
        environment={"STREAM_HEARTBEAT_SECONDS": "1"},
    )
    assert runtime.invoke(url_event("POST", body=body)).status == 400
