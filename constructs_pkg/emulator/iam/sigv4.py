"""Verifies AWS Signature Version 4, in the Authorization header or in the query. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


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
        headers: Name and value pairs in the order received, repeated names kept.
        body: The whole body.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class VerifiedSignature:
    """Whose request it is. `presigned` says whether the signature stood in the query."""

    credentials: Credentials
    signed_headers: tuple[str, ...]
    presigned: bool


class SignatureRefusal(Exception):
    """Why a request is not taken for anybody's, in AWS's own terms."""

    def __init__(self, error_type: str, message: str, status: int = 403) -> None:
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type
        self.message = message
        self.status = status


def verify(
    request: SignedRequest,
    *,
    lookup: Callable[[str], Credentials | None],
    now: datetime,
    region: str,
    service: str,
) -> VerifiedSignature:
    """Checks a request's signature.

    Args:
        request: The request as received.
        lookup: Gives the credentials of an access key id, None for an unknown one (`Principals.credentials`).
        now: The time, with a time zone.
        region: The region that the credential scope must name.
        service: The service that it must name: `lambda` for Function URLs and Invoke, `bedrock`, `execute-api`.

    Raises:
        SignatureRefusal: with AWS's error type and message. No signature at all is `MissingAuthenticationTokenException`.
    """
    raise NotImplementedError
