"""Filter patterns of metric filters: which log events match, and what a selector finds in them. Pure.

Understood are JSON patterns (`{ $.type = "platform.report" && $.record.metrics.durationMs > 100 }`) with `=`, `!=`, `<`, `<=`, `>`, `>=`,
`IS NULL`, `IS TRUE`, `IS FALSE`, `EXISTS`, `NOT EXISTS`, `&&`, `||`, parentheses, `*` in strings and `[n]` or `[*]` in selectors; and
patterns of terms (`ERROR -"not this"`, `?this ?that`). Regular expressions and space-delimited patterns are refused.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import functools
import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Test = Callable[[Any], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*") |
        (?P<selector>\$(?:\.[A-Za-z0-9_\-@:/]+|\[(?:\d+|\*|'[^']*'|"[^"]*")\])*) |
        (?P<operator>&&|\|\||<=|>=|!=|=|<|>|\(|\)) |
        (?P<word>[^\s()=<>!&|"]+)
    )""",
    re.VERBOSE,
)
_STEP = re.compile(r"""\.([A-Za-z0-9_\-@:/]+)|\[(\d+|\*)\]|\[['"]([^'"]+)['"]\]""")
_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
_TYPE_FIRST = re.compile(r"""\{\s*\$\.type\s*=\s*"([^"\\*]*)"\s*(?:\}|&&)""")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


class PatternUnknown(ValueError):
    """A pattern that is not evaluated here. The text is one line."""


class FilterPattern:
    """One pattern, ready to be asked.

    Attributes:
        text: As the template has it.
        asks_json: Whether only events that are JSON can match.
        type: What the event's `type` has to be, where the pattern begins by asking for it and nothing else will do; else None.
    """

    def __init__(self, text: str) -> None:
        """
        Args:
            text: As the template has it. Empty matches everything.

        Raises:
            PatternUnknown: it is none, or of a kind that is not evaluated here.
        """
        self.text = text
        stripped = text.strip()
        self.asks_json = stripped.startswith("{")
        self.type: str | None = None
        if self.asks_json:
            if not stripped.endswith("}"):
                raise PatternUnknown(f"PATTERN_UNKNOWN: {text!r} has no closing brace")
            self._json = _JsonPattern(stripped[1:-1]).test
            named = _TYPE_FIRST.match(stripped)
            self.type = named[1] if named is not None and "||" not in stripped else None
        elif stripped.startswith(("[", "%")):
            raise PatternUnknown(
                f"PATTERN_UNKNOWN: {text!r}; space-delimited patterns and regular expressions are not evaluated here"
            )
        else:
            self._terms = [(sign, quoted or word) for sign, quoted, word in _TERM.findall(stripped)]

    def matches(self, line: str, document: Any) -> bool:
        """Whether a log event matches.

        Args:
            line: The event.
            document: The same, where it is JSON; else None.
        """
        if self.asks_json:
            return document is not None and self._json(document)
        wanted = [term for sign, term in self._terms if sign == ""]
        optional = [term for sign, term in self._terms if sign == "?"]
        if any(term in line for sign, term in self._terms if sign == "-"):
            return False
        return all(term in line for term in wanted) and (not optional or bool(wanted) or any(term in line for term in optional))


def select(selector: str, document: Any) -> list[Any]:
    """What a selector such as `$.record.spans[0].durationMs` finds; `[*]` may find several.

    Raises:
        PatternUnknown: no selector.
    """
    return _steps(selector)(document)


@functools.cache
def _steps(selector: str) -> Callable[[Any], list[Any]]:
    steps: list[str | int | None] = []
    place = 1
    while place < len(selector):
        found = _STEP.match(selector, place)
        if found is None:
            raise PatternUnknown(f"PATTERN_UNKNOWN: {selector!r} is no selector")
        name, index, quoted = found.groups()
        steps.append(name or quoted or (None if index == "*" else int(index)))
        place = found.end()

    if len(steps) == 1 and isinstance(steps[0], str):
        name = steps[0]
        # What most patterns begin with, and most events end at.
        return lambda document: [document[name]] if isinstance(document, dict) and name in document else []

    def walk(document: Any) -> list[Any]:
        here = [document]
        for step in steps:
            below: list[Any] = []
            for value in here:
                if isinstance(step, str):
                    below += [value[step]] if isinstance(value, dict) and step in value else []
                elif isinstance(value, list):
                    below += value if step is None else value[step : step + 1]
            here = below
        return here

    if None in steps:
        return walk
    kinds: list[tuple[Any, Any]] = [(step, dict if isinstance(step, str) else list) for step in steps]

    def walk_one_way(document: Any) -> list[Any]:
        try:
            for step, kind in kinds:
                if type(document) is not kind:
                    return []
                document = document[step]
        except LookupError:
            return []
        return [document]

    return walk_one_way


class _JsonPattern:
    """What stands between the braces: `or` of `and` of comparisons."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                raise PatternUnknown(f"PATTERN_UNKNOWN: {text.strip()!r} cannot be read from {text[place:].strip()[:20]!r} on")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()
        self._tokens.append(("end", ""))
        self._next = 0
        self.test = self._either()
        if self._peek()[0] != "end":
            raise self._unknown()

    def _either(self) -> Test:
        tests = [self._all()]
        while self._accept("||"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda document: any(test(document) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._accept("&&"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else functools.partial(_each, tests)

    def _one(self) -> Test:
        if self._accept("("):
            test = self._either()
            if not self._accept(")"):
                raise self._unknown()
            return test
        kind, selector = self._take()
        if kind != "selector":
            raise self._unknown()
        walk = _steps(selector)
        kind, operator = self._take()
        if kind == "word":
            return self._named(walk, operator)
        kind, text = self._take()
        if operator in ("=", "!=") and kind in ("string", "word"):
            return _equals(walk, text, wanted=operator == "=")
        if operator in _COMPARE and kind == "word":
            number, compare = self._number(text), _COMPARE[operator]
            return lambda document: any(_is_number(value) and compare(value, number) for value in walk(document))
        raise self._unknown()

    def _named(self, walk: Callable[[Any], list[Any]], operator: str) -> Test:
        if operator == "EXISTS":
            return lambda document: bool(walk(document))
        if operator not in ("IS", "NOT"):
            raise self._unknown()
        _, word = self._take()
        if (operator, word) == ("NOT", "EXISTS"):
            return lambda document: not walk(document)
        if operator == "IS" and word in ("NULL", "TRUE", "FALSE"):
            wanted = {"NULL": None, "TRUE": True, "FALSE": False}[word]
            return lambda document: any(value is wanted for value in walk(document))
        raise self._unknown()

    def _number(self, text: str) -> float:
        try:
            return float(text)
        except ValueError as error:
            raise self._unknown() from error

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next]

    def _take(self) -> tuple[str, str]:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _accept(self, operator: str) -> bool:
        if self._peek() != ("operator", operator):
            return False
        self._next += 1
        return True

    def _unknown(self) -> PatternUnknown:
        return PatternUnknown(f"PATTERN_UNKNOWN: {self._text.strip()!r} cannot be read at {self._peek()[1]!r}")


def _each(tests: list[Test], document: Any) -> bool:
    for test in tests:  # noqa: SIM110 - all() of a generator takes three times as long, and this is asked of every log event
        if not test(document):
            return False
    return True


def _equals(walk: Callable[[Any], list[Any]], text: str, *, wanted: bool) -> Test:
    """Equality with a string, in which `*` stands for anything, or with a number.

    A field that is not there equals nothing, and is not unequal to anything either.
    """
    literal = json.loads(text) if text.startswith('"') else text
    number: float | None = None
    if not text.startswith('"'):
        try:
            number = float(text)
        except ValueError:
            number = None
    if number is None and "*" not in literal:
        if wanted:
            return lambda document: literal in walk(document)
        return lambda document: any(isinstance(value, str | int | float) and value != literal for value in walk(document))
    pattern = re.sub(r"([\[\]?])", r"[\1]", literal)  # the asterisk alone is special

    def equal(value: Any) -> bool:
        if _is_number(value):
            return number is not None and value == number
        return isinstance(value, str) and fnmatchcase(value, pattern)

    return lambda document: any(equal(value) is wanted for value in walk(document))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
