"""Serves an ASGI 3 application, as FastAPI and Starlette are: no web server, no adapter, every piece leaves as the app sends it.

    handler = asgi(app)                                     # in the function's own module, or
    _HANDLER=streaming_runtime.asgi.handler                 # without one:
    STREAM_ASGI_APP=main:app                                # module:attribute

The application's lifespan starts while the function does, before its first request; it ends when the process ends by itself, which on
Lambda it seldom does: do not rely on it. What an app does after its last piece (Starlette's background tasks) holds back the end of the
answer, not its bytes: after the end, Lambda may freeze the process at any time.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
import os

from . import async_handler
from .dialects import raw
from .errors import InitError, StreamInterrupted
from .events import HttpResponse
from .handler import DIALECT_MARK, INIT_MARK, find
from .logs import log, log_exception
from .transport import PeerInterrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any, TypeAlias

    from .request import Request

    Message: TypeAlias = MutableMapping[str, Any]
    App: TypeAlias = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
    Push: TypeAlias = Callable[[object], None]

APP_VARIABLE = "STREAM_ASGI_APP"
SHUTDOWN_SECONDS = 1.0
_HOP_BY_HOP = frozenset((b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"trailer"))
_VERSIONS = {"version": "3.0", "spec_version": "2.4"}


class Encoder(raw.Encoder):
    """The app's bytes as they are, under the app's own headers."""

    name = ""
    content_type = ""


class _Dialect:
    """What a handler is marked with."""

    name = ""

    def encoder(self, request: Request) -> Encoder:
        """An encoder for the answer to this request."""
        return Encoder(request)


def asgi(app: App) -> Callable[[Request, object], Any]:
    """Makes a handler of an ASGI application.

    Args:
        app: The application. Its lifespan runs where it has one.

    Returns:
        What the function's `handler` setting names. It serves HTTP events alone: a direct invocation is an error.
    """
    lifespan = _Lifespan(app)

    def handler(request: Request, context: object) -> _Exchange:
        return _Exchange(app, request, context, lifespan)

    setattr(handler, DIALECT_MARK, _Dialect())
    setattr(handler, INIT_MARK, lifespan.start)
    return handler


def __getattr__(name: str) -> Any:
    """`handler`, made of the app that STREAM_ASGI_APP names when somebody asks for it."""
    if name != "handler":
        raise AttributeError(name)
    named = os.environ.get(APP_VARIABLE, "")
    module, colon, attribute = named.partition(":")
    if not colon or not module or not attribute:
        raise InitError(
            "Runtime.MalformedHandlerName",
            f"ASGI_APP: found {APP_VARIABLE}={named!r}; allowed: module:attribute, as in main:app; set it to the app's place",
        )
    handler = asgi(find(f"{module}.{attribute}"))
    globals()["handler"] = handler
    return handler


class _Exchange:
    """One request and its answer. The runtime calls `drive` within its event loop."""

    def __init__(self, app: App, request: Request, context: object, lifespan: _Lifespan) -> None:
        self._app = app
        self._scope = scope_of(request, context, lifespan.state)
        self._body: bytes | None = request.body
        self._head_only = request.method == "HEAD"
        self._bodiless = False
        self._started = False
        self._complete = False
        self._interrupted: BaseException | None = None

    def __await__(self) -> Any:
        raise TypeError("ASGI_HANDLER: found await; allowed: being driven by the runtime; test the app with an ASGI test client")

    async def drive(self, push: Push) -> None:
        """Runs the app, pushing what it sends."""
        self._push = push
        self._gone = asyncio.Event()
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as error:
            if self._interrupted is None:
                raise
            if not _is_of_disconnect(error):
                log_exception(error)  # the outcome is decided; how badly the app cleaned up belongs in the log
        finally:
            self._gone.set()
        if self._interrupted is not None:
            raise self._interrupted
        if not self._complete:
            raise RuntimeError(
                "ASGI_INCOMPLETE: the app returned before the end of its answer; allowed: a body with more_body false"
            )

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if not self._complete:
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start" and not self._started:
            self._started = True
            response = _response(message)
            self._bodiless = self._head_only or response.status in (204, 304)
            self._pass_on(response)
        elif kind == "http.response.body" and self._started and not self._complete:
            body = message.get("body", b"")
            self._complete = not message.get("more_body", False)
            if body and not self._bodiless:
                self._pass_on(bytes(body))
            if not self._complete:
                # A push never gives way to the app's other tasks by itself, and some of them may have to notice that nobody reads any more.
                # Nothing has left before the body, and behind it the app itself gives way: a turn of the loop each would be for nothing.
                await asyncio.sleep(0)
        else:
            raise RuntimeError(f"ASGI_MESSAGE: found {kind!r} here; allowed: http.response.start once, then http.response.body")

    def _pass_on(self, event: object) -> None:
        try:
            self._push(event)
        except (StreamInterrupted, PeerInterrupted) as error:
            self._interrupted = error
            self._gone.set()
            raise ConnectionResetError("the stream is over") from error  # as ASGI wants it, and Starlette understands it


class _Lifespan:
    """The app's startup and shutdown, and the state that it hands to its requests."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self.state: dict[str, Any] = {}

    def start(self) -> None:
        """Runs the startup to its end.

        Raises:
            InitError: `ASGI_STARTUP`: the app says that it cannot start.
        """
        loop = async_handler.loop()
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._asked: asyncio.Queue[Message] = asyncio.Queue()
        self._asked.put_nowait({"type": "lifespan.startup"})
        self._task = loop.create_task(self._run())
        answer = loop.run_until_complete(self._said.get())
        if answer["type"] == "lifespan.startup.failed":
            raise InitError("Runtime.AsgiStartupFailed", f"ASGI_STARTUP: the app cannot start: {answer.get('message', '')}")
        if not self._task.done():
            import atexit

            atexit.register(self._stop)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": _VERSIONS, "state": self.state}
        started = False

        async def send(message: Message) -> None:
            nonlocal started
            started = True
            self._said.put_nowait(message)

        try:
            await self._app(scope, self._asked.get, send)
        except Exception as error:  # noqa: BLE001 - an app that takes no lifespan may say so with any exception
            if started:
                log_exception(error)  # after it said how its startup went, which is what counts
            else:
                log("DEBUG", f"ASGI_LIFESPAN: the app takes no lifespan: {type(error).__name__}")
        self._said.put_nowait({"type": "none"})

    def _stop(self) -> None:
        task = self._task
        if task is not None and not task.done():
            self._asked.put_nowait({"type": "lifespan.shutdown"})
            async_handler.loop().run_until_complete(asyncio.wait((task,), timeout=SHUTDOWN_SECONDS))
            task.cancel()


def scope_of(request: Request, context: object, state: dict[str, Any]) -> dict[str, Any]:
    """The connection scope of a request. Pure.

    `aws.event` and `aws.context` in it are what Lambda delivered; names as Mangum has them.

    Raises:
        ValueError: `ASGI_EVENT` for a direct invocation, which has no method and no path.
    """
    if not request.is_http:
        raise ValueError("ASGI_EVENT: found a direct invocation; allowed: HTTP events; call the function through its URL")
    pairs = [(name.lower(), value) for name, value in request.header_pairs]
    named = dict(pairs)
    headers = [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in pairs]
    cookies = request.event.get("cookies")
    if cookies and "cookie" not in named:
        headers.append((b"cookie", "; ".join(map(str, cookies)).encode("latin-1", "replace")))
    path = request.path
    raw_path = path.encode("utf-8", "replace")
    if "%" in path:
        from urllib.parse import unquote

        path = unquote(path)
    root_path = _root_path(request)
    host = named.get("host", "")
    source = request.source_ip
    return {
        "type": "http",
        "asgi": _VERSIONS,
        "http_version": "1.1",
        "method": request.method,
        "scheme": named.get("x-forwarded-proto", "https"),
        "path": root_path + path,
        "raw_path": root_path.encode("utf-8", "replace") + raw_path,
        "query_string": request.query_string.encode("latin-1", "replace"),
        "root_path": root_path,
        "headers": headers,
        "client": (source, 0) if source else None,
        "server": (host.partition(":")[0], 443) if host else None,
        "state": dict(state),
        "aws.event": request.event,
        "aws.context": context,
    }


def _root_path(request: Request) -> str:
    """What API Gateway put in front of the path: the stage, where the API has no domain of its own. As `uvicorn --root-path` has it."""
    whole = request.event["requestContext"].get("path") or ""
    path = request.path
    return str(whole[: -len(path)]) if isinstance(whole, str) and whole != path and whole.endswith(path) else ""


def _is_of_disconnect(error: BaseException) -> bool:
    """Whether an app's exception comes of being told that nobody reads any more, as it was or as frameworks wrap it."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_of_disconnect, error.exceptions))
    return isinstance(error, OSError) or isinstance(error.__cause__ or error.__context__, OSError)


def _response(message: Message) -> HttpResponse:
    headers: dict[str, str] = {}
    cookies = []
    for raw_name, raw_value in message.get("headers", ()):
        name, value = bytes(raw_name).lower(), bytes(raw_value).decode("latin-1").strip()
        if name == b"set-cookie":
            cookies.append(value)
        elif name not in _HOP_BY_HOP:
            key = name.decode("latin-1")
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return HttpResponse(message["status"], headers, cookies)
