# ruff: noqa: F811, D103 - signatures for type checkers, marked by our own `overload`
"""What a handler may be, how it is found, and how it is run: generator, async generator, iterable, or an ordinary function."""

from __future__ import annotations

import importlib

from .dialects import Dialect
from .errors import InitError
from .events import HttpResponse, _Event, compact_json
from .logs import log_exception
from .telemetry import NO_HOOKS, Hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar, overload

    from .context import LambdaContext
    from .pipeline import Pipeline
    from .request import Request
    from .telemetry import Hook

    Function = TypeVar("Function", bound=Callable[..., Any])
else:

    def overload(function: object) -> object:
        """Marks a signature for type checkers; typing's own would cost an import."""
        return function


DIALECT_MARK = "__streaming_dialect__"
_HOOKS_MARK = "__streaming_hooks__"
_STORE_MARK = "__streaming_store__"
INIT_MARK = "__streaming_init__"  # what a handler wants done before its first invocation
_ASYNC_CODE = 0x280  # CO_COROUTINE and CO_ASYNC_GENERATOR


@overload
def streaming_handler(function: Function, /) -> Function: ...
@overload
def streaming_handler(
    *,
    dialect: str = ...,
    resumable: bool = ...,
    caller: Callable[[Request], str | None] | None = ...,
    on_start: Hook | None = ...,
    on_first_byte: Hook | None = ...,
    on_finish: Hook | None = ...,
    on_abort: Hook | None = ...,
) -> Callable[[Function], Function]: ...
def streaming_handler(
    function: Any = None,
    /,
    *,
    dialect: str = "text",
    resumable: bool = True,
    caller: Callable[[Request], str | None] | None = None,
    on_start: Hook | None = None,
    on_first_byte: Hook | None = None,
    on_finish: Hook | None = None,
    on_abort: Hook | None = None,
) -> Any:
    """Marks a function as a streaming handler: it is called with (Request, context) and yields events.

    The function itself is returned unchanged, so a test calls it like any other.

    Args:
        dialect: The wire format. Default: "text".
        resumable: Whether answers are kept where the function has a StreamStore, so that callers can come back for the rest. False:
            nothing of an answer is written; it can still be cancelled, and counts for its caller's bound. Default: True.
        caller: Names whom a stream belongs to, for a function whose callers come through one identity: a backend, CloudFront, a
            Cognito role. Only the same name may resume or cancel it, and the bound holds for each name. Called before the handler,
            where the function has a StreamStore; what it names must be proven (a token that was checked). None, or a None that it
            returns: the identity that AWS checked.
        on_start: Called with a StreamReport before the handler runs. Hooks run in the handler's thread; what they raise is logged
            and changes nothing. Default: none.
        on_first_byte: Called soon after the first byte left.
        on_finish: Called after a stream that completed, once nobody waits for it any more.
        on_abort: Called after any other: errored, interrupted, cancelled or cut off at the deadline.

    Raises:
        ValueError: `DIALECT_UNKNOWN` for a name that is none.
    """
    chosen = Dialect(dialect)
    hooks = Hooks(on_start, on_first_byte, on_finish, on_abort)
    kept = (resumable, caller)

    def mark(handler: Any) -> Any:
        if not callable(handler):
            raise TypeError(f"HANDLER_TYPE: found {type(handler).__name__}; allowed: a function; put the decorator on a function")
        setattr(handler, DIALECT_MARK, chosen)
        setattr(handler, _HOOKS_MARK, hooks)
        setattr(handler, _STORE_MARK, kept)
        return handler

    return mark if function is None else mark(function)


class Handler:
    """A function that serves invocations.

    Attributes:
        dialect: Its wire format; None where it is not decorated.
        hooks: What its author wants to be told.
        resumable: Whether its answers may be kept.
        caller: Names whom a stream belongs to; None: AWS does.
    """

    __slots__ = ("_function", "caller", "dialect", "hooks", "resumable")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.dialect: Dialect | None = getattr(function, DIALECT_MARK, None)
        self.hooks: Hooks = getattr(function, _HOOKS_MARK, NO_HOOKS)
        self.resumable: bool
        self.caller: Callable[[Request], str | None] | None
        self.resumable, self.caller = getattr(function, _STORE_MARK, (True, None))

    def run(self, request: Request, context: LambdaContext, pipeline: Pipeline) -> None:
        """Calls the function and pushes what comes of it. Returns when it is done; its exceptions pass."""
        decorated = self.dialect is not None
        result = self._function(request if decorated else request.event, context)
        if hasattr(result, "__await__") or hasattr(result, "__aiter__"):
            from . import async_handler  # and with it asyncio: 40 ms that only an async handler pays

            result = async_handler.run(result, pipeline.push)
            if result is async_handler.STREAMED:
                return
        if result is None:
            if not decorated and not request.is_http:
                pipeline.document(b"null")
        elif isinstance(result, (_Event, bytes, bytearray, memoryview)) or (decorated and isinstance(result, str)):
            pipeline.push(result)
        elif isinstance(result, (str, dict, int, float)) or (not decorated and isinstance(result, (list, tuple))):
            _answer(result, request, pipeline)
        elif hasattr(result, "__iter__"):
            stream(result, pipeline.push)
        else:
            pipeline.push(result)  # which refuses it, and says what is allowed


def stream(events: Iterable[object], push: Callable[[object], None]) -> None:
    """Pushes events until there are no more, and closes their source in this thread however it ends."""
    try:
        for event in events:
            push(event)
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            try:
                close()
            except Exception as error:  # noqa: BLE001 - the outcome is decided; how badly the handler cleaned up belongs in the log
                log_exception(error)


def load(name: str) -> Handler:
    """Finds the function that _HANDLER names, and does what it needs before its first invocation.

    Raises:
        InitError: As `find`; or what the handler wants done first failed.
    """
    function = find(name)
    prepare = getattr(function, INIT_MARK, None)
    if prepare is not None:
        try:
            prepare()
        except InitError:
            raise
        except Exception as error:
            kind = type(error).__name__
            raise InitError(f"Function.{kind}", f"'{name}' raised {kind} while it started; the log has the traceback") from error
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & _ASYNC_CODE:
        from . import async_handler  # noqa: F401 - asyncio's 40 ms belong to the start, not to the first request
    return Handler(function)


def find(name: str) -> Callable[..., Any]:
    """Finds a function: `module.function` or `package/module.function`.

    Raises:
        InitError: The name is malformed, or the module or the function is missing, or importing it raised.
    """
    module_name, dot, function_name = name.rpartition(".")
    if not dot or not module_name or module_name[0] in "./" or not function_name:
        raise InitError(
            "Runtime.MalformedHandlerName",
            f"HANDLER_NAME: found {name!r}; allowed: module.function or package/module.function; set the function's handler",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except SyntaxError as error:
        where = f"{(error.filename or '?').rpartition('/')[2]}, line {error.lineno}"
        raise InitError(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error.msg} ({where})"
        ) from error
    except ImportError as error:
        raise InitError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except BaseException as error:
        kind = type(error).__name__
        raise InitError(
            f"Function.{kind}", f"Module '{module_name}' raised {kind} while it was imported; the log has the traceback"
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        found = "is missing" if function is None else f"is no function but {type(function).__name__}"
        raise InitError("Runtime.HandlerNotFound", f"Handler '{function_name}' {found} in module '{module_name}'")
    found_function: Callable[..., Any] = function
    return found_function


def _answer(value: Any, request: Request, pipeline: Pipeline) -> None:
    """A returned JSON value: the answer's document, or with a statusCode the whole answer, as Function URLs read it.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
    """
    if not request.is_http:
        pipeline.document(compact_json(value))
    elif isinstance(value, dict) and "statusCode" in value:
        pipeline.push(_translated(value))
    elif isinstance(value, str):
        pipeline.push(HttpResponse(200, {"content-type": "application/json"}, body=value))
    else:
        pipeline.push(HttpResponse.json(value))


def _translated(value: dict[str, Any]) -> HttpResponse:
    """The classic answer dictionary of a proxy integration."""
    headers = {
        "content-type": "application/json",
        **{str(name).lower(): str(text) for name, text in (value.get("headers") or {}).items()},
    }
    cookies = [str(cookie) for cookie in value.get("cookies") or ()]
    for name, texts in (value.get("multiValueHeaders") or {}).items():
        if name.lower() == "set-cookie":
            cookies.extend(str(text) for text in texts)
        else:
            headers[name.lower()] = ", ".join(str(text) for text in texts)
    body = value.get("body")
    if body is None:
        body = b""
    elif value.get("isBase64Encoded"):
        from binascii import a2b_base64

        body = a2b_base64(body)
    elif not isinstance(body, (str, bytes)):
        body = compact_json(body)
    return HttpResponse(int(value["statusCode"]), headers, cookies, body)
