"""The server-sent event decoder: WHATWG's rules, whatever way the bytes were cut."""

from __future__ import annotations

import itertools
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_pkg.client import MalformedStream, ServerSentEvent, ServerSentEventDecoder


def event(data: str, event: str = "message", id: str = "") -> ServerSentEvent:
    return ServerSentEvent(event, data, id)


CASES: dict[str, tuple[bytes, list[ServerSentEvent]]] = {
    # The examples of https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    "the stock example": (b"data: YHOO\ndata: +2\ndata: 10\n\n", [event("YHOO\n+2\n10")]),
    "the example of comment, id and space": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [event("first event", id="1"), event("second event"), event(" third event")],
    ),
    "the example of empty data": (b"data\n\ndata\ndata\n\ndata:", [event(""), event("\n")]),
    "the example of two equal events": (b"data:test\n\ndata: test\n\n", [event("test"), event("test")]),
    "named events": (
        b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
        [event("73857293", "add"), event("2153", "remove")],
    ),
    # What others get wrong.
    "heartbeats after an id are no events": (
        b"id: 1\ndata: a\n\n: heartbeat\n\n: heartbeat\n\ndata: b\n\n",
        [event("a", id="1"), event("b", id="1")],
    ),
    "an id alone is no event but counts": (b"id: 7\n\ndata: a\n\n", [event("a", id="7")]),
    "an id is forgotten by an empty one": (b"id: 7\ndata: a\n\nid:\ndata: b\n\n", [event("a", id="7"), event("b")]),
    "an id with a NUL is not one": (b"id: 1\ndata: a\n\nid: \x002\ndata: b\n\n", [event("a", id="1"), event("b", id="1")]),
    "an event type without data is forgotten": (b"event: x\n\ndata: a\n\n", [event("a")]),
    "an empty event type is message": (b"event: x\nevent:\ndata: a\n\n", [event("a")]),
    "retry alone is no event": (b"retry: 3000\n\ndata: a\n\n", [event("a")]),
    "nonsense after retry is passed over": (b"retry: 3s\nretry: \xd9\xa3\ndata: a\n\n", [event("a")]),
    "unknown fields are passed over": (b"foo: bar\nDATA: no\n data: no\ndata: a\n\n", [event("a")]),
    "what was not dispatched is dropped": (b"data: a\n\ndata: b\n", [event("a")]),
    "a line without an end is dropped": (b"data: a\n\ndata: b", [event("a")]),
    "CRLF": (b"event: e\r\ndata: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", [event("a\nb", "e"), event("c")]),
    "CR": (b"event: e\rdata: a\rdata: b\r\rdata: c\r\r", [event("a\nb", "e"), event("c")]),
    "mixed line ends": (b"data: a\r\n\ndata: b\n\rdata: c\r\r\ndata: d\n\r\n", [event("a"), event("b"), event("c"), event("d")]),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [event("a")]),
    "a second byte order mark is no mark": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [event("b")]),
    "characters of every width": ("data: aé€😀\u2028\x85\x0b\n\n".encode(), [event("aé€😀\u2028\x85\x0b")]),
    "bytes that are not UTF-8": (b"data: a\xff\xc3\n\n", [event("a\ufffd\ufffd")]),
    "colons in data": (b"data: a: b\n\ndata::\n\n", [event("a: b"), event(":")]),
    "only one space is taken": (b"data:   a \n\n", [event("  a ")]),
    "nothing": (b"", []),
    "empty lines": (b"\n\r\n\r\n\n", []),
}


def decode(pieces: list[bytes]) -> list[ServerSentEvent]:
    decoder = ServerSentEventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


@pytest.mark.parametrize(("wire", "events"), CASES.values(), ids=CASES)
def test_events_are_the_same_however_the_bytes_are_cut(wire: bytes, events: list[ServerSentEvent]) -> None:
    assert decode([wire]) == events
    assert decode([wire[i : i + 1] for i in range(len(wire))]) == events
    for cut in range(len(wire) + 1):
        assert decode([wire[:cut], wire[cut:]]) == events
        assert decode([wire[:cut], b"", wire[cut:]]) == events


LINES = st.sampled_from(
    [
        b"data",
        b"data:",
        b"data: x",
        b"data:\xc3\xa9\xe2\x82\xac",
        b"id: 1",
        b"id",
        b"event: e",
        b": c",
        b"",
        b"",
        b"retry: 5",
        b"\xef\xbb\xbf",
        b"\xff",
    ]
)


@given(
    st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"])), max_size=12),
    st.lists(st.integers(0, 120), max_size=8),
)
def test_any_stream_gives_the_same_events_for_any_cuts(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    wire = b"".join(line + end for line, end in lines)
    borders = sorted({0, len(wire), *(min(cut, len(wire)) for cut in cuts)})
    assert decode([wire[a:b] for a, b in itertools.pairwise(borders)]) == decode([wire])


def test_an_event_is_given_as_soon_as_its_empty_line_is_there() -> None:
    decoder = ServerSentEventDecoder()
    assert decoder.feed(b"data: a\r\n") == []
    assert decoder.feed(b"\r") == [event("a")]  # the LF that may follow is not waited for
    assert decoder.feed(b"\ndata: b\n\n") == [event("b")]


def test_last_event_id_is_that_of_the_last_whole_event() -> None:
    decoder = ServerSentEventDecoder()
    decoder.feed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n")
    assert decoder.last_event_id == "1"
    decoder.feed(b"\n")
    assert decoder.last_event_id == "2"


def test_retry_is_kept() -> None:
    decoder = ServerSentEventDecoder()
    decoder.feed(b"retry: 2500\n")
    assert decoder.retry_milliseconds == 2500


@pytest.mark.parametrize(
    "pieces",
    [[b"data: " + b"x" * 2000], [b"x" * 500] * 4, [b"data: " + b"x" * 100 + b"\n"] * 20],
    ids=["one line", "a line in pieces", "many lines"],
)
def test_an_event_beyond_the_limit_is_refused(pieces: list[bytes]) -> None:
    decoder = ServerSentEventDecoder(max_event_bytes=1000)
    with pytest.raises(MalformedStream, match="EVENT_TOO_LARGE.*1000 bytes.*max_event_bytes"):
        deque(map(decoder.feed, pieces), maxlen=0)


def test_many_events_below_the_limit_are_no_large_event() -> None:
    decoder = ServerSentEventDecoder(max_event_bytes=1000)
    assert len(decoder.feed(b"data: x\n\n" * 1000)) == 1000
