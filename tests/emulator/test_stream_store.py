"""A function with a StreamStore in the emulator, as its callers know it: leave, come back, stop. DynamoDB is moto's server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.support import call, grant
from tests.runtime.dynamodb_server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HANDLER = """
import time
from streaming_runtime import Text, streaming_handler

@streaming_handler(dialect="sse")
def handler(request, context):
    for number in range(1000 if request.path == "/long" else 5):
        yield Text(f"word {number} ")
        time.sleep(0.05 if request.path == "/long" else 0.2)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture
def url(app: Any, emulate: Callable[..., Any], server: Server) -> tuple[str, dict[str, Any]]:
    app.function("Fn", HANDLER, environment={"STREAM_STORE_TABLE": server.table()}, Timeout=60)
    calls = [grant(action, "*") for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")]
    app.role("Ann", *calls)
    app.role("Bob", *calls)
    emulator = emulate(app, endpoints={"dynamodb": server.url})
    return emulator.urls["Test/Fn"], emulator.principals


def read_until(reader: Any, text: bytes) -> bytes:
    found = b""
    while text not in found:
        piece = reader.chunk()
        assert piece is not None, found
        found += piece
    return found


def test_a_caller_who_left_comes_back_for_the_rest_while_it_is_still_written(url: tuple[str, dict[str, Any]]) -> None:
    address, who = url
    leaving = call(address, who["Test/Ann"])
    seen = read_until(leaving, b"word 1")
    stream = leaving.header("x-stream-id")
    assert stream
    leaving.close()
    number = seen.count(b"\nevent: ") + seen.startswith(b"event: ")
    back = call(address, who["Test/Ann"], method="GET", headers={"last-event-id": f"{stream}:{number}"})
    rest = back.read()
    assert (back.status, back.header("x-stream-id"), back.header("content-type")) == (200, stream, leaving.header("content-type"))
    assert [b"word %d" % word in rest for word in range(5)] == [word >= number for word in range(5)]
    assert b"event: finish" in rest
    last = rest.rsplit(b"id: ", 1)[1].split(b"\n")[0].decode()
    over = call(address, who["Test/Ann"], method="GET", headers={"last-event-id": last})
    assert over.status == 204
    assert call(address, who["Test/Bob"], method="GET", headers={"last-event-id": last}).status == 404


def test_a_caller_stops_a_stream_and_nobody_else_does(url: tuple[str, dict[str, Any]]) -> None:
    address, who = url
    reader = call(address + "long", who["Test/Ann"])
    read_until(reader, b"word 3")
    name = {"x-stream-id": reader.header("x-stream-id") or ""}
    assert call(address, who["Test/Bob"], method="DELETE", headers=name).status == 404
    begin = time.monotonic()
    assert call(address, who["Test/Ann"], method="DELETE", headers=name).status == 202
    assert b'event: error\ndata: {"code":"cancelled"' in reader.read()
    assert time.monotonic() - begin < 5, "two seconds, and what a busy machine adds"


def test_without_a_dynamodb_streams_run_as_if_they_had_no_store(app: Any, emulate: Callable[..., Any], logs: Any) -> None:
    app.function("Fn", HANDLER, environment={"STREAM_STORE_TABLE": "streams", "STREAM_STORE_STREAMS_PER_CALLER": "1"}, Timeout=60)
    emulator = emulate(app)
    answer = call(emulator.urls["Test/Fn"], emulator.principals["admin"])
    assert b"event: finish" in answer.read()
    assert (answer.status, answer.header("x-stream-id")) == (200, None)
    assert len(logs.having("there is no DynamoDB here")) == 1
    assert not logs.having("STORE_")


@pytest.mark.parametrize("service", ["dynamodb", ""], ids=["its own endpoint", "one for all services"])
def test_a_store_that_is_named_is_used(service: str, app: Any, emulate: Callable[..., Any], server: Server) -> None:
    app.function("Fn", HANDLER, environment={"STREAM_STORE_TABLE": server.table()}, Timeout=60)
    emulator = emulate(app, endpoints={service: server.url})
    reader = call(emulator.urls["Test/Fn"], emulator.principals["admin"])
    assert reader.header("x-stream-id")
    assert b"event: finish" in reader.read()
