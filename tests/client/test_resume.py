"""A stream that breaks off and that the function keeps is taken up where it broke; one that its reader leaves is stopped."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.client import (
    Bytes,
    ConfigurationError,
    Data,
    HttpStatusError,
    RetryPolicy,
    StreamError,
    StreamTimeout,
    StreamTruncated,
    Text,
    Timeouts,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.client.reading import Outcome
    from tests.client.server import Connection, Received, ScriptedServer

    Read = Callable[..., Outcome]
    Serve = Callable[..., ScriptedServer]

NAME = "Abcdefghijklmnopqrstuvwx"
SSE = {"content_type": "text/event-stream", "x_stream_dialect": "sse", "x_stream_id": NAME}
QUICK = {"retry": RetryPolicy(attempts=1, backoff_seconds=0.0)}


def event(number: int, text: str) -> bytes:
    return f'id: {NAME}:{number}\nevent: text\ndata: {{"text":"{text}"}}\n\n'.encode()


FINISH = f'id: {NAME}:9\nevent: finish\ndata: {{"reason":"stop","usage":null}}\n\n'.encode()


def breaks(*pieces: bytes, **headers: str) -> Callable[[Connection, Received], None]:
    """Begins an answer and hangs up in its middle."""

    def script(connection: Connection, _: Received) -> None:
        connection.head(transfer_encoding="chunked", **(headers or SSE))
        for piece in pieces:
            connection.chunk(piece)
        connection.hang_up()

    return script


def whole(*pieces: bytes, **headers: str) -> Callable[[Connection, Received], None]:
    return lambda connection, _: connection.stream(pieces, **(headers or SSE))


def says(status: str, body: bytes = b"") -> Callable[[Connection, Received], None]:
    return lambda connection, _: connection.answer(status, body)


def places(server: ScriptedServer) -> list[str | None]:
    return [request.header("last-event-id") for request in server.received]


def test_the_rest_is_asked_for_and_no_event_comes_twice(serve: Serve, read: Read) -> None:
    server = serve(breaks(event(1, "one"), event(2, "two") + event(3, "thr")[:20]), whole(event(3, "three"), FINISH))
    outcome = read(server.url, client=QUICK, json={"prompt": "x"})
    assert outcome.error is None
    assert [each.text for each in outcome.events[:-1]] == ["one", "two", "three"]
    assert places(server) == [None, f"{NAME}:2"]
    assert server.received[1].body == server.received[0].body
    assert server.received[1].method == "POST"
    assert outcome.stream.timing.resumes == 1


def test_a_stream_that_broke_before_its_first_event_is_asked_for_from_the_beginning(serve: Serve, read: Read) -> None:
    server = serve(breaks(event(1, "one")[:9]), whole(event(1, "one"), FINISH))
    assert read(server.url, client=QUICK).text == "one"
    assert places(server) == [None, f"{NAME}:0"]


@pytest.mark.parametrize("cut", range(1, 30, 4))
def test_lines_are_counted_where_there_are_no_ids(serve: Serve, read: Read, cut: int) -> None:
    lines = b'{"n":1}\n\n{"n":2}\n{"n":3}\n'
    headers = {"content_type": "application/x-ndjson", "x_stream_id": NAME}
    whole_lines = [line for line in lines[:cut].split(b"\n")[:-1] if line]
    rest = [line + b"\n" for line in lines.split(b"\n") if line][len(whole_lines) :]
    server = serve(breaks(lines[:cut], **headers), whole(*rest, **headers))
    outcome = read(server.url, client=QUICK, dialect="ndjson")
    assert outcome.events == [Data({"n": 1}), Data({"n": 2}), Data({"n": 3})]
    assert places(server) == [None, f"{NAME}:{len(whole_lines)}"]


@pytest.mark.parametrize("cut", range(1, 12))
def test_text_goes_on_at_the_next_byte_in_a_character_too(serve: Serve, read: Read, cut: int) -> None:
    text = "häßlich €".encode()
    headers = {"content_type": "text/plain; charset=utf-8", "x_stream_dialect": "text", "x_stream_id": NAME}
    server = serve(breaks(text[:cut], **headers), whole(text[cut:], **headers))
    outcome = read(server.url, client=QUICK)
    assert outcome.text == "häßlich €"
    assert places(server) == [None, f"{NAME}:{cut}"]


def test_bytes_go_on_at_the_next_byte(serve: Serve, read: Read) -> None:
    headers = {"content_type": "application/octet-stream", "x_stream_dialect": "bytes", "x_stream_id": NAME}
    server = serve(breaks(b"\0\1", b"\2", **headers), whole(b"\3", **headers))
    outcome = read(server.url, client=QUICK)
    assert b"".join(each.data for each in outcome.events if isinstance(each, Bytes)) == b"\0\1\2\3"
    assert places(server) == [None, f"{NAME}:3"]


def test_the_rest_may_be_compressed_when_the_beginning_was_not(serve: Serve, read: Read) -> None:
    server = serve(breaks(event(1, "one")), whole(gzip.compress(event(2, "two") + FINISH), **SSE, content_encoding="gzip"))
    assert read(server.url, client=QUICK).text == "onetwo"


def test_a_stream_may_break_more_than_once_but_not_for_ever(serve: Serve, read: Read) -> None:
    server = serve(breaks(event(1, "one")), breaks(event(2, "two")), breaks(), breaks(), whole(event(3, "never"), FINISH))
    outcome = read(server.url, client=QUICK)
    assert outcome.text == "onetwo"
    assert isinstance(outcome.error, StreamTruncated)
    assert outcome.error.last_event_id == f"{NAME}:2"
    assert len(server.received) == 4


def test_none_is_taken_up_where_the_policy_says_so(serve: Serve, read: Read) -> None:
    server = serve(breaks(event(1, "one")), whole(FINISH))
    outcome = read(server.url, client={"retry": RetryPolicy(attempts=1, resumes=0)})
    assert isinstance(outcome.error, StreamTruncated)
    assert len(server.received) == 1


def test_a_stream_without_a_name_is_never_asked_for_again(serve: Serve, read: Read) -> None:
    headers = {"content_type": "text/event-stream", "x_stream_dialect": "sse"}
    server = serve(breaks(event(1, "one"), **headers), whole(FINISH))
    assert isinstance(read(server.url, client=QUICK).error, StreamTruncated)
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "answer", [says("404 Not Found", b'{"error":{"code":"stream_not_found","message":"x"}}'), says("204 No Content")]
)
def test_where_the_function_has_no_rest_the_break_itself_is_raised(serve: Serve, read: Read, answer: Any) -> None:
    server = serve(breaks(event(1, "one")), answer)
    outcome = read(server.url, client=QUICK)
    assert outcome.text == "one"
    assert isinstance(outcome.error, StreamTruncated)


def test_silence_is_a_break_too(serve: Serve, read: Read) -> None:
    def silent(connection: Connection, _: Received) -> None:
        connection.head(transfer_encoding="chunked", **SSE)
        connection.chunk(event(1, "one"))
        connection.sock.settimeout(5)
        connection.sock.recv(1)

    server = serve(silent, whole(event(2, "two"), FINISH))
    assert read(server.url, client={**QUICK, "timeouts": Timeouts(read_seconds=0.2)}).text == "onetwo"


def test_a_stream_that_took_all_its_time_is_not_taken_up(serve: Serve, read: Read) -> None:
    server = serve(breaks(event(1, "one")), whole(FINISH))
    outcome = read(server.url, client={**QUICK, "timeouts": Timeouts(total_seconds=0.0)})
    assert isinstance(outcome.error, StreamTimeout | StreamTruncated)
    assert len([request for request in server.received if request.method == "POST"]) == 1


def test_an_error_of_the_stream_itself_is_no_break(serve: Serve, read: Read) -> None:
    failed = f'id: {NAME}:2\nevent: error\ndata: {{"code":"model_error","message":"gave up"}}\n\n'.encode()
    server = serve(whole(event(1, "one"), failed))
    outcome = read(server.url, client=QUICK)
    assert type(outcome.error) is StreamError
    assert len(server.received) == 1


def test_a_stream_left_early_is_stopped(serve: Serve, read: Read) -> None:
    class Enough(Exception):
        pass

    def leave(_: object) -> None:
        raise Enough

    def goes_on(connection: Connection, _: Received) -> None:
        connection.head(transfer_encoding="chunked", **SSE)
        connection.chunk(event(1, "one"))
        connection.sock.settimeout(5)
        connection.sock.recv(1)

    server = serve(goes_on, says("202 Accepted"))
    with pytest.raises(Enough):
        read(server.url, client=QUICK, seen=leave, json={"prompt": "x"}, last_event_id="0")
    stopped = server.received[-1]
    assert (stopped.method, stopped.header("x-stream-id"), stopped.body) == ("DELETE", NAME, b"")
    assert stopped.header("last-event-id") is None


def test_a_stop_that_fails_is_told_in_the_log_alone(serve: Serve, read: Read, caplog: pytest.LogCaptureFixture) -> None:
    def leave(_: object) -> None:
        raise KeyError

    server = serve(whole(event(1, "one"), event(2, "two")), says("503 Service Unavailable"))
    with pytest.raises(KeyError):
        read(server.url, client=QUICK, seen=leave)
    assert f"the stream {NAME} may run on" in caplog.text


def test_a_complete_stream_is_not_stopped(serve: Serve, read: Read) -> None:
    server = serve(whole(event(1, "one"), FINISH))
    assert read(server.url, client=QUICK).error is None
    assert len(server.received) == 1


@pytest.mark.parametrize(("status", "running"), [("202 Accepted", True), ("204 No Content", False)])
def test_cancel_says_whether_the_stream_was_running(serve: Serve, session: Any, status: str, running: bool) -> None:
    from constructs_pkg.client import StreamingClient

    server = serve(whole(event(1, "one"), FINISH), says(status))
    with StreamingClient(server.url, session=session) as client, client.stream("POST", "/x?y=1") as stream:
        assert stream.stream_id == NAME
        assert stream.cancel() is running
        assert stream.collect()[0] == Text("one")
    assert server.received[1].target == "/x?y=1"


def test_a_stream_without_a_name_cannot_be_cancelled(serve: Serve, session: Any) -> None:
    from constructs_pkg.client import StreamingClient

    server = serve(whole(b"x", content_type="text/plain"))
    with (
        StreamingClient(server.url, session=session) as client,
        client.stream("POST") as stream,
        pytest.raises(ConfigurationError, match="NO_STREAM_ID"),
    ):
        stream.cancel()


def test_somebody_elses_stream_cannot_be_cancelled(serve: Serve, session: Any) -> None:
    from constructs_pkg.client import StreamingClient

    server = serve(whole(event(1, "one"), FINISH), says("404 Not Found", b"{}"))
    with StreamingClient(server.url, session=session) as client, client.stream("POST") as stream:
        with pytest.raises(HttpStatusError) as caught:
            stream.cancel()
        stream.collect()
    assert caught.value.status_code == 404
