"""An ID token of a Cognito user pool, checked with the standard library. Pure: no network, no clock.

Sources: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html,
https://datatracker.ietf.org/doc/html/rfc7515 (tokens), https://datatracker.ietf.org/doc/html/rfc8017#section-8.2.2 (the signature).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")  # DigestInfo, as RFC 8017 section 9.2 has it
_SHORTEST_KEY_BYTES = 256
_LONGEST_TOKEN = 16_384


class InvalidToken(Exception):
    """Why it is none that counts here. The text names nothing that is in the token."""


def key_id(token: str) -> str:
    """Which key is said to have signed it.

    Raises:
        InvalidToken: It is no token of RS256.
    """
    if len(token) > _LONGEST_TOKEN or token.count(".") != 2 or not token.isascii():
        raise InvalidToken("it is no JSON web token")
    header = _document(token.partition(".")[0])
    if header.get("alg") != "RS256":  # the algorithm is ours to choose, never the token's
        raise InvalidToken("it is not signed with RS256")
    return str(header.get("kid"))


def subject(token: str, key: Mapping[str, Any], *, issuer: str, audience: str, now: float) -> str:
    """Whose it is: the user pool's unchanging id of a person.

    Args:
        token: Of three parts, for which `key_id` found `key`.
        key: A JSON web key of the issuer.
        issuer: The user pool's address.
        audience: The user pool client.
        now: In seconds since 1970.

    Raises:
        InvalidToken: Anything about it is wrong.
    """
    signed, _, signature = token.rpartition(".")
    if not _is_signed(signed.encode(), _bytes(signature), key):
        raise InvalidToken("its signature is wrong")
    claims = _document(signed.partition(".")[2])
    if (claims.get("iss"), claims.get("aud"), claims.get("token_use")) != (issuer, audience, "id"):
        raise InvalidToken("it is not an ID token of this endpoint's page")
    expires, person = claims.get("exp"), claims.get("sub")
    if not isinstance(expires, int | float) or expires <= now:
        raise InvalidToken("it has expired")
    if not isinstance(person, str) or not person:
        raise InvalidToken("it names nobody")
    return person


def _is_signed(message: bytes, signature: bytes, key: Mapping[str, Any]) -> bool:
    """Whether it is, by RSASSA-PKCS1-v1_5: what was signed is made anew and compared whole, so nothing in it is parsed."""
    if key.get("kty") != "RSA":
        return False
    modulus, exponent = (int.from_bytes(_bytes(str(key.get(name))), "big") for name in ("n", "e"))
    length = (modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature, "big")
    if length < _SHORTEST_KEY_BYTES or exponent < 3 or len(signature) != length or number >= modulus:
        return False
    found = pow(number, exponent, modulus).to_bytes(length, "big")
    digest = _SHA256 + hashlib.sha256(message).digest()
    return hmac.compare_digest(found, b"\x00\x01" + b"\xff" * (length - 3 - len(digest)) + b"\x00" + digest)


def _document(part: str) -> dict[str, Any]:
    try:
        document = json.loads(_bytes(part))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidToken("it is no JSON web token")
    return document


def _bytes(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise InvalidToken("it is no JSON web token") from error
