"""Who asks: a service that IAM knows, or a person whose ID token was checked.

CloudFront signs for everybody who reaches it, and everyone who signed in in a browser has the same role, so IAM does not tell people
apart. Their ID token does. Services are who IAM says they are.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, ClassVar

from streaming_runtime import HttpError

if TYPE_CHECKING:
    from streaming_runtime import Request

# CloudFront writes its own signature into Authorization.
TOKEN_HEADER = "x-authorization"  # noqa: S105  # nosec B105
FETCH_SECONDS = 2.0
FETCH_AGAIN_SECONDS = 30.0  # a token may name any key: it must not make each request ask Cognito

_ACCOUNT = os.environ["TRUSTED_ACCOUNT"]
_POOL = os.environ["USER_POOL_ID"]
_CLIENT = os.environ["USER_POOL_CLIENT_ID"]
_ISSUER = f"https://cognito-idp.{_POOL.partition('_')[0]}.amazonaws.com/{_POOL}"


class _Keys:
    """The user pool's keys, as this environment last saw them. They change seldom."""

    by_id: ClassVar[dict[str, Any]] = {}
    asked_at: ClassVar[float] = float("-inf")


def who(request: Request) -> str | None:
    """The person's id; None for a service, whom IAM names.

    Raises:
        HttpError: 401: there is no token and should be, or it is not valid. 503: Cognito did not give its keys.
    """
    token = request.headers.get(TOKEN_HEADER)
    if token is not None:
        return _person(token)
    # IAM let in whoever comes here. Behind CloudFront that is CloudFront, which is of no account of ours.
    identity = request.identity
    if not request.is_http or (identity is not None and identity.account_id == _ACCOUNT):
        return None
    raise HttpError(401, "sign_in_required", f"Sign in, and send the ID token as '{TOKEN_HEADER}: Bearer <token>'.")


def _person(header: str) -> str:
    from id_token import InvalidToken  # with what it needs: only where there is a token

    try:
        return _checked(header)
    except InvalidToken as error:
        raise HttpError(401, "invalid_token", f"The token in '{TOKEN_HEADER}' does not count: {error}.") from error


def _checked(header: str) -> str:
    from id_token import InvalidToken, key_id, subject

    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidToken("the header does not begin with Bearer")
    key = _key(key_id(token.strip()))
    if key is None:
        raise InvalidToken("its key is not the user pool's")
    return subject(token.strip(), key, issuer=_ISSUER, audience=_CLIENT, now=time.time())


def _key(name: str) -> dict[str, Any] | None:
    if name not in _Keys.by_id and time.monotonic() - _Keys.asked_at > FETCH_AGAIN_SECONDS:
        _Keys.by_id = _fetch()
        _Keys.asked_at = time.monotonic()
    return _Keys.by_id.get(name)


def _fetch() -> dict[str, Any]:
    from urllib.parse import quote
    from urllib.request import urlopen

    endpoint = os.environ.get("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER")
    address = f"{endpoint.rstrip('/')}/{quote(_POOL)}" if endpoint else _ISSUER
    try:
        # The address is the environment's, and nothing of the request is in it.
        with urlopen(f"{address}/.well-known/jwks.json", timeout=FETCH_SECONDS) as answer:  # noqa: S310  # nosec B310
            return {str(key["kid"]): key for key in json.loads(answer.read(1_000_000))["keys"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        import logging

        logging.getLogger(__name__).warning("KEYS_UNAVAILABLE: %s did not give the user pool's keys: %s", address, error)
        message = "Tokens cannot be checked right now. Try again."
        raise HttpError(503, "identity_unavailable", message, {"retry-after": "2"}) from error
