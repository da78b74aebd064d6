"""Bedrock's Converse stream through the real boto3, from a local server that speaks event-stream frames."""

from __future__ import annotations

import json
import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from streaming_runtime import BadRequest, Finish, Internal, ModelError, Text, Throttled, Usage
from streaming_runtime.models import bedrock

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    """Answers every request with the same status, headers and pieces."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.cut = False
        self.asked: list[dict[str, Any]] = []
        self.left = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                fake.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(fake.status)
                for name, value in fake.headers.items():
                    self.send_header(name, value)
                if fake.status != 200:
                    self.send_header("content-length", str(len(fake.pieces[0])))
                    self.end_headers()
                    self.wfile.write(fake.pieces[0])
                    return
                self.send_header("content-type", "application/vnd.amazon.eventstream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                try:
                    for piece in fake.pieces:
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    if fake.cut:
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
        self.status = status
        self.headers = {"x-amzn-errortype": kind, "content-type": "application/json", **headers}
        self.pieces = [b'{"message":"secret"}']


@pytest.fixture
def fake() -> Iterator[FakeBedrock]:
    fake = FakeBedrock()
    yield fake
    fake.close()


@pytest.fixture
def client(fake: FakeBedrock) -> Iterator[Any]:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=fake.url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


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
        delta(toolUse={"input": "{}"}),
        delta(text="x"),
        stop(),
        metadata(trace={"guardrail": {"inputAssessment": {}}}),
    ]
    events = ask(client)
    assert [(e.kind, e.value) for e in events if isinstance(e, Internal)][:2] == [
        ("reasoning", {"text": "hm"}),
        ("tool_use", {"input": "{}"}),
    ]
    assert [e for e in events if not isinstance(e, Internal)] == [Text("x"), Finish("stop", Usage(3, 2))]
    assert any(isinstance(e, Internal) and e.kind == "trace" for e in events)


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
    with pytest.raises(ClientError):  # unexpected to the runtime, which tells its caller nothing
        ask(client)


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


def test_nobody_there() -> None:
    client = boto3.client(
        "bedrock-runtime", endpoint_url="http://127.0.0.1:1", region_name="eu-west-1", aws_access_key_id="t", aws_secret_access_key="t",
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    with pytest.raises(ModelError) as caught:
        ask(client)
    assert (caught.value.status, caught.value.code) == (503, "model_unreachable")
    client.close()


def test_a_handler_that_leaves_early_hangs_up_on_the_model(fake: FakeBedrock, client: Any) -> None:
    fake.pieces = [delta(text="x")] * 5
    source = bedrock.converse_stream(model_id="m", messages=[{"role": "user", "content": "Hi"}], client=client)
    assert next(source) == Text("x")
    source.close()  # type: ignore[attr-defined]
    assert fake.left.wait(5)


def test_the_processs_client_is_made_once_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(bedrock._Cache, "client", None)
    made = bedrock.client()
    assert bedrock.client() is made
    assert (made.meta.config.connect_timeout, made.meta.config.read_timeout) == (5, 60)
    made.close()
