"""The encoders against the golden files that the client's decoders are held to as well."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import Data, Error, Finish, Internal, Start, Text, Usage
from streaming_runtime.dialects import MODULES, Dialect
from streaming_runtime.request import Request
from tests.runtime.neutral_api import url_event

if TYPE_CHECKING:
    from streaming_runtime.dialects.base import Encoder

GOLDEN = Path(__file__).parents[1] / "contract" / "dialects"
FILES = sorted(GOLDEN.glob("*.json"))
DOCUMENTS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
CASES = [(name, case) for name, document in DOCUMENTS.items() for case in (*document["cases"], *document.get("translated", ()))]


def encoder(dialect: str, body: Any = None) -> Encoder:
    event = url_event("POST", body=None if body is None else json.dumps(body))
    return Dialect(dialect).encoder(Request(event, "11111111-2222-4333-8444-555555555555", 1_700_000_000.5))


def wire_of(case: dict[str, Any]) -> bytes:
    return b64decode(case["wire_base64"]) if "wire_base64" in case else str(case["wire"]).encode()


def encode(encoder: Encoder, event: dict[str, Any]) -> bytes:
    match event:
        case {"type": "Text", "text": text}:
            return encoder.text(text) if text else b""
        case {"type": "Bytes", "base64": data}:
            return encoder.raw(b64decode(data))
        case {"type": "Data", "value": value, "name": name}:
            return encoder.data(Data(value, name))
        case {"type": "Finish", "reason": reason, "usage": usage}:
            return encoder.finish(Finish(reason, usage))
        case {"type": "Error", "code": code, "message": message}:
            return encoder.error(Error(code, message))
        case {"type": "Heartbeat"}:
            return encoder.heartbeat
        case {"type": "Internal"}:
            return b""
        case {"type": "Start", **fields}:
            return encoder.start(Start(**fields))
    raise AssertionError(event)


@pytest.mark.parametrize(("dialect", "case"), CASES, ids=[f"{name}: {case['name']}" for name, case in CASES])
def test_the_wire_is_what_the_golden_file_says(dialect: str, case: dict[str, Any]) -> None:
    using = encoder(dialect, case.get("request"))
    assert b"".join(encode(using, event) for event in case["events"]) == wire_of(case)


@pytest.mark.parametrize("dialect", DOCUMENTS)
def test_content_type_and_headers_are_what_the_golden_file_says(dialect: str) -> None:
    using = encoder(dialect, next(case for name, case in CASES if name == dialect).get("request"))
    assert using.content_type == DOCUMENTS[dialect]["content_type"]
    assert {**using.headers, "x-stream-dialect": using.name} == DOCUMENTS[dialect]["headers"]


def test_every_dialect_has_a_golden_file() -> None:
    assert set(DOCUMENTS) == set(MODULES)


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(ValueError, match="DIALECT_UNKNOWN: found 'morse'; allowed: text, bytes, ndjson, sse, openai-chat, "):
        Dialect("morse")


@pytest.mark.parametrize("dialect", ["sse", "ndjson"])
@pytest.mark.parametrize("name", ["text", "finish", "error", "", "a\nb", "a\rb", "a\0b"])
def test_names_that_are_the_dialects_own_or_break_the_frame_are_refused(dialect: str, name: str) -> None:
    with pytest.raises(ValueError, match="DATA_NAME"):
        encoder(dialect).data(Data(1, name))


@pytest.mark.parametrize("dialect", ["ui-message-stream", "ag-ui"])
def test_names_that_cannot_stand_in_a_frame_are_refused(dialect: str) -> None:
    with pytest.raises(ValueError, match="DATA_NAME: found ''; allowed: one line, not empty; choose"):
        encoder(dialect).data(Data(1, ""))


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "anthropic-messages", "bytes"])
def test_a_dialect_without_a_place_for_data_refuses_it(dialect: str) -> None:
    with pytest.raises(TypeError, match="EVENT_NOT_IN_DIALECT"):
        encoder(dialect).data(Data(1))


def test_nan_is_not_json() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        encoder("sse").data(Data(float("nan")))


@pytest.mark.parametrize("dialect", sorted(set(MODULES) - {"bytes"}))
def test_a_lone_surrogate_leaves_valid_utf8(dialect: str) -> None:
    wire = encoder(dialect, {"stream": True}).text("a\ud83db").decode()
    assert "\\ud83d" in wire if dialect != "text" else wire == "a\ufffdb"


@pytest.mark.parametrize("dialect", ["text", "ndjson", "sse", "ui-message-stream", "ag-ui"])
def test_a_lone_surrogate_in_a_value_is_written_as_its_escape(dialect: str) -> None:
    assert "a\\ud83db" in encoder(dialect, {"stream": True}).data(Data({"a": "a\ud83db"})).decode()


WHOLE = {
    "id": "chatcmpl-11111111222243338444555555555555",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
}


@pytest.mark.parametrize("stream", [{}, {"stream": False}, {"stream": None}])
def test_openai_chat_without_stream_is_one_document(stream: dict[str, Any]) -> None:
    using = encoder("openai-chat", {"model": "m", **stream})
    assert using.text("Hel") + using.raw(b"lo"[:1]) + using.raw(b"o") == b""
    assert json.loads(using.finish(Finish())) == WHOLE
    assert (using.content_type, using.heartbeat, using.headers, using.name) == ("application/json", b"", {}, "")


def test_openai_chats_document_always_carries_the_usage_it_knows() -> None:
    document = json.loads(encoder("openai-chat", {"model": "m"}).finish(Finish("length", Usage(1, 2))))
    assert document["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert document["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("body", [None, [], "text", {"model": 7}])
def test_openai_chat_leaves_a_wrong_request_to_the_handler(body: Any) -> None:
    assert json.loads(encoder("openai-chat", body).finish(Finish()))["model"] == "unknown"


def test_openais_clients_know_no_other_reasons() -> None:
    assert json.loads(encoder("openai-chat", {}).finish(Finish("other")))["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "anthropic-messages", "ui-message-stream", "ag-ui"])
def test_start_comes_first(dialect: str) -> None:
    using = encoder(dialect, {"stream": True})
    using.text("x")
    with pytest.raises(ValueError, match="START_TOO_LATE"):
        using.start(Start(model="m"))


@pytest.mark.parametrize("cut", range(8))
def test_bytes_cut_anywhere_are_the_same_text(cut: int) -> None:
    data = "aé😀b".encode()
    using = encoder("sse")
    wire = using.raw(data[:cut]) + using.raw(data[cut:]) + using.flush()
    assert "".join(json.loads(line[6:])["text"] for line in wire.decode().split("\n") if line.startswith("data: ")) == "aé😀b"


def test_events_can_be_compared_and_read() -> None:
    assert Text("a") == Text("a") != Text("b")
    assert Text("a") != "a"
    assert len({Finish("stop", Usage(1, 2)), Finish("stop", {"input_tokens": 1, "output_tokens": 2})}) == 1
    assert repr(Finish("stop", Usage(1, 2))) == "Finish(reason='stop', usage=Usage(input_tokens=1, output_tokens=2))"
    assert repr(Internal(1, "trace")) == "Internal(kind='trace', value=1)"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: Finish("done"), "FINISH_REASON: found 'done'; allowed: stop, length"),
        (lambda: Finish("stop", {"prompt_tokens": 1}), "FINISH_USAGE"),
    ],
)
def test_events_refuse_what_no_dialect_could_write(make: Any, code: str) -> None:
    with pytest.raises(ValueError, match=code):
        make()


@pytest.mark.parametrize("wrong", [None, b"x", 7])
def test_text_is_str(wrong: Any) -> None:
    with pytest.raises(TypeError, match="TEXT: found"):
        Text(wrong)
