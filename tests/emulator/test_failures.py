"""Whatever a handler does wrong, the caller sees a clear end within a bounded time, and the next call works."""

from __future__ import annotations

import json
import time

import boto3
import pytest
from botocore.config import Config

from tests.emulator.support import REGION, Call, call

MISBEHAVING = """
import os, time

class Weird:
    pass

def handler(event, context):
    path = event.get("rawPath", event.get("path"))
    if path == "/before":
        raise ValueError("the secret word")
    if path == "/after":
        yield "one"
        raise ValueError("the secret word")
    if path == "/nothing":
        return
    if path == "/type":
        yield Weird()
    if path == "/hang":
        time.sleep(60)
    if path == "/hang-after":
        yield "one"
        time.sleep(60)
    if path == "/exit":
        os._exit(3)
    if path == "/exit-after":
        yield "one"
        time.sleep(0.05)
        os._exit(3)
    yield "fine"
"""


@pytest.fixture
def ask(app, emulate):
    # The longest margin that the runtime takes is longer than this timeout, so that Lambda's own timeout is what ends a stream here.
    app.function("Fn", MISBEHAVING, Timeout=1, environment={"STREAM_DEADLINE_MARGIN_MS": "50"})
    emulator = emulate(app)
    url = emulator.urls["Test/Fn"].rstrip("/")

    def made(path: str) -> Call:
        return call(url + path, emulator.principals["admin"])

    yield made
    response = made("/fine")
    assert (response.status, response.read()) == (200, b"fine"), "the next call works"


@pytest.mark.parametrize("path", ["/before", "/type", "/exit"])
def test_a_failure_before_the_first_byte_is_502(ask, path: str) -> None:
    started = time.monotonic()
    response = ask(path)
    assert response.status == 502
    assert response.read() == b"Internal Server Error"
    assert response.header("x-amzn-RequestId")
    assert time.monotonic() - started < 8


def test_a_handler_that_hangs_before_its_first_byte_ends_within_the_timeout(ask) -> None:
    started = time.monotonic()
    response = ask("/hang")
    # The runtime's own answer, shortly before Lambda's timeout; Lambda's is in test_runtime_api.py.
    assert response.status == 504
    assert response.read()
    assert time.monotonic() - started < 5


def test_a_failure_after_the_first_byte_leaves_the_response_without_its_end(ask, logs) -> None:
    response = ask("/after")
    assert response.status == 200
    chunks, complete = response.chunks()
    assert b"".join(chunks).startswith(b"one")
    assert b"secret" not in b"".join(chunks)
    assert not complete


@pytest.mark.parametrize("path", ["/exit-after"])
def test_a_crash_in_the_middle_of_a_stream_leaves_it_without_its_end(ask, path: str) -> None:
    chunks, complete = ask(path).chunks()
    assert chunks[:1] == [b"one"]
    assert not complete


def test_a_handler_that_yields_nothing_gives_an_empty_whole_response(ask) -> None:
    response = ask("/nothing")
    assert response.status == 200
    assert response.read() == b""


def test_a_handler_that_hangs_after_its_first_byte_ends_within_the_timeout(ask) -> None:
    started = time.monotonic()
    chunks, _ = ask("/hang-after").chunks()
    assert chunks[:1] == [b"one"]
    assert time.monotonic() - started < 5


def test_a_direct_caller_is_told_what_failed(app, emulate) -> None:
    app.function("Fn", MISBEHAVING, Timeout=1, auth=None)
    emulator = emulate(app)
    name = emulator.json()["functions"][0]["function_name"]
    client = lambda_client(emulator)
    result = client.invoke(FunctionName=name, Qualifier="live", Payload=json.dumps({"path": "/before"}))
    assert (result["StatusCode"], result["FunctionError"], result["ExecutedVersion"]) == (200, "Unhandled", "1")
    document = json.loads(result["Payload"].read())
    assert document["errorType"].endswith("ValueError")
    result = client.invoke(FunctionName=name, Payload=json.dumps({"path": "/exit"}))
    document = json.loads(result["Payload"].read())
    assert document["errorType"] == "Runtime.ExitError"
    assert document["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")


def lambda_client(emulator, principal: str = "admin"):
    who = emulator.principals[principal]
    return boto3.client(
        "lambda",
        region_name=REGION,
        endpoint_url=emulator.lambda_endpoint,
        aws_access_key_id=who["access_key_id"],
        aws_secret_access_key=who["secret_access_key"],
        aws_session_token=who["session_token"],
        config=Config(retries={"max_attempts": 0}),
    )


def test_boto3_reads_a_stream_and_what_ended_it(app, emulate) -> None:
    app.function("Fn", MISBEHAVING, Timeout=2, auth=None)
    emulator = emulate(app)
    client = lambda_client(emulator)
    name = emulator.json()["functions"][0]["function_name"]

    def stream(path: str):
        answer = client.invoke_with_response_stream(FunctionName=name, Qualifier="live", Payload=json.dumps({"path": path}))
        events = list(answer["EventStream"])
        text = b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event)
        assert "InvokeComplete" in events[-1]
        return text, events[-1]["InvokeComplete"]

    assert stream("/fine") == (b"fine", {})
    text, complete = stream("/after")
    assert text.startswith(b"one")
    assert complete["ErrorCode"].startswith("Function.")
    _, complete = stream("/before")
    assert "ValueError" in complete["ErrorCode"]


def test_an_init_that_fails_fails_the_call_and_is_logged(app, emulate, logs) -> None:
    app.function("Fn", "raise RuntimeError('no luck')\n")
    emulator = emulate(app)
    response = call(emulator.urls["Test/Fn"], emulator.principals["admin"])
    assert (response.status, response.read()) == (502, b"Internal Server Error")
    assert logs.having("init failed: ")


def test_an_init_that_hangs_is_ended(app, emulate, logs) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib: 10 s, then once more, at the
    # invocation, within the function's timeout.
    app.function("Fn", "import time\ntime.sleep(60)\n", Timeout=1)
    emulator = emulate(app, init_seconds=0.5)
    response = call(emulator.urls["Test/Fn"], emulator.principals["admin"])
    assert (response.status, response.read()) == (502, b"Internal Server Error")
    assert len(logs.having("Status: timeout")) == 2
    assert logs.having("Phase: invoke\tStatus: timeout")
    assert logs.having("Task timed out after 1.00 seconds")


def test_an_init_that_is_slow_is_begun_anew_within_the_functions_timeout(app, emulate, logs) -> None:
    app.function("Fn", "import time\ntime.sleep(1)\ndef handler(event, context):\n    yield 'at last'\n", Timeout=10)
    emulator = emulate(app, init_seconds=0.5)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"at last"
    assert logs.having("Phase: init\tStatus: timeout")
    assert len(logs.having("INIT_START")) == 2
