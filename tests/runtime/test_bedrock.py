"""Bedrock's streams through our own client and through the real boto3, from a local server that speaks event-stream frames."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
import zlib
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from streaming_runtime import BadRequest, Data, Finish, Internal, ModelError, Text, Throttled, Usage
from streaming_runtime.aws import ConfigurationError, Refused, retrying
from streaming_runtime.models import bedrock
from streaming_runtime.models._lean import LeanClient
from streaming_runtime.models._native import FAMILIES, family_of
from tests.runtime.neutral_api import RUNTIME_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

ONCE = Config(retries={"total_max_attempts": 1})


def frame(headers: dict[str, str], payload: Any) -> bytes:
    """Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (the same frames)."""
    body = json.dumps(payload).encode()
    encoded = b"".join(
        struct.pack(">B", len(name)) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", len(body) + len(encoded) + 16, len(encoded))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + encoded + body
    return message + struct.pack(">I", zlib.crc32(message))


def event(kind: str, payload: Any) -> bytes:
    return frame({":message-type": "event", ":event-type": kind, ":content-type": "application/json"}, payload)


def delta(**what: Any) -> bytes:
    return event("contentBlockDelta", {"delta": what, "contentBlockIndex": 0})


def stop(reason: str = "end_turn") -> bytes:
    return event("messageStop", {"stopReason": reason})


def metadata(**more: Any) -> bytes:
    usage = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
    return event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}, **more})


def exception(kind: str) -> bytes:
    return frame(
        {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}, {"message": "secret"}
    )


class FakeBedrock:
    """Answers every request with the same status, headers and pieces, but first, once each, with what is in `before`."""

    def __init__(self) -> None:
        self.before: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.request_headers: list[dict[str, str]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.cut = False
        self.asked: list[dict[str, Any]] = []
        self.left = threading.Event()
        self.silent = threading.Event()  # cleared, it sends its pieces and then nothing
        self.silent.set()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                fake.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                fake.paths.append(self.path)
                fake.request_headers.append({name.lower(): value for name, value in self.headers.items()})
                now = {"status": fake.status, "headers": fake.headers, "pieces": fake.pieces, "cut": fake.cut}
                now.update(fake.before.pop(0) if fake.before else {})
                self.send_response(now["status"])
                for name, value in now["headers"].items():
                    self.send_header(name, value)
                if now["status"] != 200:
                    self.send_header("content-length", str(len(now["pieces"][0])))
                    self.end_headers()
                    self.wfile.write(now["pieces"][0])
                    return
                self.send_header("content-type", "application/vnd.amazon.eventstream")
                self.send_header("transfer-encoding", "chunked")
                self.send_header("connection", "close")
                self.end_headers()
                try:
                    for piece in now["pieces"]:
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    assert fake.silent.wait(10)
                    if now["cut"]:
                        self.close_connection = True
                        return
                    self.wfile.write(b"0\r\n\r\n")
                    self.close_connection = True  # what is read here is not the next request
                    if self.rfile.read(1) == b"":
                        fake.left.set()
                except ConnectionError:
                    fake.left.set()

            def log_message(self, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()

    def refuses(self, status: int, kind: str, **headers: str) -> None:
        refused = refusal(status, kind, **headers)
        self.status, self.headers, self.pieces = refused["status"], refused["headers"], refused["pieces"]


def refusal(status: int, kind: str, **headers: str) -> dict[str, Any]:
    headers = {"x-amzn-errortype": kind, "content-type": "application/json", **headers}
    return {"status": status, "headers": headers, "pieces": [b'{"message":"secret"}']}


@pytest.fixture
def fake() -> Iterator[FakeBedrock]:
    fake = FakeBedrock()
    yield fake
    fake.close()


KEYS = {
    "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
}  # fmt: skip


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["lean", "boto3"])
def client(request: pytest.FixtureRequest, fake: FakeBedrock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", fake.url)
    made = LeanClient(5, 60) if request.param == "lean" else boto3.client("bedrock-runtime", config=ONCE)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it meant to wait between attempts, with the longest jitter; it does not."""
    slept: list[float] = []
    monkeypatch.setattr(bedrock.time, "sleep", slept.append)
    monkeypatch.setattr(retrying, "_fraction", lambda: 1.0)
    return slept


def ask(client: Any, **more: Any) -> list[Any]:
    return list(bedrock.converse_stream(model_id="m", messages=[{"role": "user", "content": "Hi"}], client=client, **more))


def ask_until(client: Any, expected: type[Exception]) -> tuple[list[Any], Any]:
    """What came before the exception, and the exception."""
    events: list[Any] = []
    with pytest.raises(expected) as caught:
        events.extend(
            _kept(events, bedrock.converse_stream(model_id="m", messages=[{"role": "user", "content": "Hi"}], client=client))
        )
    return events, caught.value


def _kept(events: list[Any], source: Iterator[Any]) -> Iterator[Any]:
    for one in source:
        events.append(one)
    yield from ()


def test_text_then_finish_with_usage(fake: FakeBedrock, client: Any) -> None:
    begin, end = event("messageStart", {"role": "assistant"}), event("contentBlockStop", {"contentBlockIndex": 0})
    fake.pieces = [begin, delta(text="Hel"), delta(text="lo"), end, stop(), metadata()]
    assert ask(client) == [Text("Hel"), Text("lo"), Finish("stop", Usage(3, 2))]


def test_what_is_asked_is_converses_form(fake: FakeBedrock, client: Any) -> None:
    fake.pieces = [stop()]
    assert ask(client, system="Be brief.", inference_config={"maxTokens": 5, "stopSequences": ["x"]}) == [Finish("stop")]
    assert fake.asked == [
        {
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"maxTokens": 5, "stopSequences": ["x"]},
        }
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls"),
        ("guardrail_intervened", "content_filter"), ("content_filtered", "content_filter"), ("something_new", "other"),
        ("model_context_window_exceeded", "length"),
    ],
)  # fmt: skip
def test_reasons_in_the_neutral_words(fake: FakeBedrock, client: Any, reason: str, expected: str) -> None:
    fake.pieces = [stop(reason)]
    assert ask(client) == [Finish(expected)]


def test_reasoning_tools_and_traces_stay_inside(fake: FakeBedrock, client: Any) -> None:
    fake.pieces = [
        delta(reasoningContent={"text": "hm"}),
        delta(reasoningContent={"redactedContent": "AP8="}),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        event("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": "look"}}}),
        event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"at":'}}}),
        event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": " 7}"}}}),
        event("contentBlockStop", {"contentBlockIndex": 1}),
        delta(text="x"),
        delta(citation={"title": "T"}),
        event("messageStop", {"stopReason": "tool_use", "additionalModelResponseFields": {"top": 1}}),
        metadata(trace={"guardrail": {"inputAssessment": {}}}),
    ]
    call = {"toolUseId": "t", "name": "look"}
    assert ask(client) == [
        Internal({"text": "hm"}, "reasoning"),
        Internal({"redactedContent": b"\x00\xff"}, "reasoning"),
        Internal({**call, "input": '{"at":'}, "tool_use_delta"),
        Internal({**call, "input": " 7}"}, "tool_use_delta"),
        Internal({**call, "input": {"at": 7}}, "tool_use"),
        Text("x"),
        Internal({"title": "T"}, "citation"),
        Internal({"top": 1}, "additional_model_response_fields"),
        Internal({"guardrail": {"inputAssessment": {}}}, "trace"),
        Finish("tool_calls", Usage(3, 2)),
    ]


@pytest.mark.parametrize(("pieces", "expected"), [([], {}), (['{"at": '], '{"at": ')])
def test_a_call_without_input_and_one_that_was_cut_off(fake: FakeBedrock, client: Any, pieces: list[str], expected: Any) -> None:
    begin = event("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "look"}}})
    other = event("contentBlockStart", {"contentBlockIndex": 1, "start": {"image": {"format": "png"}}})
    fake.pieces = [other, begin, *(delta(toolUse={"input": piece}) for piece in pieces)]
    fake.pieces += [event("contentBlockStop", {"contentBlockIndex": 0}), stop("max_tokens")]
    calls = [one.value["input"] for one in ask(client) if isinstance(one, Internal) and one.kind == "tool_use"]
    assert calls == [expected]


def test_what_is_exposed_goes_out_as_data(fake: FakeBedrock, client: Any) -> None:
    fake.pieces = [delta(reasoningContent={"text": "hm"}), delta(text="x"), stop(), metadata(trace={"guardrail": {}})]
    assert ask(client, expose=("reasoning",)) == [
        Data({"text": "hm"}, "reasoning"), Text("x"), Internal({"guardrail": {}}, "trace"), Finish("stop", Usage(3, 2)),
    ]  # fmt: skip


def test_every_part_of_converses_request_can_be_said(fake: FakeBedrock, client: Any) -> None:
    fake.pieces = [stop()]
    image = {"image": {"format": "png", "source": {"bytes": b"\x00\xff"}}}
    more: dict[str, Any] = {
        "guardrail_config": {"guardrailIdentifier": "g", "guardrailVersion": "1", "streamProcessingMode": "sync"},
        "tool_config": {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": {}}}}]},
        "additional_model_request_fields": {"top_k": 5},
        "additional_model_response_field_paths": ["/x"],
        "prompt_variables": {"city": {"text": "Rome"}},
        "request_metadata": {"team": "a"},
        "performance_config": {"latency": "optimized"},
        "service_tier": {"type": "priority"},
    }
    source = bedrock.converse_stream(
        model_id="arn:aws:bedrock:eu-west-1:1:prompt/ABCDEFGHIJ:1", messages=[{"role": "user", "content": [image]}],
        system=[{"text": "a"}, {"text": "b"}], client=client, **more,
    )  # fmt: skip
    assert list(source) == [Finish("stop")]
    names = {name.split("_")[0] + "".join(part.title() for part in name.split("_")[1:]): value for name, value in more.items()}
    image["image"]["source"]["bytes"] = "AP8="  # type: ignore[index]
    assert fake.asked == [{"messages": [{"role": "user", "content": [image]}], "system": [{"text": "a"}, {"text": "b"}], **names}]
    assert fake.paths == ["/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Aprompt%2FABCDEFGHIJ%3A1/converse-stream"]


def test_what_json_cannot_say_is_refused_before_anything_is_sent(fake: FakeBedrock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", fake.url)
    with pytest.raises(TypeError, match="BEDROCK_REQUEST: found set"):
        ask(LeanClient(5, 60), additional_model_request_fields={"odd": {1}})
    assert fake.asked == []


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("last", [delta(text="o"), delta(text="o")[:-5]])
def test_a_stream_without_a_stop_reason_is_not_complete(fake: FakeBedrock, client: Any, last: bytes, cut: bool) -> None:
    fake.pieces = [delta(text="Hell"), last]
    fake.cut = cut
    events, error = ask_until(client, ModelError)
    assert error.code == "model_incomplete"
    assert events[0] == Text("Hell")


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_a_malformed_answer_is_an_error(fake: FakeBedrock, client: Any, reason: str) -> None:
    fake.pieces = [stop(reason)]
    with pytest.raises(ModelError, match="malformed"):
        ask(client)


@pytest.mark.parametrize(
    ("status", "kind", "expected", "told"),
    [
        (429, "ThrottlingException", Throttled, 429), (400, "ServiceQuotaExceededException", Throttled, 429),
        (429, "ModelNotReadyException", Throttled, 429), (400, "ValidationException", BadRequest, 400),
        (500, "InternalServerException", ModelError, 502), (503, "ServiceUnavailableException", ModelError, 503),
        (424, "ModelErrorException", ModelError, 502), (408, "ModelTimeoutException", ModelError, 504),
    ],
)  # fmt: skip
def test_refusals_before_the_stream(fake: FakeBedrock, client: Any, status: int, kind: str, expected: type, told: int) -> None:
    fake.refuses(status, kind)
    with pytest.raises(expected) as caught:
        ask(client)
    assert caught.value.status == told  # type: ignore[attr-defined]
    assert "secret" not in str(caught.value)


def test_bedrocks_retry_after_is_passed_on(fake: FakeBedrock, client: Any) -> None:
    fake.refuses(429, "ThrottlingException", **{"retry-after": "7"})
    with pytest.raises(Throttled) as caught:
        ask(client)
    assert caught.value.headers == {"retry-after": "7"}


@pytest.mark.parametrize(("status", "kind"), [(403, "AccessDeniedException"), (404, "ResourceNotFoundException")])
def test_the_functions_own_faults_are_not_the_callers_business(fake: FakeBedrock, client: Any, status: int, kind: str) -> None:
    fake.refuses(status, kind)
    with pytest.raises((ClientError, Refused)) as caught:  # unexpected to the runtime, which tells its caller nothing
        ask(client)
    assert kind in str(caught.value)
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    ("kind", "expected", "code"),
    [
        ("modelStreamErrorException", ModelError, "model_error"), ("internalServerException", ModelError, "model_error"),
        ("serviceUnavailableException", ModelError, "model_error"), ("throttlingException", Throttled, "throttled"),
        ("validationException", BadRequest, "model_refused_request"),
    ],
)  # fmt: skip
def test_an_exception_within_the_stream(fake: FakeBedrock, client: Any, kind: str, expected: type, code: str) -> None:
    fake.pieces = [delta(text="x"), exception(kind)]
    events, error = ask_until(client, expected)
    assert events == [Text("x")]
    assert error.code == code
    assert "secret" not in str(error)


@pytest.mark.parametrize("lean", [True, False])
def test_nobody_there(monkeypatch: pytest.MonkeyPatch, lean: bool, pauses: list[float]) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:1")
    client = LeanClient(5, 60) if lean else boto3.client("bedrock-runtime", config=ONCE)
    with pytest.raises(ModelError) as caught:
        ask(client)
    assert (caught.value.status, caught.value.code) == (503, "model_unreachable")
    assert len(pauses) == (2 if lean else 0), "boto3 has its own attempts"
    client.close()


def test_a_handler_that_leaves_early_hangs_up_on_the_model(fake: FakeBedrock, client: Any) -> None:
    fake.pieces = [delta(text="x")] * 5
    source = bedrock.converse_stream(model_id="m", messages=[{"role": "user", "content": "Hi"}], client=client)
    assert next(source) == Text("x")
    source.close()  # type: ignore[attr-defined]
    assert fake.left.wait(5)


# ---- attempts


def test_what_passes_before_the_first_event_is_tried_again(fake: FakeBedrock, client: Any, pauses: list[float]) -> None:
    begun = event("messageStart", {"role": "assistant"})
    fake.before = [{"pieces": [begun, exception("throttlingException")]}, {"pieces": [begun]}]
    fake.pieces = [delta(text="x"), stop()]
    assert ask(client) == [Text("x"), Finish("stop")]
    assert (len(fake.asked), pauses) == (3, [0.5, 0.1])


def test_an_answer_that_breaks_off_before_its_first_event_is_asked_for_again(fake: FakeBedrock, client: Any) -> None:
    fake.before = [{"pieces": [delta(text="x")[:20]], "cut": True}]
    fake.pieces = [stop()]
    assert ask(client) == [Finish("stop")]


@pytest.mark.parametrize("refused", [refusal(429, "ThrottlingException"), refusal(503, "ServiceUnavailableException")])
def test_our_own_client_tries_refusals_again(
    fake: FakeBedrock, monkeypatch: pytest.MonkeyPatch, refused: dict[str, Any], pauses: list[float]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", fake.url)
    fake.before = [refused, refused]
    fake.pieces = [stop()]
    assert ask(LeanClient(5, 60)) == [Finish("stop")]
    assert pauses == ([0.5, 1.0] if refused["status"] == 429 else [0.05, 0.1])


def test_attempts_are_bounded(fake: FakeBedrock, client: Any, pauses: list[float]) -> None:
    fake.pieces = [exception("throttlingException")]
    with pytest.raises(Throttled):
        ask(client)
    assert (len(fake.asked), len(pauses)) == (3, 2)


def test_nothing_is_tried_again_once_an_event_was_handed_over(fake: FakeBedrock, client: Any, pauses: list[float]) -> None:
    fake.pieces = [delta(reasoningContent={"text": "hm"}), exception("throttlingException")]
    ask_until(client, Throttled)
    assert (len(fake.asked), pauses) == (1, [])


@pytest.mark.parametrize("kind", ["ValidationException", "AccessDeniedException", "ModelTimeoutException"])
def test_what_will_not_pass_is_asked_once(fake: FakeBedrock, client: Any, kind: str) -> None:
    fake.refuses(400, kind)
    with pytest.raises((BadRequest, ModelError, Refused, ClientError)):
        ask(client)
    assert len(fake.asked) == 1


def test_a_long_retry_after_is_the_callers_to_keep(fake: FakeBedrock, client: Any) -> None:
    fake.refuses(429, "ThrottlingException", **{"retry-after": "60"})
    with pytest.raises(Throttled) as caught:
        ask(client)
    assert (caught.value.headers, len(fake.asked)) == ({"retry-after": "60"}, 1)


@pytest.mark.parametrize("begun", [False, True])
def test_a_model_that_falls_silent_is_not_asked_twice(fake: FakeBedrock, monkeypatch: pytest.MonkeyPatch, begun: bool) -> None:
    """Silence within the answer, for both clients; before it only ours, as the fake sends its head at once."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", fake.url)
    fake.silent.clear()
    fake.pieces = [delta(text="x")] if begun else []
    for impatient in (LeanClient(5, 0.05), boto3.client("bedrock-runtime", config=ONCE.merge(Config(read_timeout=0.05)))):
        events, error = ask_until(impatient, ModelError)
        assert (error.status, error.code) == (504, "model_timeout")
        assert events == ([Text("x")] if begun else [])
        impatient.close()
    fake.silent.set()
    assert len(fake.asked) == 2


def test_what_is_no_event_stream_is_an_answer_that_broke_off(fake: FakeBedrock, client: Any) -> None:
    broken = bytearray(delta(text="y"))
    broken[-1] ^= 1
    fake.pieces = [delta(text="x"), bytes(broken)]
    if isinstance(client, LeanClient):
        events, error = ask_until(client, ModelError)
        assert (events, error.code) == ([Text("x")], "model_incomplete")


def test_an_error_frame_without_a_shape(fake: FakeBedrock, client: Any) -> None:
    fake.pieces = [frame({":message-type": "error", ":error-code": "InternalServerException", ":error-message": "secret"}, "")]
    with pytest.raises(ModelError) as caught:
        ask(client)
    assert "secret" not in str(caught.value)


def test_what_has_nothing_to_do_with_the_model_stays_what_it_is(fake: FakeBedrock, client: Any) -> None:
    fake.pieces = [event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": 7}})]
    with pytest.raises(TypeError):
        ask(client)


# ---- a model's own words


def chunk(document: Any) -> bytes:
    return event("chunk", {"bytes": b64encode(json.dumps(document).encode()).decode(), "p": "abcd"})


METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 2, "invocationLatency": 9}}
NATIVE: dict[str, tuple[str, list[Any], list[Any]]] = {
    "anthropic": (
        "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        [
            {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "H"}},
            {"type": "ping"},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "i"}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {}}},
            {"type": "content_block_stop", "index": 1},
            {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "t", "name": "look", "input": {}}},
            {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
            {"type": "content_block_stop", "index": 2},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
            {"type": "message_stop", **METRICS},
        ],
        [
            Internal({"thinking": "hm"}, "reasoning"), Internal({"signature": "s"}, "reasoning"), Text("H"), Text("i"),
            Internal({"type": "citations_delta", "citation": {}}, "citations_delta"),
            Internal({"toolUseId": "t", "name": "look", "input": '{"a":1}'}, "tool_use_delta"),
            Internal({"toolUseId": "t", "name": "look", "input": {"a": 1}}, "tool_use"),
            Finish("tool_calls", Usage(3, 2)),
        ],
    ),
    "llama": (
        "us.meta.llama3-3-70b-instruct-v1:0",
        [
            {"generation": "", "prompt_token_count": 3, "generation_token_count": None, "stop_reason": None},
            {"generation": "Hi", "prompt_token_count": None, "generation_token_count": 2, "stop_reason": None},
            {"generation": "", "prompt_token_count": None, "generation_token_count": 2, "stop_reason": "length"},
        ],
        [Text("Hi"), Finish("length", Usage(3, 2))],
    ),
    "mistral": (
        "mistral.mixtral-8x7b-instruct-v0:1",
        [{"outputs": [{"text": "Hi", "stop_reason": None}]}, {"outputs": [{"text": "", "stop_reason": "stop"}], **METRICS}],
        [Text("Hi"), Finish("stop", Usage(3, 2))],
    ),
    "nova": (
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0",
        [
            {"messageStart": {"role": "assistant"}}, {"contentBlockDelta": {"delta": {"text": "Hi"}, "contentBlockIndex": 0}},
            {"contentBlockStop": {"contentBlockIndex": 0}}, {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 2}, "metrics": {}, "trace": {}}, **METRICS},
        ],
        [Text("Hi"), Finish("stop", Usage(3, 2))],
    ),
}  # fmt: skip


def invoke(client: Any, model_id: str, **more: Any) -> list[Any]:
    return list(bedrock.invoke_model_with_response_stream(model_id=model_id, body={"prompt": "Hi"}, client=client, **more))


@pytest.mark.parametrize("family", FAMILIES)
def test_each_familys_chunks_become_the_same_events(fake: FakeBedrock, client: Any, family: str) -> None:
    model_id, chunks, expected = NATIVE[family]
    fake.pieces = [chunk(document) for document in chunks]
    assert invoke(client, model_id) == expected
    assert fake.asked == [{"prompt": "Hi"}]
    assert fake.paths[0].endswith("/invoke-with-response-stream")
    assert (
        list(bedrock.invoke_model_with_response_stream(model_id="opaque", body=b'{"a":1}', family=family, client=client))
        == expected
    )
    assert fake.asked[1] == {"a": 1}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("empty", [False, True])
def test_a_familys_answer_without_its_end_is_not_complete(fake: FakeBedrock, client: Any, family: str, empty: bool) -> None:
    model_id, chunks, _ = NATIVE[family]
    end = 3 if family == "nova" else len(chunks) - 1
    fake.pieces = [] if empty else [chunk(document) for document in chunks[:end]]
    with pytest.raises(ModelError) as caught:
        invoke(client, model_id)
    assert caught.value.code == "model_incomplete"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_guardrail_that_steps_in_is_the_end(fake: FakeBedrock, client: Any, family: str) -> None:
    model_id, chunks, expected = NATIVE[family]
    stepped_in = {"amazon-bedrock-guardrailAction": "INTERVENED", "amazon-bedrock-trace": {"guardrail": 1}}
    fake.pieces = [chunk(document) for document in [*chunks[:-1], {**chunks[-1], **stepped_in}]]
    *_, trace, finish = invoke(client, model_id, guardrail_identifier="g", guardrail_version="2", trace="ENABLED")
    assert trace == Internal({"guardrail": 1}, "trace")
    assert finish == Finish("content_filter", expected[-1].usage)
    sent = fake.request_headers[0]
    assert [sent[f"x-amzn-bedrock-{name}"] for name in ("guardrailidentifier", "guardrailversion", "trace")] == [
        "g",
        "2",
        "ENABLED",
    ]


def test_the_other_headers_of_invoke_model(fake: FakeBedrock, client: Any) -> None:
    fake.pieces = [chunk({"generation": "", "stop_reason": "stop"})]
    assert invoke(client, "meta.llama3", performance_config_latency="optimized", service_tier="flex") == [Finish("stop")]
    sent = fake.request_headers[0]
    assert [sent[f"x-amzn-bedrock-{name}"] for name in ("performanceconfig-latency", "service-tier")] == ["optimized", "flex"]


@pytest.mark.parametrize(
    ("kind", "expected"), [("overloaded_error", Throttled), ("rate_limit_error", Throttled), ("api_error", ModelError)]
)
def test_anthropics_own_errors(fake: FakeBedrock, client: Any, kind: str, expected: type[Exception]) -> None:
    fake.pieces = [chunk({"type": "error", "error": {"type": kind, "message": "secret"}})]
    with pytest.raises(expected) as caught:
        invoke(client, "anthropic.claude-x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("model_id", "family"),
    [
        ("cohere.command-r-v1:0", None),
        ("arn:aws:bedrock:eu-west-1:1:application-inference-profile/x", None),
        ("meta.llama3", "gpt"),
    ],
)
def test_a_model_that_is_not_understood_is_refused_by_name(model_id: str, family: str | None) -> None:
    with pytest.raises(
        ValueError, match=r"MODEL_FAMILY: found .*; allowed: anthropic, llama, mistral, nova; .* use converse_stream"
    ):
        family_of(model_id, family)


# ---- who asks


def test_the_processs_client_is_our_own_and_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bedrock._Cache, "client", None)
    made = bedrock.client()
    assert isinstance(made, LeanClient)
    assert bedrock.client() is made
    made.close()


@pytest.mark.parametrize("variable", ["AWS_BEARER_TOKEN_BEDROCK", "HTTPS_PROXY"])
def test_where_only_boto3_knows_the_way_it_asks_bounded(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setattr(bedrock._Cache, "client", None)
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    made = bedrock.client()
    assert (made.meta.config.connect_timeout, made.meta.config.read_timeout) == (5, 60)
    made.close()
    bedrock._Cache.client = None


def test_the_processs_client_is_used_where_none_is_given(fake: FakeBedrock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bedrock._Cache, "client", None)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", fake.url)
    fake.pieces = [stop()]
    assert ask(None) == [Finish("stop")]
    bedrock.client().close()


def test_missing_credentials_are_the_functions_own_fault(fake: FakeBedrock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", fake.url)
    made = LeanClient(5, 60)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ConfigurationError):
        ask(made)


def test_asking_loads_no_boto3(interpreter: str) -> None:
    code = "from streaming_runtime.models import bedrock; bedrock.client(); list(zip(range(0), bedrock.converse_stream(model_id='m')))"
    environment = {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "PYTHONPATH": str(RUNTIME_ROOT / "python")}
    heavy = ("boto3", "botocore", "urllib3", "http.client", "asyncio", "random")
    report = f"{code}\nimport sys; print(sorted(set(sys.modules) & set({heavy!r})))"
    output = subprocess.run(
        [interpreter, "-S", "-c", report], env=environment, capture_output=True, text=True, timeout=30, check=True
    )
    assert output.stdout.strip() == "[]"


FIRST_CALL = """
import time
begin = time.perf_counter()
from streaming_runtime.models import bedrock
client = {client}
for event in bedrock.converse_stream(model_id="m", messages=[{{"role": "user", "content": "Hi"}}], client=client):
    print(time.perf_counter() - begin)
    break
"""


def test_a_cold_start_has_its_first_token_in_half_of_the_time_that_boto3_takes(fake: FakeBedrock) -> None:
    """With the certificates loaded, as over TLS. A fifth, where it was measured; half leaves room for any machine."""
    fake.pieces = [delta(text="x"), stop()]
    site = str(Path(boto3.__file__).parents[1])
    environment = {**KEYS, "AWS_ENDPOINT_URL": fake.url, "PYTHONPATH": os.pathsep.join((str(RUNTIME_ROOT / "python"), site))}
    ours = "(__import__('streaming_runtime.aws.connection', fromlist=['']).tls_context(), bedrock.client())[1]"
    taken: dict[str, float] = {}
    for _ in range(3):
        for client in (ours, "bedrock._boto3_client()"):
            command = [sys.executable, "-S", "-c", FIRST_CALL.format(client=client)]
            output = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout
            taken[client] = min(taken.get(client, float("inf")), float(output))
    assert taken[ours] < taken["bedrock._boto3_client()"] / 2, taken
