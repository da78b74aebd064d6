"""`--model URL`: a server that speaks OpenAI's API in place of Bedrock's models. The server here is a script."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from botocore.exceptions import ClientError, EventStreamError

from constructs_pkg.emulator.models.choose import choose_model
from constructs_pkg.emulator.models.openai_server import OpenAiServer
from tests.emulator.test_bedrock import HELLO, MODEL, bedrock, client  # noqa: F401 - a fixture


def chunk(**choice: object) -> str:
    return json.dumps({"choices": [{"index": 0, **choice}]})


GOOD = [
    chunk(delta={"role": "assistant", "content": ""}),
    chunk(delta={"content": "Hel"}),
    chunk(delta={"content": "lo"}),
    chunk(delta={}, finish_reason="length"),
    json.dumps({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}),
    "[DONE]",
]


@pytest.fixture
def server():
    """Answers with `lines` and `status`; `asked` is what came."""

    class Handler(http.server.BaseHTTPRequestHandler):
        lines: list[str] = GOOD
        status = 200
        asked: list[tuple[str, dict, dict]] = []

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.asked.append((self.path, dict(self.headers.items()), body))
            self.send_response(self.status)
            self.end_headers()
            self.wfile.write("".join(f"data: {line}\n\n" for line in self.lines).encode())

        def log_message(self, *args: object) -> None:
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    Handler.url = f"http://127.0.0.1:{made.server_port}"
    Handler.asked = []
    yield Handler
    made.shutdown()
    made.server_close()
    thread.join(5)


def test_the_answer_is_the_servers(bedrock, server, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    made = bedrock(OpenAiServer(server.url + "/v1?model=llama3.2"))
    inference = {"maxTokens": 5, "temperature": 0.5, "topP": 0.25, "stopSequences": ["END"]}
    events = list(
        made.converse_stream(modelId=MODEL, messages=HELLO, system=[{"text": "Be brief."}], inferenceConfig=inference)["stream"]
    )
    texts = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert texts == ["Hel", "lo"]
    assert events[-2]["messageStop"]["stopReason"] == "max_tokens"
    assert events[-1]["metadata"]["usage"] == {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}
    ((path, headers, asked),) = server.asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer sk-test"
    assert asked["model"] == "llama3.2"
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello there, my friend"},
    ]
    assert (asked["max_tokens"], asked["temperature"], asked["top_p"], asked["stop"]) == (5, 0.5, 0.25, ["END"])


@pytest.mark.parametrize(
    ("status", "error"), [(429, "ThrottlingException"), (400, "ValidationException"), (500, "ModelErrorException")]
)
def test_its_errors_are_bedrocks(bedrock, server, status: int, error: str) -> None:  # noqa: F811
    server.status = status
    with pytest.raises(ClientError, match=error):
        bedrock(OpenAiServer(server.url)).converse(modelId=MODEL, messages=HELLO)


def test_a_server_that_is_not_there_is_said(bedrock) -> None:  # noqa: F811
    with pytest.raises(ClientError, match="ServiceUnavailableException"):
        bedrock(OpenAiServer("http://127.0.0.1:9/v1")).converse(modelId=MODEL, messages=HELLO)


def test_a_stream_that_ends_early_is_an_error_in_the_stream(bedrock, server) -> None:  # noqa: F811
    server.lines = GOOD[:2]
    with pytest.raises(EventStreamError, match="modelStreamErrorException"):
        list(bedrock(OpenAiServer(server.url)).converse_stream(modelId=MODEL, messages=HELLO)["stream"])


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://h:1", "http://h:1/v1/chat/completions"),
        ("http://h:1/", "http://h:1/v1/chat/completions"),
        ("https://h/openai/v1", "https://h/openai/v1/chat/completions"),
        ("http://h/v1/chat/completions?model=m", "http://h/v1/chat/completions"),
    ],
)
def test_a_url_may_be_written_in_each_usual_way(url: str, asked: str) -> None:
    assert OpenAiServer(url)._url == asked


def test_a_url_names_a_model_on_the_command_line(app) -> None:
    app.role("Alone")
    from constructs_pkg.assembly import CloudAssembly

    chosen, required = choose_model("http://127.0.0.1:11434/v1", CloudAssembly.load(app.write()))
    assert isinstance(chosen, OpenAiServer)
    assert required
