"""What a Function URL's CORS settings add to an answer. Pure.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors and
https://docs.aws.amazon.com/lambda/latest/api/API_Cors.html. Lambda answers the preflight itself; the function does not run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs_pkg.emulator.functions import Cors
    from constructs_pkg.emulator.http_server import HttpRequest

_DECIDED_HERE = frozenset(
    {
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-expose-headers",
        "access-control-max-age",
    }
)


def is_preflight(request: HttpRequest) -> bool:
    """Whether a browser asks what it may send."""
    return (
        request.method == "OPTIONS"
        and request.header("origin") is not None
        and request.header("access-control-request-method") is not None
    )


def cors_headers(cors: Cors, request: HttpRequest, *, preflight: bool) -> list[tuple[str, str]]:
    """The headers for a request's origin; none where it comes from no origin or from one that is not allowed."""
    origin = request.header("origin")
    if origin is None or not _allowed(origin, cors.allow_origins):
        return []
    # With credentials a browser refuses `*`, so the origin itself is named.
    wildcard = "*" in cors.allow_origins and not cors.allow_credentials
    headers = [("Access-Control-Allow-Origin", "*" if wildcard else origin)]
    if not wildcard:
        headers.append(("Vary", "Origin"))
    if cors.allow_credentials:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if not preflight:
        if cors.expose_headers:
            headers.append(("Access-Control-Expose-Headers", ",".join(cors.expose_headers)))
        return headers
    if cors.allow_headers:
        headers.append(("Access-Control-Allow-Headers", ",".join(cors.allow_headers)))
    if cors.allow_methods:
        headers.append(("Access-Control-Allow-Methods", ",".join(cors.allow_methods)))
    if cors.max_age is not None:
        headers.append(("Access-Control-Max-Age", str(cors.max_age)))
    return headers


def doubled(headers: Iterable[tuple[str, str]]) -> list[str]:
    """CORS headers that a function sets though its URL does: browsers refuse an answer that has both."""
    return sorted({name.lower() for name, _ in headers} & _DECIDED_HERE)


def _allowed(origin: str, patterns: Iterable[str]) -> bool:
    for pattern in patterns:
        if pattern in ("*", origin):
            return True
        scheme, star, domain = pattern.partition("://*.")
        if star and origin.startswith(scheme + "://") and origin.endswith("." + domain):
            return True
    return False
