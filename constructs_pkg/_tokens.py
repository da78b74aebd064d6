"""Numbers that only deployment knows. Loads aws_cdk, and with it Node, only where there may be one."""

from __future__ import annotations

from math import isfinite


def is_token(value: object) -> bool:
    """Whether `value` is a number that stands for one that is not known yet; CDK takes floats far below zero for that.

    Numbers that JSON does not have are none: handed to jsii, they would end its process.
    """
    if not isinstance(value, float) or not isfinite(value):
        return False
    from aws_cdk import Token

    return bool(Token.is_unresolved(value))


def text(value: float) -> str:
    """The number as an environment variable carries it."""
    if not is_token(value):
        return f"{value:g}" if isinstance(value, float) else str(value)
    from aws_cdk import Tokenization

    return Tokenization.stringify_number(value)
