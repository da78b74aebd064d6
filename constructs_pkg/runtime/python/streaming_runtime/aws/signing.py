"""Signature Version 4. Pure: it is told the time and never asks.

Each step of the specification is a function, and each is held against AWS's own vectors.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_HEX = b"0123456789abcdefABCDEF"


def sign(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    credentials: Credentials,
    *,
    region: str,
    service: str,
    timestamp: str,
) -> dict[str, str]:
    """The headers that make a request a signed one; they are to be sent beside `headers`, all of which are signed.

    Args:
        method: As in "POST".
        target: Path and query as they go over the wire.
        headers: With Host; names in any case.
        body: The whole body.
        credentials: Who signs.
        region: As in "eu-west-1".
        service: The name that the service signs under, as in "bedrock".
        timestamp: Now, in UTC, as 20260131T235959Z. AWS takes it within five minutes.
    """
    added = {"x-amz-date": timestamp}
    if credentials.token:
        added["x-amz-security-token"] = credentials.token
    fields = canonical_headers([*headers, *added.items()])
    signed_names = ";".join(name for name, _ in fields)
    canonical = canonical_request(method, target, fields, body)
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    signature = signature_of(string_to_sign(canonical, timestamp, scope), credentials.secret_key, scope)
    added["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={signed_names}, Signature={signature}"
    )
    return added


def canonical_request(method: str, target: str, fields: list[tuple[str, str]], body: bytes) -> str:
    """Step 1. `fields` are canonical already."""
    path, _, query = target.partition("?")
    lines = [method, encode(normal_path(path), "/"), canonical_query(query)]
    lines += [f"{name}:{value}" for name, value in fields]
    return "\n".join((*lines, "", ";".join(name for name, _ in fields), _sha256(body)))


def canonical_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Names in lower case and sorted, inner spaces made one, repeated headers joined by a comma."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.lower(), " ".join(value.split())
        found[key] = f"{found[key]},{text}" if key in found else text
    return sorted(found.items())


def canonical_query(query: str) -> str:
    """Parameters encoded anew, and sorted by name and then by value."""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return "&".join(f"{name}={value}" for name, value in sorted((encode(_decode(n)), encode(_decode(v))) for n, _, v in pairs))


def normal_path(path: str) -> str:
    """Without dot segments and doubled slashes, as every service but S3 wants it."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    slash = "/" if kept and path.endswith("/") else ""
    return "/" + "/".join(kept) + slash


def string_to_sign(canonical: str, timestamp: str, scope: str) -> str:
    """Step 2."""
    return "\n".join((ALGORITHM, timestamp, scope, _sha256(canonical.encode())))


def signature_of(text: str, secret_key: str, scope: str) -> str:
    """Steps 3 and 4: the key of this day, region and service, and the signature with it."""
    from hmac import digest

    key = b"AWS4" + secret_key.encode()
    for part in scope.split("/"):
        key = digest(key, part.encode(), "sha256")
    return digest(key, text.encode(), "sha256").hex()


def encode(text: str | bytes, keep: str = "") -> str:
    """Percent-encoded as the specification has it; `keep` names what stays as it is besides the unreserved characters."""
    data = text.encode() if isinstance(text, str) else text
    plain = _UNRESERVED.union(keep.encode())
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in data)


def _decode(text: str) -> bytes:
    first, *rest = text.encode().split(b"%")
    decoded = [first]
    for part in rest:
        escaped = len(part) >= 2 and part[0] in _HEX and part[1] in _HEX
        decoded.append(bytes((int(part[:2], 16),)) + part[2:] if escaped else b"%" + part)
    return b"".join(decoded)


def _sha256(data: bytes) -> str:
    from hashlib import sha256

    return sha256(data).hexdigest()
