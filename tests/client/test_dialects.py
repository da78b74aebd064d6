"""Each dialect read: the golden files that the runtime's encoders are held to as well, and what only a reader meets."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_pkg.client import (
    DIALECTS,
    Bytes,
    ConfigurationError,
    Data,
    Error,
    Event,
    Finish,
    MalformedStream,
    RawEvent,
    StreamTruncated,
    Text,
    Usage,
    decoder_for,
)

GOLDEN = Path(__file__).parents[1] / "contract" / "dialects"


def golden_cases() -> list[Any]:
    cases = []
    for path in sorted(GOLDEN.glob("*.json")):
        contract = json.loads(path.read_text(encoding="utf-8"))
        cases += [pytest.param(contract, case, id=f"{contract['dialect']}-{case['name']}") for case in contract["cases"]]
    return cases


def read(dialect: str, pieces: list[bytes], header: str | None = None) -> tuple[list[Event], bool]:
    """The events, pieces of text joined as they have no borders on the wire, and whether the terminal event came."""
    decoder = decoder_for(dialect=dialect, header=header)
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()
    return joined(events), decoder.done


def joined(events: list[Event]) -> list[Event]:
    whole: list[Event] = []
    for event in events:
        if isinstance(event, Text) and whole and isinstance(whole[-1], Text):
            whole[-1] = Text(whole[-1].text + event.text)
        elif isinstance(event, Bytes) and whole and isinstance(whole[-1], Bytes):
            whole[-1] = Bytes(whole[-1].data + event.data)
        else:
            whole.append(event)
    return whole


def expected(dialect: str, case: dict[str, Any]) -> list[Event]:
    """What a reader is to get of what was written: heartbeats and internal events are none, and a dialect tells what it can."""
    if dialect in ("text", "bytes"):
        wire = case["wire"]
        return ([Text(wire)] if dialect == "text" else [Bytes(wire.encode())]) if wire else []
    usage_asked = dialect != "openai-chat" or case.get("request", {}).get("stream_options", {}).get("include_usage")
    events: list[Event] = []
    for item in case["events"]:
        match item["type"]:
            case "Text" if item["text"]:
                events.append(Text(item["text"]))
            case "Data":
                events.append(Data(item["value"], item["name"]))
            case "Error":
                events.append(Error(item["code"], item["message"]))
            case "Finish":
                usage = None
                if item["usage"] and usage_asked:
                    counts = item["usage"]["input_tokens"], item["usage"]["output_tokens"]
                    usage = Usage(*counts, sum(counts))
                events.append(Finish(item["reason"], usage))
    return joined(events)


@pytest.mark.parametrize(("contract", "case"), golden_cases())
def test_golden_files_are_read_back(contract: dict[str, Any], case: dict[str, Any]) -> None:
    dialect, wire = contract["dialect"], case["wire"].encode()
    if dialect not in DIALECTS:
        pytest.skip(f"no decoder for {dialect} yet")
    header = contract["headers"].get("x-stream-dialect")
    found = read(dialect, [wire], header), read(dialect, [wire[i : i + 1] for i in range(len(wire))], header)
    assert found[0] == found[1] == (expected(dialect, case), case["terminal"])


@pytest.mark.parametrize(("contract", "case"), golden_cases())
def test_golden_files_name_the_dialect_in_their_headers(contract: dict[str, Any], case: dict[str, Any]) -> None:
    decoder = decoder_for(header=contract["headers"].get("x-stream-dialect"), content_type=contract["content_type"])
    assert decoder.dialect == contract["dialect"]


def test_lines_of_our_runtime_end_with_their_terminal_line() -> None:
    decoder = decoder_for(header="ndjson", content_type="application/x-ndjson")
    assert decoder.terminal == 'a line of type "finish"'
    assert decoder.feed(b'{"type":"text","text":""}\n{"type":7}\n[1]\n') == [Data({"type": 7}), Data([1])]
    assert decoder.position == 3
    assert decoder.feed(b'{"type":"finish","reason":null}\n{"type":"text","text":"late"}\n') == [Finish(None, None)]
    assert decoder.done
    assert decoder.feed(b"more\n") == decoder.close() == []


def test_a_line_of_our_runtime_that_broke_off_is_no_event() -> None:
    decoder = decoder_for(header="ndjson", content_type="application/x-ndjson")
    assert decoder.feed(b'{"type":"text","text":"a"}\n{"type":"te') == [Text("a")]
    decoder.restart()
    assert decoder.feed(b'{"type":"text","text":"b"}\n') == [Text("b")]
    assert decoder.position == 2


def frames(*values: object) -> bytes:
    return b"".join(
        b"data: " + (value.encode() if isinstance(value, str) else json.dumps(value).encode()) + b"\n\n" for value in values
    )


def named(*values: dict[str, Any]) -> bytes:
    return b"".join(f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode() for value in values)


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


TOOL = chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]})
SECOND = chunk({"content": "other"}, index=1)

STREAMS: dict[str, tuple[str, bytes, list[Event], bool]] = {
    "chat: a tool call is data": (
        "openai-chat",
        frames(TOOL, chunk({}, "tool_calls"), "[DONE]"),
        [Data(TOOL, "chunk"), Finish("tool_calls")],
        True,
    ),
    "chat: a second choice is data": (
        "openai-chat",
        frames(chunk({"content": "a"}), SECOND, "[DONE]"),
        [Text("a"), Data(SECOND, "chunk"), Finish()],
        True,
    ),
    "chat: nulls are nothing": (
        "openai-chat",
        frames(chunk({"content": None, "refusal": None, "tool_calls": None}), "[DONE]"),
        [Finish()],
        True,
    ),
    "chat: a last chunk without choices": (
        "openai-chat",
        frames({"choices": [], "usage": {"completion_tokens": 3}}, "[DONE]"),
        [Finish(None, Usage(None, 3, None))],
        True,
    ),
    "chat: an error without a code": (
        "openai-chat",
        frames({"error": {"message": "m", "type": "server_error", "code": None}}),
        [Error("server_error", "m")],
        True,
    ),
    "chat: an error that is a sentence": ("openai-chat", frames({"error": "overloaded"}), [Error("error", "overloaded")], True),
    "chat: an error event": ("openai-chat", b'event: error\ndata: {"code":"c","message":"m"}\n\n', [Error("c", "m")], True),
    "chat: nothing is read after the end": ("openai-chat", frames("[DONE]", "not json"), [Finish()], True),
    "chat: a finish reason is not the end": ("openai-chat", frames(chunk({}, "stop")), [], False),
    "sse: an unnamed event is raw": ("sse", b"id: 4\ndata: plain\n\n", [RawEvent("message", "plain", "4")], False),
    "sse: the last event has a line end": ("sse", b'event: finish\ndata: {"reason":"stop"}\n', [], False),
    "event-stream: everything is raw": (
        "event-stream",
        b"event: a\ndata: 1\n\ndata: 2\n\n",
        [RawEvent("a", "1"), RawEvent("message", "2")],
        False,
    ),
    "ndjson: values": ("ndjson", b'{"a":1}\r\n\n \n"s"\nnull\n3', [Data({"a": 1}), Data("s"), Data(None), Data(3)], False),
    "json: one value": ("json", b' {"a":\n[1]} ', [Data({"a": [1]})], False),
    "json: nothing": ("json", b" \n", [], False),
    "text: half a character at the end": ("text", "é".encode() + b"\xe2\x82", [Text("é\ufffd")], False),
    "bytes: anything": ("bytes", b"\x00\xff\n", [Bytes(b"\x00\xff\n")], False),
    "responses: text": (
        "openai-responses",
        named(
            {"type": "response.created", "response": {}},
            {"type": "response.output_item.added", "item": {"type": "message"}},
            {"type": "response.output_text.delta", "delta": "Hi"},
            {"type": "response.output_text.done", "text": "Hi"},
            {"type": "response.completed", "response": {"usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}},
        ),
        [Text("Hi"), Finish("stop", Usage(1, 2, 3))],
        True,
    ),
    "responses: a tool call is data": (
        "openai-responses",
        named({"type": "response.output_item.added", "item": {"type": "function_call", "name": "f"}}),
        [
            Data(
                {"type": "response.output_item.added", "item": {"type": "function_call", "name": "f"}},
                "response.output_item.added",
            )
        ],
        False,
    ),
    "responses: incomplete": (
        "openai-responses",
        named({"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}}),
        [Finish("max_output_tokens")],
        True,
    ),
    "responses: failed": (
        "openai-responses",
        named({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "m"}}}),
        [Error("server_error", "m")],
        True,
    ),
    "responses: error": ("openai-responses", named({"type": "error", "code": "c", "message": "m"}), [Error("c", "m")], True),
    "messages: text": (
        "anthropic-messages",
        named(
            {"type": "message_start", "message": {"usage": {"input_tokens": 5, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ),
        [Text("Hi"), Finish("end_turn", Usage(5, 9, 14))],
        True,
    ),
    "messages: thinking is data": (
        "anthropic-messages",
        named({"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}}),
        [Data({"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}}, "content_block_delta")],
        False,
    ),
    "messages: error": (
        "anthropic-messages",
        named({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        [Error("overloaded_error", "Overloaded")],
        True,
    ),
    "ui: text and data": (
        "ui-message-stream",
        frames(
            {"type": "start"},
            {"type": "text-start", "id": "1"},
            {"type": "text-delta", "id": "1", "delta": "Hi"},
            {"type": "data-weather", "data": 1},
            {"type": "text-end", "id": "1"},
            {"type": "finish"},
            "[DONE]",
        ),
        [Text("Hi"), Data({"type": "data-weather", "data": 1}, "data-weather"), Finish()],
        True,
    ),
    "ui: finish is not the end": ("ui-message-stream", frames({"type": "finish"}), [], False),
    "ui: error": ("ui-message-stream", frames({"type": "error", "errorText": "m"}), [Error("error", "m")], True),
    "ui: abort": (
        "ui-message-stream",
        frames({"type": "abort"}),
        [Error("aborted", "the server gave the answer up before its end")],
        True,
    ),
    "ag-ui: text": (
        "ag-ui",
        frames(
            {"type": "RUN_STARTED"},
            {"type": "TEXT_MESSAGE_START"},
            {"type": "TEXT_MESSAGE_CONTENT", "delta": "Hi"},
            {"type": "TEXT_MESSAGE_END"},
            {"type": "STATE_DELTA", "delta": []},
            {"type": "RUN_FINISHED"},
        ),
        [Text("Hi"), Data({"type": "STATE_DELTA", "delta": []}, "STATE_DELTA"), Finish()],
        True,
    ),
    "ag-ui: error": ("ag-ui", frames({"type": "RUN_ERROR", "message": "m", "code": "c"}), [Error("c", "m")], True),
}


@pytest.mark.parametrize(("dialect", "wire", "events", "done"), STREAMS.values(), ids=STREAMS)
def test_streams_are_read_the_same_at_every_cut(dialect: str, wire: bytes, events: list[Event], done: bool) -> None:
    assert read(dialect, [wire]) == (events, done)
    assert read(dialect, [wire[i : i + 1] for i in range(len(wire))]) == (events, done)
    for cut in range(len(wire) + 1):
        assert read(dialect, [wire[:cut], wire[cut:]]) == (events, done)


@given(st.text(max_size=40), st.lists(st.integers(0, 160), max_size=6), st.sampled_from(["utf-8", "utf-16", "shift_jis"]))
def test_text_survives_any_cuts_in_any_charset(text: str, cuts: list[int], charset: str) -> None:
    wire = text.encode(charset, "replace")
    decoder = decoder_for(content_type=f'text/plain; charset="{charset}"')
    borders = sorted({0, len(wire), *(min(cut, len(wire)) for cut in cuts)})
    pieces = [wire[a:b] for a, b in itertools.pairwise(borders)]
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()
    assert "".join(event.text for event in events if isinstance(event, Text)) == wire.decode(charset, "replace")
    assert all(isinstance(event, Text) and event.text for event in events)


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=10), max_size=8), st.integers(1, 30))
def test_text_comes_out_of_a_chat_stream_piece_by_piece(texts: list[str], size: int) -> None:
    wire = frames(*(chunk({"content": text}) for text in texts), "[DONE]")
    decoder = decoder_for(dialect="openai-chat")
    events = [event for start in range(0, len(wire), size) for event in decoder.feed(wire[start : start + size])]
    assert events == [*(Text(text) for text in texts), Finish()]


CHOICES = {
    ("text/event-stream", None): "sse",
    ("text/event-stream; charset=utf-8", "openai-chat"): "openai-chat",
    ("TEXT/Event-Stream", "OpenAI-Chat"): "openai-chat",
    ("text/event-stream", "a-dialect-of-tomorrow"): "sse",
    ("application/x-ndjson", None): "ndjson",
    ("application/json", "openai-chat"): "json",
    ("application/problem+json", None): "json",
    ("text/plain", None): "text",
    ("text/html; charset=latin-1", None): "text",
    ("application/octet-stream", None): "bytes",
    (None, None): "bytes",
}


@pytest.mark.parametrize(("answer", "dialect"), CHOICES.items())
def test_the_dialect_is_told_by_the_answer(answer: tuple[str | None, str | None], dialect: str) -> None:
    assert decoder_for(content_type=answer[0], header=answer[1]).dialect == dialect


def test_the_callers_word_on_the_dialect_is_the_last() -> None:
    assert decoder_for(dialect="event-stream", header="openai-chat", content_type="application/json").dialect == "event-stream"


def test_an_unknown_dialect_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"UNKNOWN_DIALECT: 'chat'; allowed: text, bytes, .*openai-chat"):
        decoder_for(dialect="chat")


@pytest.mark.parametrize(
    ("dialect", "wire", "code"),
    [
        ("openai-chat", b"data: {secret\n\n", "NOT_JSON"),
        ("openai-chat", b'data: ["secret"]\n\n', "NOT_AN_EVENT"),
        ("openai-chat", b"data: " + b"[" * 100_000 + b"\n\n", "NOT_JSON"),
        ("sse", b"event: text\ndata: secret\n\n", "NOT_JSON"),
        ("ndjson", b"secret\n", "NOT_JSON"),
        ("json", b"secret", "NOT_JSON"),
    ],
)
def test_what_is_not_of_the_dialect_is_refused_without_quoting_it(dialect: str, wire: bytes, code: str) -> None:
    with pytest.raises(MalformedStream, match=rf"{code}: .*{dialect}.*dialect=") as caught:
        read(dialect, [wire])
    assert "secret" not in str(caught.value)


def test_a_last_line_cut_in_its_middle_is_a_truncated_stream() -> None:
    with pytest.raises(StreamTruncated, match="middle of a line"):
        read("ndjson", [b'{"a":1}\n{"a":'])


@pytest.mark.parametrize("dialect", ["ndjson", "json", "sse", "openai-chat"])
def test_an_endless_event_is_refused(dialect: str) -> None:
    decoder = decoder_for(dialect=dialect, max_event_bytes=1000)
    for _ in range(9):
        assert decoder.feed(b"1" * 100) == []
    with pytest.raises(MalformedStream, match="EVENT_TOO_LARGE"):
        decoder.feed(b"1" * 101)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_says_what_it_ends_with(dialect: str) -> None:
    decoder = decoder_for(dialect=dialect)
    ends_with_http = {"text", "bytes", "json", "ndjson", "event-stream"}
    assert (decoder.terminal is None) == (dialect in ends_with_http)
    assert decoder.dialect == dialect
