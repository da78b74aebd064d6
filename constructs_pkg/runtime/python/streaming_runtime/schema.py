"""JSON Schema, as much of it as a request's body needs, and nothing of it that is not kept. Pure.

Known: type, enum, const, properties, required, additionalProperties, minProperties, maxProperties, items, minItems, maxItems, minLength,
maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum, anyOf, oneOf, allOf; title, description, default, examples, deprecated,
$comment and $schema, which promise nothing, are passed over. Any other keyword is refused when the schema is read: one that is passed
over in silence would let through what its author thinks is checked.

What does not fit is told by where it is and what is allowed there. What the caller wrote is never repeated: it may be a prompt, and the
message goes into the log.

Source: https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    Check: TypeAlias = Callable[[Any, str], str | None]

MAX_DEPTH = 50  # of a schema
_LONGEST_NAME = 40
_SILENT = ("title", "description", "default", "examples", "deprecated", "$comment", "$schema")
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: _is_number(value),
    "integer": lambda value: _is_number(value) and value == value // 1,
}


class Schema:
    """A schema, read once.

    Args:
        schema: As `json.loads` gives it, or written in Python.

    Raises:
        ValueError: `SCHEMA_KEYWORD` for a keyword that is not known here; `SCHEMA_VALUE` for one whose value it cannot have.
    """

    def __init__(self, schema: Mapping[str, Any] | bool) -> None:
        self._check = _read(schema, "#", 0)

    def mismatch(self, value: Any) -> tuple[str, str] | None:
        """The first thing that does not fit: where, as in "$.messages[0].role", and what is wrong. None: it fits."""
        found = self._check(value, "$")
        if found is None:
            return None
        where, _, what = found.partition("\0")
        return where, what


def _read(schema: Any, where: str, depth: int) -> Check:
    if isinstance(schema, bool):
        return _anything if schema else _nothing
    if not isinstance(schema, dict):
        raise _refused("VALUE", f"{_kind(schema)} at {where}", "an object, true or false", "write a schema there")
    if depth > MAX_DEPTH:
        raise _refused("VALUE", f"more than {MAX_DEPTH} levels", "fewer", "write a flatter schema")
    checks: list[Check] = []
    for keyword, value in schema.items():
        if keyword in _SILENT:
            continue
        reader = _READERS.get(keyword)
        if reader is None:
            raise _refused(
                "KEYWORD",
                f"{keyword!r} at {where}",
                ", ".join([*_READERS, *_SILENT]),
                "write it with these, or check in the handler",
            )
        checks.append(reader(schema, value, f"{where}/{keyword}", depth + 1))
    if len(checks) == 1:
        return checks[0]

    def check_all(value: Any, path: str) -> str | None:
        for check in checks:
            found = check(value, path)
            if found is not None:
                return found
        return None

    return check_all


def _read_type(schema: Any, value: Any, where: str, depth: int) -> Check:  # noqa: ARG001 - every reader is called alike
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name in _TYPES for name in names):
        raise _refused("VALUE", f"{value!r} at {where}", ", ".join(_TYPES), "name one of these, or a list of them")
    tests = [_TYPES[name] for name in names]
    return _test(
        lambda found: any(test(found) for test in tests), lambda found: f"must be {_either(names)}, and is {_kind(found)}"
    )


def _read_enum(schema: Any, value: Any, where: str, depth: int) -> Check:  # noqa: ARG001
    if not isinstance(value, list) or not value:
        raise _refused("VALUE", f"{value!r} at {where}", "a list of values", "list what is allowed")
    return _test(
        lambda found: any(_same(found, one) for one in value), lambda _: f"must be {_either([_written(one) for one in value])}"
    )


def _read_const(schema: Any, value: Any, where: str, depth: int) -> Check:
    return _read_enum(schema, [value], where, depth)


def _read_properties(schema: Any, value: Any, where: str, depth: int) -> Check:  # noqa: ARG001
    if not isinstance(value, dict):
        raise _refused("VALUE", f"{_kind(value)} at {where}", "an object of schemas", "name the properties")
    checks = [(name, _read(one, f"{where}/{name}", depth)) for name, one in value.items()]

    def check(found: Any, path: str) -> str | None:
        if isinstance(found, dict):
            for name, inner in checks:
                if name in found:
                    wrong = inner(found[name], _member(path, name))
                    if wrong is not None:
                        return wrong
        return None

    return check


def _read_required(schema: Any, value: Any, where: str, depth: int) -> Check:  # noqa: ARG001
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _refused("VALUE", f"{value!r} at {where}", "a list of names", "list what must be there")

    def check(found: Any, path: str) -> str | None:
        if isinstance(found, dict):
            for name in value:
                if name not in found:
                    return _wrong(_member(path, name), "is missing")
        return None

    return check


def _read_additional(schema: Any, value: Any, where: str, depth: int) -> Check:
    inner = _read(value, where, depth)
    named = frozenset(schema.get("properties") or ())

    def check(found: Any, path: str) -> str | None:
        if isinstance(found, dict):
            for name, member in found.items():
                if name in named:
                    continue
                if inner is _nothing:
                    return _wrong(_member(path, name), f"is not known here; allowed: {', '.join(sorted(named)) or 'no property'}")
                wrong = inner(member, _member(path, name))
                if wrong is not None:
                    return wrong
        return None

    return check


def _read_items(schema: Any, value: Any, where: str, depth: int) -> Check:  # noqa: ARG001
    inner = _read(value, where, depth)

    def check(found: Any, path: str) -> str | None:
        if isinstance(found, list):
            for index, element in enumerate(found):
                wrong = inner(element, f"{path}[{index}]")
                if wrong is not None:
                    return wrong
        return None

    return check


def _read_all_of(schema: Any, value: Any, where: str, depth: int) -> Check:  # noqa: ARG001
    checks = _several(value, where, depth)

    def check(found: Any, path: str) -> str | None:
        for inner in checks:
            wrong = inner(found, path)
            if wrong is not None:
                return wrong
        return None

    return check


def _read_any_of(schema: Any, value: Any, where: str, depth: int) -> Check:  # noqa: ARG001
    checks = _several(value, where, depth)

    def check(found: Any, path: str) -> str | None:
        wrongs = []
        for inner in checks:
            wrong = inner(found, path)
            if wrong is None:
                return None
            wrongs.append(wrong)
        return max(wrongs, key=_depth)  # what came furthest is most likely what was meant

    return check


def _read_one_of(schema: Any, value: Any, where: str, depth: int) -> Check:
    checks = _several(value, where, depth)
    any_of = _read_any_of(schema, value, where, depth)

    def check(found: Any, path: str) -> str | None:
        fitting = sum(inner(found, path) is None for inner in checks)
        return (
            any_of(found, path)
            if fitting == 0
            else _wrong(path, "fits more than one of the forms allowed here")
            if fitting > 1
            else None
        )

    return check


def _several(value: Any, where: str, depth: int) -> list[Check]:
    if not isinstance(value, list) or not value:
        raise _refused("VALUE", f"{_kind(value)} at {where}", "a list of schemas", "list the forms")
    return [_read(one, f"{where}/{index}", depth) for index, one in enumerate(value)]


def _number_reader(keeps: Callable[[Any, Any], bool], says: str) -> Callable[[Any, Any, str, int], Check]:
    """For a bound of numbers."""

    def read(schema: Any, value: Any, where: str, depth: int) -> Check:  # noqa: ARG001
        if not _is_number(value):
            raise _refused("VALUE", f"{value!r} at {where}", "a number", "write one")
        return _test(lambda found: not _is_number(found) or keeps(found, value), lambda _: f"must be {says} {_written(value)}")

    return read


def _size_reader(
    kind: type[Any], keeps: Callable[[int, int], bool], says: str, unit: str
) -> Callable[[Any, Any, str, int], Check]:
    """For a bound of lengths."""

    def read(schema: Any, value: Any, where: str, depth: int) -> Check:  # noqa: ARG001
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise _refused("VALUE", f"{value!r} at {where}", "a whole number from 0 on", "write one")
        return _test(
            lambda found: not isinstance(found, kind) or keeps(len(found), value),
            lambda found: f"must have {says} {value} {unit}, and has {len(found)}",
        )

    return read


def _at_least(found: Any, bound: Any) -> bool:
    return bool(found >= bound)


def _at_most(found: Any, bound: Any) -> bool:
    return bool(found <= bound)


_READERS: dict[str, Callable[[Any, Any, str, int], Check]] = {
    "type": _read_type,
    "enum": _read_enum,
    "const": _read_const,
    "required": _read_required,
    "properties": _read_properties,
    "additionalProperties": _read_additional,
    "minProperties": _size_reader(dict, _at_least, "at least", "properties"),
    "maxProperties": _size_reader(dict, _at_most, "at most", "properties"),
    "items": _read_items,
    "minItems": _size_reader(list, _at_least, "at least", "elements"),
    "maxItems": _size_reader(list, _at_most, "at most", "elements"),
    "minLength": _size_reader(str, _at_least, "at least", "characters"),
    "maxLength": _size_reader(str, _at_most, "at most", "characters"),
    "minimum": _number_reader(_at_least, "at least"),
    "maximum": _number_reader(_at_most, "at most"),
    "exclusiveMinimum": _number_reader(lambda found, bound: bool(found > bound), "above"),
    "exclusiveMaximum": _number_reader(lambda found, bound: bool(found < bound), "below"),
    "anyOf": _read_any_of,
    "oneOf": _read_one_of,
    "allOf": _read_all_of,
}


def _test(holds: Callable[[Any], bool], says: Callable[[Any], str]) -> Check:
    return lambda found, path: None if holds(found) else _wrong(path, says(found))


def _anything(value: Any, path: str) -> str | None:  # noqa: ARG001
    return None


def _nothing(value: Any, path: str) -> str | None:  # noqa: ARG001
    return _wrong(path, "must not be there")


def _wrong(path: str, what: str) -> str:
    return f"{path}\0{what}"


def _depth(wrong: str) -> int:
    path = wrong.partition("\0")[0]
    return path.count(".") + path.count("[")


def _member(path: str, name: str) -> str:
    """The path of a member. A name that the caller chose is shortened, and cannot break the line."""
    if name.isidentifier():
        return f"{path}.{name[:_LONGEST_NAME]}"
    return f"{path}[{json.dumps(name[:_LONGEST_NAME])}]"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON has it: 1 is 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _kind(value: Any) -> str:
    """The JSON type of a value, for messages."""
    return next((name for name, test in _TYPES.items() if test(value)), type(value).__name__)


def _refused(code: str, found: str, allowed: str, mend: str) -> ValueError:
    return ValueError(f"SCHEMA_{code}: found {found}; allowed: {allowed}; {mend}")
