"""What is repeated, what is not, and how long is waited: nothing that may have been paid for runs twice unasked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from constructs_pkg.client import ConnectionFailed, HttpStatusError, RetryPolicy, StreamTruncated, Throttled
from constructs_pkg.client._retry import parse_retry_after
from tests.client.reading import Outcome
from tests.client.server import Connection, Received, Script, ScriptedServer, chat

Serve = Callable[..., ScriptedServer]
Read = Callable[..., Outcome]
QUICK = {"retry": RetryPolicy(backoff_seconds=0.001)}


def ok(connection: Connection, _: Received) -> None:
    connection.stream(chat("ok"), content_type="text/event-stream", x_stream_dialect="openai-chat")


def status(line: str, **headers: str) -> Script:
    return lambda connection, _: connection.answer(line, b'{"message":"no"}', **headers)


def hangs_up(connection: Connection, _: Received) -> None:
    connection.hang_up()


TRANSIENT = ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_throttled_call_is_repeated(serve: Serve, read: Read, method: str) -> None:
    server = serve(status("429 Too Many Requests"), status("429 Too Many Requests"), ok)
    outcome = read(server.url, client=QUICK, method=method)
    assert (outcome.text, outcome.error, outcome.stream.timing.attempts) == ("ok", None, 3)
    signatures = {request.header("authorization") for request in server.received}
    assert all(signatures)


def test_attempts_are_bounded(serve: Serve, read: Read) -> None:
    server = serve(status("429 Too Many Requests"))
    assert isinstance(read(server.url, client=QUICK).error, Throttled)
    assert len(server.received) == 3


@pytest.mark.parametrize("script", [*(status(line) for line in TRANSIENT), hangs_up], ids=[*TRANSIENT, "hang-up"])
@pytest.mark.parametrize(
    ("call", "sent"),
    [
        ({"method": "GET"}, 2),
        ({"method": "POST"}, 1),
        ({"method": "POST", "idempotent": True}, 2),
        ({"method": "PUT", "idempotent": False}, 1),
    ],
    ids=str,
)
def test_what_may_have_run_is_repeated_only_where_that_does_no_harm(
    serve: Serve, read: Read, script: Script, call: dict, sent: int
) -> None:
    server = serve(script, ok)
    outcome = read(server.url, client=QUICK, **call)
    assert len(server.received) == sent
    assert (outcome.error is None) == (sent == 2)


@pytest.mark.parametrize("line", ["400 Bad Request", "403 Forbidden", "404 Not Found", "500 Internal Server Error"])
def test_what_repeating_cannot_mend_is_not_repeated(serve: Serve, read: Read, line: str) -> None:
    server = serve(status(line), ok)
    assert isinstance(read(server.url, client=QUICK, method="GET").error, HttpStatusError)
    assert len(server.received) == 1


def test_nothing_is_repeated_once_the_answer_began(serve: Serve, read: Read) -> None:
    def cut(connection: Connection, _: Received) -> None:
        connection.stream(chat("a", done=False), content_type="text/event-stream", x_stream_dialect="openai-chat")

    server = serve(cut, ok)
    outcome = read(server.url, client=QUICK, method="GET")
    assert isinstance(outcome.error, StreamTruncated)
    assert len(server.received) == 1


def test_a_retry_after_is_waited_for(serve: Serve, read: Read) -> None:
    outcome = read(serve(status("429 Too Many Requests", retry_after="0.3"), ok).url, client={"retry": RetryPolicy()})
    assert outcome.error is None
    assert outcome.stream.timing.headers >= 0.3


def test_a_long_retry_after_is_the_callers_to_wait_for(serve: Serve, read: Read) -> None:
    server = serve(status("429 Too Many Requests", retry_after="3600"))
    error = read(server.url, client={"retry": RetryPolicy()}).error
    assert isinstance(error, Throttled)
    assert error.retry_after_seconds == 3600
    assert len(server.received) == 1


def test_waits_are_random_and_grow_up_to_their_bound() -> None:
    policy = RetryPolicy(attempts=100, backoff_seconds=1, longest_backoff_seconds=4)
    error = Throttled("slow", status_code=429)
    for attempt, ceiling in ((1, 1), (2, 2), (3, 4), (4, 4), (50, 4)):
        waits = [policy.delay(error, attempt=attempt, idempotent=False) for _ in range(200)]
        assert all(wait is not None and 0 <= wait <= ceiling for wait in waits)
        assert max(waits) > ceiling / 2 > min(waits)


def test_a_connection_never_made_is_repeated_for_any_method() -> None:
    policy = RetryPolicy()
    assert policy.delay(ConnectionFailed("x", request_sent=False), attempt=1, idempotent=False) is not None
    assert policy.delay(ConnectionFailed("x"), attempt=1, idempotent=False) is None
    assert policy.delay(ConnectionFailed("x"), attempt=3, idempotent=True) is None


def test_a_policy_without_a_single_attempt_is_refused() -> None:
    with pytest.raises(ValueError, match="RETRY_ATTEMPTS: 0; allowed: 1 or more"):
        RetryPolicy(attempts=0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 0.5 ", 0.5),
        ("Wed, 21 Oct 2026 07:28:10 GMT", 10),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("", None),
        (None, None),
        ("²", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)) == seconds
