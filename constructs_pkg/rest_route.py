"""One path and method of a REST API, and what a request to it must have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_apigateway as apigateway

_METHODS: Final = ("ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_WITHOUT_BODY: Final = ("DELETE", "GET", "HEAD", "OPTIONS")
_PART: Final = re.compile(r"[A-Za-z0-9._:-]+|\{[A-Za-z0-9._-]+\+?\}")


@dataclass(frozen=True, kw_only=True)
class RestRoute:
    """One path and method of a `StreamingRestApi`, and what a request must have before the function is called.

    Attributes:
        path: From the root, such as `/v1/chat/completions`; `{name}` stands for one segment, `{name+}` for the rest.
        method: An HTTP method, or ANY. Default: POST.
        body: JSON schema of the body, whatever its content type; one that does not match is answered with 400. Default: any body.
        required_query: Names of query parameters that must be there. Default: none.
        required_headers: Names of headers that must be there. Default: none.

    Raises:
        ValueError: `ROUTE_FORM`.
    """

    path: str
    method: str = "POST"
    body: apigateway.JsonSchema | None = None
    required_query: Sequence[str] = ()
    required_headers: Sequence[str] = ()

    def __post_init__(self) -> None:
        wrong = None
        if not self.path.startswith("/") or (len(self.path) > 1 and self.path.endswith("/")) or "//" in self.path:
            wrong = f"path is {self.path!r}; it begins with a slash and ends without one, such as /v1/chat/completions"
        elif (part := _wrong_part(self.path)) is not None:
            wrong = f"path is {self.path!r}, and of its parts {part}"
        elif self.method not in _METHODS:
            wrong = f"method is {self.method!r}; it is one of {', '.join(_METHODS)}"
        elif self.body is not None and self.method in _WITHOUT_BODY:
            wrong = f"{self.method} {self.path} has a schema for a body, and such requests have none"
        elif isinstance(self.required_query, str) or isinstance(self.required_headers, str):
            wrong = "required_query and required_headers take names in a list, not a string"
        if wrong is not None:
            raise ValueError(f"ROUTE_FORM: {wrong}. Write RestRoute(path=..., method=...) so.")


def _wrong_part(path: str) -> str | None:
    """What API Gateway would refuse in a path.

    Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html and
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html
    """
    parts = path.strip("/").split("/") if path != "/" else []
    names = [part.strip("{}+") for part in parts if part.startswith("{")]
    for number, part in enumerate(parts, 1):
        if _PART.fullmatch(part) is None:
            return f"{part!r} has characters besides letters, digits and . _ - :, or a variable that is not the whole of it"
        if part.endswith("+}") and number < len(parts):
            return f"{part!r} takes the rest of the path and is not the last"
    twice = next((name for name in names if names.count(name) > 1), None)
    return None if twice is None else f"two are called {{{twice}}}"


def checked(routes: Sequence[RestRoute] | None) -> tuple[RestRoute, ...]:
    """The routes to make; None stands for every path and method.

    Raises:
        ValueError: `ROUTE_NONE`, `ROUTE_TWICE`.
    """
    if routes is None:
        return (RestRoute(path="/", method="ANY"), RestRoute(path="/{proxy+}", method="ANY"))
    if not routes:
        raise ValueError(
            "ROUTE_NONE: routes is empty, so nothing could be called. Name a RestRoute, or leave routes out for every path."
        )
    seen: set[tuple[str, str]] = set()
    for route in routes:
        if (route.method, route.path) in seen:
            raise ValueError(f"ROUTE_TWICE: {route.method} {route.path} stands twice in routes. Remove one of them.")
        seen.add((route.method, route.path))
    return tuple(routes)


def variables(path: str) -> list[str]:
    """The names in braces."""
    return [part.strip("{}").removesuffix("+") for part in path.split("/") if part.startswith("{")]


def pattern(path: str) -> str:
    """The path as a policy names it."""
    return "/".join("*" if part.startswith("{") else part for part in path.split("/"))
