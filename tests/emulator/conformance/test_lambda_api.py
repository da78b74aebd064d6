"""Lambda's API as boto3 calls it. Each test names its source."""

from __future__ import annotations

import base64
import json
import time

import pytest
from botocore.exceptions import ClientError

# https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, API_InvokeWithResponseStream.html


def do(what: str) -> bytes:
    return json.dumps({"do": what}).encode()


def test_invoke_gives_the_whole_answer(target) -> None:
    # API_Invoke.html#API_Invoke_ResponseSyntax
    answer = target.client().invoke(FunctionName=target.name("Buffered"), Payload=do("document"))
    assert (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer) == (200, "$LATEST", False)
    assert json.loads(answer["Payload"].read()) == {"message": "hello"}


def test_invoke_of_an_alias_runs_its_version(target) -> None:
    # API_Invoke.html: ExecutedVersion
    answer = target.client().invoke(FunctionName=target.name("Buffered"), Qualifier="live", Payload=do("text"))
    assert answer["ExecutedVersion"].isdecimal()
    assert json.loads(answer["Payload"].read()) == "hello"


def test_an_error_of_the_function_is_in_the_payload(target) -> None:
    # API_Invoke.html: FunctionError; https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
    answer = target.client().invoke(FunctionName=target.name("Buffered"), Payload=do("raise"))
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    document = json.loads(answer["Payload"].read())
    assert (document["errorType"], document["errorMessage"]) == ("ValueError", "the secret word")
    assert document["stackTrace"]


def test_the_log_comes_to_those_who_ask(target) -> None:
    # API_Invoke.html: LogType, LogResult
    answer = target.client().invoke(FunctionName=target.name("Buffered"), LogType="Tail", Payload=do("text"))
    text = base64.b64decode(answer["LogResult"])
    assert b"START RequestId: " in text
    assert b"REPORT RequestId: " in text


def test_a_dry_run_runs_nothing_and_an_event_waits_for_nothing(target) -> None:
    # API_Invoke.html: InvocationType, StatusCode
    client, name = target.client(), target.name("Buffered")
    assert client.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    assert client.invoke(FunctionName=name, InvocationType="Event", Payload=do("text"))["StatusCode"] == 202


def refusal(client, **request) -> tuple[int, str]:
    with pytest.raises(ClientError) as refused:
        client.invoke(**request)
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_what_is_not_there_is_told_to_those_who_may(target) -> None:
    # API_Invoke.html#API_Invoke_Errors
    client, name = target.client(), target.name("Buffered")
    assert refusal(client, FunctionName=f"{name}-not") == (404, "ResourceNotFoundException")
    assert refusal(client, FunctionName=name, Qualifier="nothing") == (404, "ResourceNotFoundException")


def test_those_who_may_not_are_told_nothing_else(target) -> None:
    # API_Invoke.html#API_Invoke_Errors; https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    client, name = target.client(target.stranger()), target.name("Buffered")
    assert refusal(client, FunctionName=name) == (403, "AccessDeniedException")
    assert refusal(client, FunctionName=f"{name}-not") == (403, "AccessDeniedException")


def test_a_payload_that_is_no_json_is_refused(target) -> None:
    # API_Invoke.html#API_Invoke_Errors
    assert refusal(target.client(), FunctionName=target.name("Buffered"), Payload=b"{") == (400, "InvalidRequestContentException")


def test_a_payload_above_6_megabytes_is_refused(target) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    payload = json.dumps("x" * (6 * 1024 * 1024)).encode()
    assert refusal(target.client(), FunctionName=target.name("Buffered"), Payload=payload)[0] == 413


def stream(target, function: str, what: str, **options) -> tuple[list[tuple[float, bytes]], dict]:
    answer = target.client().invoke_with_response_stream(FunctionName=target.name(function), Payload=do(what), **options)
    started, pieces = time.monotonic(), []
    for event in answer["EventStream"]:
        if "InvokeComplete" in event:
            return pieces, event["InvokeComplete"]
        pieces.append((time.monotonic() - started, event["PayloadChunk"]["Payload"]))
    raise AssertionError("the stream ended without InvokeComplete")


@pytest.mark.parametrize("function", ["Streaming", "Native"])
def test_a_stream_comes_as_it_is_written(target, function: str) -> None:
    # API_InvokeWithResponseStream.html: PayloadChunk, InvokeComplete
    pieces, complete = stream(target, function, "slow", Qualifier="live")
    assert b"".join(piece for _, piece in pieces) == b"onetwo"
    assert pieces[-1][0] - pieces[0][0] > 1.0, "the handler pauses for 1.5 s between the two"
    assert "ErrorCode" not in complete


@pytest.mark.parametrize("function", ["Streaming", "Native"])
def test_a_stream_that_fails_says_so_at_its_end(target, function: str) -> None:
    # https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStreamCompleteEvent.html: ErrorCode, ErrorDetails
    pieces, complete = stream(target, function, "after")
    assert pieces[0][1].startswith(b"one")
    assert complete["ErrorCode"]


def test_a_function_that_does_not_stream_comes_as_one_piece(target) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html: a buffered function may be asked so, too
    pieces, complete = stream(target, "Buffered", "text", LogType="Tail")
    assert b"".join(piece for _, piece in pieces) == b'"hello"'
    assert b"REPORT RequestId: " in base64.b64decode(complete["LogResult"])
