"""What only deployment knows. Loads aws_cdk, and with it Node, only where there may be some; each question costs a trip to that Node."""

from __future__ import annotations

import re
from math import isfinite

_IN_TEXT = re.compile(r"\$\{Token\[[a-zA-Z0-9:._-]+\]\}")  # as CDK's own Token.isUnresolved looks for it
_LEAST_NUMBER = -1e280  # what is below it may be a token


def is_token(value: object) -> bool:
    """Whether `value` is a number that stands for one that is not known yet; CDK takes floats far below zero for that.

    Numbers that JSON does not have are none: handed to jsii, they would end its process.
    """
    if not isinstance(value, float) or not isfinite(value):
        return False
    from aws_cdk import Token

    return bool(Token.is_unresolved(value))


def is_unresolved(value: object) -> bool:
    """As `Token.is_unresolved`, and without asking for what cannot be a token: None, plain numbers, plain text.

    CDK writes a token into text as `${Token[...]}` and into a number as one near -1.9e289
    (https://docs.aws.amazon.com/cdk/v2/guide/tokens.html#tokens-encode).
    """
    if value is None or (isinstance(value, int | float) and not value <= _LEAST_NUMBER):
        return False
    if isinstance(value, str):
        return _IN_TEXT.search(value) is not None
    from aws_cdk import Token

    return bool(Token.is_unresolved(value))


def text(value: float) -> str:
    """The number as an environment variable carries it."""
    if not is_token(value):
        return f"{value:g}" if isinstance(value, float) else str(value)
    from aws_cdk import Tokenization

    return Tokenization.stringify_number(value)
