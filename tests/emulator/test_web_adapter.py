"""Web servers behind the Lambda Web Adapter's environment, with our proxy in the adapter's place.

Settings: https://awslabs.github.io/aws-lambda-web-adapter/configuration/environment-variables.html.
"""

from __future__ import annotations

import json
import re
import shutil
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.emulator.runtimes import _web_adapter_process as adapter
from tests.emulator.support import call
from tests.emulator.test_failures import lambda_client

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ADAPTER = "arn:aws:lambda:eu-west-1:753240598075:layer:LambdaAdapterLayerX86:30"

SERVER = """
import http.server, json, os, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def chunk(self, data):
        self.wfile.write(b"%x\\r\\n%b\\r\\n" % (len(data), data))

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/ready":
            self.send_response(200 if time.monotonic() > START + float(os.environ.get("SLOW", "0")) else 503)
            self.send_header("content-length", "0")
            self.end_headers()
        elif self.path.startswith("/echo") or self.path == "/events":
            text = json.dumps({"method": self.command, "path": self.path, "body": body.decode(),
                               "headers": self.headers.items(), "port": os.environ["PORT"]}).encode()
            self.send_response(201)
            length = f"content-length: {len(text)}"
            for pair in ("content-type: application/json", length, "set-cookie: a=1", "set-cookie: b=2", "x-a: 1", "x-a: 2"):
                self.send_header(*pair.split(": "))
            self.end_headers()
            self.wfile.write(text)
        elif self.path == "/binary":
            self.send_response(200)
            self.send_header("content-type", "image/x")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(bytes([0, 255]))
        elif self.path == "/teapot":
            self.send_error(418)
        elif self.path == "/exit":
            os._exit(5)
        else:
            self.send_response(200)
            self.send_header("content-type", "text/plain")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for word in ("one", "two", "three"):
                self.chunk(word.encode())
                if self.path == "/break":
                    self.close_connection = True
                    return
                deadline = time.monotonic() + 10
                while self.path == "/steps" and not os.path.exists(os.path.join(os.environ["FOLDER"], word)):
                    assert time.monotonic() < deadline
                    time.sleep(0.002)
            self.wfile.write(b"0\\r\\n\\r\\n")

    do_GET = do_POST = do_PUT = handle_any

    def log_message(self, *args):
        pass

START = time.monotonic()
port = int(os.environ["PORT"]) if "--port" not in sys.argv else int(sys.argv[sys.argv.index("--port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
START = '#!/bin/sh\ncd "$LAMBDA_TASK_ROOT" || exit 1\nexec python server.py\n'


def web(app, *, files: Mapping[str, str] | Path | None = None, start: str = START, **environment: str) -> str:
    """A function as `StreamingCode.web_adapter` makes it."""
    code = files if files is not None else {"server.py": SERVER, "run.sh": start}
    variables = {
        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
        "AWS_LWA_INVOKE_MODE": "response_stream",
        "AWS_LWA_PORT": "8080",
        "PORT": "8080",
        "AWS_LWA_READINESS_CHECK_PATH": "/ready",
        **environment,
    }
    path = app.function("Fn", code, layer=None, environment=variables, Handler="run.sh")
    app.resources["Fn"]["Properties"]["Layers"] = [ADAPTER]
    return path


def test_each_chunk_arrives_before_the_next_is_written(app, emulate, tmp_path: Path) -> None:
    path = web(app, FOLDER=str(tmp_path))
    emulator = emulate(app)
    response = call(emulator.urls[path] + "steps", emulator.principals["admin"])
    assert (response.status, response.header("content-type")) == (200, "text/plain")
    for word in ("one", "two", "three"):
        assert response.chunk() == word.encode()
        (tmp_path / word).touch()
    assert response.chunk() == b""


def test_the_server_gets_the_request_as_it_was_sent(app, emulate) -> None:
    path = web(app)
    emulator = emulate(app)
    headers = {"Content-Type": "application/json", "X-Mine": "1", "Cookie": "c=1; d=2"}
    url = emulator.urls[path] + "echo/a%20b?x=1&x=2&y=%26"
    response = call(url, emulator.principals["admin"], method="PUT", body=b'{"a":"\xc3\xa9"}', headers=headers)
    assert response.status == 201
    assert [value for name, value in response.response_headers if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    assert [value for name, value in response.response_headers if name.lower() == "x-a"] == ["1", "2"]
    seen = json.loads(response.read())
    assert (seen["method"], seen["path"], seen["body"]) == ("PUT", "/echo/a%20b?x=1&x=2&y=%26", '{"a":"é"}')
    found = {name.lower(): value for name, value in seen["headers"]}
    assert (found["x-mine"], found["cookie"]) == ("1", "c=1; d=2")
    assert json.loads(found["x-amzn-request-context"])["http"]["method"] == "PUT"
    assert json.loads(found["x-amzn-lambda-context"])["request_id"] == response.header("x-amzn-requestid")


def test_two_at_a_time_do_not_meet_on_one_port(app, emulate, tmp_path: Path) -> None:
    # On Lambda each environment has a network of its own. The port that the start script names is replaced.
    web(app, start=START.replace("server.py", "server.py --port 8080"), FOLDER=str(tmp_path))
    emulator = emulate(app)
    url = emulator.urls["Test/Fn"]
    first = call(url + "steps", emulator.principals["admin"])
    assert first.chunk() == b"one"
    second = json.loads(call(url + "echo", emulator.principals["admin"]).read())
    assert second["port"] != "8080"
    for word in ("one", "two", "three"):
        (tmp_path / word).touch()
    assert first.chunks() == ([b"two", b"three"], True)


def test_it_waits_until_the_server_is_ready(app, emulate) -> None:
    web(app, SLOW="0.5", AWS_LWA_READINESS_CHECK_HEALTHY_STATUS="200-399")
    emulator = emulate(app)
    response = call(emulator.urls["Test/Fn"], emulator.principals["admin"])
    assert (response.status, response.read()) == (200, b"onetwothree")


def test_an_answer_that_breaks_off_is_cut(app, emulate) -> None:
    web(app)
    emulator = emulate(app)
    chunks, complete = call(emulator.urls["Test/Fn"] + "break", emulator.principals["admin"]).chunks()
    assert (b"".join(chunks), complete) == (b"one", False)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"onetwothree"


def test_a_server_that_ends_is_502_and_comes_back(app, emulate) -> None:
    web(app)
    emulator = emulate(app)
    assert call(emulator.urls["Test/Fn"] + "exit", emulator.principals["admin"]).status == 502
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"onetwothree"


def test_a_status_that_is_declared_a_failure_fails_the_invocation(app, emulate) -> None:
    web(app, AWS_LWA_ERROR_STATUS_CODES="418,500-599")
    emulator = emulate(app)
    assert call(emulator.urls["Test/Fn"] + "teapot", emulator.principals["admin"]).status == 502


def test_buffered_mode_answers_in_one_piece(app, emulate) -> None:
    web(app, AWS_LWA_INVOKE_MODE="buffered")
    app.resources["FnUrl"]["Properties"]["InvokeMode"] = "BUFFERED"
    emulator = emulate(app)
    response = call(emulator.urls["Test/Fn"] + "binary", emulator.principals["admin"])
    assert (response.header("content-type"), response.header("content-length"), response.read()) == ("image/x", "2", b"\0\xff")


def test_an_event_that_is_no_request_goes_to_the_pass_through_path(app, emulate) -> None:
    web(app, AWS_LWA_INVOKE_MODE="buffered")
    emulator = emulate(app)
    answer = lambda_client(emulator).invoke(FunctionName=emulator.json()["functions"][0]["function_name"], Payload=b'{"k":1}')
    seen = json.loads(json.loads(answer["Payload"].read())["body"])
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/events", '{"k":1}')


def test_a_server_that_does_not_start_is_an_init_failure(app, emulate, logs) -> None:
    web(app, start="#!/bin/sh\necho no luck; exit 7\n")
    emulator = emulate(app)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).status == 502
    assert logs.having("no luck")
    assert logs.having("exit status 7")


def test_a_start_script_that_is_missing_breaks_the_function(app, emulate) -> None:
    web(app, files={"server.py": SERVER})
    emulator = emulate(app)
    assert emulator.json()["functions"][0]["broken"].startswith("HANDLER_MISSING: the start script run.sh")


FASTAPI = """
import asyncio, os
import fastapi, fastapi.responses
app = fastapi.FastAPI()

@app.get("/words")
async def words():
    async def stream():
        for word in ("one", "two", "three"):
            yield word
            while not os.path.exists(os.path.join(os.environ["FOLDER"], word)):
                await asyncio.sleep(0.002)
    return fastapi.responses.StreamingResponse(stream(), media_type="text/event-stream")

@app.get("/ready")
async def ready():
    return {}
"""


def copy_distributions(names: list[str], folder: Path) -> None:
    """Puts packages with what they depend on into a function's folder, as bundling does."""
    done: set[str] = set()
    while names:
        name = names.pop()
        if name.lower() in done:
            continue
        done.add(name.lower())
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # needed on other systems, or by an extra
            continue
        names += [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in found.requires or () if "extra ==" not in line]
        for file in found.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)


def test_a_fastapi_app_streams(app, emulate, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    folder = app.asset("fastapi", {"main.py": FASTAPI, "run.sh": START.replace("server.py", "-m uvicorn main:app --port 8080")})
    copy_distributions(["fastapi", "uvicorn"], folder)
    web(app, files=folder, FOLDER=str(tmp_path))
    emulator = emulate(app)
    response = call(emulator.urls["Test/Fn"] + "words", emulator.principals["admin"], method="GET")
    assert (response.status, response.header("content-type")) == (200, "text/event-stream; charset=utf-8")
    for word in ("one", "two", "three"):
        assert response.chunk() == word.encode()
        (tmp_path / word).touch()
    assert response.chunk() == b""


def settings(**variables: str) -> adapter.Settings:
    return adapter.Settings({f"AWS_LWA_{name}": value for name, value in variables.items()})


REST: dict[str, Any] = {
    "httpMethod": "POST",
    "path": "/a b",
    "multiValueQueryStringParameters": {"x": ["1", "2"]},
    "multiValueHeaders": {"Accept": ["a", "b"], "Content-Length": ["3"]},
    "requestContext": {"stage": "prod"},
    "body": "AAE=",
    "isBase64Encoded": True,
}


def test_a_rest_apis_event_is_a_request_too() -> None:
    method, target, headers, body = adapter.request_of(REST, settings(), {})
    assert (method, target, body) == ("POST", "/a%20b?x=1&x=2", b"\0\1")
    assert [pair for pair in headers if not pair[0].startswith("x-amzn")] == [("accept", "a"), ("accept", "b")]


def test_a_base_path_is_removed_and_another_header_can_carry_the_authorization() -> None:
    event = {**REST, "path": "/prod/a", "multiValueHeaders": {"X-Auth": ["token"], "Authorization": ["AWS4"]}}
    _, target, headers, _ = adapter.request_of(event, settings(REMOVE_BASE_PATH="/prod", AUTHORIZATION_SOURCE="X-Auth"), {})
    assert target.startswith("/a?")
    assert [pair for pair in headers if pair[0] == "authorization"] == [("authorization", "token")]


@pytest.mark.parametrize(("text", "inside", "outside"), [("100-499", 499, 500), ("200,301-399", 200, 201), ("500", 500, 501)])
def test_status_ranges_are_read(text: str, inside: int, outside: int) -> None:
    ranges = adapter.status_ranges(text)
    assert adapter.within(inside, ranges)
    assert not adapter.within(outside, ranges)
