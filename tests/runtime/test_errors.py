"""How failures reach the caller, before and after the first byte, and what never does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import HttpError
from tests.runtime.neutral_api import Reply, url_event

if TYPE_CHECKING:
    from tests.runtime.conftest import Start

GENERIC = "The function failed. Request id: request-1."
DIALECTS = ("text", "bytes", "sse", "openai-chat")
STREAM = json.dumps({"model": "m", "stream": True})


def decorated(dialect: str, body: str) -> str:
    return f"@streaming_handler(dialect={dialect!r})\ndef handler(request, context):\n" + "".join(
        f"    {line}\n" for line in body.split("\n")
    )


def error_of(reply: Reply, dialect: str) -> dict[str, Any]:
    assert reply.prelude["headers"]["content-type"] == "application/json"
    error = reply.json["error"]
    if dialect == "openai-chat":
        assert set(error) == {"message", "type", "param", "code"}
    else:
        assert set(error) == {"message", "code"}
    return dict(error)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_expected_error_before_the_first_byte_is_its_status(start: Start, dialect: str) -> None:
    runtime = start(decorated(dialect, "raise Throttled('Slow down.', retry_after=7)\nyield"))
    reply = runtime.invoke(url_event("POST", body=STREAM))
    assert reply.status == 429
    assert reply.prelude["headers"]["retry-after"] == "7"
    assert error_of(reply, dialect)["code"] == "throttled"
    assert reply.trailers == {}, "no function error: Lambda does not count it"
    assert "Traceback" not in runtime.log()


@pytest.mark.parametrize(
    ("raised", "status", "error"),
    [
        (
            "BadRequest('No.', param='n')",
            400,
            {"message": "No.", "type": "invalid_request_error", "param": "n", "code": "bad_request"},
        ),
        ("NotFound('No.', code='c')", 404, {"message": "No.", "type": "invalid_request_error", "param": None, "code": "c"}),
        ("Forbidden('No.')", 403, {"message": "No.", "type": "permission_error", "param": None, "code": "forbidden"}),
        ("Throttled('No.')", 429, {"message": "No.", "type": "rate_limit_error", "param": None, "code": "throttled"}),
        ("ModelError('No.')", 502, {"message": "No.", "type": "server_error", "param": None, "code": "model_error"}),
        ("HttpError(418, 'tea', 'No.')", 418, {"message": "No.", "type": "invalid_request_error", "param": None, "code": "tea"}),
    ],
)
@pytest.mark.parametrize("stream", ["true", "false"])
def test_openais_error_shape(start: Start, raised: str, status: int, error: dict[str, Any], stream: str) -> None:
    reply = start(decorated("openai-chat", f"raise {raised}\nyield")).invoke(url_event("POST", body=f'{{"stream":{stream}}}'))
    assert (reply.status, reply.json) == (status, {"error": error})


def test_an_error_event_before_the_first_byte_is_a_500(start: Start) -> None:
    reply = start(decorated("sse", "yield Error('broken', 'It broke.')")).invoke(url_event())
    assert (reply.status, reply.json) == (500, {"error": {"code": "broken", "message": "It broke."}})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_bug_before_the_first_byte_is_a_500_that_says_nothing_and_is_counted(
    start: Start, dialect: str, interpreter: str
) -> None:
    runtime = start(decorated(dialect, "raise ValueError('secret')\nyield"))
    reply = runtime.invoke(url_event("POST", body=STREAM))
    assert reply.status == 500
    assert error_of(reply, dialect)["code"] == "internal_error"
    assert error_of(reply, dialect)["message"] == GENERIC
    assert reply.trailers["lambda-runtime-function-error-type"] == "Function.ValueError"
    assert reply.trailer_error == {"errorMessage": GENERIC, "errorType": "Function.ValueError", "stackTrace": []}
    assert b"secret" not in reply.raw
    log = runtime.log()
    assert "ValueError: secret" in log
    assert "index.py" in log


@pytest.mark.parametrize(
    ("dialect", "frame"),
    [
        ("text", b""),
        ("bytes", b""),
        ("sse", b'event: error\ndata: {"code":"internal_error","message":"%s"}\n\n' % GENERIC.encode()),
        (
            "openai-chat",
            b'data: {"error":{"message":"%s","type":"server_error","param":null,"code":"internal_error"}}\n\ndata: [DONE]\n\n'
            % GENERIC.encode(),
        ),
    ],
)
def test_a_bug_after_the_first_byte_is_the_dialects_error_event_and_trailers(start: Start, dialect: str, frame: bytes) -> None:
    runtime = start(decorated(dialect, "yield Text('x')\nraise ValueError('secret')"))
    reply = runtime.invoke(url_event("POST", body=STREAM))
    assert reply.status == 200
    assert reply.body.endswith(frame)
    assert reply.trailers["lambda-runtime-function-error-type"] == "Function.ValueError"
    assert b"secret" not in reply.raw
    assert "secret" not in str(reply.trailer_error)


def test_an_expected_error_after_the_first_byte_tells_its_code_and_is_counted(start: Start) -> None:
    reply = start(decorated("sse", "yield Text('x')\nraise ModelError('It failed.')")).invoke(url_event())
    assert reply.body.endswith(b'event: error\ndata: {"code":"model_error","message":"It failed."}\n\n')
    assert reply.trailer_error == {"errorMessage": "It failed.", "errorType": "Function.ModelError", "stackTrace": []}


def test_an_error_event_after_the_first_byte_is_told_and_counted(start: Start) -> None:
    reply = start(decorated("sse", "yield Text('x')\nyield Error('broken', 'It broke.')")).invoke(url_event())
    assert reply.body.endswith(b'event: error\ndata: {"code":"broken","message":"It broke."}\n\n')
    assert reply.body.count(b"event: ") == 2, "no finish behind an error"
    assert reply.trailers["lambda-runtime-function-error-type"] == "Function.StreamError"


@pytest.mark.parametrize("wrong", ["7", "None", "{'a': 1}", "['a']", "object()", "Text"])
@pytest.mark.parametrize("first", ["", "yield Text('x')\n"])
def test_a_wrong_type_is_a_bug_that_the_log_explains(start: Start, wrong: str, first: str) -> None:
    runtime = start(decorated("sse", f"{first}yield {wrong}"))
    reply = runtime.invoke(url_event())
    assert reply.status == (200 if first else 500)
    assert reply.trailers["lambda-runtime-function-error-type"] == "Function.TypeError"
    assert b"internal_error" in reply.body
    log = runtime.log()
    assert "EVENT_TYPE: found builtins." in log
    assert "allowed: Text, Data, Finish" in log


@pytest.mark.parametrize("value", ["object()", "{1, object()}", "{'a': object()}", "float('nan')"])
def test_an_ordinary_function_that_returns_no_json_is_an_error(start: Start, value: str) -> None:
    reply = start(f"def handler(event, context):\n    return {value}").invoke({})
    assert reply.is_error
    assert reply.json["errorType"].startswith("Function.")


def test_an_event_after_the_end_is_a_bug_the_caller_does_not_see(start: Start) -> None:
    runtime = start(decorated("sse", "yield Finish()\nyield Text('x')"))
    reply = runtime.invoke(url_event())
    assert reply.body == b'event: finish\ndata: {"reason":"stop","usage":null}\n\n'
    assert reply.trailers["lambda-runtime-function-error-type"] == "Function.TypeError"
    assert "EVENT_AFTER_END" in runtime.log()


def test_a_late_response_is_a_bug(start: Start) -> None:
    runtime = start(decorated("sse", "yield Text('x')\nyield HttpResponse(201)"))
    assert runtime.invoke(url_event()).trailers["lambda-runtime-function-error-type"] == "Function.ValueError"
    assert "RESPONSE_TOO_LATE" in runtime.log()


def test_a_prelude_too_long_for_lambda_is_a_bug(start: Start) -> None:
    runtime = start(decorated("sse", "yield HttpResponse(200, {'x': 'y' * 17000})\nyield Text('x')"))
    assert runtime.invoke(url_event()).status == 500
    assert "PRELUDE_TOO_LONG" in runtime.log()


def test_a_bug_in_a_direct_invocation_is_an_invocation_error(start: Start) -> None:
    reply = start(decorated("sse", "raise KeyError('secret')\nyield")).invoke({})
    assert reply.path.endswith("/invocation/request-1/error")
    assert reply.headers["lambda-runtime-function-error-type"] == "Function.KeyError"
    assert reply.json == {"errorMessage": GENERIC, "errorType": "Function.KeyError", "stackTrace": []}


def test_a_bug_in_an_undecorated_handler_is_an_invocation_error(start: Start) -> None:
    reply = start("def handler(event, context):\n    raise KeyError('secret')").invoke(url_event())
    assert reply.is_error
    assert b"secret" not in reply.raw


def test_an_expected_error_of_an_undecorated_handler_is_its_status(start: Start) -> None:
    reply = start("def handler(event, context):\n    raise NotFound('No.')").invoke(url_event())
    assert (reply.status, reply.json) == (404, {"error": {"code": "not_found", "message": "No."}})


def test_an_expected_error_in_a_direct_invocation_names_itself(start: Start) -> None:
    reply = start(decorated("sse", "raise BadRequest('No.')\nyield")).invoke({})
    assert reply.is_error
    assert reply.json == {"errorMessage": "No.", "errorType": "Function.BadRequest", "stackTrace": []}


@pytest.mark.parametrize("body", ["{", "\udcff", '{"a":NaN}', "[" * 100_000])
def test_a_body_that_is_no_json_is_a_400(start: Start, body: str) -> None:
    reply = start(decorated("openai-chat", "yield Text(str(request.json()))")).invoke(url_event("POST", body=body))
    assert (reply.status, reply.json["error"]["code"]) == (400, "invalid_json")


def test_an_event_that_is_no_json_is_reported_and_survived(start: Start) -> None:
    runtime = start(decorated("sse", "yield Text('x')"))
    reply = runtime.invoke(body=b"{nonsense")
    assert reply.is_error
    assert reply.json["errorType"] == "Runtime.UnmarshalError"
    assert runtime.invoke({}).body.startswith(b"event: text")


def test_a_handler_that_exits_is_reported_and_the_process_ends(start: Start) -> None:
    runtime = start(decorated("sse", "sys.exit(3)\nyield"))
    reply = runtime.invoke(url_event())
    assert reply.status == 500
    assert runtime.exit()[0] == 3


def test_a_generator_that_fails_to_clean_up_does_not_change_the_outcome(start: Start) -> None:
    runtime = start(decorated("sse", "try:\n    yield Text('x')\n    yield 7\nfinally:\n    raise OSError('untidy')"))
    assert runtime.invoke(url_event()).trailers["lambda-runtime-function-error-type"] == "Function.TypeError"
    assert "OSError: untidy" in runtime.log()


def test_a_generator_that_swallows_its_closing_does_not_change_the_outcome(start: Start) -> None:
    runtime = start(
        """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            while True:
                try:
                    yield Text("x")
                    yield 7
                except GeneratorExit:
                    print("swallowed")
        """
    )
    assert runtime.invoke(url_event()).trailers["lambda-runtime-function-error-type"] == "Function.TypeError"
    runtime.await_next()
    assert "swallowed" in runtime.log()


def test_async_failures_are_told_alike(start: Start, interpreter: str) -> None:
    runtime = start(
        """
        @streaming_handler(dialect="sse")
        async def handler(request, context):
            if request.path == "/bug":
                raise ValueError("secret")
            yield Text("x")
            raise ModelError("It failed.")
        """
    )
    assert runtime.invoke(url_event(path="/bug")).status == 500
    assert runtime.invoke(url_event()).body.endswith(b'{"code":"model_error","message":"It failed."}\n\n')


@pytest.mark.parametrize("status", [0, 200, 399, 600])
def test_an_error_has_the_status_of_one(status: int) -> None:
    with pytest.raises(ValueError, match=f"HTTP_ERROR_STATUS: found {status}; allowed: 400 to 599"):
        HttpError(status, "code", "message")


@pytest.mark.parametrize("status", [400, 499])
def test_what_a_refusal_quotes_of_the_request_stays_out_of_the_log(start: Start, status: int) -> None:
    body = f"raise HttpError({status}, 'no', 'No: ' + 'm' * 5000) from ValueError('the prompt was: my secret')\nyield"
    runtime = start(decorated("sse", body))
    assert runtime.invoke(url_event()).status == status
    log = runtime.log()
    assert f"HttpError: {status} no: No: mmm" in log
    assert "cause: ValueError" in log
    assert "secret" not in log
    assert "m" * 201 not in log


def test_what_a_service_said_when_it_failed_is_in_the_log_as_far_as_a_line_goes(start: Start) -> None:
    runtime = start(decorated("sse", "raise ModelError('No.') from OSError('connection refused ' + 'x' * 5000)\nyield"))
    assert runtime.invoke(url_event()).status == 502
    log = runtime.log()
    assert "ModelError: 502 model_error: No.; cause: OSError: connection refused xxx" in log
    assert "x" * 201 not in log
