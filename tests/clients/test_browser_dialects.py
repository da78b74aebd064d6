"""The browser's module reads each dialect as the Python client does, however the bytes were cut."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.client import Bytes, Data, Error, Event, Finish, RawEvent, StreamTruncated, Text, decoder_for
from tests.client.test_dialects import GOLDEN, STREAMS, joined
from tests.client.test_event_stream import CASES as EVENT_STREAMS
from tests.clients.browser_module import INSTALLED, NEEDS_NPM, build, offline

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not INSTALLED, reason=NEEDS_NPM)

CONTRACTS = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*.json"))]
GOLDEN_CASES = {
    f"{contract['dialect']}: {case['name']}": (contract, case) for contract in CONTRACTS for case in contract["cases"]
}
CRLF_CASES = {
    name: (contract, case) for name, (contract, case) in GOLDEN_CASES.items() if "event-stream" in contract["content_type"]
}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("browser"))


def told(event: Event) -> dict[str, Any]:
    """A Python event as the browser's module gives it."""
    match event:
        case Text(text):
            return {"type": "text", "text": text}
        case Data(value, name):
            return {"type": "data", **({} if name is None else {"name": name}), "value": value}
        case Bytes(value):
            return {"type": "data", "value": value.decode("latin-1")}
        case RawEvent(name, value, id):
            return {"type": "data", "name": name, "value": value, **({"id": id} if id else {})}
        case Finish(reason, usage):
            counts = {} if usage is None else {"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens}
            counts |= {} if usage is None else {"totalTokens": usage.total_tokens}
            counts = {name: count for name, count in counts.items() if count is not None}
            return {"type": "finish", "reason": reason or "", **({"usage": counts} if counts else {})}
    raise AssertionError(event)


def expected(wire: bytes, dialect: str | None, headers: dict[str, str]) -> dict[str, Any]:
    """What the Python client's decoder says of the same bytes, in the browser's words."""
    header = headers.get("x-stream-dialect")
    decoder = decoder_for(dialect=dialect, header=header, content_type=headers.get("content-type"))
    events = decoder.feed(wire)
    error = None
    try:
        events = joined(events + decoder.close())
    except StreamTruncated:
        error = ("StreamTruncated", "TRUNCATED")
    if events and isinstance(events[-1], Error):
        last = events.pop()
        error = ("DeadlineExceeded" if last.code == "deadline_exceeded" else "StreamError", last.code)
    elif decoder.terminal is not None and not decoder.done:
        error = ("StreamTruncated", "TRUNCATED")
    return {"events": [told(event) for event in events], "error": error}


def brief(outcome: dict[str, Any]) -> dict[str, Any]:
    error = outcome["error"]
    return {"events": outcome["events"], "error": error and (error["name"], error["code"])}


def case_of(wire: bytes, headers: dict[str, str], dialect: str | None = None) -> dict[str, Any]:
    return {"wire": base64.b64encode(wire).decode(), "headers": headers, "dialect": dialect, "cut": True}


def headers_of(contract: dict[str, Any]) -> dict[str, str]:
    return {"content-type": contract["content_type"], **contract["headers"]}


@pytest.fixture(scope="module")
def golden(dist: Path) -> dict[str, list[Any]]:
    cases = [case_of(case["wire"].encode(), headers_of(contract)) for contract, case in GOLDEN_CASES.values()]
    return dict(zip(GOLDEN_CASES, offline(dist, "read", cases), strict=True))


@pytest.mark.parametrize("name", GOLDEN_CASES)
def test_golden_files_are_read_as_in_python_however_they_are_cut(golden: dict[str, list[Any]], name: str) -> None:
    contract, case = GOLDEN_CASES[name]
    [outcome] = golden[name]
    assert brief(outcome) == expected(case["wire"].encode(), None, headers_of(contract))


@pytest.fixture(scope="module")
def crlf(dist: Path) -> dict[str, list[Any]]:
    cases = [case_of(case["wire"].replace("\n", "\r\n").encode(), headers_of(contract)) for contract, case in CRLF_CASES.values()]
    return dict(zip(CRLF_CASES, offline(dist, "read", cases), strict=True))


@pytest.mark.parametrize("name", CRLF_CASES)
def test_lines_that_end_in_crlf_say_the_same_cut_within_the_crlf_too(crlf: dict[str, list[Any]], name: str) -> None:
    contract, case = CRLF_CASES[name]
    [outcome] = crlf[name]
    assert brief(outcome) == expected(case["wire"].encode(), None, headers_of(contract))


@pytest.fixture(scope="module")
def raw(dist: Path) -> dict[str, list[Any]]:
    """The event streams of WHATWG's examples, read as the dialect `sse`, which passes unnamed events on as they stand."""
    cases = [case_of(wire, {}, "sse") for wire, _ in EVENT_STREAMS.values()]
    return dict(zip(EVENT_STREAMS, offline(dist, "read", cases), strict=True))


@pytest.mark.parametrize(
    "name", [name for name, (_, events) in EVENT_STREAMS.items() if all(e.event == "message" for e in events)]
)
def test_event_streams_are_read_as_whatwg_says_however_they_are_cut(raw: dict[str, list[Any]], name: str) -> None:
    [outcome] = raw[name]
    events = EVENT_STREAMS[name][1]
    assert outcome["events"] == [told(RawEvent(event.event, event.data, event.id)) for event in events]
    assert brief(outcome)["error"] == ("StreamTruncated", "TRUNCATED"), "no finish came"


@pytest.fixture(scope="module")
def others(dist: Path) -> dict[str, list[Any]]:
    cases = [case_of(wire, {}, dialect) for dialect, wire, _, _ in STREAMS.values()]
    return dict(zip(STREAMS, offline(dist, "read", cases), strict=True))


@pytest.mark.parametrize("name", [name for name, (dialect, *_) in STREAMS.items() if dialect != "event-stream"])
def test_what_other_servers_write_is_read_as_in_python(others: dict[str, list[Any]], name: str) -> None:
    dialect, wire, _, _ = STREAMS[name]
    for outcome in others[name]:
        assert brief(outcome) == expected(wire, dialect, {"x-stream-dialect": "ndjson"} if dialect == "ndjson" else {})


SSE = {"content-type": "text/event-stream", "x-stream-dialect": "sse"}
BROKEN = {
    "an event that is not JSON": (b"event: text\ndata: {\n\n", SSE, "NOT_JSON"),
    "an event that is no object": (b"event: text\ndata: [1]\n\n", SSE, "NOT_AN_EVENT"),
    "a line that is not JSON": (b"{}\nnope\n", {"content-type": "application/x-ndjson"}, "NOT_JSON"),
    "a document that is not JSON": (b"{", {"content-type": "application/json"}, "NOT_JSON"),
    "an event without an end": (b"data: " + b"x" * (8 * 1024 * 1024), SSE, "EVENT_TOO_LARGE"),
    "a line without an end": (b"x" * (8 * 1024 * 1024 + 1), {"content-type": "application/x-ndjson"}, "EVENT_TOO_LARGE"),
    "a dialect that is not there": (b"", {**SSE, "x-stream-dialect": "klingon"}, "UNKNOWN_DIALECT"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_bytes_that_are_not_what_their_type_says_are_refused_without_repeating_them(dist: Path, name: str) -> None:
    wire, headers, code = BROKEN[name]
    [[outcome]] = offline(dist, "read", [{**case_of(wire, headers), "cut": len(wire) < 1000}])
    assert outcome["error"]["code"] == code
    assert outcome["events"] == ([{"type": "data", "value": {}}] if b"nope" in wire else []), "what came before it is delivered"
    assert "nope" not in outcome["error"]["message"]


def test_without_the_header_the_content_type_says_how_to_read(dist: Path) -> None:
    wires = {
        "text/plain; charset=utf-8": ("é".encode(), [{"type": "text", "text": "é"}]),
        "application/x-ndjson": (b'{"type":"text"}\n', [{"type": "data", "value": {"type": "text"}}]),
        "application/json": (b'{"a":\n1}', [{"type": "data", "value": {"a": 1}}]),
        "application/problem+json; charset=utf-8": (b"7", [{"type": "data", "value": 7}]),
        "application/octet-stream": (b"\xff", [{"type": "data", "value": "ÿ"}]),
        "text/event-stream": (b"data: a\n\n", [{"type": "data", "name": "message", "value": "a"}]),
    }
    cases = [{**case_of(wire, {"content-type": kind}), "cut": False} for kind, (wire, _) in wires.items()]
    found = [outcome["events"] for [outcome] in offline(dist, "read", cases)]
    assert found == [events for _, events in wires.values()]
