"""Answers that are no stream become exceptions that say what happened, whatever shape the server said it in."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable

import pytest

from constructs_pkg.client import AccessDenied, HttpStatusError, Throttled, Timeouts
from constructs_pkg.client._refusals import LONGEST_BODY_BYTES, refusal
from tests.client.reading import Outcome
from tests.client.server import Connection, Received, ScriptedServer

Serve = Callable[..., ScriptedServer]
Read = Callable[..., Outcome]


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"Message":"Forbidden"}', None, "Forbidden"),
        (b'{"message":"Not Found","__type":"ResourceNotFoundException"}', "ResourceNotFoundException", "Not Found"),
        (b'{"error":{"message":"bad","type":"invalid_request_error","param":null,"code":null}}', "invalid_request_error", "bad"),
        (b'{"error":{"code":"too_long","message":"bad"}}', "too_long", "bad"),
        (b'{"error":"invalid_grant","error_description":"no"}', "invalid_grant", "no"),
        (b'{"errorMessage":"boom","errorType":"Function.ValueError"}', "Function.ValueError", "boom"),
        (b'"a sentence"', None, "a sentence"),
        (b"two\nlines \n", None, "two lines"),
        (b"<html>...</html>", None, "the answer does not say why"),
        (b"", None, "the answer does not say why"),
        (b"[1]", None, "the answer does not say why"),
        (b"x" * 5000, None, "x" * 1000 + "..."),
    ],
)
def test_any_shape_of_error_is_read(body: bytes, code: str | None, message: str) -> None:
    error = refusal(400, {}, body)
    assert (type(error), error.code, error.message, error.body) == (HttpStatusError, code, message, body)


def test_the_error_type_may_stand_in_a_header() -> None:
    assert refusal(500, {"x-amzn-errortype": "ServiceException:http://x/"}, b"").code == "ServiceException"


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        (
            (
                "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: lambda:InvokeFunctionUrl on resource: arn:x "
                "because no identity-based policy allows the lambda:InvokeFunctionUrl action"
            ),
            "lambda:InvokeFunctionUrl",
        ),
        (
            "User: arn:aws:iam::1:user/u is not authorized to perform: lambda:InvokeFunction on resource: arn:x",
            "lambda:InvokeFunction",
        ),
        ("Access denied because no resource-based policy allows the lambda:InvokeFunction action", "lambda:InvokeFunction"),
        ("The request signature we calculated does not match the signature you provided.", None),
        ("Forbidden", None),
    ],
)
def test_access_denied_says_which_permission_is_missing_when_the_answer_tells(said: str, missing: str | None) -> None:
    error = refusal(403, {"x-amzn-requestid": "r1"}, f'{{"Message":"{said}"}}'.encode())
    assert isinstance(error, AccessDenied)
    assert error.missing_permission == missing
    assert ("grant_invoke_url" in str(error)) == (missing is not None)
    assert said.rstrip(".") in str(error)
    assert str(error).endswith("(HTTP 403, request r1)")


def test_a_bare_refusal_by_aws_names_both_permissions() -> None:
    error = refusal(403, {"x-amzn-errortype": "AccessDeniedException"}, b'{"Message":"Forbidden."}')
    assert str(error).startswith(
        "access denied: Forbidden; the caller may lack one of the two permissions, lambda:InvokeFunctionUrl and "
    )


def test_a_redirection_is_not_followed(serve: Serve, read: Read) -> None:
    server = serve(lambda connection, _: connection.answer("302 Found", location="https://evil.example/?x=1"))
    outcome = read(server.url)
    assert isinstance(outcome.error, HttpStatusError)
    assert "redirection to 'https://evil.example/', which a signed request does not follow (HTTP 302)" in str(outcome.error)
    assert len(server.received) == 1


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_the_servers_own_message_is_told(serve: Serve, read: Read, encoding: str) -> None:
    body = b'{"error":{"message":"max_tokens is too large","type":"invalid_request_error","code":"bad_value"}}'
    wire = body if encoding == "identity" else gzip.compress(body)
    server = serve(
        lambda connection, _: connection.answer("400 Bad Request", wire, content_encoding=encoding, x_amzn_requestid="r1")
    )
    error = read(server.url).error
    assert isinstance(error, HttpStatusError)
    assert str(error) == "max_tokens is too large (HTTP 400, request r1)"
    assert (error.code, error.body) == ("bad_value", body)


def test_throttling_tells_how_long_to_wait(serve: Serve, read: Read) -> None:
    error = read(serve(lambda connection, _: connection.answer("429 Too Many Requests", retry_after="12")).url).error
    assert isinstance(error, Throttled)
    assert error.retry_after_seconds == 12


def test_an_endless_refusal_is_read_up_to_a_bound(serve: Serve, read: Read) -> None:
    def script(connection: Connection, _: Received) -> None:
        connection.head("500 Internal Server Error", transfer_encoding="chunked")
        while True:
            connection.chunk(b"x" * 1000)

    error = read(serve(script).url).error
    assert isinstance(error, HttpStatusError)
    assert len(error.body) == LONGEST_BODY_BYTES


@pytest.mark.parametrize("trickles", [False, True])
def test_a_refusal_that_does_not_end_is_told_in_time(serve: Serve, read: Read, trickles: bool) -> None:
    over = threading.Event()

    def script(connection: Connection, _: Received) -> None:
        connection.head("500 Internal Server Error", transfer_encoding="chunked")
        connection.chunk(b"half a mess")
        while not over.wait(0.05):
            if trickles:
                connection.chunk(b"a")

    started = time.monotonic()
    error = read(serve(script).url, client={"timeouts": Timeouts(read_seconds=0.3)}).error
    over.set()
    assert isinstance(error, HttpStatusError)
    assert error.message.startswith("half a mess")
    assert time.monotonic() - started < 5
