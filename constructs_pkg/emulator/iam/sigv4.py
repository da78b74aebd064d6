"""Verifies AWS Signature Version 4, in the Authorization header or in the query. Pure: no sockets, no clock.

What the words of the refusals are taken from:

- signature does not match, on a Function URL, as `{"message": ...}`:
  https://repost.aws/questions/QUPuq7VvHJRwWxVA3XJIgNKQ and https://github.com/erlcloud/erlcloud/issues/690 (with its headers)
- unknown or wrong token, on a Function URL: https://github.com/jamesmbourne/aws4-axios/issues/1553
- expired: https://github.com/aws/aws-sdk-go/issues/859; not yet current, date, region, service:
  https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html,
  https://github.com/cognitect-labs/aws-api/issues/27, https://github.com/cllunsford/aws-signing-proxy/issues/25
- incomplete header: https://github.com/aws/chalice/issues/828; its status 403: https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html
- Host not signed: https://github.com/NetSPI/AWSSigner/issues/3 (`or ':authority'`: https://github.com/aws/aws-sdk-php/issues/2469)
- UNSIGNED-PAYLOAD: "Lambda doesn't support unsigned payloads",
  https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html

From memory of the services, without a document: the terminator's message, the message for a presigned URL that has expired, the hashed
form of a malformed header, and the order in which several faults of one request are reported.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from constructs_pkg.emulator.iam import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SKEW = timedelta(minutes=5)
_LONGEST_PRESIGNED = timedelta(days=7)
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_BASIC_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_SIGNATURE_PARAMETER = "X-Amz-Signature"
_SEPARATORS = re.compile(r"[,\s]+")
_PARAMETERS = ("Credential", "Signature", "SignedHeaders")
"""Of an Authorization header."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A key as a caller holds it. `session_token` is None for long-term keys."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


@dataclass(frozen=True, kw_only=True)
class SignedRequest:
    """A request as it stood on the wire.

    Attributes:
        method: `POST`.
        raw_path: The path as sent, still percent-encoded, without the query: `/a%20b`.
        raw_query: What followed the `?`, as sent, or empty.
        headers: Name and value pairs in the order received, repeated names kept, bytes read as Latin-1.
        body: The whole body.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """A header's value; repeated ones joined by commas; None where there is none."""
        found = self.values.get(name)
        return ",".join(found) if found else None

    @functools.cached_property
    def values(self) -> dict[str, list[str]]:
        """The headers' values by name in small letters, in the order received."""
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), []).append(value.strip())
        return found


class VerifiedSignature(NamedTuple):
    """Whose request it is. `presigned` says whether the signature stood in the query; `region` is the one that it names."""

    credentials: Credentials
    region: str
    signed_headers: tuple[str, ...]
    presigned: bool


_REGION = re.compile(r"^[a-z]+(-[a-z]+)+-[0-9]+$")


class SignatureRefusal(Exception):
    """Why a request is not taken for anybody's, in AWS's own terms. Its text is for logs.

    Args:
        error_type: AWS's name of it.
        message: For the caller.
        status: Of the answer.
        logged: In place of the message, where that quotes what may be a secret: a token of another kind, put where a signature belongs.
    """

    def __init__(self, error_type: str, message: str, status: int = 403, *, logged: str = "") -> None:
        super().__init__(f"{error_type}: {logged or message}")
        self.error_type = error_type
        self.message = message
        self.status = status


class _Claim(NamedTuple):
    """What a request says of its own signature, wherever that stands."""

    access_key_id: str
    scope: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    time: datetime
    token: str | None
    content_hash: str | None
    lifetime: timedelta | None
    """Of a presigned URL; None for the header form."""


def verify(
    request: SignedRequest,
    *,
    lookup: Callable[[str], Credentials | None],
    now: datetime,
    region: str | None,
    service: str,
    normalize_path: bool = True,
) -> VerifiedSignature:
    """Checks a request's signature.

    Headers that are not signed are let through but for Host: a request signed behind CloudFront still gets an `x-amz-cf-id`, and
    Function URLs take it. Whatever `x-amz-content-sha256` says must be the body's hash.

    Args:
        request: The request as received.
        lookup: Gives the credentials of an access key id, None for an unknown one (`Principals.credentials`).
        now: The time, with a time zone.
        region: The region that the credential scope must name; None for an endpoint that stands for every region's.
        service: The service that it must name: `lambda` for Function URLs and Invoke, `bedrock`, `execute-api`.
        normalize_path: Whether dot segments and repeated slashes do not count. False for S3 alone.

    Raises:
        SignatureRefusal: with AWS's error type and message. No signature at all is `MissingAuthenticationTokenException`.
    """
    authorization = request.header("authorization")
    pairs = canonical.query_pairs(request.raw_query)
    presigned = authorization is None
    if authorization is not None:
        claim = _header_claim(request, authorization)
    elif any(name in ("X-Amz-Algorithm", _SIGNATURE_PARAMETER) for name, _ in pairs):
        claim = _query_claim(pairs)
        pairs = [pair for pair in pairs if pair[0] != _SIGNATURE_PARAMETER]
    else:
        raise SignatureRefusal("MissingAuthenticationTokenException", "Missing Authentication Token")

    credentials = lookup(claim.access_key_id)
    if credentials is None:
        raise _invalid_token()
    _check_scope(claim, region, service)
    _check_time(claim, now)
    if not _same(claim.token or "", credentials.session_token or ""):
        raise _invalid_token()
    if "host" not in claim.signed_headers:
        raise SignatureRefusal(
            "InvalidSignatureException", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )

    payload_hash = hashlib.sha256(request.body).hexdigest()
    text = canonical.string_to_sign(
        claim.timestamp,
        claim.scope,
        canonical.canonical_request(
            request.method,
            canonical.canonical_path(request.raw_path, normalize=normalize_path),
            canonical.canonical_query(pairs),
            canonical.canonical_headers(request.values, claim.signed_headers),
            claim.signed_headers,
            payload_hash,
        ),
    )
    expected = canonical.signature(credentials.secret_access_key, claim.scope, text)
    if not _same(claim.signature, expected) or claim.content_hash not in (None, payload_hash):
        raise SignatureRefusal(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
            "signing method. Consult the service documentation for details.",
        )
    return VerifiedSignature(
        region=claim.scope.split("/")[1], credentials=credentials, signed_headers=claim.signed_headers, presigned=presigned
    )


def _header_claim(request: SignedRequest, authorization: str) -> _Claim:
    algorithm, _, rest = authorization.partition(" ")
    fields: dict[str, str] = {}
    rest = rest.strip()
    for part in _SEPARATORS.split(rest) if rest else ():
        name, equals, value = part.partition("=")
        if not equals:
            hashed = base64.b64encode(hashlib.sha256(authorization.encode()).digest()).decode()
            raise _incomplete(
                f"'{part}' not a valid key=value pair (missing equal-sign) in Authorization header "
                f"(hashed with SHA-256 and encoded with Base64): '{hashed}'.",
                logged="a part of the Authorization header is no key=value pair, as a signature has; sign the request",
            )
        fields[name] = value
    date = request.header("x-amz-date") or request.header("date")
    missing = [f"Authorization header requires '{name}' parameter. " for name in _PARAMETERS if not fields.get(name)]
    if date is None:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
    if missing or date is None or algorithm != canonical.ALGORITHM:
        found = "".join(missing)
        raise _incomplete(
            f"{found}Authorization={algorithm}", logged=f"{found}The algorithm allowed is {canonical.ALGORITHM}; sign the request"
        )
    time, timestamp = _parse_time(date)
    access_key_id, _, scope = fields["Credential"].partition("/")
    return _Claim(
        access_key_id=access_key_id,
        scope=scope,
        signed_headers=_names(fields["SignedHeaders"]),
        signature=fields["Signature"],
        timestamp=timestamp,
        time=time,
        token=request.header("x-amz-security-token"),
        content_hash=request.header("x-amz-content-sha256"),
        lifetime=None,
    )


def _query_claim(pairs: Sequence[tuple[str, str]]) -> _Claim:
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields and name.startswith("X-Amz-"):
            raise _incomplete(f"AWS query-string parameters must not be repeated: '{name}'.")
        fields[name] = unquote(value)
    needed = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires", _SIGNATURE_PARAMETER)
    missing = [f"AWS query-string parameters must include '{name}'. " for name in needed if not fields.get(name)]
    if missing or fields["X-Amz-Algorithm"] != canonical.ALGORITHM:
        raise _incomplete("".join(missing) + "Re-examine the query-string parameters.")
    expires = fields["X-Amz-Expires"]
    longest = int(_LONGEST_PRESIGNED.total_seconds())
    if not expires.isascii() or not expires.isdecimal() or not 1 <= int(expires[:10]) <= longest:
        raise _incomplete(f"X-Amz-Expires must be a number of seconds between 1 and {longest}.")
    time, timestamp = _parse_time(fields["X-Amz-Date"])
    access_key_id, _, scope = fields["X-Amz-Credential"].partition("/")
    return _Claim(
        access_key_id=access_key_id,
        scope=scope,
        signed_headers=_names(fields["X-Amz-SignedHeaders"]),
        signature=fields[_SIGNATURE_PARAMETER],
        timestamp=timestamp,
        time=time,
        token=fields.get("X-Amz-Security-Token"),
        content_hash=fields.get("X-Amz-Content-Sha256"),
        lifetime=timedelta(seconds=int(expires)),
    )


def _check_scope(claim: _Claim, region: str | None, service: str) -> None:
    parts = claim.scope.split("/")
    if len(parts) != 4:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{claim.access_key_id}/{claim.scope}'"
        )
    faults = []
    if parts[1] != region and (region is not None or not _REGION.match(parts[1])):
        faults.append(f"Credential should be scoped to a valid region, not '{parts[1]}'. ")
    if parts[2] != service:
        faults.append(f"Credential should be scoped to correct service: '{service}'. ")
    if parts[3] != canonical.TERMINATOR:
        faults.append(f"Credential should be scoped with a valid terminator: '{canonical.TERMINATOR}', not '{parts[3]}'. ")
    if parts[0] != claim.timestamp[:8]:
        faults.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{parts[0]}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'. "
        )
    if faults:
        raise SignatureRefusal("InvalidSignatureException", "".join(faults))


def _check_time(claim: _Claim, now: datetime) -> None:
    current = now.astimezone(UTC)
    if claim.time > current + _SKEW:
        raise SignatureRefusal(
            "InvalidSignatureException",
            f"Signature not yet current: {claim.timestamp} is still later than {_shown(current + _SKEW)} ({_shown(current)} + 5 min.)",
        )
    allowed = _SKEW if claim.lifetime is None else claim.lifetime
    if claim.time + allowed < current:
        window = "5 min." if claim.lifetime is None else f"{int(allowed.total_seconds())} sec."
        raise SignatureRefusal(
            "InvalidSignatureException",
            f"Signature expired: {claim.timestamp} is now earlier than {_shown(current - allowed)} ({_shown(current)} - {window})",
        )


@functools.lru_cache(maxsize=64)
def _parse_time(text: str) -> tuple[datetime, str]:
    """The time, and how the string to sign has it."""
    try:
        found = _BASIC_TIME.fullmatch(text)
        if found is not None:
            year, month, day, hour, minute, second = map(int, found.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC), text
        time = parsedate_to_datetime(text)
        time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        return time, time.strftime(_TIMESTAMP)
    except (ValueError, OverflowError) as error:
        raise _incomplete(
            f"Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from error


@functools.lru_cache(maxsize=64)
def _names(signed_headers: str) -> tuple[str, ...]:
    return tuple(sorted(signed_headers.lower().split(";")))


def _shown(time: datetime) -> str:
    return time.strftime(_TIMESTAMP)


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _incomplete(message: str, *, logged: str = "") -> SignatureRefusal:
    return SignatureRefusal("IncompleteSignatureException", message, logged=logged)


def _invalid_token() -> SignatureRefusal:
    return SignatureRefusal("UnrecognizedClientException", "The security token included in the request is invalid.")
