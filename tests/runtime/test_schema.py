"""JSON Schema as far as it is known here, and nothing of it that is passed over."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_runtime.schema import MAX_DEPTH, Schema

CHAT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A chat",
    "type": "object",
    "required": ["messages"],
    "additionalProperties": False,
    "properties": {
        "messages": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "required": ["role", "content"],
                "properties": {"role": {"enum": ["user", "assistant"]}, "content": {"type": "string", "minLength": 1, "maxLength": 9}},
            },
        },
        "temperature": {"type": "number", "minimum": 0, "exclusiveMaximum": 2},
        "n": {"type": "integer", "const": 1},
    },
}  # fmt: skip
HI = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [HI]},
        {"messages": [HI, {"role": "assistant", "content": "123456789", "name": "more"}], "temperature": 0, "n": 1.0},
        {"messages": [HI], "temperature": 1.99},
    ],
)
def test_what_fits(value: Any) -> None:
    assert Schema(CHAT).mismatch(value) is None


@pytest.mark.parametrize(
    ("value", "where", "what"),
    [
        ([], "$", "must be object, and is array"),
        (None, "$", "must be object, and is null"),
        ({}, "$.messages", "is missing"),
        ({"messages": []}, "$.messages", "must have at least 1 elements, and has 0"),
        ({"messages": [HI] * 3}, "$.messages", "must have at most 2 elements, and has 3"),
        ({"messages": [HI, 7]}, "$.messages[1]", "must be object, and is number"),
        ({"messages": [{"role": "user"}]}, "$.messages[0].content", "is missing"),
        ({"messages": [{"role": "root", "content": "x"}]}, "$.messages[0].role", 'must be "user" or "assistant"'),
        ({"messages": [{**HI, "content": ""}]}, "$.messages[0].content", "must have at least 1 characters, and has 0"),
        ({"messages": [{**HI, "content": "ä" * 10}]}, "$.messages[0].content", "must have at most 9 characters, and has 10"),
        ({"messages": [HI], "temperature": -1}, "$.temperature", "must be at least 0"),
        ({"messages": [HI], "temperature": 2}, "$.temperature", "must be below 2"),
        ({"messages": [HI], "temperature": True}, "$.temperature", "must be number, and is boolean"),
        ({"messages": [HI], "n": 2}, "$.n", "must be 1"),
        ({"messages": [HI], "n": True}, "$.n", "must be integer, and is boolean"),
        ({"messages": [HI], "n": 1.5}, "$.n", "must be integer, and is number"),
        ({"messages": [HI], "m": 1}, "$.m", "is not known here; allowed: messages, n, temperature"),
        ({"messages": [HI], "a\nb": 1}, '$["a\\nb"]', "is not known here; allowed: messages, n, temperature"),
    ],
)
def test_what_does_not_fit_is_told_by_its_place(value: Any, where: str, what: str) -> None:
    assert Schema(CHAT).mismatch(value) == (where, what)


@pytest.mark.parametrize(
    ("schema", "fits", "fits_not"),
    [
        (True, [1, None], []),
        (False, [], [1, None]),
        ({}, [1, None], []),
        ({"type": ["string", "null"]}, ["x", None], [1, False, [], {}]),
        ({"type": "integer"}, [1, 1.0, -7, 10**30], [1.5, True, "1", float("inf")]),
        ({"type": "boolean"}, [True, False], [0, 1, None]),
        ({"enum": [1, "a", None, [1], {"a": True}]}, [1, 1.0, "a", None, [1.0], {"a": True}], [True, 0, "b", [True], [1, 1]]),
        ({"enum": [{"a": True}]}, [{"a": True}], [{"a": 1}, {"b": True}, {}, []]),
        ({"const": False}, [False], [0, None, True]),
        ({"properties": {"a": {"type": "string"}}}, [{"a": "x"}, {}, [], 7], [{"a": 7}]),
        ({"required": ["a"]}, [{"a": None}, [], "x"], [{}, {"b": 1}]),
        ({"additionalProperties": {"type": "string"}}, [{"a": "x"}, []], [{"a": 7}]),
        ({"properties": {"a": True}, "additionalProperties": False}, [{"a": 1}, {}], [{"b": 1}]),
        ({"additionalProperties": False}, [{}, 7], [{"b": 1}]),
        ({"minProperties": 1, "maxProperties": 2}, [{"a": 1}, []], [{}, {"a": 1, "b": 2, "c": 3}]),
        ({"items": {"minimum": 1}}, [[1, 2], [], {}], [[1, 0]]),
        ({"items": False}, [[]], [[1]]),
        ({"exclusiveMinimum": 0, "maximum": 3}, [1, 3, "x"], [0, 4]),
        ({"allOf": [{"minimum": 1}, {"maximum": 2}]}, [1, 2], [0, 3]),
        ({"anyOf": [{"type": "string"}, {"type": "object", "required": ["a"]}]}, ["x", {"a": 1}], [1, {}]),
        ({"oneOf": [{"minimum": 2}, {"maximum": 3}]}, [1, 4], [2, 3]),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, ["x", None], [1]),
        ({"description": "x", "default": 1, "examples": [1], "deprecated": True, "$comment": "x"}, [1, None], []),
    ],
)  # fmt: skip
def test_each_keyword_keeps_what_it_says(schema: Any, fits: list[Any], fits_not: list[Any]) -> None:
    read = Schema(schema)
    assert [value for value in fits if read.mismatch(value) is not None] == []
    assert [value for value in fits_not if read.mismatch(value) is None] == []


def test_of_several_forms_the_one_that_came_furthest_is_told() -> None:
    schema = Schema({"anyOf": [{"type": "string"}, {"properties": {"a": {"properties": {"b": {"type": "null"}}}}}]})
    assert schema.mismatch({"a": {"b": 1}}) == ("$.a.b", "must be null, and is number")
    assert Schema({"oneOf": [{"minimum": 2}, {"maximum": 3}]}).mismatch(2) == (
        "$",
        "fits more than one of the forms allowed here",
    )
    assert Schema({"additionalProperties": False}).mismatch({"a": 1}) == ("$.a", "is not known here; allowed: no property")
    assert Schema({"properties": {"a": False}}).mismatch({"a": 1}) == ("$.a", "must not be there")
    assert Schema({"type": ["null", "string", "array"]}).mismatch(1) == ("$", "must be null, string or array, and is number")


def test_what_the_caller_wrote_is_not_repeated() -> None:
    secret = "the-secret-word" * 10
    schema = Schema(
        {"properties": {"a": {"enum": ["x"]}, "b": {"maxLength": 3}, "c": {"const": 1}}, "additionalProperties": False}
    )
    for value in ({"a": secret}, {"b": secret}, {"c": [secret]}):
        assert "secret" not in str(schema.mismatch(value))
    where, _ = schema.mismatch({"x" * 500: 1}) or ("", "")
    assert len(where) < 50, "only a name, and no more of it than finds it again"


@pytest.mark.parametrize(
    "keyword",
    ["pattern", "format", "$ref", "$defs", "not", "if", "uniqueItems", "multipleOf", "patternProperties", "prefixItems", "typ"],
)
def test_an_unknown_keyword_is_refused_wherever_it_stands(keyword: str) -> None:
    for schema in ({keyword: 1}, {"properties": {"a": {"items": {keyword: 1}}}}, {"anyOf": [{keyword: 1}]}):
        with pytest.raises(
            ValueError, match=rf"^SCHEMA_KEYWORD: found '{re.escape(keyword)}' at #.*; allowed: type, enum, .*; write it with"
        ):
            Schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        "object",
        {"type": "text"},
        {"type": []},
        {"type": 7},
        {"type": [7]},
        {"enum": []},
        {"enum": "a"},
        {"properties": []},
        {"properties": {"a": None}},
        {"required": "a"},
        {"required": [1]},
        {"additionalProperties": "no"},
        {"items": [{}]},
        {"anyOf": {}},
        {"oneOf": []},
        {"allOf": [7]},
        {"minimum": "1"},
        {"maximum": True},
        {"minLength": -1},
        {"maxItems": 1.5},
        {"minProperties": True},
    ],
)
def test_a_keyword_with_a_value_that_it_cannot_have_is_refused(schema: Any) -> None:
    with pytest.raises(ValueError, match=r"^SCHEMA_VALUE: found .* at #.*; allowed: .*; "):
        Schema(schema)


def test_a_schema_without_end_is_refused() -> None:
    schema: dict[str, Any] = {}
    schema["items"] = schema
    with pytest.raises(ValueError, match=f"SCHEMA_VALUE: found more than {MAX_DEPTH} levels"):
        Schema(schema)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(value=values, other=values)
def test_a_value_fits_its_own_constant_and_no_other(value: Any, other: Any) -> None:
    assert Schema({"const": value}).mismatch(json.loads(json.dumps(value))) is None
    if Schema({"const": value}).mismatch(other) is None:
        assert value == other


@settings(deadline=None, max_examples=150)
@given(value=values)
def test_any_value_fits_or_is_told_where_it_does_not(value: Any) -> None:
    found = Schema(CHAT).mismatch(value)
    assert found is None or found[0].startswith("$")
