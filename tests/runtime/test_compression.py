"""gzip where the caller takes it and the way allows it; every event readable as soon as it is sent."""

from __future__ import annotations

import gzip
import itertools
import json
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_runtime.compression import SMALLEST, Gzip, accepts_gzip, is_text, is_wanted
from streaming_runtime.request import Request
from tests.runtime.neutral_api import Reply, rest_event, url_event

if TYPE_CHECKING:
    from tests.runtime.conftest import Start

ASKS = {"accept-encoding": "gzip, deflate, br"}
SSE = "@streaming_handler(dialect='sse')\ndef handler(request, context):\n"


class Reader:
    """What a client makes of the body so far."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(31)

    def read(self, data: bytes) -> bytes:
        return self._inflate.decompress(data)

    @property
    def complete(self) -> bool:
        return self._inflate.eof


# ---- the encoder


@settings(deadline=None, max_examples=100)
@given(sends=st.lists(st.lists(st.binary(max_size=40), max_size=4), max_size=8), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_every_flush_gives_a_reader_all_that_was_said_wherever_the_bytes_are_cut(
    sends: list[list[bytes]], cuts: list[int]
) -> None:
    body, whole, wire = Gzip(), Reader(), b""
    for pieces in sends:
        sent = body.flush(pieces)
        assert whole.read(sent) == b"".join(pieces)
        wire += sent
    last = body.finish([b"the ", b"end"])
    assert whole.read(last) == b"the end"
    assert whole.complete
    wire += last
    borders = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    reader = Reader()
    read = b"".join(reader.read(wire[begin:end]) for begin, end in itertools.pairwise(borders))
    assert read == b"".join(map(b"".join, sends)) + b"the end"
    assert gzip.decompress(wire) == read


def test_a_stream_of_chunks_gets_much_smaller() -> None:
    event = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"%d "}}]}\n\n'
    body = Gzip()
    sent = sum(len(body.flush([event % number])) for number in range(500))
    assert 500 * len(event) > 5 * sent


# ---- the negotiation


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("GZip", True),
        ("x-gzip", True),
        ("*", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("br, *;q=0.5", True),
        ("gzip ; q = 0.5", True),
        ("gzip;q=1.000", True),
        ("identity;q=0, gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("*;q=0", False),
        ("gzip;q=0.5, identity", False),
        ("identity", False),
        ("br", False),
        ("", False),
        ("gzip;q=much", False),
        ("gzip;q=-1", False),
        ("gzip;q=²", False),
        ("gzip;level=1;q=0", False),
        (",,;;", False),
    ],
)
def test_what_an_accept_encoding_header_takes(header: str, taken: bool) -> None:
    assert accepts_gzip(header) is taken


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/plain; charset=utf-8", True),
        ("TEXT/event-stream", True),
        ("application/json", True),
        ("application/x-ndjson", True),
        ("application/problem+json", True),
        ("image/svg+xml", True),
        ("application/octet-stream", False),
        ("image/png", False),
        ("", False),
    ],
)
def test_what_gets_smaller(content_type: str, text: bool) -> None:
    assert is_text(content_type) is text


@pytest.mark.parametrize(
    ("wanted", "how"),
    [
        (True, {}),
        (True, {"event": rest_event(headers={"Accept-Encoding": "gzip"})}),
        (True, {"size": SMALLEST}),
        (True, {"headers": {"content-length": str(SMALLEST)}}),
        (True, {"headers": {"cache-control": "no-cache"}}),
        (True, {"status": 404}),
        (False, {"size": SMALLEST - 1}),
        (False, {"headers": {"content-length": str(SMALLEST - 1)}}),
        (False, {"headers": {"content-encoding": "br"}}),
        (False, {"headers": {"content-range": "bytes 0-1/2"}}),
        (False, {"headers": {"etag": '"1"'}}),
        (False, {"headers": {"cache-control": "private, no-transform"}}),
        (False, {"status": 204}),
        (False, {"status": 206}),
        (False, {"status": 304}),
        (False, {"content_type": "application/octet-stream"}),
        (False, {"event": url_event("HEAD", headers=ASKS)}),
        (False, {"event": url_event()}),
        (False, {"event": url_event(headers={**ASKS, "x-amz-cf-id": "x"})}),
        (False, {"event": url_event(headers={**ASKS, "via": "2.0 abc.cloudfront.net (CloudFront)"})}),
        (True, {"event": url_event(headers={**ASKS, "via": "1.1 proxy.example"})}),
    ],
)
def test_who_gets_it(wanted: bool, how: dict[str, Any]) -> None:
    given_ = {"event": url_event(headers=ASKS), "status": 200, "headers": {}, "content_type": "text/plain", "size": None, **how}
    request = Request(given_["event"])
    assert is_wanted(request, given_["status"], given_["headers"], given_["content_type"], given_["size"]) is wanted


# ---- on the wire


def compressed(reply: Reply) -> bool:
    headers = reply.prelude["headers"]
    if headers.get("content-encoding") != "gzip":
        assert "vary" not in headers
        return False
    assert headers["vary"].rpartition(", ")[2] == "accept-encoding"
    assert "content-length" not in headers
    return True


def plain(reply: Reply) -> bytes:
    return gzip.decompress(reply.body) if compressed(reply) else reply.body


def test_each_event_can_be_read_before_the_next_is_made(start: Start, tmp_path: Path, interpreter: str) -> None:
    runtime = start(
        SSE
        + """
    for number in range(3):
        yield Text(str(number))
        while not os.path.exists(f"read-{number}"):
            time.sleep(0.002)
"""
    )
    runtime.deliver(url_event(headers=ASKS))
    reply, reader, read = runtime.head(), Reader(), b""
    for number in range(3):
        while b'"%d"' % number not in read:
            data = runtime.chunk(reply)
            assert data is not None
            read += reader.read(data.partition(b"\0" * 8)[2] if len(reply.chunks) == 1 else data)
        (tmp_path / "task" / f"read-{number}").touch()
    runtime.rest(reply)
    assert compressed(reply)
    assert plain(reply).endswith(b'event: finish\ndata: {"reason":"stop","usage":null}\n\n')


def test_a_burst_is_compressed_as_one(start: Start) -> None:
    runtime = start(SSE + "    for number in range(5000):\n        yield Text(str(number))")
    runtime.invoke(url_event(headers=ASKS))
    reply = runtime.invoke(url_event(headers=ASKS))
    intervals = (time.monotonic() - runtime.delivered_at) / 0.0005
    assert plain(reply).count(b"event: text") == 5000
    assert len(reply.chunks) < 10 + intervals
    assert len(reply.body) < len(plain(reply)) / 5


def test_what_cannot_get_smaller_is_still_sent_in_bounded_chunks(start: Start) -> None:
    runtime = start(
        "@streaming_handler\ndef handler(request, context):\n    yield os.urandom(300_000).hex()",
        environment={"STREAM_MAX_CHUNK_BYTES": "1024"},
    )
    reply = runtime.invoke(url_event(headers=ASKS))
    assert len(plain(reply)) == 600_000
    assert max(len(chunk) for _, chunk in reply.chunks) <= 1024


def test_a_heartbeat_goes_through_it_before_and_between_events(start: Start) -> None:
    runtime = start(
        SSE + "    time.sleep(1.3)\n    yield Text('x')\n    time.sleep(1.3)\n    yield Text('y')",
        environment={"STREAM_HEARTBEAT_SECONDS": "1"},
    )
    reply = runtime.invoke(url_event(headers=ASKS))
    assert compressed(reply)
    frames = plain(reply).decode().split("\n\n")
    assert [frame.partition("\n")[0] for frame in frames[:4]] == [": heartbeat", "event: text", ": heartbeat", "event: text"]


@pytest.mark.parametrize(
    ("body", "timeout", "ends"),
    [
        ("    yield Text('x')\n    raise ValueError('secret')", 10, b'"code":"internal_error"'),
        ("    yield Text('x')\n    yield Error('broken', 'It broke.')", 10, b'"code":"broken"'),
        ("    yield Text('x')\n    time.sleep(20)", 1.5, b'"code":"deadline_exceeded"'),
        (
            "    yield Text('x')\n    while True:\n        yield Text('y')\n        time.sleep(0.01)",
            1.5,
            b'"code":"deadline_exceeded"',
        ),
    ],
)
def test_however_a_stream_ends_its_last_word_and_gzips_end_are_sent(start: Start, body: str, timeout: float, ends: bytes) -> None:
    reply = start(SSE + body).invoke(url_event(headers=ASKS), timeout=timeout)
    assert compressed(reply)
    assert ends in plain(reply).rpartition(b"event: error")[2], "gzip.decompress refuses a body without its end"
    assert ("lambda-runtime-function-error-type" in reply.trailers) == (b"deadline" not in ends)


def test_an_empty_stream_is_an_empty_gzip(start: Start) -> None:
    reply = start("@streaming_handler\ndef handler(request, context):\n    yield from ()").invoke(url_event(headers=ASKS))
    assert compressed(reply)
    assert plain(reply) == b""


@pytest.mark.parametrize(
    ("source", "headers", "expected"),
    [
        (SSE + "    yield Text('x')", {}, False),
        (SSE + "    yield Text('x')", {"accept-encoding": "br"}, False),
        (SSE + "    yield Text('x')", {**ASKS, "x-amz-cf-id": "x"}, False),
        (SSE + "    yield HttpResponse(200, {'content-encoding': 'identity'})\n    yield Text('x')", ASKS, False),
        (SSE + "    yield HttpResponse(204)", ASKS, False),
        (SSE + "    return HttpResponse.json({'a': 'b'})", ASKS, False),
        (SSE + "    return HttpResponse.json({'a': 'b' * 2000})", ASKS, True),
        (SSE + "    return HttpResponse(200, {'vary': 'origin'}, body='b' * 2000)", ASKS, True),
        (SSE + "    return HttpResponse(200, body=bytes(2000))", ASKS, False),
        (SSE + "    raise NotFound('No.')", ASKS, False),
        (SSE + "    raise NotFound('No. ' * 500)", ASKS, True),
        ("@streaming_handler(dialect='bytes')\ndef handler(request, context):\n    yield bytes(5000)", ASKS, False),
        ("def handler(event, context):\n    yield 'text'", ASKS, True),
        ("def handler(event, context):\n    yield b'bytes'", ASKS, False),
        ("def handler(event, context):\n    return {'a': 'b' * 2000}", ASKS, True),
        ("@streaming_handler(dialect='openai-chat')\ndef handler(request, context):\n    yield Text('x')", ASKS, False),
        ("@streaming_handler(dialect='openai-chat')\ndef handler(request, context):\n    yield Text('x' * 2000)", ASKS, True),
    ],
)  # fmt: skip
def test_what_is_compressed_and_what_is_not(start: Start, source: str, headers: dict[str, str], expected: bool) -> None:
    reply = start(source).invoke(url_event("POST", body="{}", headers=headers))
    assert compressed(reply) is expected
    assert plain(reply) or reply.status == 204


def test_an_error_instead_of_what_was_gathered_is_decided_anew(start: Start) -> None:
    runtime = start(
        "@streaming_handler(dialect='openai-chat')\ndef handler(request, context):\n    yield Text('x')\n    raise BadRequest('No.')"
    )
    reply = runtime.invoke(url_event("POST", body="{}", headers=ASKS))
    assert (reply.status, compressed(reply), reply.json["error"]["code"]) == (400, False, "bad_request")


def test_it_can_be_switched_off(start: Start) -> None:
    runtime = start(SSE + "    yield Text('x')", environment={"STREAM_COMPRESSION": "off"})
    assert not compressed(runtime.invoke(url_event(headers=ASKS)))


@pytest.mark.parametrize("event", [{}, {"headers": ASKS}])
def test_a_direct_invocation_is_never_compressed(start: Start, event: dict[str, Any]) -> None:
    assert start(SSE + "    yield Text('x')").invoke(event).raw.startswith(b"event: text")


@pytest.mark.parametrize("headers", [None, {"ACCEPT-ENCODING": "gzip"}])
def test_a_rest_apis_headers_may_be_anywhere_and_anyhow(start: Start, headers: dict[str, str] | None) -> None:
    event = rest_event(headers=headers, multiValueHeaders={"Accept-Encoding": ["gzip"]} if headers is None else None)
    reply = start(SSE + "    yield Text('x')").invoke(event)
    assert plain(reply).startswith(b"event: text")
    assert compressed(reply) == (headers is None)


def test_an_asgi_apps_answers_are_compressed_like_any_other(start: Start) -> None:
    runtime = start(
        """
        from streaming_runtime.asgi import asgi

        async def app(scope, receive, send):
            if scope["type"] != "http":
                raise RuntimeError("no lifespan")
            size = int(scope["path"][1:])
            length = [(b"content-length", b"%d" % size)] if size else []
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain"), *length]})
            await send({"type": "http.response.body", "body": b"x" * (size or 3)})

        handler = asgi(app)
        """
    )
    for path, expected in (("/5000", True), ("/5", False), ("/0", True)):
        reply = runtime.invoke(url_event(path=path, headers=ASKS))
        assert compressed(reply) is expected, path
        assert plain(reply) == b"x" * (int(path[1:]) or 3)


def test_the_record_counts_the_bytes_that_were_sent(start: Start) -> None:
    runtime = start(
        SSE + "    yield Text('x' * 10_000)",
        environment={"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_LOG_FORMAT": "JSON"},
    )
    reply = runtime.invoke(url_event(headers=ASKS))
    runtime.await_next()
    [record] = [line for line in map(json.loads, runtime.log().splitlines()) if "_aws" in line]
    assert record["BytesStreamed"] == len(reply.raw) < 2_000


def test_compression_is_loaded_for_the_first_caller_who_asks_and_not_before(start: Start) -> None:
    asks = "yield Text(str('streaming_runtime.compression' in sys.modules))"
    runtime = start(f"{SSE}    {asks}\n    {asks}")
    assert b"True" not in plain(runtime.invoke(url_event()))
    assert b'"True"' in plain(runtime.invoke(url_event(headers=ASKS)))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc, which only Linux has")
def test_memory_stays_flat_for_200_mb_that_are_compressed(start: Start) -> None:
    runtime = start(
        "@streaming_handler\ndef handler(request, context):\n    for _ in range(200):\n        yield 'token ' * 166_667"
    )
    began = time.monotonic()
    runtime.deliver(url_event(headers=ASKS), timeout=60)
    reply = runtime.rest(runtime.head())
    runtime.await_next()
    assert time.monotonic() - began < 50
    peak = Path(f"/proc/{runtime.process.pid}/status").read_text().partition("VmHWM:")[2].split()[0]
    assert int(peak) < 60_000, "kB"
    assert sum(len(chunk) for _, chunk in reply.chunks) < 2_000_000
