"""Names and ids that AWS would make up at deployment, made up here: the same at every reading, and of AWS's form.

A name is `<stack>-<logical id>-<twelve characters>`, shortened to what the type allows
(https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html).
"""

from __future__ import annotations

import hashlib
import uuid
from functools import lru_cache

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_LOWER = _UPPER.lower()
_HEX = "0123456789abcdef"
_SUFFIX = 12


@lru_cache(maxsize=4096)
def _characters(seed: str, alphabet: str, length: int) -> str:
    number = int.from_bytes(hashlib.shake_256(seed.encode()).digest(length + 8))
    characters = []
    for _ in range(length):
        number, remainder = divmod(number, len(alphabet))
        characters.append(alphabet[remainder])
    return "".join(characters)


def upper(seed: str, length: int) -> str:
    """Capitals and digits."""
    return _characters(seed, _UPPER, length)


def lower(seed: str, length: int) -> str:
    """Small letters and digits."""
    return _characters(seed, _LOWER, length)


def hexadecimal(seed: str, length: int) -> str:
    """Hexadecimal digits."""
    return _characters(seed, _HEX, length)


def uuid_of(seed: str) -> str:
    """A random-looking UUID (version 4)."""
    return str(uuid.UUID(bytes=hashlib.sha256(seed.encode()).digest()[:16], version=4))


def physical_name(stack: str, logical_id: str, seed: str, limit: int) -> str:
    """The generated name of a resource, at most `limit` characters long.

    What does not fit is cut from the stack's and the logical id's ends, from the longer one first.
    """
    available = limit - _SUFFIX - 2
    keep = max(len(stack) + len(logical_id) - available, 0)
    while keep > 0:
        if len(stack) >= len(logical_id):
            stack = stack[:-1]
        else:
            logical_id = logical_id[:-1]
        keep -= 1
    return f"{stack}-{logical_id}-{upper(seed, _SUFFIX)}"
