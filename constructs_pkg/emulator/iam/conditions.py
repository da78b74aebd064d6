"""Condition operators of policies.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
An operator or value that is not understood here is not ignored: `parse` raises, and the statement then fails closed.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from constructs_pkg.emulator.iam import patterns

Context = Mapping[str, str | Sequence[str]]
"""Condition keys and values of a request, for example `{"lambda:FunctionUrlAuthType": "AWS_IAM"}`. Case of keys does not matter."""

_NO_VALUE_OF_IT = (ValueError, InvalidOperation, OverflowError, OSError)

_Test = Callable[[str, str, patterns.Variables], bool]
"""(policy value, request value, variables) to whether they agree."""


class ConditionNotUnderstood(ValueError):
    """A condition that cannot be evaluated here: an unknown operator, or a value that is no value of it."""


@dataclass(frozen=True)
class Condition:
    """One operator on one key.

    Attributes:
        text: For people: `StringEquals aws:PrincipalOrgID`.
        key: Condition key, in small letters.
        values: The policy's values, one of which must agree (none, for a negated operator).
        test: Compares one with one.
        negated: `...NotEquals` and its kin.
        if_exists: `...IfExists`: true where the request has no such key.
        qualifier: `forallvalues`, `foranyvalue` or empty.
    """

    text: str
    key: str
    values: tuple[str, ...]
    test: _Test
    negated: bool
    if_exists: bool
    qualifier: str


class RequestContext:
    """The condition keys of one request, by name in any case."""

    def __init__(self, context: Context) -> None:
        self._values: dict[str, tuple[str, ...]] = {}
        for key, value in context.items():
            self._values[key.lower()] = (value,) if isinstance(value, str) else tuple(value)

    def values(self, key: str) -> tuple[str, ...] | None:
        """The values of a key, None where the request has none."""
        return self._values.get(key.lower())

    def variable(self, key: str) -> str | None:
        """The value of a policy variable: only a key with one value is one."""
        values = self.values(key)
        return values[0] if values is not None and len(values) == 1 else None


def parse(element: Any) -> Iterator[Condition]:
    """The conditions of a statement's `Condition`, all of which must hold.

    Raises:
        ConditionNotUnderstood: an unknown operator, or a shape or value that is none of its own.
    """
    if not isinstance(element, Mapping):
        raise ConditionNotUnderstood(f"Condition is {element!r}; an object of operators is expected")
    for operator, keys in element.items():
        qualifier, colon, name = str(operator).rpartition(":")
        if (colon and qualifier.lower() not in ("forallvalues", "foranyvalue")) or not isinstance(keys, Mapping):
            raise ConditionNotUnderstood(f"condition operator {operator} is not known")
        base = name.lower()
        if_exists = base.endswith("ifexists")
        base = base.removesuffix("ifexists")
        if base not in _OPERATORS:
            raise ConditionNotUnderstood(f"condition operator {operator} is not known")
        test, negated, check = _OPERATORS[base]
        for key, given in keys.items():
            values = tuple(_text(value) for value in (given if isinstance(given, list) else [given]))
            for value in values:
                try:
                    check(value)
                except _NO_VALUE_OF_IT as error:
                    raise ConditionNotUnderstood(f"{value!r} is no value of condition operator {operator}") from error
            yield Condition(f"{operator} {key}", str(key).lower(), values, test, negated, if_exists, qualifier.lower())


def holds(condition: Condition, request: RequestContext, *, variables: bool) -> bool:
    """Whether a condition is true of a request.

    Args:
        condition: The condition.
        request: The request's keys.
        variables: Whether the policy's version knows `${...}`.
    """
    found = request.values(condition.key)
    if condition.test is _null:
        return any((found is None) == (value.lower() == "true") for value in condition.values)
    if found is None:
        if condition.if_exists or condition.qualifier == "forallvalues":
            return True
        return condition.negated and condition.qualifier != "foranyvalue"
    look_up = request.variable if variables else patterns.no_variables

    def agrees(value: str) -> bool:
        return any(condition.test(wanted, value, look_up) for wanted in condition.values) != condition.negated

    if condition.qualifier == "forallvalues" or (condition.negated and condition.qualifier != "foranyvalue"):
        return all(agrees(value) for value in found)
    return any(agrees(value) for value in found)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ConditionNotUnderstood(f"condition value {value!r} is neither text, number nor truth")


def _equals(wanted: str, found: str, variables: patterns.Variables) -> bool:
    filled = patterns.substitute(wanted, variables)
    return filled is not None and patterns.literal(filled) == found


def _equals_ignoring_case(wanted: str, found: str, variables: patterns.Variables) -> bool:
    filled = patterns.substitute(wanted, variables)
    return filled is not None and patterns.literal(filled).lower() == found.lower()


def _like(wanted: str, found: str, variables: patterns.Variables) -> bool:
    return patterns.matches(wanted, found, variables)


def _arn(wanted: str, found: str, variables: patterns.Variables) -> bool:
    return patterns.arn_matches(wanted, found, variables)


def _bool(wanted: str, found: str, _: patterns.Variables) -> bool:
    return wanted.lower() == found.lower()


def _null(_wanted: str, _found: str, _: patterns.Variables) -> bool:
    raise AssertionError("Null looks at the key, not at its values")


def _binary(wanted: str, found: str, _: patterns.Variables) -> bool:
    return _readable(found, _base64) and _base64(wanted) == _base64(found)


def _ip(wanted: str, found: str, _: patterns.Variables) -> bool:
    return _readable(found, ipaddress.ip_address) and ipaddress.ip_address(found) in _network(wanted)


def _ordered(parse_value: Callable[[str], Any], verdict: Callable[[Any, Any], bool]) -> _Test:
    def test(wanted: str, found: str, _: patterns.Variables) -> bool:
        return _readable(found, parse_value) and verdict(parse_value(found), parse_value(wanted))

    return test


def _readable(found: str, parse_value: Callable[[str], Any]) -> bool:
    """Whether the request's value is one at all; one that is not agrees with nothing."""
    try:
        parse_value(found)
    except _NO_VALUE_OF_IT:
        return False
    return True


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _date(text: str) -> datetime:
    """ISO 8601, or seconds of the epoch."""
    if text.isascii() and text.lstrip("-").isdecimal():
        return datetime.fromtimestamp(int(text), UTC)
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(text)
    return number


def _truth(text: str) -> None:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)


def _any_text(_: str) -> None:
    return None


_COMPARISONS: tuple[tuple[str, Callable[[Any, Any], bool], bool], ...] = (
    ("equals", lambda found, wanted: bool(found == wanted), False),
    ("notequals", lambda found, wanted: bool(found == wanted), True),
    ("lessthan", lambda found, wanted: bool(found < wanted), False),
    ("lessthanequals", lambda found, wanted: bool(found <= wanted), False),
    ("greaterthan", lambda found, wanted: bool(found > wanted), False),
    ("greaterthanequals", lambda found, wanted: bool(found >= wanted), False),
)

_OPERATORS: Mapping[str, tuple[_Test, bool, Callable[[str], object]]] = {
    "stringequals": (_equals, False, _any_text),
    "stringnotequals": (_equals, True, _any_text),
    "stringequalsignorecase": (_equals_ignoring_case, False, _any_text),
    "stringnotequalsignorecase": (_equals_ignoring_case, True, _any_text),
    "stringlike": (_like, False, _any_text),
    "stringnotlike": (_like, True, _any_text),
    "arnequals": (_arn, False, _any_text),
    "arnlike": (_arn, False, _any_text),
    "arnnotequals": (_arn, True, _any_text),
    "arnnotlike": (_arn, True, _any_text),
    "bool": (_bool, False, _truth),
    "null": (_null, False, _truth),
    "binaryequals": (_binary, False, _base64),
    "ipaddress": (_ip, False, _network),
    "notipaddress": (_ip, True, _network),
    **{f"numeric{name}": (_ordered(_number, verdict), negated, _number) for name, verdict, negated in _COMPARISONS},
    **{f"date{name}": (_ordered(_date, verdict), negated, _date) for name, verdict, negated in _COMPARISONS},
}
"""By name in small letters: the comparison, whether negated, and what refuses a policy value that is none."""
