"""Stands in for the Lambda Web Adapter: starts a web server, waits until it answers, and hands it each invocation as a request.

Run by path, by a bare interpreter; the standard library alone. Its settings are the adapter's own environment variables:
https://awslabs.github.io/aws-lambda-web-adapter/configuration/environment-variables.html. What is different here: each environment's
server has a port of its own, since all share one machine; the server learns it from PORT and AWS_LWA_PORT.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = "/2018-06-01/runtime/"
PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
RETRY_SECONDS = 0.01
"""Pause between two looks whether the server is ready; the adapter's own."""
ASYNC_INIT_SECONDS = 9.8
"""How long an asynchronous init waits before it lets the init phase end."""
READ_BYTES = 65_536
PROBE_SECONDS = 5.0
ENDING_SECONDS = 0.25
"""How long a server that has dropped a connection may take to end, to be known for one that has."""
MAX_SCRIPT_BYTES = 65_536
TEXT = re.compile(r"^(text/|application/(json|javascript|xml|[a-z0-9.+-]*\+(json|xml)))|charset=", re.IGNORECASE)
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "trailer", "te", "upgrade")


class Settings:
    """What the environment variables say."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        def value(name: str, default: str, *others: str) -> str:
            return next((variables[key] for key in (f"AWS_LWA_{name}", *others) if variables.get(key)), default)

        self.declared_port = value("PORT", "8080", "PORT")
        self.readiness_path = value("READINESS_CHECK_PATH", "/", "READINESS_CHECK_PATH")
        self.readiness_protocol = value("READINESS_CHECK_PROTOCOL", "http", "READINESS_CHECK_PROTOCOL").lower()
        self.healthy = status_ranges(value("READINESS_CHECK_HEALTHY_STATUS", "100-499"))
        self.async_init = value("ASYNC_INIT", "false", "ASYNC_INIT").lower() == "true"
        self.base_path = value("REMOVE_BASE_PATH", "", "REMOVE_BASE_PATH")
        self.streams = value("INVOKE_MODE", "buffered").lower() == "response_stream"
        self.pass_through_path = value("PASS_THROUGH_PATH", "/events", "PASS_THROUGH_PATH")
        self.authorization_source = value("AUTHORIZATION_SOURCE", "").lower()
        self.error_statuses = status_ranges(value("ERROR_STATUS_CODES", ""))


def status_ranges(text: str) -> list[range]:
    """Reads `500,502-504`."""
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        low, _, high = part.partition("-")
        found.append(range(int(low), int(high or low) + 1))
    return found


def within(status: int, ranges: list[range]) -> bool:
    """Whether one of the ranges has it."""
    return any(status in one for one in ranges)


def request_of(event: Any, settings: Settings, context: Mapping[str, Any]) -> tuple[str, str, list[tuple[str, str]], bytes]:
    """Method, target, headers and body of the request that an event becomes. Pure."""
    around = event.get("requestContext") if isinstance(event, dict) else None
    headers: list[tuple[str, str]] = []
    query = ""
    if isinstance(around, dict) and "http" in around:  # a Function URL, or an HTTP API: payload format 2.0
        method, path, query = around["http"]["method"], event["rawPath"], event.get("rawQueryString", "")
        headers = list((event.get("headers") or {}).items())
        if event.get("cookies"):
            headers.append(("cookie", "; ".join(event["cookies"])))
    elif isinstance(event, dict) and "httpMethod" in event:  # a REST API
        method, path = event["httpMethod"], quote(event.get("path") or "/", safe="/%:@!$&'()*+,;=~-._")
        query = urlencode(event.get("multiValueQueryStringParameters") or {}, doseq=True)
        several = event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()}
        headers = [(name.lower(), value) for name, values in several.items() for value in values]
    else:
        body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
        return "POST", settings.pass_through_path, [("content-type", "application/json"), *_contexts(around, context)], body
    if settings.base_path:
        path = path.removeprefix(settings.base_path) or "/"
    text = event.get("body") or ""
    data = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
    headers = [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]
    if settings.authorization_source:
        source = settings.authorization_source
        moved = [("authorization", value) for name, value in headers if name.lower() == source]
        if moved:
            headers = [pair for pair in headers if pair[0].lower() not in (source, "authorization")] + moved
    return method, f"{path}?{query}" if query else path, [*headers, *_contexts(around, context)], data


def _contexts(around: Any, context: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("x-amzn-request-context", json.dumps(around, separators=(",", ":"))),
        ("x-amzn-lambda-context", json.dumps(context, separators=(",", ":"))),
    ]


def prelude_of(status: int, headers: list[tuple[str, str]]) -> dict[str, Any]:
    """Status and headers as the Runtime API takes them. Pure."""
    several: dict[str, list[str]] = {}
    cookies = []
    for name, value in headers:
        lower = name.lower()
        if lower == "set-cookie":
            cookies.append(value)
        elif lower not in HOP_BY_HOP:
            several.setdefault(lower, []).append(value)
    return {"statusCode": status, "multiValueHeaders": several, "cookies": cookies}


class Server:
    """The web server, as a child."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.port = free_port()
        environment = {**os.environ, "PORT": str(self.port), "AWS_LWA_PORT": str(self.port)}
        self.process = subprocess.Popen([start_script(settings.declared_port, self.port)], env=environment)

    def wait_until_ready(self, seconds: float) -> bool:
        """Whether it answers within a time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.require_alive()
            if self.answers():
                return True
            time.sleep(RETRY_SECONDS)
        return False

    def require_alive(self, seconds: float = 0.0) -> None:
        """Leaves, as the runtime would, where the server has left, or does so within a time."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        if status is not None:
            say(f"the web server has ended with exit status {status}")
            sys.exit(status if 0 < status < 128 else 1)

    def answers(self) -> bool:
        """One readiness check."""
        try:
            if self.settings.readiness_protocol == "tcp":
                socket.create_connection(("127.0.0.1", self.port), PROBE_SECONDS).close()
                return True
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PROBE_SECONDS)
            connection.request("GET", self.settings.readiness_path)
            status = connection.getresponse().status
            connection.close()
        except (OSError, http.client.HTTPException):
            return False
        return within(status, self.settings.healthy)

    def ask(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> http.client.HTTPResponse:
        """Sends a request; the head of the answer is there."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        names = {name.lower() for name, _ in headers}
        connection.putrequest(method, target, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value.encode("utf-8"))
        if body or method in ("POST", "PUT", "PATCH"):
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        return connection.getresponse()


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_script(declared: str, port: int) -> str:
    """The script that starts the server; a copy where the port that the function declares is written into it."""
    script = Path(os.environ["LAMBDA_TASK_ROOT"], os.environ["_HANDLER"])
    if not script.is_file() or script.stat().st_size > MAX_SCRIPT_BYTES:
        return str(script)
    text = script.read_bytes()
    word = re.compile(rb"(?<![0-9.])" + re.escape(declared.encode()) + rb"(?![0-9])")
    if not text.startswith(b"#!") or not word.search(text):
        return str(script)
    copy = Path(os.environ["TMPDIR"], f"start-{port}.sh")
    copy.write_bytes(word.sub(str(port).encode(), text))
    copy.chmod(0o700)
    return str(copy)


class Api:
    """Lambda's Runtime API."""

    def __init__(self, address: str) -> None:
        self.connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[Any, Mapping[str, str]]:
        """The next invocation."""
        self.connection.request("GET", PREFIX + "invocation/next")
        response = self.connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return json.loads(response.read()), headers

    def _finish(self) -> None:
        self.connection.getresponse().read()

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """A whole answer."""
        self.connection.request("POST", PREFIX + path, body, dict(headers))
        self._finish()

    def stream(self, request_id: str, echo: Mapping[str, str], prelude: dict[str, Any], chunks: Iterator[bytes]) -> None:
        """An answer chunk by chunk; what breaks it goes into the trailers."""
        connection = self.connection
        connection.putrequest("POST", PREFIX + f"invocation/{request_id}/response")
        for name, value in {
            "Content-Type": PRELUDE_TYPE,
            "Lambda-Runtime-Function-Response-Mode": "streaming",
            "Transfer-Encoding": "chunked",
            "Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
            **echo,
        }.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(chunk(json.dumps(prelude, separators=(",", ":")).encode() + bytes(8)))
        trailers = b""
        try:
            for data in chunks:
                connection.send(chunk(data))
        except BrokenServer as broken:
            document = base64.b64encode(json.dumps({"errorType": "Runtime.WebServer", "errorMessage": str(broken)}).encode())
            trailers = b"Lambda-Runtime-Function-Error-Type: Runtime.WebServer\r\n"
            trailers += b"Lambda-Runtime-Function-Error-Body: " + document + b"\r\n"
        connection.send(b"0\r\n" + trailers + b"\r\n")
        self._finish()


class BrokenServer(Exception):
    """The web server's answer ended before its end."""


def chunk(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def body_of(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The answer's body as it comes."""
    try:
        while data := response.read1(READ_BYTES):
            yield data
        if response.length:  # read1 does not say that a body with a length ended early
            raise BrokenServer(f"the web server's answer ended {response.length} bytes early")
    except (OSError, http.client.HTTPException) as error:
        raise BrokenServer(f"the web server's answer broke: {type(error).__name__}") from error


def refuse_failed(response: http.client.HTTPResponse, statuses: list[range]) -> None:
    """A status that the function declares to be a failure of the invocation.

    Raises:
        BrokenServer: it is one of those.
    """
    if within(response.status, statuses):
        text = b"".join(body_of(response)).decode("utf-8", "replace")
        raise BrokenServer(json.dumps({"statusCode": response.status, "body": text}))


def buffered(response: http.client.HTTPResponse) -> bytes:
    """The answer as one document."""
    data = b"".join(body_of(response))
    headers = response.getheaders()
    document = prelude_of(response.status, headers)
    kinds = document["multiValueHeaders"].get("content-type", [""])
    encoded = "content-encoding" in document["multiValueHeaders"] or not TEXT.search(kinds[0])
    document["headers"] = {name: ",".join(values) for name, values in document["multiValueHeaders"].items()}
    document["isBase64Encoded"] = encoded
    document["body"] = base64.b64encode(data).decode() if encoded else data.decode("utf-8", "replace")
    return json.dumps(document).encode()


def serve(api: Api, server: Server) -> None:
    """One invocation after the other."""
    settings = server.settings
    while True:
        event, headers = api.next()
        request_id = headers["lambda-runtime-aws-request-id"]
        echo = {}
        if "lambda-runtime-invocation-id" in headers:
            echo["Lambda-Runtime-Invocation-Id"] = headers["lambda-runtime-invocation-id"]
        context = {
            "request_id": request_id,
            "deadline": int(headers["lambda-runtime-deadline-ms"]),
            "invoked_function_arn": headers["lambda-runtime-invoked-function-arn"],
            "xray_trace_id": headers.get("lambda-runtime-trace-id"),
        }
        try:
            response = server.ask(*request_of(event, settings, context))
            refuse_failed(response, settings.error_statuses)
            if settings.streams:
                api.stream(request_id, echo, prelude_of(response.status, response.getheaders()), body_of(response))
            else:
                api.post(f"invocation/{request_id}/response", buffered(response), {"Content-Type": "application/json", **echo})
        except (BrokenServer, OSError, http.client.HTTPException) as error:
            server.require_alive(ENDING_SECONDS)
            document = json.dumps({"errorType": "Runtime.WebServer", "errorMessage": str(error)}).encode()
            kind = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": "Runtime.WebServer", **echo}
            api.post(f"invocation/{request_id}/error", document, kind)


def say(text: str) -> None:
    """A log line."""
    sys.stderr.write(f"web adapter: {text}\n")
    sys.stderr.flush()


def main() -> int:
    """Runs until it is killed."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    settings = Settings(os.environ)
    api = Api(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        server = Server(settings)
    except OSError as error:
        message = f"the start script {os.environ['_HANDLER']} cannot be run: {error.strerror or error}; make it executable"
        document = {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message}
        api.post("init/error", json.dumps(document).encode(), {"Content-Type": "application/json"})
        say(message)
        return 1
    if not server.wait_until_ready(ASYNC_INIT_SECONDS if settings.async_init else float("inf")):
        say("the web server is not ready yet; the init phase ends without it (AWS_LWA_ASYNC_INIT)")
    serve(api, server)
    return 0


if __name__ == "__main__":
    sys.exit(main())
