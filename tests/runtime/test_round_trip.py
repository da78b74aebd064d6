"""What the runtime's encoders write, the client's decoders read: the golden files' translations, and any events cut anywhere."""

from __future__ import annotations

import dataclasses
import itertools
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_pkg.client import decoder_for
from streaming_runtime import Data, Error, Finish
from streaming_runtime.events import FINISH_REASONS
from tests.runtime.test_dialects import DOCUMENTS, encoder, wire_of

TRANSLATED = [(name, case) for name, document in DOCUMENTS.items() for case in document.get("translated", ())]
REQUEST = {"model": "m", "stream": True, "threadId": "t", "runId": "r"}
WITH_TEXT = sorted(set(DOCUMENTS) - {"bytes", "text"})
WITH_DATA = ["ag-ui", "ndjson", "sse", "ui-message-stream"]


def read(dialect: str, pieces: list[bytes]) -> tuple[list[dict[str, Any]], bool]:
    """What a reader gets, in the golden files' form, neighbouring pieces of text and bytes joined; and whether it saw the end."""
    decoder = decoder_for(dialect=dialect, header=dialect)
    found: list[dict[str, Any]] = []
    for event in [event for piece in pieces for event in decoder.feed(piece)] + decoder.close():
        item = {"type": type(event).__name__, **dataclasses.asdict(event)}
        last = found[-1] if found else {}
        joins = {"Text": "text", "Bytes": "data"}.get(item["type"])
        if joins and last.get("type") == item["type"]:
            last[joins] += item[joins]
        else:
            found.append(item)
    for item in found:
        if item["type"] == "Bytes":
            item["base64"] = b64encode(item.pop("data")).decode()
    return found, decoder.done


@pytest.mark.parametrize(("dialect", "case"), TRANSLATED, ids=[f"{name}: {case['name']}" for name, case in TRANSLATED])
def test_a_dialect_with_words_of_its_own_is_read_as_the_golden_file_says(dialect: str, case: dict[str, Any]) -> None:
    wire = wire_of(case)
    expected = (case["read"], case["terminal"])
    assert read(dialect, [wire]) == expected
    assert read(dialect, [wire[i : i + 1] for i in range(len(wire))]) == expected
    for cut in range(1, len(wire)):
        assert read(dialect, [wire[:cut], wire[cut:]]) == expected


texts = st.lists(st.text(min_size=1, max_size=12), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
ends = st.one_of(
    st.sampled_from(FINISH_REASONS).map(Finish),
    st.builds(Error, st.just("some_code"), st.text(min_size=1, max_size=10)),
    st.none(),
)
cuts = st.lists(st.integers(0, 3000), max_size=8)


def cut_up(wire: bytes, cuts: list[int]) -> list[bytes]:
    borders = sorted({0, len(wire), *(min(cut, len(wire)) for cut in cuts)})
    return [wire[a:b] for a, b in itertools.pairwise(borders)]


@pytest.mark.parametrize("dialect", WITH_TEXT)
@settings(deadline=None, max_examples=60)
@given(texts=texts, end=ends, beats=st.lists(st.booleans(), max_size=6), cuts=cuts)
def test_any_text_comes_back_wherever_it_is_cut(
    dialect: str, texts: list[str], end: Finish | Error | None, beats: list[bool], cuts: list[int]
) -> None:
    using = encoder(dialect, REQUEST)
    wire = b""
    for text, beat in itertools.zip_longest(texts, beats):
        wire += (using.heartbeat if beat else b"") + (using.text(text) if text else b"")
    wire += using.finish(end) if isinstance(end, Finish) else using.error(end) if end else b""
    events, done = read(dialect, cut_up(wire, cuts))
    assert "".join(event["text"] for event in events if event["type"] == "Text") == "".join(texts)
    assert [event["type"] for event in events if event["type"] != "Text"] == ([type(end).__name__] if end else [])
    assert done == (end is not None)
    assert not isinstance(end, Error) or events[-1]["message"] == end.message


@pytest.mark.parametrize("dialect", WITH_DATA)
@settings(deadline=None, max_examples=40)
@given(items=st.lists(st.tuples(values, st.sampled_from([None, "progress", "citation list"])), max_size=5), cuts=cuts)
def test_any_data_comes_back_wherever_it_is_cut(dialect: str, items: list[tuple[Any, str | None]], cuts: list[int]) -> None:
    using = encoder(dialect, REQUEST)
    wire = b"".join(using.data(Data(value, name)) for value, name in items) + using.finish(Finish())
    events, done = read(dialect, cut_up(wire, cuts))
    found = [event["value"] for event in events if event["type"] == "Data"]
    if dialect == "ui-message-stream":
        found = [value["data"] for value in found]
    elif dialect == "ag-ui":
        found = [value["value"] for value in found]
    assert (found, done) == ([value for value, _ in items], True)


@settings(deadline=None, max_examples=60)
@given(texts=texts, items=st.lists(values, max_size=4), end=ends, cuts=cuts)
def test_every_line_of_ndjson_is_an_object_with_its_type(
    texts: list[str], items: list[Any], end: Finish | Error | None, cuts: list[int]
) -> None:
    using = encoder("ndjson")
    wire = b"".join(using.text(text) + using.heartbeat for text in texts) + b"".join(using.data(Data(item)) for item in items)
    wire += using.finish(end) if isinstance(end, Finish) else using.error(end) if end else b""
    others = decoder_for(dialect="ndjson")  # reads each line as it stands
    found = [event for piece in cut_up(wire, cuts) for event in others.feed(piece)] + others.close()
    lines = [event.value for event in found]
    assert [line["text"] for line in lines if line["type"] == "text"] == texts
    assert [line["data"] for line in lines if line["type"] == "data"] == items
    assert lines[len(texts) + len(items) :] == (
        []
        if end is None
        else [{"type": "finish", "reason": end.reason, "usage": None}]
        if isinstance(end, Finish)
        else [{"type": "error", "code": end.code, "message": end.message}]
    )


@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=40), cuts=cuts)
@pytest.mark.parametrize("dialect", [*WITH_TEXT, "text"])
def test_bytes_that_a_handler_yields_are_text_however_it_cut_them(dialect: str, data: bytes, cuts: list[int]) -> None:
    using = encoder(dialect, REQUEST)
    wire = b"".join(using.raw(piece) for piece in cut_up(data, cuts)) + using.flush() + using.finish(Finish())
    events, _ = read(dialect, [wire])
    assert "".join(event["text"] for event in events if event["type"] == "Text") == data.decode("utf-8", "replace")
