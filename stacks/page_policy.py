"""What a page of ours may load and whom it may call: the headers that it is served with, in the cloud and on this machine. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

CONNECT_META: Final = '<meta http-equiv="Content-Security-Policy" content="connect-src \'self\'">'
"""Stands in each page's `index.html`, and is completed where the page is put: an address in a header would have to be known before the
page has one of its own, and what the page calls often has to know the page's. A browser keeps to both policies."""

ENTRY: Final = "index.html"

_ALLOWED: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
}

HEADERS: Final = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Beside those that `security_headers` gives and CloudFront has fields of its own for."""


def content_security_policy(callable: str = "https:") -> str:
    """Nothing but what came with the page; no inline script, no other host's.

    Args:
        callable: What the page may call beside where it came from; its `index.html` says more closely.
    """
    return "; ".join(f"{name} {value}" for name, value in {**_ALLOWED, "connect-src": f"'self' {callable}"}.items())


def security_headers(callable: str = "https:") -> dict[str, str]:
    """All of them, for a server that sends them itself."""
    return {
        "content-security-policy": content_security_policy(callable),
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        **HEADERS,
    }


def allow_to_connect(html: str, sources: Iterable[str]) -> str:
    """The page, which may call these beside where it came from.

    Args:
        html: A page's `index.html`.
        sources: Such as `https://abc.lambda-url.us-east-1.on.aws/`.

    Raises:
        ValueError: `PAGE_WITHOUT_POLICY`.
    """
    if html.count(CONNECT_META) != 1:
        raise ValueError(
            f"PAGE_WITHOUT_POLICY: the page must hold {CONNECT_META} once; what it may call is written there. Add it."
        )
    return html.replace(CONNECT_META, CONNECT_META.replace("'self'", " ".join(("'self'", *sources))))
