# ruff: noqa: F811, D103 - signatures for type checkers, marked by our own `overload`
"""What a handler may be, how it is found, and how it is run: generator, async generator, iterable, or an ordinary function."""

from __future__ import annotations

import sys

from .dialects import Dialect
from .errors import InitError
from .events import HttpResponse, _Event, compact_json
from .logs import log_exception
from .telemetry import NO_HOOKS, Hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TypeVar, overload

    from .checks import Checks
    from .context import LambdaContext
    from .dialects.base import Encoder
    from .pipeline import Pipeline
    from .redaction import Redaction
    from .redaction_patterns import Redact
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
_CHECKS_MARK = "__streaming_checks__"
_REDACT_MARK = "__streaming_redact__"
INIT_MARK = "__streaming_init__"  # what a handler wants done before its first invocation
_Generator = type(_ for _ in ())
_ASYNC_CODE = 0x280  # CO_COROUTINE and CO_ASYNC_GENERATOR


@overload
def streaming_handler(function: Function, /) -> Function: ...
@overload
def streaming_handler(
    *,
    dialect: str = ...,
    resumable: bool = ...,
    caller: Callable[[Request], str | None] | None = ...,
    redact: Sequence[str | Redact] = ...,
    max_request_bytes: int | None = ...,
    content_types: Sequence[str] = ...,
    schema: Mapping[str, Any] | None = ...,
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
    redact: Sequence[str | Redact] = (),
    max_request_bytes: int | None = None,
    content_types: Sequence[str] = (),
    schema: Mapping[str, Any] | None = None,
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
        redact: What is taken out of everything that leaves: names as in redaction_patterns.py, and `Redact` for patterns of one's own.
            STREAM_REDACT adds to it. Default: nothing.
        max_request_bytes: Longest body of a request; a longer one is 413. Default: Lambda's own 6 MB.
        content_types: Media types that a body may have, as in ("application/json",) or ("text/*",); another one is 415. Default: any.
        schema: JSON Schema of the body, of the keywords that schema.py knows; a body that does not fit it is 400. It is looked at where
            there is a body, with POST, PUT and PATCH, and on direct invocations. Default: none.
        on_start: Called with a StreamReport before the handler runs. Hooks run in the handler's thread; what they raise is logged
            and changes nothing. Default: none.
        on_first_byte: Called soon after the first byte left.
        on_finish: Called after a stream that completed, once nobody waits for it any more.
        on_abort: Called after any other: errored, interrupted, cancelled or cut off at the deadline.

    Raises:
        ValueError: `DIALECT_UNKNOWN` for a name that is none; `REDACTION_...` for what cannot be redacted, `SCHEMA_...` for a schema
            with other keywords, `CHECK_...` for a check that cannot be made.
    """
    chosen = Dialect(dialect)
    hooks = Hooks(on_start, on_first_byte, on_finish, on_abort)
    kept = (resumable, caller)
    redaction = _redaction(chosen, tuple(redact)) if redact else None
    checks: Checks | None = None
    if max_request_bytes is not None or content_types or schema is not None:
        from .checks import Checks  # only where there are any

        checks = Checks(max_request_bytes, content_types, schema)

    def mark(handler: Any) -> Any:
        if not callable(handler):
            raise TypeError(f"HANDLER_TYPE: found {type(handler).__name__}; allowed: a function; put the decorator on a function")
        setattr(handler, DIALECT_MARK, chosen)
        setattr(handler, _HOOKS_MARK, hooks)
        setattr(handler, _STORE_MARK, kept)
        setattr(handler, _REDACT_MARK, redaction)
        setattr(handler, _CHECKS_MARK, checks)
        return handler

    return mark if function is None else mark(function)


class Handler:
    """A function that serves invocations.

    Args:
        function: The function, as the decorator left it.
        redact: Names of what is taken out beside what the decorator said.

    Attributes:
        dialect: Its wire format; None where it is not decorated.
        hooks: What its author wants to be told.
        resumable: Whether its answers may be kept.
        caller: Names whom a stream belongs to; None: AWS does.
        redaction: What is taken out of everything that leaves; None: nothing.
        encoder: Makes what encodes the answer to a request.
    """

    __slots__ = ("_checks", "_function", "caller", "dialect", "encoder", "hooks", "redaction", "resumable")

    def __init__(self, function: Callable[..., Any], redact: tuple[str, ...] = ()) -> None:
        self._function = function
        self.dialect: Dialect | None = getattr(function, DIALECT_MARK, None)
        self.hooks: Hooks = getattr(function, _HOOKS_MARK, NO_HOOKS)
        self.resumable: bool
        self.caller: Callable[[Request], str | None] | None
        self.resumable, self.caller = getattr(function, _STORE_MARK, (True, None))
        self._checks: Checks | None = getattr(function, _CHECKS_MARK, None)
        self.redaction: Redaction | None = getattr(function, _REDACT_MARK, None)
        if redact:
            own = () if self.redaction is None else tuple(self.redaction.rules)
            self.redaction = _redaction(self.dialect, own + redact)
        self.encoder = _encoder(self.dialect, self.redaction)

    def run(self, request: Request, context: LambdaContext, pipeline: Pipeline) -> None:
        """Calls the function and pushes what comes of it. Returns when it is done; its exceptions pass."""
        decorated = self.dialect is not None
        if self._checks is not None:
            self._checks.check(request)
        result = self._function(request if decorated else request.event, context)
        if type(result) is _Generator:  # as most handlers are
            stream(result, pipeline.push_all)
            return
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
            stream(result, pipeline.push_all)
        else:
            pipeline.push(result)  # which refuses it, and says what is allowed


def stream(events: Iterable[object], push_all: Callable[[Iterable[object]], None]) -> None:
    """Pushes events until there are no more, and closes their source in this thread however it ends."""
    try:
        push_all(events)
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            try:
                close()
            except Exception as error:  # noqa: BLE001 - the outcome is decided; how badly the handler cleaned up belongs in the log
                log_exception(error)


def load(name: str, redact: tuple[str, ...] = ()) -> Handler:
    """Finds the function that _HANDLER names, and does what it needs before its first invocation.

    Args:
        name: As `find` has it.
        redact: Names of what is taken out beside what the handler's decorator said.

    Raises:
        InitError: As `find`; or what the handler wants done first failed; or its answers cannot be redacted.
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
    try:
        return Handler(function, redact)
    except ValueError as error:
        raise InitError("Runtime.InvalidSetting", str(error)) from None


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
        __import__(module_name.replace("/", "."))
        module = sys.modules[module_name.replace("/", ".")]
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


def _encoder(dialect: Dialect | None, redaction: Redaction | None) -> Callable[[Request], Encoder]:
    """Of a dialect, behind redaction where there is any."""
    if dialect is None:
        from .dialects.raw import UndecoratedEncoder

        return UndecoratedEncoder
    if redaction is None:
        return dialect.encoder
    from .dialects import redacted

    return lambda request: redacted.Encoder(request, dialect.encoder(request), redaction)


def _redaction(dialect: Dialect | None, rules: tuple[str | Redact, ...]) -> Redaction:
    """What is taken out, where there is text to take it out of: bytes may be anything."""
    if dialect is None or dialect.name in ("", "bytes"):
        found = (
            "a handler without @streaming_handler"
            if dialect is None
            else f"the dialect {dialect.name!r}"
            if dialect.name
            else "an ASGI app"
        )
        raise ValueError(
            f"REDACTION_NEEDS_TEXT: found {found}, whose answers are bytes; allowed: a dialect of text; use dialect='text' or another, or "
            "redact nothing here"
        )
    from .redaction import Redaction  # and with it the regular expressions: only where something is redacted

    return Redaction(rules)


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
