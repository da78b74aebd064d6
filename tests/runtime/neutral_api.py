"""A Runtime API of the tests' own, on real sockets: it says what a test tells it to and records every chunk with its time.

Single-threaded: each call does the next step of the conversation, and every wait is bounded.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATIENCE = 10.0
RUNTIME_ROOT = Path(__file__).resolve().parents[2] / "constructs_pkg" / "runtime"
MEASURED = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
NEXT = "/2018-06-01/runtime/invocation/next"


class Reply:
    """One POST of the runtime."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        self.path = path
        self.headers = headers
        self.chunks: list[tuple[float, bytes]] = []
        self.trailers: dict[str, str] = {}

    @property
    def raw(self) -> bytes:
        return b"".join(data for _, data in self.chunks)

    @property
    def has_prelude(self) -> bool:
        return self.headers.get("content-type") == "application/vnd.awslambda.http-integration-response"

    @property
    def prelude(self) -> dict[str, Any]:
        return dict(json.loads(self.raw.split(b"\0" * 8, 1)[0]))

    @property
    def status(self) -> int:
        return int(self.prelude["statusCode"])

    @property
    def body(self) -> bytes:
        return self.raw.split(b"\0" * 8, 1)[1] if self.has_prelude else self.raw

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_error(self) -> bool:
        return self.path.endswith("/error")

    @property
    def trailer_error(self) -> dict[str, Any] | None:
        body = self.trailers.get("lambda-runtime-function-error-body")
        return None if body is None else dict(json.loads(base64.b64decode(body)))


class Connection:
    """One connection of the runtime, read with bounded waits."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(PATIENCE)
        self._buffer = b""

    def read_until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._receive()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._receive()
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def read_request(self) -> Reply:
        lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        _, path, version = lines[0].split(" ")
        assert version == "HTTP/1.1"
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            assert name.lower() not in headers, f"repeated header {name}"
            headers[name.lower()] = value
        return Reply(path, headers)

    def read_chunk(self, reply: Reply) -> bytes | None:
        """The next chunk, or None at the end, when trailers are read."""
        size = int(self.read_until(b"\r\n"), 16)
        if size == 0:
            while line := self.read_until(b"\r\n"):
                name, _, value = line.decode().partition(": ")
                assert name in reply.headers["trailer"], f"undeclared trailer {name}"
                reply.trailers[name.lower()] = value
            return None
        data = self.read(size)
        assert self.read(2) == b"\r\n"
        reply.chunks.append((time.monotonic(), data))
        return data

    def read_body(self, reply: Reply) -> Reply:
        if reply.headers.get("transfer-encoding") == "chunked":
            while self.read_chunk(reply) is not None:
                pass
        else:
            reply.chunks.append((time.monotonic(), self.read(int(reply.headers.get("content-length", "0")))))
        return reply

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def is_closed(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def _receive(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise EOFError(f"the runtime closed the connection after {self._buffer!r}")
        self._buffer += data


class Runtime:
    """A runtime's process and the Runtime API it talks to."""

    def __init__(self, listener: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self.listener = listener
        self.process = process
        self.connection: Connection | None = None
        self.delivered_at = 0.0  # time.monotonic(), when the last invocation's seconds began
        self._invocations = 0

    def accept(self) -> Connection:
        self.listener.settimeout(PATIENCE)
        accepted, _ = self.listener.accept()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = Connection(accepted)
        return self.connection

    def await_next(self) -> Connection:
        """Waits until the runtime asks for the next invocation, on a new connection where it closed the last."""
        connection = self.connection or self.accept()
        try:
            request = connection.read_request()
        except (EOFError, ConnectionError):
            connection = self.accept()
            request = connection.read_request()
        assert request.path == NEXT, request.path
        return connection

    def deliver(
        self, event: Any = None, *, timeout: float = 10.0, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> None:
        """Answers GET /next with an invocation that has `timeout` seconds."""
        self._invocations += 1
        connection = self.await_next()
        payload = json.dumps(event).encode() if body is None else body
        self.delivered_at = time.monotonic()
        fields = {
            "Lambda-Runtime-Aws-Request-Id": f"request-{self._invocations}",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:f:live",
            **(headers or {}),
            "Content-Length": str(len(payload)),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        connection.send(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + payload)

    def head(self) -> Reply:
        """Reads the head of the runtime's reply."""
        assert self.connection is not None
        return self.connection.read_request()

    def chunk(self, reply: Reply) -> bytes | None:
        assert self.connection is not None
        return self.connection.read_chunk(reply)

    def rest(self, reply: Reply, *, status: int = 202) -> Reply:
        """Reads the rest of a reply and answers it."""
        assert self.connection is not None
        self.connection.read_body(reply)
        self.acknowledge(status)
        return reply

    def acknowledge(self, status: int = 202) -> None:
        assert self.connection is not None
        self.connection.send(f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n".encode())

    def invoke(self, event: Any = None, **delivery: Any) -> Reply:
        """One invocation, start to end."""
        self.deliver(event, **delivery)
        return self.rest(self.head())

    def log(self) -> str:
        """Ends the process and returns what it wrote."""
        end(self.process)
        output, _ = self.process.communicate(timeout=PATIENCE)
        return output.decode()

    def exit(self) -> tuple[int, str]:
        """Waits for the process to end by itself."""
        output, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, output.decode()


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills it; but lets it save what it measured, where coverage is measured."""
    if MEASURED:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
    process.kill()


@contextmanager
def running(
    task_root: Path,
    handler: str = "index.handler",
    *,
    interpreter: str = sys.executable,
    environment: Mapping[str, str] | None = None,
    wrapper: bool | Path = False,
    pass_fds: tuple[int, ...] = (),
    options: tuple[str, ...] = (),
    output: IO[bytes] | None = None,
) -> Iterator[Runtime]:
    """A runtime in a process of its own, with the environment that Lambda gives it and nothing else.

    What it writes goes to `output`, where there is one: a pipe that nobody reads holds some 64 KiB.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        env = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{listener.getsockname()[1]}",
            "_HANDLER": handler,
            "LAMBDA_TASK_ROOT": str(task_root),
            "PYTHONDONTWRITEBYTECODE": "1",
            **MEASURED,
            **(environment or {}),
        }
        command = [interpreter, *options, "-m", "streaming_runtime"]
        if wrapper:
            script = RUNTIME_ROOT / "streaming-wrapper" if wrapper is True else wrapper
            command = [str(script), interpreter, "-X", "utf8", "/var/runtime/bootstrap.py"]
        else:
            env.setdefault("PYTHONPATH", str(RUNTIME_ROOT / "python"))
        process = subprocess.Popen(
            command,
            env=env,
            cwd=task_root,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        runtime = Runtime(listener, process)
        try:
            yield runtime
        finally:
            if process.poll() is None:
                end(process)
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # and what it started
            process.wait(timeout=PATIENCE)
            if process.stdout is not None:
                process.stdout.close()
            if runtime.connection is not None:
                runtime.connection.socket.close()


def url_event(
    method: str = "GET",
    path: str = "/",
    *,
    body: str | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    query: str = "",
    cookies: list[str] | None = None,
    iam: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A Function URL's event, payload format 2.0."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "u.lambda-url.eu-west-1.on.aws", **(headers or {})},
        "requestContext": {
            "accountId": "123456789012",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"},
            "requestId": "r",
            "stage": "$default",
            "timeEpoch": 1_700_000_000_000,
        },
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    if cookies is not None:
        event["cookies"] = cookies
    if iam is not None:
        event["requestContext"]["authorizer"] = {"iam": dict(iam)}
    return event


def rest_event(method: str = "GET", path: str = "/", **more: Any) -> dict[str, Any]:
    """An event of API Gateway's REST proxy integration, payload format 1.0."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"stage": "prod", "identity": {"sourceIp": "127.0.0.1", "userArn": None}},
        "body": None,
        "isBase64Encoded": False,
        **more,
    }
