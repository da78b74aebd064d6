"""JSON by the C half of `json` alone: the same values and the same text as `json` gives, and the same refusals."""

from __future__ import annotations

import json
import math
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_runtime.json_text import dumps, loads, quoted, quoted_ascii
from tests.runtime.neutral_api import RUNTIME_ROOT

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
PIECES = st.sampled_from(
    [*'[]{}:,"\\ \n\t0123456789.eE+-tfnuNI/*\x00\u00e9\ud800', "null", "true", "NaN", "Infinity", "\ufeff", '"a"', "\\u12"]
)


def outcome(read: Any, *arguments: Any, **more: Any) -> tuple[str, Any]:
    """What it gives, told apart by repr (True is not 1, 1.0 is not 1); or that it refuses."""
    try:
        return "value", repr(read(*arguments, **more))
    except RecursionError:
        return "refused", RecursionError
    except ValueError:
        return "refused", ValueError


@given(VALUES, st.booleans())
@settings(max_examples=400, deadline=None)
def test_what_is_written_is_what_json_writes(value: Any, ascii_only: bool) -> None:
    expected = outcome(json.dumps, value, ensure_ascii=ascii_only, allow_nan=False, separators=(",", ":"))
    assert outcome(dumps, value, ascii_only=ascii_only) == expected
    assert dumps(value, allow_nan=True) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@given(st.one_of(VALUES.map(json.dumps), st.lists(PIECES, max_size=12).map("".join)))
@settings(max_examples=800, deadline=None)
def test_what_is_read_is_what_json_reads(text: str) -> None:
    def refuse(name: str) -> None:
        raise ValueError(name)

    assert outcome(loads, text) == outcome(json.loads, text)
    assert outcome(loads, text, strict=True) == outcome(json.loads, text, parse_constant=refuse)


@pytest.mark.parametrize("text", ["", " ", "{", "[1,]", "1 2", "nul", "'a'", "\ufeff1", '{"a"}', '"\n"', "[" * 100_000])
def test_what_is_no_json_is_refused_as_json_refuses_it(text: str) -> None:
    assert outcome(loads, text) == outcome(json.loads, text)


def test_constants_that_json_has_not_are_read_unless_they_are_refused() -> None:
    assert math.isnan(loads("[NaN]")[0])
    assert loads(" -Infinity ") == -math.inf
    with pytest.raises(ValueError, match="NaN is not JSON"):
        loads('{"a":NaN}', strict=True)


@given(st.text())
def test_strings_are_quoted_as_json_quotes_them(text: str) -> None:
    assert (quoted(text), quoted_ascii(text)) == (json.dumps(text, ensure_ascii=False), json.dumps(text))


def test_what_json_can_not_say_is_a_type_error_and_a_circle_is_seen() -> None:
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        dumps({1})
    circle: list[Any] = []
    circle.append(circle)
    for _ in range(2):
        with pytest.raises(ValueError, match="Circular"):
            dumps(circle)
    shared = [1]
    assert dumps([shared, shared]) == "[[1],[1]]"


SAME = """
import sys
for name in [name for name in sys.modules if name.partition(".")[0] == "json"]:
    del sys.modules[name]  # what a coverage measurement has loaded
sys.path.insert(0, {root!r})
sys.modules["_json"] = {instead}
from streaming_runtime.json_text import *
print(dumps({{"a": [1.5, "\\u00e9", None, True]}}), dumps("\\u00e9", ascii_only=True), loads(" [1, NaN] ", strict=False)[0], quoted("a\\n"))
for wrong in ("NaN", "1 2"):
    try:
        loads(wrong, strict=True)
    except ValueError:
        print("refused")
print("json" in sys.modules)
"""


@pytest.mark.parametrize(("instead", "loaded"), [("None", True), ("__import__('_json')", False), ("type(sys)('other')", True)])
def test_where_the_c_half_is_another_one_json_does_it(interpreter: str, instead: str, loaded: bool) -> None:
    code = SAME.format(root=str(RUNTIME_ROOT / "python"), instead=instead)
    done = subprocess.run(
        [interpreter, "-X", "utf8", "-c", code], capture_output=True, text=True, encoding="utf-8", timeout=20, check=True
    )
    assert done.stdout.splitlines() == ['{"a":[1.5,"\u00e9",null,true]} "\\u00e9" 1 "a\\n"', "refused", "refused", str(loaded)]
