"""`invoke_stream` against the emulated Lambda API, with the real boto3 in between: the same answers as by the URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from constructs_pkg.client import (
    AccessDenied,
    ConfigurationError,
    Data,
    Finish,
    HttpStatusError,
    RetryPolicy,
    StreamError,
    Text,
    Throttled,
    invoke_stream,
)
from constructs_pkg.emulator import Emulator
from tests.emulator.support import REGION, App

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLER = """
from streaming_runtime import Data, Finish, HttpResponse, NotFound, Text, Throttled, Usage, streaming_handler

@streaming_handler(dialect="sse")
def handler(request, context):
    path = request.path
    if path == "/missing":
        raise NotFound("There is no such thing.")
    if path == "/busy":
        raise Throttled("The model is busy.", retry_after=60)
    if path == "/late":
        yield Text("so far")
        raise RuntimeError("the secret word")
    if path == "/echo":
        yield Data({"method": request.method, "query": request.query_pairs, "body": request.body.hex(),
                    "header": request.headers.get("x-mine"), "after": request.last_event_id})
        return
    yield Text("Hello")
    yield Text(" there")
    yield Finish("stop", Usage(input_tokens=1, output_tokens=2))
"""

DIRECT = """
def handler(event, context):
    yield f"you sent {event['number']}"
"""


class Functions:
    """The emulated functions' names, and Lambda clients of its principals."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.names = {row["path"]: row["function_name"] for row in emulator.json()["functions"]}

    def client(self, principal: str = "admin") -> Any:
        keys = self._emulator.principals[principal]
        return boto3.client(
            "lambda",
            endpoint_url=self._emulator.lambda_endpoint,
            region_name=REGION,
            aws_access_key_id=keys["access_key_id"],
            aws_secret_access_key=keys["secret_access_key"],
            aws_session_token=keys["session_token"],
            config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
        )


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    app = App(tmp_path_factory.mktemp("invoke"))
    app.function("Fn", HANDLER)
    app.function("Plain", DIRECT)
    with Emulator(app.write(), model=None) as emulator:
        yield Functions(emulator)


def test_the_same_events_as_by_the_url(functions) -> None:
    with invoke_stream(functions.names["Test/Fn"], client=functions.client()) as stream:
        assert stream.status_code == 200
        assert stream.dialect == "sse"
        events = list(stream)
    assert events[:2] == [Text("Hello"), Text(" there")]
    assert isinstance(events[2], Finish)
    assert stream.finish.usage.output_tokens == 2
    assert stream.timing.first_byte is not None
    assert stream.request_id


def test_the_handler_sees_method_path_query_headers_and_body(functions) -> None:
    with invoke_stream(
        functions.names["Test/Fn"],
        "PUT",
        "/echo?a=1",
        params={"b": "x y", "c": "ä"},
        content=b"\xff\x00",
        headers={"X-Mine": "yes"},
        last_event_id="7",
        client=functions.client(),
    ) as stream:
        (echoed,) = [event for event in stream if isinstance(event, Data)]
    assert echoed.value == {
        "method": "PUT",
        "query": [["a", "1"], ["b", "x y"], ["c", "ä"]],
        "body": "ff00",
        "header": "yes",
        "after": "7",
    }


def test_an_answer_outside_200_is_raised_with_its_status(functions) -> None:
    with (
        pytest.raises(HttpStatusError, match="There is no such thing") as caught,
        invoke_stream(functions.names["Test/Fn"], "GET", "/missing", client=functions.client()),
    ):
        pass
    assert caught.value.status_code == 404
    assert caught.value.code == "not_found"


def test_a_throttling_model_is_throttled_with_its_retry_after(functions) -> None:
    with (
        pytest.raises(Throttled) as caught,
        invoke_stream(functions.names["Test/Fn"], path="/busy", client=functions.client(), retry=RetryPolicy(attempts=1)),
    ):
        pass
    assert caught.value.retry_after_seconds == 60


def test_an_error_in_mid_stream_is_raised_after_what_came_before(functions) -> None:
    seen = []
    with (
        pytest.raises(StreamError, match="internal_error") as caught,
        invoke_stream(functions.names["Test/Fn"], path="/late", client=functions.client()) as stream,
    ):
        seen.extend(stream)
    assert seen == [Text("so far")]
    assert "secret word" not in str(caught.value)


def test_a_caller_without_the_permission_is_denied(functions) -> None:
    with (
        pytest.raises(AccessDenied) as caught,
        invoke_stream(functions.names["Test/Fn"], client=functions.client("stranger")),
    ):
        pass
    assert caught.value.missing_permission == "lambda:InvokeFunction"


def test_an_event_of_ones_own_reaches_a_plain_handler(functions) -> None:
    with invoke_stream(functions.names["Test/Plain"], event={"number": 7}, dialect="text", client=functions.client()) as stream:
        assert stream.text() == "you sent 7"


def test_an_event_beside_a_body_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError, match="TWO_BODIES"), invoke_stream("fn", event={}, json={}, client=object()):
        pass
