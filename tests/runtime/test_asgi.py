"""An ASGI application served: its answer as it sends it, its lifespan, its mistakes. Real processes; the scope alone is pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime.asgi import scope_of
from streaming_runtime.request import Request
from tests.runtime.neutral_api import rest_event, url_event

if TYPE_CHECKING:
    from tests.runtime.conftest import Start

APP = """
    import asyncio
    from streaming_runtime.asgi import asgi

    async def answer(send, *pieces, status=200, headers=((b"content-type", b"text/plain"),)):
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            assert (await receive())["type"] == "lifespan.startup"
            scope["state"]["loop"] = asyncio.get_running_loop()
            print("STARTED", flush=True)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            print("STOPPED", flush=True)
            await send({"type": "lifespan.shutdown.complete"})
            return
        path = scope["path"]
        if path == "/echo":
            message = await receive()
            assert scope["state"]["loop"] is asyncio.get_running_loop()
            await answer(send, scope["method"].encode(), b" ", message["body"])
        elif path == "/cookies":
            await answer(send, b"", headers=[(b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"vary", b"x"), (b"vary", b"y"),
                                             (b"connection", b"close")])
        elif path == "/nothing":
            await answer(send, status=204, headers=[])
        elif path == "/raise":
            raise RuntimeError("secret")
        elif path == "/late":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"some", "more_body": True})
            raise RuntimeError("secret")
        elif path == "/short":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"some", "more_body": True})
        elif path == "/mistake":
            await send({"type": "http.response.body", "body": b"some"})
        elif path == "/disconnect":
            await receive()
            await answer(send, b"x")
            assert (await receive()) == {"type": "http.disconnect"}
        elif path == "/endless":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            try:
                while True:
                    await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})
                    await asyncio.sleep(0.001)
            except OSError:
                print("GONE", flush=True)
        else:
            await answer(send, b"not found", status=404)

    handler = asgi(app)
"""


def test_an_app_answers_as_it_sends(interpreter: str, start: Start) -> None:
    runtime = start(APP, interpreter=interpreter)
    reply = runtime.invoke(url_event("POST", "/echo", body=b"\xff\x00"))
    assert (reply.status, reply.body, reply.trailers) == (200, b"POST \xff\x00", {})
    assert reply.prelude["headers"] == {"content-type": "text/plain"}
    reply = runtime.invoke(url_event("GET", "/elsewhere"))
    assert (reply.status, reply.body) == (404, b"not found")


def test_headers_cookies_and_answers_without_a_body(start: Start) -> None:
    runtime = start(APP)
    prelude = runtime.invoke(url_event("GET", "/cookies")).prelude
    assert (prelude["cookies"], prelude["headers"]) == (["a=1", "b=2"], {"vary": "x, y"})
    assert (
        runtime.invoke(url_event("GET", "/nothing")).prelude["statusCode"],
        runtime.invoke(url_event("HEAD", "/echo")).body,
    ) == (
        204,
        b"",
    )


def test_mistakes_are_told_as_any_handlers_are(start: Start) -> None:
    runtime = start(APP)
    for path in ("/raise", "/mistake"):
        reply = runtime.invoke(url_event("GET", path))
        assert (reply.status, reply.json["error"]["code"], reply.trailer_error is not None) == (500, "internal_error", True)
        assert b"secret" not in reply.raw
    for path in ("/late", "/short"):
        reply = runtime.invoke(url_event("GET", path))
        assert (reply.status, reply.body, reply.trailer_error is not None) == (200, b"some", True)
    assert runtime.invoke({"direct": True}).is_error
    assert runtime.invoke(url_event("GET", "/disconnect")).body == b"x"
    log = runtime.log()
    assert "RuntimeError: secret" in log
    assert "ASGI_INCOMPLETE" in log
    assert "ASGI_MESSAGE: found 'http.response.body' here" in log
    assert "ASGI_EVENT" in log


def test_a_stream_that_is_over_is_told_to_the_app_and_the_next_request_is_served(start: Start) -> None:
    runtime = start(APP, environment={"STREAM_MAX_DURATION_SECONDS": "1"})
    reply = runtime.invoke(url_event("GET", "/endless"))
    assert (reply.status, reply.trailers) == (200, {})
    assert runtime.invoke(url_event("POST", "/echo", body="a")).body == b"POST a"
    assert runtime.log().count("GONE") == 1


def test_the_lifespan_starts_before_the_first_request_and_stops_with_the_process(interpreter: str, start: Start) -> None:
    runtime = start(APP, interpreter=interpreter)
    runtime.await_next()
    assert runtime.connection is not None
    runtime.connection.socket.close()
    runtime.listener.close()
    code, log = runtime.exit()
    assert code == 1
    assert log.index("STARTED") < log.index("RUNTIME_API") < log.index("STOPPED")


def test_an_app_is_named_by_the_environment(start: Start) -> None:
    runtime = start(APP, "streaming_runtime.asgi.handler", environment={"STREAM_ASGI_APP": "index:app"})
    assert runtime.invoke(url_event("POST", "/echo", body="a")).body == b"POST a"


@pytest.mark.parametrize(
    ("source", "named", "error_type", "said"),
    [
        (APP, "", "Runtime.MalformedHandlerName", "ASGI_APP: found STREAM_ASGI_APP=''; allowed: module:attribute"),
        (APP, "index.app", "Runtime.MalformedHandlerName", "ASGI_APP"),
        (APP, "index:missing", "Runtime.HandlerNotFound", "missing"),
        (
            "async def app(s, r, send):\n    await send({'type': 'lifespan.startup.failed', 'message': 'no database'})",
            "index:app",
            "Runtime.AsgiStartupFailed",
            "ASGI_STARTUP: the app cannot start: no database",
        ),
    ],
)
def test_an_app_that_cannot_start_is_an_init_error(start: Start, source: str, named: str, error_type: str, said: str) -> None:
    runtime = start(source, "streaming_runtime.asgi.handler", environment={"STREAM_ASGI_APP": named})
    reply = runtime.accept().read_request()
    runtime.connection.read_body(reply)  # type: ignore[union-attr]
    runtime.acknowledge()
    assert (reply.path, reply.json["errorType"]) == ("/2018-06-01/runtime/init/error", error_type)
    assert said in reply.json["errorMessage"]


def test_an_app_without_a_lifespan_is_served(start: Start) -> None:
    source = """
        from streaming_runtime.asgi import asgi
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": scope["query_string"]})
        handler = asgi(app)
    """
    assert start(source).invoke(url_event("GET", "/", query="a=%20b")).body == b"a=%20b"


def scope(event: dict[str, Any]) -> dict[str, Any]:
    return scope_of(Request(event), None, {"a": 1})


def test_the_scope_of_a_function_url() -> None:
    found = scope(
        url_event("PUT", "/a%20b", query="q=%C3%A4", headers={"X-A": "é", "x-forwarded-proto": "https"}, cookies=["a=1", "b=2"])
    )
    assert (found["method"], found["path"], found["raw_path"], found["query_string"]) == ("PUT", "/a b", b"/a%20b", b"q=%C3%A4")
    assert (b"x-a", b"\xe9") in found["headers"]
    assert (b"cookie", b"a=1; b=2") in found["headers"]
    assert (found["client"], found["server"], found["scheme"]) == (
        ("127.0.0.1", 0),
        ("u.lambda-url.eu-west-1.on.aws", 443),
        "https",
    )
    assert (found["state"], found["root_path"]) == ({"a": 1}, "")


def test_the_scope_of_a_rest_api() -> None:
    found = scope(
        rest_event(
            "GET", "/x", multiValueHeaders={"A": ["1", "2"]}, multiValueQueryStringParameters={"q": ["a b", "c"], "r": ["ä"]}
        )
    )
    assert found["headers"] == [(b"a", b"1"), (b"a", b"2")]
    assert found["query_string"] == b"q=a+b&q=c&r=%C3%A4"
    assert (found["client"], found["server"]) == (("127.0.0.1", 0), None)


def test_starlette_streams_where_it_is_installed(start: Start) -> None:
    starlette = pytest.importorskip("starlette")
    import os

    source = """
        from contextlib import asynccontextmanager
        from starlette.applications import Starlette
        from starlette.responses import StreamingResponse, JSONResponse
        from starlette.routing import Route

        async def stream(request):
            async def pieces():
                for piece in ("Hello", ", world"):
                    yield piece
            return StreamingResponse(pieces(), media_type="text/plain")

        async def whole(request):
            return JSONResponse({"got": await request.json(), "state": request.state.name}, status_code=201)

        @asynccontextmanager
        async def lifespan(app):
            yield {"name": "n"}

        app = Starlette(routes=[Route("/stream", stream), Route("/whole", whole, methods=["POST"])], lifespan=lifespan)
        from streaming_runtime.asgi import asgi
        handler = asgi(app)
    """
    sites = os.path.dirname(os.path.dirname(starlette.__file__))
    from tests.runtime.neutral_api import RUNTIME_ROOT

    runtime = start(source, environment={"PYTHONPATH": f"{RUNTIME_ROOT / 'python'}:{sites}"})
    reply = runtime.invoke(url_event("GET", "/stream"))
    assert (reply.status, reply.body) == (200, b"Hello, world")
    reply = runtime.invoke(url_event("POST", "/whole", body='{"a":1}'))
    assert (reply.status, reply.json) == (201, {"got": {"a": 1}, "state": "n"})
