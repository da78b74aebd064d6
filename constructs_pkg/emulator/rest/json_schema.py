"""Checks a document against a JSON schema, draft 4, as API Gateway's request models do. Pure.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html,
https://json-schema.org/draft-04/draft-fge-json-schema-validation-00. Not supported there, and not looked at here: `format`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_MAX_DEPTH = 64


def problem(schema: Any, value: Any) -> str | None:
    """The first thing in a document that its schema does not allow, in words; None where all is well.

    Args:
        schema: The schema.
        value: The document, parsed.
    """
    return _check(schema, value, "", schema, 0)


def _check(schema: Any, value: Any, where: str, root: Any, depth: int) -> str | None:
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return None
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _check(_resolve(reference, root), value, where, root, depth + 1)
    for test in (_type, _values, _numbers, _texts):
        found = test(schema, value)
        if found:
            return f"{where or 'the body'}: {found}"
    return (
        _object(schema, value, where, root, depth)
        or _array(schema, value, where, root, depth)
        or _combined(schema, value, where, root, depth)
    )


def _resolve(reference: str, root: Any) -> Any:
    if not reference.startswith("#"):
        return {}  # another model of the account: what it says is not known here
    found = root
    for part in filter(None, reference[1:].split("/")):
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    return found or {}


_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (Mapping,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES.get(name, (object,)))


def _type(schema: Mapping[str, Any], value: Any) -> str | None:
    names = schema.get("type")
    if names is None:
        return None
    allowed = [names] if isinstance(names, str) else list(names)
    return None if any(_is(value, name) for name in allowed) else f"it is no {' or '.join(allowed)}"


def _values(schema: Mapping[str, Any], value: Any) -> str | None:
    if "enum" in schema and not any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in schema["enum"]):
        return f"it is none of {schema['enum']}"
    return None


def _numbers(schema: Mapping[str, Any], value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (schema.get("exclusiveMinimum") is True and value == low)):
        return f"it is below {low}"
    if high is not None and (value > high or (schema.get("exclusiveMaximum") is True and value == high)):
        return f"it is above {high}"
    step = schema.get("multipleOf")
    if step and (value / step) != int(value / step):
        return f"it is no multiple of {step}"
    return None


def _texts(schema: Mapping[str, Any], value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if len(value) < schema.get("minLength", 0):
        return f"it is shorter than {schema['minLength']}"
    if len(value) > schema.get("maxLength", len(value)):
        return f"it is longer than {schema['maxLength']}"
    pattern = schema.get("pattern")
    if pattern is not None and not re.search(pattern, value):
        return f"it does not match {pattern}"
    return None


def _object(schema: Mapping[str, Any], value: Any, where: str, root: Any, depth: int) -> str | None:
    if not isinstance(value, Mapping):
        return None
    for name in schema.get("required", ()):
        if name not in value:
            return f"{where or 'the body'}: {name} is missing"
    count = len(value)
    if not schema.get("minProperties", 0) <= count <= schema.get("maxProperties", count):
        return f"{where or 'the body'}: it has {count} members"
    properties = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name, member in value.items():
        inside = f"{where}.{name}" if where else str(name)
        found = [properties[name]] if name in properties else []
        found += [part for pattern, part in patterns.items() if re.search(pattern, name)]
        if not found:
            more = schema.get("additionalProperties", True)
            if more is False:
                return f"{inside}: it is not allowed"
            found = [more]
        for part in found:
            trouble = _check(part, member, inside, root, depth + 1)
            if trouble:
                return trouble
    return None


def _array(schema: Mapping[str, Any], value: Any, where: str, root: Any, depth: int) -> str | None:
    if not isinstance(value, list):
        return None
    count = len(value)
    if not schema.get("minItems", 0) <= count <= schema.get("maxItems", count):
        return f"{where or 'the body'}: it has {count} items"
    if schema.get("uniqueItems") is True and any(item in value[:number] for number, item in enumerate(value)):
        return f"{where or 'the body'}: an item stands twice in it"
    items = schema.get("items", {})
    for number, item in enumerate(value):
        if isinstance(items, Sequence):
            part = items[number] if number < len(items) else schema.get("additionalItems", True)
            if part is False:
                return f"{where}[{number}]: it is not allowed"
        else:
            part = items
        trouble = _check(part, item, f"{where}[{number}]", root, depth + 1)
        if trouble:
            return trouble
    return None


def _combined(schema: Mapping[str, Any], value: Any, where: str, root: Any, depth: int) -> str | None:
    def troubles(name: str) -> list[str | None]:
        return [_check(part, value, where, root, depth + 1) for part in schema.get(name, ())]

    for trouble in troubles("allOf"):
        if trouble:
            return trouble
    if "anyOf" in schema and all(troubles("anyOf")):
        return f"{where or 'the body'}: it fits none of the forms allowed"
    if "oneOf" in schema and troubles("oneOf").count(None) != 1:
        return f"{where or 'the body'}: it does not fit exactly one of the forms allowed"
    if "not" in schema and _check(schema["not"], value, where, root, depth + 1) is None:
        return f"{where or 'the body'}: it has a form that is not allowed"
    return None
