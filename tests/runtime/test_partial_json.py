"""partial_json never takes back what it showed, and never contradicts the final value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_runtime.partial_json import MAX_DEPTH, MISSING, PartialJson

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def shown_after(text: str | bytes) -> Any:
    reader = PartialJson()
    reader.feed(text)
    return reader.value


def grows_into(early: Any, late: Any) -> bool:
    """Whether `late` says all that `early` said, and perhaps more at its end."""
    if early is MISSING:
        return True
    if isinstance(early, str):
        return isinstance(late, str) and late.startswith(early)
    if isinstance(early, list):
        return isinstance(late, list) and len(late) >= len(early) and all(map(grows_into, early, late))
    if isinstance(early, dict):
        return isinstance(late, dict) and all(key in late and grows_into(value, late[key]) for key, value in early.items())
    return type(early) is type(late) and early == late


@settings(deadline=None, max_examples=150)
@given(value=values, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_no_prefix_contradicts_what_follows_it(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    before: Any = MISSING
    for cut in range(len(text) + 1):
        now = shown_after(text[:cut])
        assert grows_into(before, now), (text[:cut], before, now)
        before = now
    assert grows_into(before, value)
    reader = PartialJson()
    reader.feed(text)
    assert reader.close() == value
    assert shown_after(text + " ") == value


@settings(deadline=None, max_examples=100)
@given(value=values, size=st.integers(1, 7))
def test_bytes_may_be_cut_within_a_character(value: Any, size: int) -> None:
    data = json.dumps(value, ensure_ascii=False).encode()
    reader = PartialJson()
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        assert grows_into(reader.value, value)
    assert reader.close() == value


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet='{}[]":,\\u0dD8aetrufalsn1-.+E \n', max_size=20))
def test_any_text_is_a_value_or_a_refusal(text: str) -> None:
    reader = PartialJson()
    reader.feed(text)
    whole, shown = either(reader.close), either(lambda: reader.value)
    if isinstance(shown, ValueError):
        assert isinstance(whole, ValueError) or "a repeated key" in str(shown)
    else:
        assert isinstance(whole, ValueError) or grows_into(shown, whole)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet='{}[]":,\\u0dD8aetrufalsn1-.+E \n', max_size=20), st.text(alphabet='"}],0 ', max_size=4))
def test_what_was_shown_is_never_taken_back_and_what_was_refused_stays_so(text: str, end: str) -> None:
    reader, before = PartialJson(), MISSING
    for character in text + end:
        reader.feed(character)
        now = either(lambda: reader.value)
        if isinstance(before, ValueError):
            assert isinstance(now, ValueError)
        elif not isinstance(now, ValueError):
            assert grows_into(before, now), (before, now)
        before = now
    whole = either(reader.close)
    if not isinstance(before, ValueError) and not isinstance(whole, ValueError):
        assert grows_into(before, whole)


def either(read: Any) -> Any:
    try:
        return read()
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", MISSING),
        (" ", MISSING),
        ("12", MISSING),
        ("-", MISSING),
        ("1.", MISSING),
        ("1e", MISSING),
        ("12 ", 12),
        ("tru", MISSING),
        ("true\n", True),
        ('"a', "a"),
        ('"a\\', "a"),
        ('"a\\u00e', "a"),
        ('"a\\ud83d', "a"),
        ('"a\\ud83d\\ude0', "a"),
        ('"a\\ud83d\\ude00', "a😀"),
        ('"a\\ud83dx', "a\ud83dx"),
        ('"a\\ud83d\\u0041', "a\ud83dA"),
        ('"a\\ude00', "a\ude00"),
        ('{"a', {}),
        ('{"a":', {}),
        ('{"a":1', {}),
        ('{"a":1,', {"a": 1}),
        ('{"a":{"b":[1,"x', {"a": {"b": [1, "x"]}}),
        ("[", []),
        ("[nu", []),
        ("[null,", [None]),
        (b'"\xe2\x82', ""),
    ],
)
def test_what_is_certain_so_far(text: str | bytes, shown: Any) -> None:
    assert shown_after(text) == shown


@pytest.mark.parametrize(
    "text",
    ["```json", "{,", "{1", '{"a" 1', "[1 2", "1 2", "nul,", "+1", "NaN", "[01]", '"\n', '"\\x', '"\\u00zz', "{'a'", '{"a":1,"a":', "]",
     '{"a":1]', '{"a":1 "b"'],
)  # fmt: skip
def test_what_can_never_become_json_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="PARTIAL_JSON: found .*; allowed: "):
        shown_after(text)


def test_bounds() -> None:
    with pytest.raises(ValueError, match=f"more than {MAX_DEPTH} levels"):
        shown_after("[" * 1000)
    with pytest.raises(ValueError, match="more than 3 bytes"):
        PartialJson(3).feed("1234")
    with pytest.raises(ValueError, match="not UTF-8"):
        PartialJson().feed(b'"\xff')
    for cut_off in (b'{"a":', b'"\xe2', b""):
        reader = PartialJson()
        reader.feed(cut_off)
        with pytest.raises(ValueError, match="no whole JSON value"):
            reader.close()
