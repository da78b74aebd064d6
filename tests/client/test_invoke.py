"""`invoke_stream` over a Lambda client of the test's own: what a real one cannot be made to do on demand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, EventStreamError, NoCredentialsError, ReadTimeoutError
from urllib3.exceptions import ProtocolError

from constructs_pkg.client import (
    AccessDenied,
    ConfigurationError,
    ConnectionFailed,
    Data,
    Finish,
    HttpStatusError,
    MalformedStream,
    RetryPolicy,
    StreamError,
    StreamTimeout,
    StreamTruncated,
    Text,
    Throttled,
    invoke_stream,
)
from constructs_pkg.client._invocation_event import HeadReader

HEAD = b'{"statusCode":200,"headers":{"Content-Type":"text/event-stream","x-stream-dialect":"sse"}}' + bytes(8)
HELLO = b'event: text\ndata: {"text":"Hello"}\n\n'
FINISH = b'event: finish\ndata: {"reason":"stop","usage":null}\n\n'
COMPLETE: dict[str, Any] = {"InvokeComplete": {}}


def payload(data: bytes) -> dict[str, Any]:
    return {"PayloadChunk": {"Payload": data}}


class EventStream:
    def __init__(self, events: list[Any]) -> None:
        self._events = events
        self.closed = False

    def __iter__(self):
        for event in self._events:
            if isinstance(event, Exception):
                raise event
            yield event

    def close(self) -> None:
        self.closed = True


class Client:
    """Answers each invocation with the next of its answers: events of an event stream, or an exception."""

    def __init__(self, *answers: list[Any] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.streams: list[EventStream] = []

    def invoke_with_response_stream(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.streams.append(EventStream(answer))
        return {"EventStream": self.streams[-1], "ResponseMetadata": {"RequestId": "r-1", "HTTPStatusCode": 200}}


def refused(code: str, status: int, headers: dict[str, str] | None = None) -> ClientError:
    metadata = {"HTTPStatusCode": status, "RequestId": "r-9", "HTTPHeaders": headers or {}}
    return ClientError({"Error": {"Code": code, "Message": "why"}, "ResponseMetadata": metadata}, "InvokeWithResponseStream")


ONCE = RetryPolicy(attempts=1)
QUICK = RetryPolicy(attempts=3, backoff_seconds=0.0)


def read(client: Client, **options: Any) -> list[Any]:
    with invoke_stream("fn", client=client, **{"retry": ONCE, **options}) as stream:
        return list(stream)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_the_head_is_taken_off_wherever_the_payload_is_cut(size) -> None:
    whole = HEAD + HELLO + FINISH
    client = Client([*(payload(whole[at : at + size]) for at in range(0, len(whole), size)), COMPLETE])
    first, last = read(client)
    assert first == Text("Hello")
    assert isinstance(last, Finish)
    assert client.streams[0].closed


def test_the_alias_is_live_unless_told_otherwise() -> None:
    client = Client([payload(HEAD + FINISH), COMPLETE], [payload(HEAD + FINISH), COMPLETE])
    read(client)
    read(client, qualifier=None)
    assert client.asked[0]["Qualifier"] == "live"
    assert "Qualifier" not in client.asked[1]


def test_an_answer_without_a_head_streams_from_its_first_byte() -> None:
    lines = b'{"a":1}\n{"a":2}\n'
    client = Client([payload(lines[at : at + 1]) for at in range(len(lines))] + [COMPLETE])
    assert read(client, event={}, dialect="ndjson") == [Data({"a": 1}), Data({"a": 2})]
    assert json.loads(client.asked[0]["Payload"]) == {}


def test_an_answer_that_ends_before_it_is_clear_is_all_body() -> None:
    assert read(Client([payload(b'{"never": "clo'), COMPLETE]), dialect="text") == [Text('{"never": "clo')]


def test_an_empty_answer_is_empty() -> None:
    assert read(Client([COMPLETE]), dialect="text") == []


def test_a_head_that_is_none_of_an_answer_is_malformed() -> None:
    with pytest.raises(MalformedStream, match="statusCode"):
        read(Client([payload(b'{"statusCode":"many"}' + bytes(8)), COMPLETE]))


def test_an_endless_head_is_read_as_a_body() -> None:
    reader = HeadReader()
    assert reader.feed(b'{"a":"' + b"x" * 70_000) is not None


def test_a_failure_at_the_end_is_raised_after_what_came_before() -> None:
    failed = {"InvokeComplete": {"ErrorCode": "Unhandled", "ErrorDetails": '{"errorMessage":"it broke"}'}}
    seen: list[Any] = []
    with (
        pytest.raises(StreamError, match="Unhandled: it broke") as caught,
        invoke_stream("fn", client=Client([payload(HEAD + HELLO), failed])) as stream,
    ):
        seen.extend(stream)
    assert seen == [Text("Hello")]
    assert caught.value.code == "Unhandled"
    assert caught.value.request_id == "r-1"


def test_a_failure_before_the_first_byte_is_raised_by_the_call() -> None:
    failed = {"InvokeComplete": {"ErrorCode": "Runtime.ExitError", "ErrorDetails": "not json"}}
    with pytest.raises(StreamError, match="Runtime.ExitError: not json"):
        read(Client([failed]))


def test_a_failure_after_the_terminal_event_changes_nothing() -> None:
    failed = {"InvokeComplete": {"ErrorCode": "Unhandled"}}
    assert len(read(Client([payload(HEAD + FINISH), failed]))) == 1


@pytest.mark.parametrize(
    "ending",
    [
        [],
        [ProtocolError("Connection broken")],
        [EventStreamError({"Error": {"Code": "InternalServerException"}}, "InvokeWithResponseStream")],
        [ConnectionResetError("reset")],
    ],
    ids=["no-complete", "broken", "stream-error", "reset"],
)
def test_an_event_stream_that_breaks_off_is_a_truncated_stream(ending) -> None:
    with pytest.raises(StreamTruncated):
        read(Client([payload(HEAD + HELLO), *ending]))


def test_an_event_stream_that_breaks_off_after_the_terminal_event_is_whole() -> None:
    assert len(read(Client([payload(HEAD + FINISH), ProtocolError("late")]))) == 1


def test_silence_in_mid_stream_is_a_timeout() -> None:
    with pytest.raises(StreamTimeout, match="silent"):
        read(Client([payload(HEAD + HELLO), ReadTimeoutError(endpoint_url="x")]))


def test_what_breaks_off_before_the_answer_began_is_no_answer() -> None:
    with pytest.raises(ConnectionFailed, match="before its answer began"):
        read(Client([]))


def test_throttling_is_repeated_and_then_raised() -> None:
    client = Client(
        refused("TooManyRequestsException", 429), refused("TooManyRequestsException", 429), [payload(HEAD + FINISH), COMPLETE]
    )
    assert len(read(client, retry=QUICK)) == 1
    assert len(client.asked) == 3
    with pytest.raises(Throttled) as caught:
        read(Client(refused("TooManyRequestsException", 429, {"retry-after": "7"})))
    assert caught.value.retry_after_seconds == 7


def test_a_stream_that_began_is_never_repeated() -> None:
    client = Client([payload(HEAD + HELLO)], [payload(HEAD + FINISH), COMPLETE])
    with pytest.raises(StreamTruncated):
        read(client, retry=QUICK, idempotent=True)
    assert len(client.asked) == 1


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (refused("AccessDeniedException", 403), AccessDenied, "lambda:InvokeFunction on the alias"),
        (refused("ResourceNotFoundException", 404), HttpStatusError, "ResourceNotFoundException: why"),
        (EndpointConnectionError(endpoint_url="x"), ConnectionFailed, "cannot connect"),
        (ReadTimeoutError(endpoint_url="x"), StreamTimeout, "did not begin in time"),
        (NoCredentialsError(), ConfigurationError, "NO_CREDENTIALS"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_boto3_raises_is_told_in_this_packages_terms(raised, kind, words) -> None:
    with pytest.raises(kind, match=words):
        read(Client(raised))


def test_a_refusal_in_the_head_is_raised_with_its_body() -> None:
    head = b'{"statusCode":404,"headers":{"content-type":"application/json"}}' + bytes(8)
    with pytest.raises(HttpStatusError, match="no such thing") as caught:
        read(Client([payload(head + b'{"error":{"code":"not_found",'), payload(b'"message":"no such thing"}}'), COMPLETE]))
    assert caught.value.status_code == 404
    assert caught.value.code == "not_found"


def test_no_region_is_said_before_anything_is_sent(monkeypatch, tmp_path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="NO_REGION"), invoke_stream("fn"):
        pass
