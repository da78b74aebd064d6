"""A stream that can be resumed has an `id:` in front of every frame: the vendors' clients, and ours, read it as they read any other.

The heartbeats are what matters: after one `id:`, some clients take a comment with an empty line behind it for an event without data.
"""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.client._decoders._registry import decoder_for
from streaming_runtime import Error, Finish, Request, Usage
from streaming_runtime.dialects import Dialect
from streaming_runtime.store.encoders import NumberedEncoder
from tests.runtime.neutral_api import url_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
DIALECTS = ("openai-chat", "openai-responses", "anthropic-messages", "ui-message-stream", "ag-ui")
STREAM = "A" * 24
MESSAGES: Any = [{"role": "user", "content": "Hi"}]
FINISHES = {
    "openai-chat": "stop",
    "openai-responses": "completed",
    "anthropic-messages": "end_turn",
    "ui-message-stream": "stop",
    "ag-ui": "finished",
}


def encoder(dialect: str) -> NumberedEncoder:
    body = json.dumps({"model": "m-1", "stream": True, "stream_options": {"include_usage": True}})
    request = Request(url_event("POST", body=body), "11111111-2222-4333-8444-555555555555", 1_700_000_000.5)
    return NumberedEncoder(request, Dialect(dialect).encoder(request), STREAM, True, lambda data, last: None, lambda status: None)


def wire_of(dialect: str, *, cancelled: bool = False) -> bytes:
    using = encoder(dialect)
    wire = using.heartbeat + using.text("Hällo") + 3 * using.heartbeat + using.text(", wörld") + using.heartbeat
    last = (
        using.error(Error("cancelled", "The stream was cancelled.")) if cancelled else using.finish(Finish("stop", Usage(3, 4)))
    )
    return wire + last


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[str, bytes], str]]:
    """Serves these bytes, in small pieces, to whoever posts to the URL that it returns."""
    answers: dict[str, tuple[str, bytes]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            dialect, wire = answers[self.path.split("/")[1]]
            self.send_response(200)
            self.send_header("content-type", "text/event-stream; charset=utf-8")
            for name, value in encoder(dialect).headers.items():
                self.send_header(name, value)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for start in range(0, len(wire), 7):
                piece = wire[start : start + 7]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def begin(dialect: str, wire: bytes) -> str:
        answers[str(len(answers))] = (dialect, wire)
        return f"http://127.0.0.1:{server.server_port}/{len(answers) - 1}/"

    yield begin
    server.shutdown()
    server.server_close()


# ---- Python


def read_python(dialect: str, url: str) -> tuple[str, str | None]:
    http_client = pytest.importorskip("httpx2").Client(trust_env=False, timeout=20)
    text, finish = "", None
    with http_client:
        if dialect == "anthropic-messages":
            anthropic = pytest.importorskip("anthropic")
            client = anthropic.Anthropic(api_key="none", base_url=url, http_client=http_client, max_retries=0)
            with client.messages.stream(model="m-1", max_tokens=9, messages=MESSAGES) as stream:
                text = "".join(stream.text_stream)
                return text, stream.get_final_message().stop_reason
        openai = pytest.importorskip("openai")
        client = openai.OpenAI(api_key="none", base_url=url + "v1", http_client=http_client, max_retries=0)
        if dialect == "openai-chat":
            for chunk in client.chat.completions.create(model="m-1", messages=MESSAGES, stream=True):
                if chunk.choices:
                    text += chunk.choices[0].delta.content or ""
                    finish = chunk.choices[0].finish_reason or finish
        else:
            for event in client.responses.create(model="m-1", input="Hi", stream=True):
                text += event.delta if event.type == "response.output_text.delta" else ""
                finish = event.response.status if event.type == "response.completed" else finish
    return text, finish


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "anthropic-messages"])
def test_the_vendors_python_clients_read_it_to_its_end(serve: Callable[[str, bytes], str], dialect: str) -> None:
    assert read_python(dialect, serve(dialect, wire_of(dialect))) == ("Hällo, wörld", FINISHES[dialect])


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "anthropic-messages"])
def test_the_vendors_python_clients_see_a_cancel_as_an_error(serve: Callable[[str, bytes], str], dialect: str) -> None:
    with pytest.raises(Exception, match="The stream was cancelled") as caught:
        read_python(dialect, serve(dialect, wire_of(dialect, cancelled=True)))
    assert type(caught.value).__module__.partition(".")[0] in ("openai", "anthropic")


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses"])
def test_a_heartbeat_with_an_empty_line_would_have_broken_them(serve: Callable[[str, bytes], str], dialect: str) -> None:
    """Why the heartbeat is another one here; when this fails, openai has mended it, and the exception can go."""
    wire = wire_of(dialect).replace(b": heartbeat\n", b": heartbeat\n\n")
    with pytest.raises(json.JSONDecodeError):
        read_python(dialect, serve(dialect, wire))


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("dialect", ["sse", *DIALECTS])
def test_our_own_client_reads_it_and_knows_where_it_is(dialect: str, size: int) -> None:
    wire = wire_of(dialect)
    decoder = decoder_for(dialect=dialect)
    events = [event for start in range(0, len(wire), size) for event in decoder.feed(wire[start : start + size])]
    events += decoder.close()
    assert "".join(event.text for event in events if type(event).__name__ == "Text") == "Hällo, wörld"
    assert decoder.done
    assert decoder.last_event_id == f"{STREAM}:{wire.count(b'id: ' + STREAM.encode())}"


# ---- Node.js


@pytest.mark.skipif(
    not (ROOT / "node_modules" / "ai").exists(), reason="the npm packages are not installed: make node_modules/.ready"
)
@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_vendors_node_clients_read_it_to_its_end(serve: Callable[[str, bytes], str], dialect: str, cancelled: bool) -> None:
    node = os.environ.get("JSII_NODE") or shutil.which("node")
    assert node is not None
    url = serve(dialect, wire_of(dialect, cancelled=cancelled))
    keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "eu-west-1"}
    command = [node, str(Path(__file__).parent / "node" / "read.mjs"), dialect, url, "any"]
    done = subprocess.run(command, env={**os.environ, **keys}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["text"] == "Hällo, wörld"
    if cancelled:
        assert "The stream was cancelled." in seen["error"]["message"]
        assert seen["finish"] is None
    else:
        assert (seen["finish"], seen["error"]) == (FINISHES[dialect], None)
