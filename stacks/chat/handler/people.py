"""Who asks: a service that IAM knows, or a person whose ID token was checked.

CloudFront signs for everybody who reaches it, and everyone who signed in in a browser has the same role, so IAM does not tell people
apart. Their ID token does. Services are who IAM says they are.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pool_keys import RETRY_SECONDS, KeysUnavailable, PoolKeys

from streaming_runtime import HttpError

if TYPE_CHECKING:
    from streaming_runtime import Request

# CloudFront writes its own signature into Authorization.
TOKEN_HEADER = "x-authorization"  # noqa: S105  # nosec B105

_ACCOUNT = os.environ["TRUSTED_ACCOUNT"]
_CLIENT = os.environ["USER_POOL_CLIENT_ID"]
_KEYS = PoolKeys(os.environ["USER_POOL_ID"])


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
    except KeysUnavailable as error:
        message = "Tokens cannot be checked right now. Try again."
        raise HttpError(503, "identity_unavailable", message, {"retry-after": f"{RETRY_SECONDS:g}"}) from error


def _checked(header: str) -> str:
    from id_token import InvalidToken, key_id, subject

    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidToken("the header does not begin with Bearer")
    key = _KEYS.find(key_id(token.strip()))
    if key is None:
        raise InvalidToken("its key is not the user pool's")
    return subject(token.strip(), key, issuer=_KEYS.issuer, audience=_CLIENT)
