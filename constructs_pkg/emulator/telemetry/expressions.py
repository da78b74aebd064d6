"""Metric math, as far as alarms of streaming functions use it: arithmetic, comparisons, IF, FILL and simple functions. Pure.

A series is a list of values, one a period, None where there is no data. An operation on a period without data has no data; FILL is the
way out, as in CloudWatch. A division by zero has no data, either.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import math
import operator
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Series = list[float | None]

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_]\w*)|(&&|\|\||<=|>=|==|!=|[-+*/^()<>,\[\]]))")
_BINARY: dict[str, tuple[int, Callable[[float, float], float]]] = {
    "||": (1, lambda left, right: float(bool(left) or bool(right))),
    "OR": (1, lambda left, right: float(bool(left) or bool(right))),
    "&&": (2, lambda left, right: float(bool(left) and bool(right))),
    "AND": (2, lambda left, right: float(bool(left) and bool(right))),
    "<": (3, lambda left, right: float(left < right)),
    "<=": (3, lambda left, right: float(left <= right)),
    ">": (3, lambda left, right: float(left > right)),
    ">=": (3, lambda left, right: float(left >= right)),
    "==": (3, lambda left, right: float(left == right)),
    "!=": (3, lambda left, right: float(left != right)),
    "+": (4, operator.add),
    "-": (4, operator.sub),
    "*": (5, operator.mul),
    "/": (5, operator.truediv),
    "^": (6, operator.pow),
}
_OF_EACH: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_OF_ALL: dict[str, Callable[[list[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
}


class ExpressionUnknown(ValueError):
    """An expression that is not evaluated here. The text is one line."""


def evaluate(expression: str, series: Mapping[str, Sequence[float | None]], length: int) -> Series:
    """Evaluates an expression.

    Args:
        expression: Such as `IF(FILL(requests, 0) > 0, 100 * FILL(failed, 0) / FILL(requests, 1), 0)`.
        series: The series by id, all of the same length.
        length: That length.

    Raises:
        ExpressionUnknown: it cannot be read, asks for a function that is not evaluated here, or for an id that is not there.
    """
    return _Parser(expression, series, length).parse()


class _Parser:
    """Reads and evaluates in one go; an alarm's expression is short and its series are a few points long."""

    def __init__(self, expression: str, series: Mapping[str, Sequence[float | None]], length: int) -> None:
        self._expression = expression
        self._series = series
        self._length = length
        self._tokens: list[str] = []
        place, text = 0, expression.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise self._unknown(f"it cannot be read from {text[place:].strip()[:20]!r} on")
            self._tokens.append(found[found.lastindex or 0])
            place = found.end()
        self._next = 0

    def parse(self) -> Series:
        result = self._binary(1)
        if self._peek():
            raise self._unknown(f"it cannot be read from {self._peek()!r} on")
        return result

    def _binary(self, lowest: int) -> Series:
        left = self._unary()
        while self._peek() in _BINARY and _BINARY[self._peek()][0] >= lowest:
            rank, apply = _BINARY[self._take()]
            left = _each(apply, left, self._binary(rank + 1))
        return left

    def _unary(self) -> Series:
        if self._peek() == "-":
            self._take()
            return _each(operator.neg, self._unary())
        return self._atom()

    def _atom(self) -> Series:
        token = self._take()
        if token == "(":  # noqa: S105 - a parenthesis  # nosec B105
            result = self._binary(1)
            self._require(")")
            return result
        if token[:1].isdigit() or token.startswith("."):
            return [float(token)] * self._length
        if self._peek() == "(":
            return self._call(token)
        if token not in self._series:
            raise self._unknown(f"there is no metric with the id {token!r}")
        return list(self._series[token])

    def _call(self, name: str) -> Series:
        self._require("(")
        if name == "FILL":
            filled = self._binary(1)
            self._require(",")
            return self._fill(filled)
        arguments = [self._binary(1)]
        while self._peek() == ",":
            self._take()
            arguments.append(self._binary(1))
        self._require(")")
        if name == "IF" and len(arguments) == 3:
            rows = zip(*arguments, strict=True)
            return [None if test is None else yes if test else no for test, yes, no in rows]
        if name in _OF_EACH and len(arguments) == 1:
            return _each(_OF_EACH[name], arguments[0])
        if name in _OF_ALL and len(arguments) == 1:
            # Of one series these are a number, the same for each of its periods.
            values = [value for value in arguments[0] if value is not None]
            return [_OF_ALL[name](values) if values else None] * self._length
        raise self._unknown(f"{name} of {len(arguments)} is not evaluated here")

    def _fill(self, series: Series) -> Series:
        if self._peek() == "REPEAT":
            self._take()
            self._require(")")
            last: float | None = None
            filled: Series = []
            for value in series:
                last = last if value is None else value
                filled.append(last)
            return filled
        if self._peek() == "LINEAR":
            raise self._unknown("FILL with LINEAR is not evaluated here")
        instead = self._binary(1)
        self._require(")")
        return [other if value is None else value for value, other in zip(series, instead, strict=True)]

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._next += 1
        return token

    def _require(self, wanted: str) -> None:
        if self._take() != wanted:
            raise self._unknown(f"a {wanted!r} is missing")

    def _unknown(self, why: str) -> ExpressionUnknown:
        return ExpressionUnknown(f"EXPRESSION_UNKNOWN: {self._expression!r}: {why}")


def _each(apply: Callable[..., float], *series: Series) -> Series:
    result: Series = []
    for values in zip(*series, strict=True):
        try:
            result.append(None if None in values else float(apply(*values)))
        except (ZeroDivisionError, OverflowError, TypeError):  # TypeError: a root of a negative number is complex
            result.append(None)
    return result
