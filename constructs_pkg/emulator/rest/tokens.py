"""Tokens of a user pool, in Cognito's form, signed by the emulator: a real pool's key is not here. Pure but for the secret.

What they carry: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html and
-access-token.html. They are signed with HS256 and a secret of this run, where Cognito signs with RS256.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from typing import Any
from uuid import uuid4

LIFETIME_SECONDS = 12 * 3600


class TokenRefused(Exception):
    """The token does not hold. The text says why, for the log."""


class UserPool:
    """One user pool: gives out a pair of tokens, and takes them again."""

    def __init__(self, arn: str, *, clients: tuple[str, ...], scopes: tuple[str, ...], now: float) -> None:
        """
        Args:
            arn: The pool's ARN.
            clients: Ids of its clients.
            scopes: Scopes of the access token.
            now: Seconds since 1970.
        """
        region, pool = arn.split(":")[3], arn.rsplit("/", 1)[-1]
        self.arn = arn
        self._issuer = f"https://cognito-idp.{region}.amazonaws.com/{pool}"
        self._secret = secrets.token_bytes(32)
        user, client = str(uuid4()), clients[0] if clients else "emulator"
        common = {
            "sub": user,
            "iss": self._issuer,
            "auth_time": int(now),
            "iat": int(now),
            "exp": int(now) + LIFETIME_SECONDS,
            "jti": str(uuid4()),
        }
        self.id_token = self._signed(
            {**common, "aud": client, "token_use": "id", "cognito:username": "emulator", "email": "emulator@example.com"}  # nosec B105
        )
        access = {
            **common,
            "client_id": client,
            "token_use": "access",  # nosec B105
            "username": "emulator",
            "scope": " ".join(scopes) or "openid",
        }
        self.access_token = self._signed(access)

    def claims(self, token: str, *, scopes: tuple[str, ...], now: float) -> dict[str, Any]:
        """The claims of a token that holds.

        With scopes asked for, an access token that has one of them; without, an ID token.
        Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html

        Raises:
            TokenRefused: it does not hold.
        """
        parts = token.split(".")
        if len(parts) != 3:
            raise TokenRefused("it is no JSON web token")
        expected = _encode(hmac.new(self._secret, f"{parts[0]}.{parts[1]}".encode(), hashlib.sha256).digest())
        if not hmac.compare_digest(parts[2], expected):
            raise TokenRefused("this emulator has not signed it; take the token that `streaming-lambda local` shows")
        try:
            claims: dict[str, Any] = json.loads(_decode(parts[1]))
        except (ValueError, binascii.Error) as error:
            raise TokenRefused("its payload is no JSON") from error
        if claims["exp"] <= now:
            raise TokenRefused("it has expired")
        wanted = "access" if scopes else "id"
        if claims["token_use"] != wanted:
            raise TokenRefused(f"it is an {claims['token_use']} token, and the method wants an {wanted} token")
        if scopes and not set(scopes) & set(claims["scope"].split()):
            raise TokenRefused(f"it has none of the scopes {', '.join(scopes)}")
        return claims

    def _signed(self, claims: dict[str, Any]) -> str:
        head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        body = _encode(json.dumps(claims).encode())
        return f"{head}.{body}.{_encode(hmac.new(self._secret, f'{head}.{body}'.encode(), hashlib.sha256).digest())}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
