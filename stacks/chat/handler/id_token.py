"""An ID token of a Cognito user pool, checked by PyJWT. No network.

Importing this costs some 150 ms, for cryptography: only who sends a token pays it.

Source: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHM = "RS256"  # ours to choose, never the token's
_LONGEST_TOKEN = 16_384


class InvalidToken(Exception):
    """Why it is none that counts here. The text names nothing that is in the token."""


def key_id(token: str) -> str:
    """Which key is said to have signed it.

    Raises:
        InvalidToken: It is no token of RS256.
    """
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        raise InvalidToken("it is no JSON web token")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError) as error:
        raise InvalidToken("it is no JSON web token") from error
    if header.get("alg") != _ALGORITHM:
        raise InvalidToken("it is not signed with RS256")
    return str(header.get("kid"))


def subject(token: str, key: Mapping[str, Any], *, issuer: str, audience: str) -> str:
    """Whose it is: the user pool's unchanging id of a person.

    Args:
        token: For which `key_id` found `key`.
        key: A JSON web key of the issuer.
        issuer: The user pool's address.
        audience: The user pool client.

    Raises:
        InvalidToken: Anything about it is wrong.
    """
    try:
        claims = jwt.decode(
            token,
            jwt.PyJWK(dict(key), _ALGORITHM),
            algorithms=[_ALGORITHM],
            issuer=issuer,
            audience=audience,
            options={
                "require": ["exp", "iss", "aud", "sub"],
                "strict_aud": True,  # one audience, and no list of them
                "verify_iat": False,  # a clock that is a second behind would refuse who signed in just now
                "enforce_minimum_key_length": True,
            },
        )
    except jwt.ExpiredSignatureError as error:
        raise InvalidToken("it has expired") from error
    except (jwt.InvalidSignatureError, jwt.InvalidKeyError) as error:
        raise InvalidToken("its signature is wrong") from error
    except jwt.PyJWTError as error:
        raise InvalidToken("it is not an ID token of this endpoint's page") from error
    if claims.get("token_use") != "id" or not isinstance(claims["exp"], int | float):
        raise InvalidToken("it is not an ID token of this endpoint's page")
    if not claims["sub"]:
        raise InvalidToken("it names nobody")
    return str(claims["sub"])
