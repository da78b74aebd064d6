"""Runtime, emulator and client together: whatever a handler does, its caller gets one clear outcome in bounded time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from constructs_pkg.client import DeadlineExceeded, HttpStatusError, StreamError, StreamingClient, Text
from constructs_pkg.emulator import Emulator
from tests.emulator.support import App

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HANDLER = """
import time
from streaming_runtime import Internal, Text, streaming_handler

@streaming_handler(dialect=DIALECT)
def handler(request, context):
    what = request.path
    if what == "/raises-before":
        raise ValueError("the-secret-word")
    if what == "/hangs-before":
        time.sleep(60)
    if what == "/yields-nothing":
        return
    if what == "/wrong-type-first":
        yield {1, 2}
    yield Text("one")
    yield Internal("the-secret-word")
    if what == "/raises-after":
        raise ValueError("the-secret-word")
    if what == "/hangs-after":
        time.sleep(60)
    if what == "/wrong-type-later":
        yield {1, 2}
    yield Text(" two")
"""
LIMIT_SECONDS = 12.0
DIALECTS = ("sse", "openai-chat")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder: Path = tmp_path_factory.mktemp("outcomes")
    app = App(folder)
    for dialect in DIALECTS:
        name = "Fn" + dialect.replace("-", "")
        app.function(
            name, HANDLER.replace("DIALECT", repr(dialect)), Timeout=3, environment={"STREAM_DEADLINE_MARGIN_MS": "1500"}
        )
    with Emulator(app.write()) as running:
        yield running


@pytest.fixture(params=DIALECTS)
def client(request: pytest.FixtureRequest, emulator: Emulator) -> Iterator[StreamingClient]:
    admin = emulator.principals["admin"]
    session = boto3.Session(
        aws_access_key_id=admin["access_key_id"],
        aws_secret_access_key=admin["secret_access_key"],
        region_name=emulator.region,
    )
    name = "Test/Fn" + request.param.replace("-", "")
    with StreamingClient(emulator.urls[name], session=session) as made:
        yield made


def ask(client: StreamingClient, path: str) -> list[str]:
    heard: list[str] = []
    with client.stream("POST", path, json={"model": "m", "stream": True}) as stream:
        heard.extend(event.text for event in stream if isinstance(event, Text))
    return heard


def failing(client: StreamingClient, path: str, outcome: type[Exception]) -> Any:
    began = time.monotonic()
    with pytest.raises(outcome) as failed:
        ask(client, path)
    assert time.monotonic() - began < LIMIT_SECONDS
    assert "the-secret-word" not in str(failed.value)
    assert "the-secret-word" not in repr(vars(failed.value))
    assert ask(client, "/fine") == ["one", " two"]
    return failed.value


@pytest.mark.parametrize("path", ["/raises-before", "/wrong-type-first"])
def test_a_bug_before_the_first_byte_is_a_500_that_names_the_request_and_nothing_else(path: str, client: StreamingClient) -> None:
    error = failing(client, path, HttpStatusError)
    assert error.status_code == 500
    assert error.request_id


@pytest.mark.parametrize("path", ["/raises-after", "/wrong-type-later"])
def test_a_bug_after_the_first_byte_is_an_error_event(path: str, client: StreamingClient) -> None:
    assert failing(client, path, StreamError).code == "internal_error"


def test_yielding_nothing_is_a_complete_and_empty_answer(client: StreamingClient) -> None:
    assert ask(client, "/yields-nothing") == []


def test_hanging_before_the_first_byte_is_a_504_before_lambdas_own_timeout(client: StreamingClient) -> None:
    assert failing(client, "/hangs-before", HttpStatusError).status_code == 504


def test_hanging_after_the_first_byte_is_a_deadline_error_and_not_half_an_answer(client: StreamingClient) -> None:
    failing(client, "/hangs-after", DeadlineExceeded)


def test_a_healthy_stream_is_whole(client: StreamingClient) -> None:
    assert ask(client, "/fine") == ["one", " two"]
