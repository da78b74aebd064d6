"""Signature Version 4 once more, written from AWS's description and sharing nothing with the client: it checks what was signed.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import posixpath
import re
from urllib.parse import quote, unquote


def canonical_request(method: str, target: str, headers: list[tuple[str, str]], signed: list[str], payload_hash: str) -> str:
    path, _, query = target.partition("?")
    collapsed = posixpath.normpath(re.sub("/+", "/", path or "/"))
    if path.endswith(("/", "/.", "/..")) and collapsed != "/":
        collapsed += "/"
    pairs = sorted(
        (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~"))
        for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)
    )
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    return "\n".join(
        [
            method,
            quote(collapsed, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{','.join(values[name])}" for name in signed),
            "",
            ";".join(signed),
            payload_hash,
        ]
    )


def signature(canonical: str, *, secret_key: str, timestamp: str, region: str, service: str) -> str:
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


class Signature:
    """An Authorization header, taken apart."""

    def __init__(self, authorization: str) -> None:
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request, SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})",
            authorization,
        )
        assert found, authorization
        self.access_key, self.date, self.region, self.service = found.group(1, 2, 3, 4)
        self.signed_headers = found[5].split(";")
        self.value = found[6]


def verify(method: str, target: str, headers: list[tuple[str, str]], body: bytes, *, secret_key: str) -> Signature:
    """Asserts that a request, as it stood on the wire, is signed with that key, its body included."""
    fields = {name.lower(): value for name, value in headers}
    found = Signature(fields["authorization"])
    payload_hash = hashlib.sha256(body).hexdigest()
    assert fields["x-amz-content-sha256"] == payload_hash
    assert {"host", "x-amz-date", "x-amz-content-sha256"} <= set(found.signed_headers)
    if "x-amz-security-token" in fields:
        assert "x-amz-security-token" in found.signed_headers
    assert found.date == fields["x-amz-date"][:8]
    canonical = canonical_request(method, target, headers, found.signed_headers, payload_hash)
    assert found.value == signature(
        canonical, secret_key=secret_key, timestamp=fields["x-amz-date"], region=found.region, service=found.service
    )
    return found
