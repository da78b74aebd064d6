"""Both clients against a server that behaves badly: what is whole is given whole, and what is not is said."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from constructs_pkg.client import (
    AsyncStreamingClient,
    Bytes,
    ConfigurationError,
    ConnectionFailed,
    Data,
    DeadlineExceeded,
    Finish,
    MalformedStream,
    RawEvent,
    StreamError,
    StreamingClient,
    StreamTimeout,
    StreamTruncated,
    Text,
    Timeouts,
)
from tests.client import reference_sigv4
from tests.client.conftest import SECRET_KEY
from tests.client.reading import Outcome
from tests.client.server import Connection, Received, Script, ScriptedServer, chat, sse

Serve = Callable[..., ScriptedServer]
Read = Callable[..., Outcome]

SSE = "text/event-stream; charset=utf-8"
HELLO = chat("Hel", "lo")


def streams(pieces: list[bytes], **headers: str) -> Script:
    headers = {"content_type": SSE, "x_stream_dialect": "openai-chat", "x_amzn_requestid": "req-1"} | headers
    return lambda connection, _: connection.stream(pieces, **headers)


def begins(*pieces: bytes, then: Callable[[Connection], object], **headers: str) -> Script:
    """A chunked answer that does not end as it should."""

    def script(connection: Connection, _: Received) -> None:
        connection.head(
            **(
                {
                    "transfer_encoding": "chunked",
                    "content_type": SSE,
                    "x_stream_dialect": "openai-chat",
                    "x_amzn_requestid": "req-1",
                }
                | headers
            )
        )
        for piece in pieces:
            connection.chunk(piece)
        then(connection)

    return script  # fmt: skip


def test_a_chat_stream_is_read_and_its_request_was_signed(serve: Serve, read: Read) -> None:
    server = serve(streams(HELLO))
    outcome = read(server.url, path="/v1/chat/completions", json={"stream": True, "é": 1}, headers={"X-Mine": "1"})
    assert outcome.error is None
    assert outcome.events == [Text("Hel"), Text("lo"), Finish("stop")]
    assert (outcome.stream.status_code, outcome.stream.request_id, outcome.stream.dialect) == (200, "req-1", "openai-chat")
    assert outcome.stream.headers["Content-Type"] == SSE
    assert outcome.stream.finish == Finish("stop")
    [request] = server.received
    reference_sigv4.verify(request.method, request.target, request.headers, request.body, secret_key=SECRET_KEY)
    assert (request.method, request.target, request.body) == ("POST", "/v1/chat/completions", '{"stream":true,"é":1}'.encode())
    assert request.header("content-type") == "application/json"
    assert request.header("x-mine") == "1"
    assert request.header("accept-encoding") == "gzip"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_events_are_the_same_however_the_wire_was_cut(serve: Serve, read: Read, size: int) -> None:
    wire = b"".join(chat("é€😀", "x"))
    outcome = read(serve(streams([wire[i : i + size] for i in range(0, len(wire), size)])).url)
    assert (outcome.text, outcome.error) == ("é€😀x", None)


def test_each_event_is_given_before_the_next_is_sent(serve: Serve, read: Read) -> None:
    seen = threading.Semaphore(0)

    def script(connection: Connection, _: Received) -> None:
        connection.head(transfer_encoding="chunked", content_type=SSE, x_stream_dialect="openai-chat")
        for number, piece in enumerate(chat("a", "b", "c")):
            connection.chunk(piece)
            if 1 <= number <= 3:  # the pieces that hold text
                assert seen.acquire(timeout=10), "the client held an event back"
        connection.end()

    assert read(serve(script).url, seen=lambda _: seen.release()).text == "abc"


def test_gzip_is_undone_event_by_event(serve: Serve, read: Read) -> None:
    seen = threading.Semaphore(0)

    def script(connection: Connection, _: Received) -> None:
        squeeze = zlib.compressobj(wbits=31)
        connection.head(transfer_encoding="chunked", content_type=SSE, x_stream_dialect="openai-chat", content_encoding="gzip")
        for number, piece in enumerate(chat("a", "b", "c")):
            connection.chunk(squeeze.compress(piece) + squeeze.flush(zlib.Z_SYNC_FLUSH))
            if 1 <= number <= 3:
                assert seen.acquire(timeout=10), "the client held an event back"
        connection.chunk(squeeze.flush())
        connection.end()

    outcome = read(serve(script).url, seen=lambda _: seen.release())
    assert (outcome.text, outcome.error) == ("abc", None)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_gzip_is_undone_however_it_was_cut(serve: Serve, read: Read, size: int) -> None:
    wire = gzip.compress(b"".join(HELLO))
    outcome = read(serve(streams([wire[i : i + size] for i in range(0, len(wire), size)], content_encoding="gzip")).url)
    assert (outcome.text, outcome.error) == ("Hello", None)


# A stream that is not whole


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(lambda connection: connection.end(), id="a clean end"),
        pytest.param(lambda connection: connection.hang_up(), id="a hang-up"),
        pytest.param(lambda connection: connection.send(b"5\r\nab"), id="half a chunk and a hang-up"),
        pytest.param(lambda connection: connection.send(b"nonsense\r\n"), id="a chunk that is none"),
    ],
)
def test_a_stream_without_its_terminal_event_is_truncated(
    serve: Serve, read: Read, ending: Callable[[Connection], object]
) -> None:
    def end(connection: Connection) -> None:
        ending(connection)
        connection.hang_up()

    outcome = read(serve(begins(*chat("Hel", "lo", done=False), then=end)).url)
    assert outcome.events == [Text("Hel"), Text("lo")]
    assert isinstance(outcome.error, StreamTruncated)
    assert (outcome.error.status_code, outcome.error.request_id) == (200, "req-1")
    assert "not the whole answer (HTTP 200, request req-1)" in str(outcome.error)


def test_a_reset_is_a_truncated_stream(serve: Serve, read: Read) -> None:
    taken = threading.Event()

    def script(connection: Connection, _: Received) -> None:
        connection.head(transfer_encoding="chunked", content_type=SSE, x_stream_dialect="openai-chat")
        connection.chunk(b"".join(HELLO[:2]))
        assert taken.wait(10)
        connection.reset()

    outcome = read(serve(script).url, seen=lambda _: taken.set())
    assert outcome.text == "Hel"
    assert isinstance(outcome.error, StreamTruncated)


def test_an_end_between_events_says_which_terminal_event_is_missing(serve: Serve, read: Read) -> None:
    outcome = read(serve(streams([b'event: text\ndata: {"text":"x"}\nid: 9\n\n'], x_stream_dialect="sse")).url)
    assert outcome.events == [Text("x")]
    assert isinstance(outcome.error, StreamTruncated)
    assert "without its terminal event (event: finish)" in str(outcome.error)
    assert outcome.error.last_event_id == outcome.stream.last_event_id == "9"


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "application/json", "application/x-ndjson"])
@pytest.mark.parametrize("form", ["chunked", "length", "gzip"])
def test_dialects_without_a_terminal_event_are_cut_where_http_says_so(
    serve: Serve, read: Read, content_type: str, form: str
) -> None:
    def script(connection: Connection, _: Received) -> None:
        if form == "length":
            connection.head(content_type=content_type, content_length="100")
            connection.send(b"12345")
        elif form == "chunked":
            connection.head(content_type=content_type, transfer_encoding="chunked")
            connection.chunk(b"12345")
        else:  # HTTP ends in order; the compression does not
            squeeze = zlib.compressobj(wbits=31)
            connection.head(content_type=content_type, transfer_encoding="chunked", content_encoding="gzip")
            connection.chunk(squeeze.compress(b"12345") + squeeze.flush(zlib.Z_SYNC_FLUSH))
            connection.end()
        connection.hang_up()

    assert isinstance(read(serve(script).url).error, StreamTruncated)


@pytest.mark.parametrize(
    ("content_type", "events"),
    [
        ("text/plain; charset=latin-1", [Text("1\xe9")]),
        ("application/octet-stream", [Bytes(b"1\xe9")]),
        ("image/png", [Bytes(b"1\xe9")]),
    ],
)
def test_text_and_bytes_are_complete_when_http_says_so(serve: Serve, read: Read, content_type: str, events: list[Any]) -> None:
    outcome = read(serve(streams([b"1\xe9"], content_type=content_type, x_stream_dialect="")).url)
    assert (outcome.events, outcome.error) == (events, None)


def test_an_answer_of_one_json_document_is_data(serve: Serve, read: Read) -> None:
    body = json.dumps({"object": "list", "data": []}).encode()
    server = serve(lambda connection, _: connection.answer("200 OK", body, content_type="application/json"))
    assert read(server.url, method="GET", path="v1/models").events == [Data({"object": "list", "data": []})]


@pytest.mark.parametrize("headers", [{}, {"content_encoding": "gzip"}])
def test_an_answer_without_a_body_has_no_events(serve: Serve, read: Read, headers: dict[str, str]) -> None:
    outcome = read(serve(lambda connection, _: connection.answer("204 No Content", **headers)).url)
    assert (outcome.events, outcome.error) == ([], None)


def test_the_callers_dialect_is_the_last_word(serve: Serve, read: Read) -> None:
    outcome = read(serve(streams([b"data: x\n\n"])).url, dialect="event-stream")
    assert (outcome.events, outcome.error) == ([RawEvent("message", "x")], None)


# Errors in the stream


def test_an_error_event_is_raised_after_what_came_before_it(serve: Serve, read: Read) -> None:
    error = sse(
        'data: {"error":{"message":"The model failed.","type":"server_error","param":null,"code":"model_error"}}', "data: [DONE]"
    )
    outcome = read(serve(streams([b"".join(HELLO[:2]) + error])).url)
    assert outcome.text == "Hel"
    assert type(outcome.error) is StreamError
    assert outcome.error.code == "model_error"
    assert str(outcome.error) == "model_error: The model failed. (HTTP 200, request req-1)"


def test_a_deadline_is_told_apart_from_other_errors(serve: Serve, read: Read) -> None:
    wire = sse('event: error\ndata: {"code":"deadline_exceeded","message":"Out of time."}')
    outcome = read(serve(streams([wire], x_stream_dialect="sse")).url)
    assert isinstance(outcome.error, DeadlineExceeded)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (streams([b"data: {\n\n"]), "NOT_JSON"),
        (streams([b"data: x\n\n"], content_encoding="gzip"), "NOT_GZIP"),
        (streams([b"data: x\n\n"], content_encoding="br"), "UNKNOWN_ENCODING"),
        (streams([b"data: " + b"x" * 5000]), "EVENT_TOO_LARGE"),
    ],
)
def test_bytes_that_are_not_what_they_should_be_are_refused(serve: Serve, read: Read, script: Script, code: str) -> None:
    outcome = read(serve(script).url, client={"max_event_bytes": 1000})
    assert isinstance(outcome.error, MalformedStream)
    assert outcome.error.message.startswith(code)


# Ends


def test_what_breaks_after_the_terminal_event_takes_nothing_away(serve: Serve, read: Read) -> None:
    outcome = read(serve(begins(*HELLO, then=lambda connection: connection.hang_up())).url)
    assert (outcome.text, outcome.error) == ("Hello", None)


def test_a_server_that_never_ends_does_not_hold_up_a_complete_stream(serve: Serve, read: Read) -> None:
    over = threading.Event()

    def keep_open(connection: Connection) -> None:
        over.wait(15)

    server = serve(begins(*HELLO, then=keep_open))
    started = time.monotonic()
    outcome = read(server.url)
    waited = time.monotonic() - started
    over.set()
    assert (outcome.text, outcome.error) == ("Hello", None)
    assert waited < 5


def test_heartbeats_after_the_terminal_event_do_not_hold_up_a_complete_stream(serve: Serve, read: Read) -> None:
    over = threading.Event()

    def beat(connection: Connection) -> None:
        while not over.wait(0.05):
            connection.chunk(b": heartbeat\n\n")

    server = serve(begins(*HELLO, then=beat))
    started = time.monotonic()
    outcome = read(server.url)
    waited = time.monotonic() - started
    over.set()
    assert (outcome.text, outcome.error) == ("Hello", None)
    assert waited < 5


def test_a_connection_is_used_again_after_a_complete_stream(serve: Serve, read: Read) -> None:
    server = serve(streams(HELLO))
    assert read(server.url, calls=3).text == "Hello"
    assert (len(server.received), server.connections) == (3, 1)


def test_leaving_early_hangs_up(serve: Serve, session: Any) -> None:
    gone = threading.Event()

    def flood(connection: Connection) -> None:
        try:
            while True:
                connection.chunk(HELLO[1])
        except OSError:
            gone.set()

    server = serve(begins(then=flood))
    with StreamingClient(server.url, session=session) as client, client.stream("POST") as stream:
        assert next(iter(stream)) == Text("Hel")
    assert gone.wait(10)


def test_cancelling_a_task_hangs_up(serve: Serve, session: Any) -> None:
    gone = threading.Event()

    def flood(connection: Connection) -> None:
        try:
            while not gone.wait(0.01):
                connection.chunk(HELLO[1])
        except OSError:
            gone.set()

    async def read(url: str, begun: asyncio.Event) -> None:
        async with AsyncStreamingClient(url, session=session) as client, client.stream("POST") as stream:
            async for _ in stream:
                begun.set()

    async def cancel(url: str) -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(read(url, begun))
        await asyncio.wait_for(begun.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel(serve(begins(then=flood)).url))
    assert gone.wait(10)


def test_leaving_an_async_stream_early_leaves_nothing_behind(serve: Serve, session: Any) -> None:
    async def read(url: str) -> None:
        async with AsyncStreamingClient(url, session=session) as client:
            async with client.stream("POST") as stream:
                async for event in stream:
                    assert event == Text("Hel")
                    break
            async with client.stream("POST") as stream:
                assert await stream.text() == "Hello"
            async with client.stream("POST") as stream:
                assert b"".join([piece async for piece in stream.iter_bytes()]) == b"".join(HELLO)
            async with client.stream("POST") as stream:
                assert len(await stream.collect()) == 3

    asyncio.run(read(serve(streams(HELLO)).url))


def test_a_slow_consumer_pauses_the_sender(serve: Serve, session: Any) -> None:
    sent = 0
    stopped = threading.Event()

    def flood(connection: Connection) -> None:
        nonlocal sent
        connection.sock.settimeout(0.5)
        try:
            while sent < 64 * 1024 * 1024:
                connection.chunk(b"x" * 65536)
                sent += 65536
        except TimeoutError:
            stopped.set()  # the socket's buffers are full: nobody reads
        connection.hang_up()

    server = serve(begins(then=flood, content_type="application/octet-stream", x_stream_dialect="bytes"))
    with StreamingClient(server.url, session=session) as client, client.stream("POST") as stream:
        events = iter(stream)
        next(events)
        assert stopped.wait(10)
    assert sent < 32 * 1024 * 1024


def test_a_stream_is_read_once(serve: Serve, session: Any) -> None:
    with StreamingClient(serve(streams(HELLO)).url, session=session) as client, client.stream("POST") as stream:
        assert stream.text() == "Hello"
        with pytest.raises(RuntimeError, match="STREAM_READ_TWICE"):
            stream.collect()


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_bytes_are_given_as_they_are_and_still_checked(serve: Serve, session: Any, encoding: str) -> None:
    wire = b"".join(HELLO[:-1])
    pieces = [wire] if encoding == "identity" else [gzip.compress(wire)]
    server = serve(streams(pieces, content_encoding=encoding))
    with StreamingClient(server.url, session=session) as client, client.stream("POST") as stream:
        body = stream.iter_bytes()
        assert next(body) == wire
        with pytest.raises(StreamTruncated):
            next(body)


# Waits


def test_a_silent_stream_times_out(serve: Serve, read: Read) -> None:
    over = threading.Event()
    server = serve(begins(*HELLO[:2], then=lambda _: over.wait(10)))
    outcome = read(server.url, client={"timeouts": Timeouts(read_seconds=0.2)})
    over.set()
    assert outcome.text == "Hel"
    assert isinstance(outcome.error, StreamTimeout)
    assert "silent for 0.2 seconds" in str(outcome.error)


def test_an_answer_that_does_not_begin_times_out(serve: Serve, read: Read) -> None:
    over = threading.Event()
    outcome = read(serve(lambda *_: over.wait(10)).url, client={"timeouts": Timeouts(read_seconds=0.2)})
    over.set()
    assert isinstance(outcome.error, StreamTimeout)
    assert isinstance(outcome.error, TimeoutError)
    assert "did not begin within 0.2 seconds" in str(outcome.error)


def test_an_endless_stream_times_out(serve: Serve, read: Read) -> None:
    over = threading.Event()

    def beat(connection: Connection) -> None:
        while not over.wait(0.02):
            connection.chunk(b": heartbeat\n\n")

    outcome = read(serve(begins(then=beat)).url, client={"timeouts": Timeouts(total_seconds=0.3)})
    over.set()
    assert isinstance(outcome.error, StreamTimeout)
    assert "longer than 0.3 seconds" in str(outcome.error)


# Times


def test_times_are_those_of_the_arrivals(serve: Serve, read: Read) -> None:
    seen = threading.Semaphore(0)

    def script(connection: Connection, _: Received) -> None:
        connection.head(transfer_encoding="chunked", content_type=SSE, x_stream_dialect="openai-chat")
        for number, piece in enumerate(chat("a", "b")):
            connection.chunk(piece)
            if number == 1:
                assert seen.acquire(timeout=10)
                time.sleep(0.2)  # what is measured
        connection.end()

    timing = read(serve(script).url, seen=lambda _: seen.release()).stream.timing
    assert timing.events == len(timing.offsets) == 3
    assert timing.headers <= timing.first_byte <= timing.first_event == timing.first_text < timing.last_event <= timing.ended
    assert timing.offsets[1] - timing.offsets[0] >= 0.2
    assert timing.longest_gap == max(timing.offsets[1] - timing.offsets[0], timing.offsets[2] - timing.offsets[1])
    assert 0 < timing.tokens_per_second <= 5
    assert timing.attempts == 1


# Where it may go


def test_a_path_follows_the_clients_url_and_its_query_is_signed(serve: Serve, read: Read) -> None:
    server = serve(streams(HELLO))
    assert read(server.url + "stage/", path="/v1/é?a=b/c", params={"d": "e f&"}).error is None
    [request] = server.received
    assert request.target == "/stage/v1/%C3%A9?a=b%2Fc&d=e%20f%26"
    reference_sigv4.verify(request.method, request.target, request.headers, request.body, secret_key=SECRET_KEY)


def test_an_unsigned_call_needs_and_sends_no_credentials(serve: Serve, read: Read) -> None:
    server = serve(streams(HELLO))
    assert read(server.url, client={"session": None, "sign": False}).text == "Hello"
    assert not {name for name, _ in server.received[0].headers if name.lower().startswith(("authorization", "x-amz"))}


def test_the_last_event_id_is_sent(serve: Serve, read: Read) -> None:
    server = serve(streams(HELLO))
    read(server.url, last_event_id="41")
    assert server.received[0].header("last-event-id") == "41"


def test_a_server_that_is_not_there_is_said(read: Read) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = read(f"http://127.0.0.1:{port}/")
    assert isinstance(outcome.error, ConnectionFailed)
    assert not outcome.error.request_sent
    assert "cannot connect: " in str(outcome.error)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"json": 1, "content": b"1"}, "TWO_BODIES"),
        ({"json": {"text": "half \ud83d of one"}}, "NOT_UTF8"),
        ({"content": "half \ud83d of one"}, "NOT_UTF8"),
        ({"dialect": "chat"}, "UNKNOWN_DIALECT"),
        ({"path": "https://example.com/"}, "OTHER_ORIGIN"),
        ({"headers": {"x-bad": "a\nb"}}, "BAD_REQUEST"),
    ],
)
def test_a_call_that_cannot_work_is_refused_before_it_is_sent(
    serve: Serve, read: Read, arguments: dict[str, Any], code: str
) -> None:
    server = serve(streams(HELLO))
    outcome = read(server.url, **arguments)
    assert isinstance(outcome.error, ConfigurationError)
    assert outcome.error.message.startswith(code)
    assert not server.received
