"""The canonical request and string to sign of AWS Signature Version 4, each step a function.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"


@functools.lru_cache(maxsize=64)
def canonical_path(raw_path: str, *, normalize: bool = True) -> str:
    """The path as sent, encoded once more (S3 alone leaves that out).

    Args:
        raw_path: The path on the wire, percent-encoded.
        normalize: Whether dot segments and repeated slashes go, as for every service but S3.
    """
    return quote(normalized_path(raw_path) if normalize else raw_path or "/", safe="/~")


def normalized_path(path: str) -> str:
    """RFC 3986 section 5.2.4, and without empty segments, as AWS has it."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    last = "/" if kept and path.endswith("/") else ""
    return "/" + "/".join(kept) + last


def query_pairs(raw_query: str) -> list[tuple[str, str]]:
    """Names and values of a query, each in AWS's encoding: every byte but letters, digits and `-._~`.

    A `+` is a space, as the AWS signers that parse a URL read it (https://github.com/envoyproxy/envoy/issues/40523); no document says
    how Lambda reads it, so callers do well to send `%20` and `%2B`.
    """
    if not raw_query:
        return []
    pairs = (pair.partition("=") for pair in raw_query.split("&") if pair)
    return [(_encoded(name), _encoded(value)) for name, _, value in pairs]


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Sorted by encoded name, then by encoded value."""
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def canonical_headers(values: Mapping[str, Sequence[str]], signed: Sequence[str]) -> str:
    """The signed headers, one a line: trimmed, inner and folding whitespace one space, repeated ones joined in order.

    Args:
        values: The values of all headers by name in small letters.
        signed: Names of those that are signed.
    """
    return "".join([f"{name}:{_as_sent(','.join([_trimmed(value) for value in values.get(name, ())]))}\n" for name in signed])


def canonical_request(method: str, path: str, query: str, headers: str, signed: Sequence[str], payload_hash: str) -> str:
    """All of it together."""
    return "\n".join((method, path, query, headers, ";".join(signed), payload_hash))


def string_to_sign(timestamp: str, scope: str, request: str) -> str:
    """What the signature is of."""
    return "\n".join((ALGORITHM, timestamp, scope, hashlib.sha256(request.encode()).hexdigest()))


def signature(secret_access_key: str, scope: str, text: str) -> str:
    """The signature, with a key derived for the scope `date/region/service/aws4_request`."""
    return hmac.digest(_signing_key(secret_access_key, scope), text.encode(), "sha256").hex()


@functools.lru_cache(maxsize=256)
def _signing_key(secret_access_key: str, scope: str) -> bytes:
    """The same for a day, so that it is derived once."""
    key = f"AWS4{secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _trimmed(value: str) -> str:
    return " ".join(value.split())


def _as_sent(value: str) -> str:
    """HTTP hands bytes over as Latin-1; what was signed is UTF-8. Text beyond Latin-1 never was bytes and stays."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", " ")), safe="-._~")
