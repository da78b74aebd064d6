"""Request models: JSON schema, draft 4. Held against the package jsonschema, which the linters bring."""

from __future__ import annotations

from typing import Any

import pytest

from constructs_pkg.emulator.rest.json_schema import problem

SCHEMAS: list[Any] = [
    {"type": "object", "required": ["a"], "properties": {"a": {"type": "array", "items": {"type": "integer"}, "minItems": 1}}},
    {"type": "object", "additionalProperties": False, "properties": {"a": {}}, "patternProperties": {"^x-": {"type": "string"}}},
    {"type": ["string", "null"], "minLength": 2, "maxLength": 3, "pattern": "^a"},
    {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 10, "multipleOf": 0.5},
    {"enum": ["a", 1, True, None]},
    {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 5}]},
    {"oneOf": [{"type": "integer"}, {"minimum": 5}]},
    {"allOf": [{"required": ["a"]}, {"required": ["b"]}]},
    {"not": {"type": "string"}},
    {"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "additionalItems": False, "uniqueItems": True},
    {"type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": True},
    {"type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": {"type": "integer"}},
    {"definitions": {"a/b": {"type": "integer"}}, "properties": {"a": {"$ref": "#/definitions/a~1b"}}},
    {
        "definitions": {"tree": {"properties": {"kids": {"items": {"$ref": "#/definitions/tree"}}}, "required": ["name"]}},
        "$ref": "#/definitions/tree",
    },
    {"type": "boolean"},
]

DOCUMENTS: list[Any] = [
    None,
    True,
    0,
    1,
    5,
    0.25,
    2.0,
    11,
    "a",
    "ab",
    "abcd",
    "b!",
    [],
    [1],
    [1, 1],
    ["a", 1],
    ["a", 1, 2],
    [{}],
    {},
    {"a": []},
    {"a": [1]},
    {"a": ["1"]},
    {"a": 1, "b": 2},
    {"a": 1, "b": 2, "c": 3},
    {"x-a": "1"},
    {"x-a": 1},
    {"name": "n", "kids": [{"name": "m"}]},
    {"name": "n", "kids": [{"kids": []}]},
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_it_decides_as_the_reference_does(schema: Any) -> None:
    reference = pytest.importorskip("jsonschema").Draft4Validator(schema)
    for document in DOCUMENTS:
        assert (problem(schema, document) is None) == reference.is_valid(document), document


def test_it_says_what_is_wrong_and_where() -> None:
    schema = {"properties": {"a": {"items": {"properties": {"b": {"type": "string"}}}}}}
    assert problem(schema, {"a": [{"b": "x"}, {"b": 1}]}) == "a[1].b: it is no string"


def test_a_schema_that_never_ends_ends() -> None:
    assert problem({"$ref": "#"}, {"a": 1}) is None
