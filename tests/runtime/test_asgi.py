"""An ASGI application served: its answer as it sends it, its lifespan, its mistakes. Real processes; the scope alone is pure."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import HttpResponse, Request, StreamInterrupted, async_handler
from streaming_runtime.asgi import asgi, scope_of
from streaming_runtime.interrupts import SIGNAL, Gently, Interrupter
from tests.runtime.neutral_api import rest_event, url_event

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def test_a_stage_in_front_of_the_path_is_the_root_path() -> None:
    context = {"stage": "prod", "path": "/prod/a%20b", "identity": {}}
    found = scope(rest_event("GET", "/a%20b", requestContext=context))
    assert (found["root_path"], found["path"], found["raw_path"]) == ("/prod", "/prod/a b", b"/prod/a%20b")
    own_domain = scope(rest_event("GET", "/a", requestContext={**context, "path": "/a"}))
    assert (own_domain["root_path"], own_domain["path"]) == ("", "/a")


def test_a_request_to_upgrade_is_an_ordinary_one() -> None:
    assert scope(url_event("GET", "/", headers={"connection": "upgrade", "upgrade": "websocket"}))["type"] == "http"


# ---- an app driven here, so that every turn of the protocol can be made


def drive(app: Any, event: dict[str, Any] | None = None, ends_after: int = 99) -> list[Any]:
    """What the app sent, and last the exception that came out of it. After `ends_after` pushes nobody reads any more."""
    said: list[Any] = []

    def push(one: object) -> None:
        if len(said) >= ends_after:
            raise StreamInterrupted
        said.append(one.body if isinstance(one, HttpResponse) and one.body else one)

    async def run() -> None:
        await asgi(app)(Request(event or url_event("POST", "/", body="b")), None).drive(push)

    try:
        asyncio.run(run())
    except (Exception, StreamInterrupted) as error:  # noqa: BLE001
        said.append(error)
    return said


def starts(status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": []}


def sends(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


def test_waiting_for_the_caller_to_leave_ends_when_it_does() -> None:
    told: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def listen() -> None:
            told.append(await receive())
            told.append(await receive())

        listener = asyncio.create_task(listen())
        await send(starts())
        await send(sends(b"x"))
        await send(sends(b"x"))
        with pytest.raises(OSError, match="the stream is over"):
            await send(sends(b"x"))
        await listener

    *_, error = drive(app, ends_after=3)
    assert isinstance(error, StreamInterrupted)
    assert told == [{"type": "http.request", "body": b"b", "more_body": False}, {"type": "http.disconnect"}]


def test_after_its_last_word_an_app_is_told_that_it_is_over() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(starts())
        await send(sends(b"x", more=False))
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"

    assert drive(app)[1:] == [b"x"]


@pytest.mark.parametrize("how", ["as it is", "wrapped", "in a group", "instead"])
def test_what_an_app_makes_of_the_end_of_its_stream_is_no_bug(how: str, capfd: pytest.CaptureFixture[str]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(starts())
        try:
            await send(sends(b"x"))
        except OSError as error:
            if how == "wrapped":
                raise KeyError("ClientDisconnect") from error
            if how == "in a group":
                raise ExceptionGroup("tasks", [error]) from None
            if how == "instead":
                raise
            raise
        finally:
            if how == "instead":
                raise ValueError("while cleaning up") from KeyError()

    assert isinstance(drive(app, ends_after=1)[-1], StreamInterrupted)
    assert ("while cleaning up" in capfd.readouterr().out) is (how == "instead")


@pytest.mark.parametrize("kind", [OSError, KeyError])
def test_an_error_of_the_apps_own_stays_one(kind: type[Exception]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise kind

    assert isinstance(drive(app)[-1], kind)


@pytest.mark.parametrize(
    "messages",
    [
        [starts(), starts()],
        [sends(b"")],
        [starts(), sends(b"", more=False), sends(b"")],
        [{"type": "http.response.push"}],
    ],
)
def test_messages_out_of_turn_are_refused(messages: list[dict[str, Any]]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    assert str(drive(app)[-1]).startswith("ASGI_MESSAGE: found 'http.response.")


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_a_body_that_may_not_be_is_dropped(method: str, status: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(starts(status))
        await send(sends(b"x", more=False))

    assert len(drive(app, url_event(method))) == 1


def test_a_handler_that_is_awaited_says_how_it_is_meant() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    async def run() -> None:
        await asgi(app)(Request(url_event()), None)

    with pytest.raises(TypeError, match="ASGI_HANDLER: found await"):
        asyncio.run(run())


LATE = """
    import asyncio
    from streaming_runtime.asgi import asgi
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            %s
            return
        await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"ok"})
    handler = asgi(app)
"""


def test_a_lifespan_that_fails_later_is_logged_and_the_app_served(start: Start) -> None:
    runtime = start(LATE % "raise ValueError('later')")
    assert runtime.invoke(url_event()).body == b"ok"
    runtime.await_next()
    assert "ValueError: later" in runtime.log()


@pytest.mark.parametrize("then", ["return", "await asyncio.sleep(0.001)", "await receive(); await asyncio.sleep(60)"])
def test_a_lifespan_that_ended_or_does_not_end_holds_nobody_up(start: Start, then: str) -> None:
    runtime = start(LATE % then)
    assert runtime.invoke(url_event()).body == b"ok"
    runtime.await_next()
    assert runtime.connection is not None
    runtime.connection.socket.close()
    runtime.listener.close()
    assert runtime.exit()[0] == 1


def test_background_tasks_run_before_the_end_of_the_answer(start: Start) -> None:
    source = """
        import asyncio
        from streaming_runtime.asgi import asgi
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"all"})
            await asyncio.sleep(0.05)
            print("IN THE BACKGROUND", flush=True)
        handler = asgi(app)
    """
    runtime = start(source)
    runtime.deliver(url_event())
    reply = runtime.head()
    while b"all" not in reply.raw:
        runtime.chunk(reply)
    runtime.rest(reply)
    runtime.await_next()
    assert "IN THE BACKGROUND" in runtime.log()


# ---- async handlers of other kinds


@pytest.fixture
def loop() -> Iterator[None]:
    yield
    if async_handler._Loop.runner is not None:
        async_handler._Loop.runner.close()
        async_handler._Loop.runner = None


class Events:
    """An async iterable that is no generator."""

    def __init__(self) -> None:
        self.left = [1, 2]

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> int:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)


class BadlyClosed(Events):
    """One whose cleaning up fails."""

    async def aclose(self) -> None:
        raise ValueError("while closing")


@pytest.mark.parametrize("kind", [Events, BadlyClosed])
def test_any_async_iterable_streams(loop: None, kind: type[Events], capfd: pytest.CaptureFixture[str]) -> None:
    pushed: list[object] = []
    assert async_handler.run(kind(), pushed.append) is async_handler.STREAMED
    assert pushed == [1, 2]
    assert ("while closing" in capfd.readouterr().out) is (kind is BadlyClosed)


@pytest.fixture
def interrupter(loop: None) -> Iterator[Interrupter]:
    before = signal.getsignal(SIGNAL)
    made = Interrupter()
    made.armed = True
    yield made
    signal.signal(SIGNAL, before)


@pytest.mark.parametrize("how", ["waiting", "among callbacks", "within another task", "swallowing", "failing"])
def test_an_interrupted_handler_cleans_up_in_its_own_task(interrupter: Interrupter, how: str) -> None:
    seen: list[object] = []

    async def busy() -> None:
        while True:  # noqa: ASYNC110 - it is to be busy
            await asyncio.sleep(0)

    def again() -> None:
        asyncio.get_running_loop().call_soon(again)

    async def handler() -> None:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        other = loop.create_task(busy()) if how == "within another task" else None
        if how == "among callbacks":
            loop.call_soon(again)
        threading.Timer(0.05, interrupter.fire).start()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append(asyncio.current_task() is task)
            if how == "failing":
                raise ValueError("while cleaning up") from None
            if how != "swallowing":
                raise
        finally:
            if other is not None:
                other.cancel()

    if how == "swallowing":
        assert async_handler.run(handler(), seen.append) is None
    else:
        with pytest.raises(ValueError if how == "failing" else StreamInterrupted):
            async_handler.run(handler(), seen.append)
    assert seen == [True]
    assert Gently.ask is None


@pytest.mark.parametrize("ends", ["cleanly", "badly"])
def test_a_handler_that_does_not_go_when_asked_is_interrupted(
    interrupter: Interrupter, ends: str, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    async def handler() -> None:
        for after in (0.05, 0.15):
            threading.Timer(after, interrupter.fire).start()
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                seen.append("asked")
                if len(seen) > 1:
                    if ends == "badly":
                        raise ValueError("while cleaning up") from None
                    raise

    with pytest.raises(StreamInterrupted):
        async_handler.run(handler(), seen.append)
    assert seen == ["asked", "asked"]
    assert ("while cleaning up" in capfd.readouterr().out) is (ends == "badly")


def test_a_handler_that_is_interrupted_at_its_push_needs_no_cancelling(loop: None) -> None:
    def push(event: object) -> None:
        raise StreamInterrupted

    with pytest.raises(StreamInterrupted):
        async_handler.run(Events(), push)


def test_a_handler_that_cancels_itself_has_not_been_interrupted(loop: None) -> None:
    async def handler() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        async_handler.run(handler(), list.append)


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
