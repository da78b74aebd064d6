"""What a handler may be, what it gets and what leaves of it: a real process, on every interpreter of the machine where it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streaming_runtime import streaming_handler
from tests.runtime.neutral_api import rest_event, url_event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime.conftest import Start

HELLO = b'event: text\ndata: {"text":"Hello"}\n\nevent: text\ndata: {"text":", world"}\n\n'
FINISH = b'event: finish\ndata: {"reason":"stop","usage":null}\n\n'

KINDS = {
    "generator": """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            yield Text("Hello")
            yield Text(", world")
    """,
    "async generator": """
        @streaming_handler(dialect="sse")
        async def handler(request, context):
            import asyncio
            yield Text("Hello")
            await asyncio.sleep(0)
            yield Text(", world")
    """,
    "function that returns a list": """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            return [Text("Hello"), Text(", world")]
    """,
    "function that returns a generator": """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            return (Text(piece) for piece in ("Hello", ", world"))
    """,
    "function that returns a map": """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            return map(Text, ("Hello", ", world"))
    """,
    "coroutine that returns an async generator": """
        async def pieces():
            yield "Hello"
            yield ", world"

        @streaming_handler(dialect="sse")
        async def handler(request, context):
            return pieces()
    """,
    "callable object": """
        class Handler:
            def __call__(self, request, context):
                yield "Hello"
                yield b", world"

        handler = streaming_handler(dialect="sse")(Handler())
    """,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_handler_streams_its_events(start: Start, interpreter: str, kind: str) -> None:
    runtime = start(KINDS[kind])
    reply = runtime.invoke(url_event())
    assert reply.body == HELLO + FINISH
    assert reply.status == 200
    assert reply.trailers == {}
    assert runtime.invoke(url_event()).body == HELLO + FINISH, "and again, in the same process"


def test_the_head_is_lambdas_streaming_form(start: Start) -> None:
    runtime = start(KINDS["generator"])
    reply = runtime.invoke(url_event(), headers={"Lambda-Runtime-Invocation-Id": "attempt-7"})
    assert reply.path == "/2018-06-01/runtime/invocation/request-1/response"
    assert reply.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert reply.headers["transfer-encoding"] == "chunked"
    assert reply.headers["trailer"] == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    assert reply.headers["lambda-runtime-invocation-id"] == "attempt-7"
    assert reply.prelude == {
        "statusCode": 200,
        "headers": {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
            "x-stream-dialect": "sse",
        },
    }


def test_no_attempt_is_echoed_where_none_was_named(start: Start) -> None:
    assert "lambda-runtime-invocation-id" not in start(KINDS["generator"]).invoke(url_event()).headers


def test_each_token_is_on_the_wire_before_the_next_is_made(start: Start, interpreter: str, tmp_path: Path) -> None:
    runtime = start(
        """
        @streaming_handler(dialect="text")
        def handler(request, context):
            for number in range(3):
                yield Text(f"piece {number};")
                while not os.path.exists(f"go-{number}"):
                    time.sleep(0.001)
        """
    )
    runtime.deliver(url_event())
    reply = runtime.head()
    for number in range(3):
        assert (runtime.chunk(reply) or b"").endswith(b"piece %d;" % number)
        (tmp_path / "task" / f"go-{number}").touch()
    assert runtime.chunk(reply) is None
    runtime.acknowledge()


def test_a_stream_without_events_has_a_prelude_and_an_end(start: Start) -> None:
    runtime = start(
        """
        @streaming_handler
        def handler(request, context):
            yield from ()
        """
    )
    reply = runtime.invoke(url_event())
    assert (reply.status, reply.body) == (200, b"")
    assert reply.prelude["headers"]["content-type"] == "text/plain; charset=utf-8"


def test_a_decorated_handler_gets_the_request_and_the_context(start: Start, interpreter: str) -> None:
    runtime = start(
        """
        @streaming_handler
        def handler(request, context):
            yield Data({
                "method": request.method, "path": request.path, "query": request.query, "body": request.body.decode(),
                "header": request.headers["X-Asked"], "cookies": request.cookies, "caller": request.identity.user_arn,
                "id": context.aws_request_id, "arn": context.invoked_function_arn, "name": context.function_name,
                "left": 5000 < context.get_remaining_time_in_millis() <= 10000, "memory": context.memory_limit_in_mb,
                "group": context.log_group_name, "cognito": context.identity.cognito_identity_id, "tenant": context.tenant_id,
                "client": context.client_context.custom["a"], "version": context.function_version, "log": context.log_stream_name,
                "trace": os.environ.get("_X_AMZN_TRACE_ID"),
            })
        """,
        environment={
            "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_LOG_GROUP_NAME": "/g",
            "AWS_LAMBDA_FUNCTION_VERSION": "7", "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        },
    )  # fmt: skip
    event = url_event(
        "POST", "/a", body=b"\xc3\xa9", headers={"x-asked": "1"}, query="a=b%20c&d", cookies=["k=v"], iam={"userArn": "arn:user"}
    )
    headers = {
        "Lambda-Runtime-Client-Context": '{"custom":{"a":1}}',
        "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"c"}',
        "Lambda-Runtime-Aws-Tenant-Id": "t-1",
        "Lambda-Runtime-Trace-Id": "Root=1-2-3",
    }
    assert runtime.invoke(event, headers=headers).json == {
        "method": "POST", "path": "/a", "query": {"a": "b c", "d": ""}, "body": "é", "header": "1", "cookies": {"k": "v"},
        "caller": "arn:user", "id": "request-1", "arn": "arn:aws:lambda:eu-west-1:123456789012:function:f:live", "name": "f",
        "left": True, "memory": "512", "group": "/g", "cognito": "c", "tenant": "t-1", "client": 1, "version": "7", "log": "s",
        "trace": "Root=1-2-3",
    }  # fmt: skip


def test_the_trace_id_goes_with_its_invocation(start: Start) -> None:
    runtime = start("def handler(event, context):\n    return os.environ.get('_X_AMZN_TRACE_ID')")
    assert runtime.invoke({}, headers={"Lambda-Runtime-Trace-Id": "Root=1"}).json == "Root=1"
    assert runtime.invoke({}).json is None


def test_an_undecorated_handler_gets_the_event_and_streams_bytes_as_they_are(start: Start, interpreter: str) -> None:
    runtime = start(
        """
        def handler(event, context):
            yield event["rawPath"].encode()
            yield b"\\xff\\x00"
            yield bytearray(b"a")
            yield memoryview(b"b")
        """
    )
    reply = runtime.invoke(url_event(path="/p"))
    assert reply.body == b"/p\xff\x00ab"
    assert reply.prelude["headers"] == {"content-type": "application/octet-stream", "x-stream-dialect": "bytes"}


def test_an_undecorated_handler_that_yields_str_streams_text(start: Start) -> None:
    reply = start("def handler(event, context):\n    yield 'é'\n    yield '!'").invoke(url_event())
    assert reply.body.decode() == "é!"
    assert reply.prelude["headers"] == {"content-type": "text/plain; charset=utf-8", "x-stream-dialect": "text"}


@pytest.mark.parametrize(
    ("decorator", "content_type", "named"),
    [
        ("", "text/event-stream", None),
        ("", "text/plain", "text"),
        ("@streaming_handler(dialect='ndjson')", "application/x-ndjson; charset=utf-8", "ndjson"),
        ("@streaming_handler(dialect='text')", "text/markdown", None),
    ],
)
def test_the_dialect_is_not_named_where_the_handler_gives_another_media_type(
    start: Start, decorator: str, content_type: str, named: str | None
) -> None:
    source = f"def handler(request, context):\n    yield HttpResponse(200, {{'content-type': '{content_type}'}})\n    yield 'x'"
    headers = start(f"{decorator}\n{source}").invoke(url_event()).prelude["headers"]
    assert headers["content-type"] == content_type
    assert headers.get("x-stream-dialect") == named


def test_a_direct_invocation_has_no_prelude(start: Start) -> None:
    runtime = start(KINDS["generator"])
    reply = runtime.invoke({"any": "json"})
    assert not reply.has_prelude
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.body == HELLO + FINISH


@pytest.mark.parametrize(
    "event", [None, [], "text", 7, {"requestContext": None}, {"httpMethod": "GET"}, {"requestContext": {"http": 1}}]
)
def test_any_json_is_a_direct_invocation(start: Start, event: object) -> None:
    runtime = start("@streaming_handler\ndef handler(request, context):\n    yield Data(request.json())")
    assert runtime.invoke(event).json == event


def test_the_rest_apis_event_is_an_http_request_too(start: Start) -> None:
    runtime = start("@streaming_handler\ndef handler(request, context):\n    yield f'{request.method} {request.path}'")
    reply = runtime.invoke(rest_event("PUT", "/x"))
    assert (reply.status, reply.body) == (200, b"PUT /x")


ORDINARY = """
    def handler(event, context):
        return {value}
"""


@pytest.mark.parametrize("value", ["{'a': [1, 'é']}", "[1, 2]", "'text'", "None", "True", "1.5", "{'statusCode': 404}"])
def test_an_ordinary_function_answers_a_direct_invocation_with_its_value(start: Start, value: str) -> None:
    reply = start(ORDINARY.format(value=value)).invoke({})
    assert "lambda-runtime-function-response-mode" not in reply.headers
    assert reply.headers["content-type"] == "application/json"
    assert reply.json == eval(value)


@pytest.mark.parametrize(
    ("value", "status", "content_type", "body"),
    [
        ("{'a': 1}", 200, "application/json", b'{"a":1}'),
        ("[1]", 200, "application/json", b"[1]"),
        ("'text'", 200, "application/json", b"text"),
        ("{'statusCode': 404}", 404, "application/json", b""),
        ("{'statusCode': '201', 'body': 'b', 'headers': {'Content-Type': 'text/html', 'X-A': '1'}}", 201, "text/html", b"b"),
        ("{'statusCode': 200, 'body': 'AP8=', 'isBase64Encoded': True}", 200, "application/json", b"\x00\xff"),
        ("{'statusCode': 200, 'body': {'a': 1}}", 200, "application/json", b'{"a":1}'),
    ],
)
def test_an_ordinary_function_answers_http_as_function_urls_read_it(
    start: Start, value: str, status: int, content_type: str, body: bytes
) -> None:
    reply = start(ORDINARY.format(value=value)).invoke(url_event())
    assert (reply.status, reply.prelude["headers"]["content-type"], reply.body) == (status, content_type, body)


def test_cookies_of_an_answer_dictionary_are_kept(start: Start) -> None:
    value = "{'statusCode': 200, 'cookies': ['a=1'], 'multiValueHeaders': {'Set-Cookie': ['b=2'], 'X-M': ['1', '2']}}"
    prelude = start(ORDINARY.format(value=value)).invoke(url_event()).prelude
    assert prelude["cookies"] == ["a=1", "b=2"]
    assert prelude["headers"]["x-m"] == "1, 2"


def test_a_first_response_sets_status_headers_and_cookies(start: Start, interpreter: str) -> None:
    runtime = start(
        """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            yield HttpResponse(201, {"X-A": "1", "Cache-Control": "private"}, cookies=["a=1; HttpOnly"])
            yield Text("x")
        """
    )
    reply = runtime.invoke(url_event())
    assert reply.prelude == {
        "statusCode": 201,
        "headers": {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "private",
            "x-accel-buffering": "no",
            "x-stream-dialect": "sse",
            "x-a": "1",
        },
        "cookies": ["a=1; HttpOnly"],
    }
    assert reply.body == b'event: text\ndata: {"text":"x"}\n\n' + FINISH


@pytest.mark.parametrize(
    "source",
    [
        "def handler(request, context):\n    return HttpResponse.json({'data': []}, 203)",
        "def handler(request, context):\n    yield HttpResponse.json({'data': []}, 203)",
        "async def handler(request, context):\n    return HttpResponse.json({'data': []}, 203)",
        "def handler(request, context):\n    return {'statusCode': 203, 'body': '{\"data\":[]}'}",
    ],
)
def test_a_streaming_handler_can_answer_one_document(start: Start, source: str) -> None:
    reply = start("@streaming_handler(dialect='openai-chat')\n" + source).invoke(url_event())
    assert reply.prelude == {"statusCode": 203, "headers": {"content-type": "application/json"}}
    assert reply.body == b'{"data":[]}'


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("after", ["", "    yield Finish()\n", "    yield Internal(1)\n"])
def test_204_and_304_have_no_body(start: Start, status: int, after: str) -> None:
    reply = start(
        f"@streaming_handler(dialect='sse')\ndef handler(request, context):\n    yield HttpResponse({status})\n{after}"
    ).invoke(url_event())
    assert (reply.status, reply.body, reply.prelude["headers"]) == (status, b"", {})


def test_internal_events_never_leave(start: Start) -> None:
    reply = start(
        """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            yield Internal({"secret": "prompt"}, "trace")
            yield Text("x")
            yield Internal("secret")
        """
    ).invoke(url_event())
    assert b"secret" not in reply.raw


def test_work_after_finish_does_not_hold_the_finish_back(start: Start, tmp_path: Path) -> None:
    runtime = start(
        """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            yield Text("x")
            yield Finish("length", Usage(1, 2))
            while not os.path.exists("go"):
                time.sleep(0.001)
            open("done", "w").close()
        """
    )
    runtime.deliver(url_event())
    reply = runtime.head()
    while b"event: finish" not in reply.raw:
        assert runtime.chunk(reply) is not None
    (tmp_path / "task" / "go").touch()
    assert runtime.rest(reply).body.endswith(
        b'{"reason":"length","usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}\n\n'
    )
    runtime.await_next()
    assert (tmp_path / "task" / "done").exists()


def test_characters_cut_between_yielded_bytes_are_put_together_in_frames(start: Start) -> None:
    reply = start(
        """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            for byte in "é😀".encode():
                yield bytes([byte])
            yield "é".encode()[:1]
        """
    ).invoke(url_event())
    assert (
        reply.body.decode()
        == "".join(f'event: text\ndata: {{"text":"{c}"}}\n\n' for c in ("é", "😀", "\ufffd")) + FINISH.decode()
    )


def test_the_generator_is_closed_in_its_own_thread_and_context(start: Start, interpreter: str) -> None:
    runtime = start(
        """
        import contextvars, threading
        mark = contextvars.ContextVar("mark", default="unset")

        def source():
            mark.set("mine")
            thread = threading.get_ident()
            try:
                yield "x"
                yield 7
            finally:
                print("CLOSED", mark.get(), threading.get_ident() == thread)

        @streaming_handler
        def handler(request, context):
            print("BEGIN", mark.get())
            return source()
        """
    )
    runtime.invoke(url_event())
    runtime.invoke(url_event())
    runtime.await_next()
    log = runtime.log()
    assert log.count("CLOSED mine True") == 2
    assert log.count("BEGIN unset") == 2, "no invocation sees the last one's context"


def test_a_decorated_handler_that_returns_nothing_is_a_stream_of_nothing(start: Start) -> None:
    runtime = start("@streaming_handler(dialect='sse')\ndef handler(request, context):\n    return None")
    for event in (url_event(), {}):
        assert runtime.invoke(event).body == FINISH


def test_a_subclass_of_an_event_is_that_event(start: Start) -> None:
    runtime = start(
        """
        class Shout(Text):
            def __init__(self, text):
                super().__init__(text.upper())

        @streaming_handler(dialect="sse")
        def handler(request, context):
            yield Shout("hello")
            yield Shout("again")
        """
    )
    wire = b'event: text\ndata: {"text":"HELLO"}\n\nevent: text\ndata: {"text":"AGAIN"}\n\n'
    assert runtime.invoke(url_event()).body == wire + FINISH


def test_the_answers_names_reach_its_frames(start: Start) -> None:
    runtime = start(
        """
        @streaming_handler(dialect="openai-chat")
        def handler(request, context):
            yield Start(id="chat-7", model="m-7", created=7)
            yield Text("x")
        """
    )
    first = runtime.invoke(url_event("POST", body='{"stream":true}')).body.split(b"\n\n")[0]
    assert first.startswith(b'data: {"id":"chat-7","object":"chat.completion.chunk","created":7,"model":"m-7",')


@pytest.mark.parametrize("wrong", [None, "handler", 7])
def test_what_cannot_be_called_is_no_handler(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"HANDLER_TYPE: found \w+; allowed: a function"):
        streaming_handler(dialect="sse")(wrong)


def test_on_a_direct_invocation_a_response_says_what_is_streamed(start: Start) -> None:
    runtime = start(
        """
        @streaming_handler
        def handler(request, context):
            yield HttpResponse(201, {"content-type": "text/csv"} if request.event["csv"] else {"x-a": "b"})
            yield "a,b"
        """
    )
    for csv, content_type in ((True, "text/csv"), (False, "text/plain; charset=utf-8")):
        reply = runtime.invoke({"csv": csv})
        assert (reply.headers["content-type"], reply.raw) == (content_type, b"a,b")


def test_what_fails_before_a_handlers_first_invocation_is_its_own_failure(start: Start) -> None:
    runtime = start(
        """
        def handler(event, context): ...
        def prepare():
            raise LookupError("secret")
        handler.__streaming_init__ = prepare
        """
    )
    reply = runtime.accept().read_request()
    assert runtime.connection is not None
    runtime.connection.read_body(reply)
    runtime.acknowledge()
    assert reply.path.endswith("/init/error")
    assert reply.json["errorType"] == "Function.LookupError"
    assert "secret" not in reply.json["errorMessage"]
    assert "LookupError: secret" in runtime.exit()[1]
