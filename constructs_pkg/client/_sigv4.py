"""AWS Signature Version 4 for one request. Pure but for botocore's arithmetic: no clock, no session, no HTTP library.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote_to_bytes

from ._exceptions import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class FrozenCredentials(Protocol):
    """One consistent set of credentials, as botocore's `get_frozen_credentials()` gives it."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


UNSIGNED_HEADERS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "baggage",
        "connection",
        "content-length",
        "date",
        "expect",
        "forwarded",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "x-amzn-trace-id",
        "x-forwarded-for",
    }
)
"""Headers that something between caller and function may rewrite, or that the verifier is told not to look at."""

_HOST_REGION = re.compile(
    r"""[^.]+\.(?:lambda-url|execute-api)\.(?P<region>[a-z0-9-]+)\.(?:on\.aws|amazonaws\.com(?:\.cn)?)""", re.VERBOSE
)


def region_of(host: str) -> str | None:
    """The region that an AWS host name tells: `<id>.lambda-url.<region>.on.aws`, `<id>.execute-api.<region>.amazonaws.com`."""
    found = _HOST_REGION.fullmatch(host.lower().rstrip("."))
    return found["region"] if found else None


def canonical_query(query: str) -> str:
    """The same query in the one spelling on which all verifiers agree: each name and value percent-encoded once, strictly.

    A verifier either takes a query as it stands or decodes and encodes it again. Sending this spelling makes both come to the
    same signature, where `?q=a/b` or `?q=a+b` would be refused by some. `+` is read as a space, as Lambda reads it.
    """
    pairs = []
    for pair in query.split("&"):
        if pair:
            name, equals, value = pair.partition("=")
            pairs.append(f"{_strict(name)}{equals}{_strict(value)}")
    return "&".join(pairs)


def _strict(part: str) -> str:
    return quote(unquote_to_bytes(part.replace("+", " ")), safe="-_.~")


def sign(
    *,
    method: str,
    url: str,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    credentials: FrozenCredentials,
    region: str,
    service: str,
    now: datetime,
) -> dict[str, str]:
    """The headers that make a request a signed one; they replace any of the same name.

    Args:
        method: The request's method.
        url: The whole URL as it goes on the wire: percent-encoded, query in the spelling of `canonical_query`.
        headers: The request's headers as they go on the wire, `host` among them. `UNSIGNED_HEADERS` are left out of the signature.
        body: The whole body.
        credentials: Whose signature it is.
        region: The region that the signature is good for.
        service: The service that the signature is good for: `lambda` for Function URLs.
        now: The time, in UTC.
    """
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
    except ModuleNotFoundError:
        raise MissingDependency(
            "BOTO3_MISSING: signing needs boto3, which is not installed; pip install 'streaming-lambda-constructs[client]'."
        ) from None

    timestamp = now.strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": timestamp, "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    if credentials.token:
        added["x-amz-security-token"] = credentials.token

    make_signer: Any = SigV4Auth
    signer: Any = make_signer(credentials, service, region)
    request: Any = AWSRequest(method=method, url=url)
    request.context["timestamp"] = timestamp
    for name, value in _signable(headers):
        request.headers.add_header(name, value)
    for name, value in added.items():
        request.headers.add_header(name, value)

    # botocore's own add_auth() writes the session token to its debug log, so its steps are taken one by one.
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    signed_names = signer.signed_headers(signer.headers_to_sign(request))
    added["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={signed_names}, Signature={signature}"
    )
    return added


def _signable(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    for raw_name, raw_value in headers:
        name = raw_name.decode("ascii").lower()
        if name in UNSIGNED_HEADERS or name in ("x-amz-date", "x-amz-content-sha256", "x-amz-security-token"):
            continue
        try:
            yield name, raw_value.decode("utf-8")
        except UnicodeDecodeError:
            continue  # a canonical request is UTF-8: a value that is not can be sent, but not signed
