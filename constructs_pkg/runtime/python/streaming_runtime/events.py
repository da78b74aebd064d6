"""What a handler may yield. Plain data: no encoding, no I/O.

The classes are written out by hand: `dataclasses` and `typing` would add some 15 ms to every cold start.
"""

from __future__ import annotations

from .json_text import dumps

TYPE_CHECKING = False  # mypy takes the name for typing.TYPE_CHECKING; importing typing costs milliseconds at every cold start
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeAlias

    Yielded: TypeAlias = "Text | Data | Finish | Error | Internal | Start | HttpResponse | str | bytes | bytearray | memoryview"

FINISH_REASONS = ("stop", "length", "content_filter", "tool_calls", "other")


class _Event:
    """Equality, hash and repr from the slots, so that tests and logs can be read."""

    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash((type(self), *(repr(getattr(self, name)) for name in self.__slots__)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


class Text(_Event):
    """A piece of the answer's text. An empty piece writes nothing."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"TEXT: found {type(text).__name__}; allowed: str; decode bytes first, or yield them as they are")
        self.text = text


class Data(_Event):
    """A JSON value for the caller's program: citations, progress, a structured result.

    Args:
        value: Anything `json.dumps` takes; NaN and infinities are refused, as JSON has none.
        name: What kind of data this is, where the dialect can say so (`sse`: the event's name). Default: no name. Names that the
            dialect uses itself are refused when the event is encoded.
    """

    __slots__ = ("name", "value")

    def __init__(self, value: Any, name: str | None = None) -> None:
        self.value = value
        self.name = name


class Usage(_Event):
    """What the model counted, in tokens."""

    __slots__ = ("input_tokens", "output_tokens")

    def __init__(self, input_tokens: int, output_tokens: int) -> None:
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens

    @property
    def total_tokens(self) -> int:
        """Both together."""
        return self.input_tokens + self.output_tokens


class Finish(_Event):
    """The answer is complete. Nothing but `Internal` may follow; a handler that ends without one gets `Finish("stop")`.

    Args:
        reason: One of "stop", "length", "content_filter", "tool_calls", "other". Default: "stop".
        usage: What the model counted; also taken as a mapping of Usage's two names. Default: not known.

    Raises:
        ValueError: `FINISH_REASON` for any other reason; `FINISH_USAGE` for a mapping with other names.
    """

    __slots__ = ("reason", "usage")

    def __init__(self, reason: str = "stop", usage: Usage | Mapping[str, int] | None = None) -> None:
        if reason not in FINISH_REASONS:
            raise ValueError(
                f"FINISH_REASON: found {reason!r}; allowed: {', '.join(FINISH_REASONS)}; use 'other' for anything else"
            )
        self.reason = reason
        self.usage = usage if usage is None or isinstance(usage, Usage) else _usage_from(usage)


class Error(_Event):
    """The answer failed, and the caller is told so in the dialect's own form. Nothing but `Internal` may follow.

    Before the first byte it becomes an HTTP 500 with this code and message; `raise HttpError(...)` chooses another status.

    Args:
        code: What went wrong, for programs, as in "model_error".
        message: What went wrong, for people. It reaches the caller: no internals.
    """

    __slots__ = ("code", "message")

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message


class Internal(_Event):
    """Something for the function itself: a trace, a reasoning step, a guardrail's verdict. It never leaves the function.

    Args:
        value: Anything.
        kind: What it is, as in "reasoning" or "trace". Default: "internal".
    """

    __slots__ = ("kind", "value")

    def __init__(self, value: Any, kind: str = "internal") -> None:
        self.value = value
        self.kind = kind


class Start(_Event):
    """What the answer is called, for dialects whose frames carry it. Optional, and only before the first Text, Data or Finish.

    Args:
        id: The answer's id. Default: made by the dialect from the request id.
        model: The model's name as the caller should read it. Default: the request's own `model` field where the dialect has one.
        created: When, in whole seconds since 1970. Default: now.
    """

    __slots__ = ("created", "id", "model")

    def __init__(self, *, id: str | None = None, model: str | None = None, created: int | None = None) -> None:
        self.id = id
        self.model = model
        self.created = created


class HttpResponse(_Event):
    """Status, headers and cookies of the answer; yielded first, or returned. Ignored on a direct invocation, which has none.

    Args:
        status: HTTP status, 200 to 599. 204 and 304 have no body.
        headers: Added to the dialect's own, and stronger than they are.
        cookies: Complete Set-Cookie values, as in "id=1; HttpOnly; Secure".
        body: The whole answer, when there is nothing to stream: it is sent as it is, the dialect adds nothing, and nothing may
            be yielded after it. Default: what is yielded next streams.

    Raises:
        ValueError: `HTTP_STATUS` outside 200 to 599; `HTTP_HEADER` for a name or value that HTTP cannot carry;
            `HTTP_BODY` for a body with 204 or 304.
    """

    __slots__ = ("body", "cookies", "headers", "status")

    def __init__(
        self,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        cookies: Iterable[str] = (),
        body: bytes | str | None = None,
    ) -> None:
        if not 200 <= int(status) <= 599:
            raise ValueError(f"HTTP_STATUS: found {status!r}; allowed: 200 to 599; use a final HTTP status")
        self.status = int(status)
        self.headers = {name.lower(): str(value) for name, value in (headers or {}).items()}
        self.cookies = tuple(cookies)
        for name, value in (*self.headers.items(), *(("set-cookie", cookie) for cookie in self.cookies)):
            if not _is_token(name) or "\r" in value or "\n" in value or "\0" in value:
                raise ValueError(
                    f"HTTP_HEADER: found {name!r}: {value!r}; allowed: a token, and a value on one line; encode it first"
                )
        if isinstance(body, str):
            self.headers.setdefault("content-type", "text/plain; charset=utf-8")
            body = body.encode()
        elif body is not None:
            self.headers.setdefault("content-type", "application/octet-stream")
        self.body = body
        if self.body and status in (204, 304):
            raise ValueError(
                f"HTTP_BODY: found a body of {len(self.body)} bytes with status {status}; allowed: none; use status 200"
            )

    @classmethod
    def json(
        cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None, cookies: Iterable[str] = ()
    ) -> HttpResponse:
        """A whole answer of one JSON document: `return HttpResponse.json({"data": []})`."""
        return cls(status, {"content-type": "application/json", **(headers or {})}, cookies, compact_json(value))


def compact_json(value: Any) -> bytes:
    """One compact line of JSON in UTF-8. A lone surrogate, which UTF-8 cannot carry, is written as its JSON escape."""
    try:
        return dumps(value).encode()
    except UnicodeEncodeError:
        return dumps(value, ascii_only=True).encode()


def _usage_from(mapping: Mapping[str, int]) -> Usage:
    try:
        return Usage(**mapping)
    except TypeError as error:
        raise ValueError(
            f"FINISH_USAGE: found {sorted(mapping)}; allowed: input_tokens, output_tokens; use Usage(...)"
        ) from error


_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def _is_token(name: str) -> bool:
    """Whether HTTP takes it for a header's name. Source: https://www.rfc-editor.org/rfc/rfc9110#name-tokens ."""
    return bool(name) and _TOKEN.issuperset(name)
