"""A Runtime API that favours nobody: raw sockets, one process, no parser in the timed path. The only file here that does I/O.

It hands over an invocation, notes when the answer's first byte and its last one arrive, and says 202. Every wait is bounded.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PATIENCE_SECONDS = 60.0
_SPIN_SECONDS = 0.003  # how long the system takes to wake the server is not the program's doing
END = b"\r\n0\r\n\r\n"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + b'{"status":"OK"}\n'


class BenchmarkError(Exception):
    """A program did not do what it is measured for, so there is nothing to measure."""


class Answer:
    """What one invocation was answered.

    Attributes:
        first_byte: Seconds from handing over the invocation to the first byte of the handler's answer.
        total: Seconds from handing over the invocation to the end of the answer.
        arrivals: Where asked for: when data arrived, by time.monotonic_ns(), and the data.
    """

    __slots__ = ("arrivals", "first_byte", "total")

    def __init__(self, first_byte: float, total: float, arrivals: list[tuple[int, bytes]]) -> None:
        self.first_byte = first_byte
        self.total = total
        self.arrivals = arrivals

    def body(self) -> bytes:
        """The answer's body without HTTP's chunks and without the prelude of a streamed HTTP answer. Needs `arrivals`."""
        head, _, rest = b"".join(data for _, data in self.arrivals).partition(b"\r\n\r\n")
        if b"\r\ntransfer-encoding: chunked" not in head.lower():
            return rest
        pieces = []
        while True:
            size, _, rest = rest.partition(b"\r\n")
            count = int(size, 16)
            if not count:
                break
            pieces.append(rest[:count])
            rest = rest[count + 2 :]
        body = b"".join(pieces)
        return body.partition(b"\0" * 8)[2] if b"vnd.awslambda.http-integration-response" in head else body


class Session:
    """One process of one program, and the Runtime API it talks to.

    Args:
        command: What to run.
        folder: Its working directory and task root.
        environment: What it needs beyond Lambda's own variables.
        handler: The function's handler setting.
        spin: Whether the server looks again and again for a while before it sleeps, so that no time that the system takes to wake it
            counts. Not where what it is compared with sleeps, too.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], handler: str, *, spin: bool = True
    ) -> None:
        self._spin_seconds = _SPIN_SECONDS if spin else 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        self._poll = select.poll()
        self._poll.register(self._listener, select.POLLIN)
        self._connections: dict[int, socket.socket] = {}
        self._waiting: socket.socket | None = None
        self._count = 0
        self._answers: dict[tuple[object, ...], bytes] = {}
        variables = {**lambda_variables(self._listener.getsockname()[1], folder, handler), **environment}
        self.spawned_at = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process and everything it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=PATIENCE_SECONDS)
        for connection in self._connections.values():
            connection.close()
        self._listener.close()
        self._log.close()

    def await_next(self) -> float:
        """Waits for GET /next. Returns the seconds since the process was spawned."""
        while self._waiting is None:
            connection, head = self._read_head()
            if not head.startswith(b"GET /2018-06-01/runtime/invocation/next "):
                raise self._failure(f"asked for {head[:200]!r} in place of the next invocation")
            self._waiting = connection
        return time.perf_counter() - self.spawned_at

    def invoke(self, path: str, headers: Mapping[str, str] | None = None, marker: bytes = b"", keep: bool = False) -> Answer:
        """One invocation, from its hand-over to the 202.

        Args:
            path: Of the Function URL's event.
            headers: Further headers of the event.
            marker: What the first byte of the handler's answer is known by. Empty: whatever follows the head.
            keep: Whether to keep what arrives, with its time.
        """
        self.await_next()
        connection, self._waiting = self._waiting, None
        assert connection is not None
        data = self._invocation(path, headers or {})
        arrivals: list[tuple[int, bytes]] = []
        begin = time.perf_counter()
        connection.sendall(data)
        connection, seen = self._read_head()
        place = seen.find(b"\r\n\r\n") + 4
        while seen.find(marker, place) < 0 or len(seen) == place:
            seen += self._receive(connection)
        first = time.perf_counter()
        if keep:
            arrivals.append((time.monotonic_ns(), bytes(seen)))
        head = bytes(seen[:place]).lower()
        if not head.startswith(b"post ") or b"/response " not in head:
            raise self._failure(f"answered {head[:300]!r}")
        if b"\r\ntransfer-encoding: chunked" in head:
            self._read_to_end(connection, bytes(seen[place - 2 :]), arrivals if keep else None)
        else:
            length = int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
            while len(seen) < place + length:
                seen += self._receive(connection)
        total = time.perf_counter()
        connection.sendall(ACCEPTED)
        return Answer(first - begin, total - begin, arrivals)

    def cpu_seconds(self) -> float:
        """CPU time of the process so far, all threads, in user and kernel mode."""
        return cpu_seconds(self.process.pid)

    def _read_to_end(self, connection: socket.socket, seen: bytes, arrivals: list[tuple[int, bytes]] | None) -> None:
        """Reads a chunked body as fast as it comes: nothing but its end is looked for, which no benchmark's own bytes contain."""
        buffer = bytearray(1_048_576)
        view = memoryview(buffer)
        tail = seen[-len(END) :]
        while tail != END:
            size = connection.recv_into(buffer)
            if not size:
                raise self._failure("closed the connection in the middle of its answer")
            if arrivals is not None:
                arrivals.append((time.monotonic_ns(), bytes(view[:size])))
            tail = (tail + bytes(view[max(0, size - len(END)) : size]))[-len(END) :]
            if tail.endswith(b"\r\n\r\n") and tail != END:
                raise self._failure(f"ended its answer with trailers: {bytes(view[:size])[-300:]!r}")

    def _read_head(self) -> tuple[socket.socket, bytearray]:
        """Reads until a request's head is there, on whichever connection it comes."""
        seen = bytearray()
        begin = time.monotonic()
        while True:
            waited = time.monotonic() - begin
            events = self._poll.poll(0 if waited < self._spin_seconds else 1000)
            for descriptor, _ in events:
                if descriptor == self._listener.fileno():
                    self._accept()
                    continue
                connection = self._connections[descriptor]
                try:
                    data = connection.recv(262_144)
                except ConnectionError:
                    data = b""
                if not data:
                    self._forget(connection)
                    continue
                seen += data
                if b"\r\n\r\n" in seen:
                    return connection, seen
            if waited > 1 and not events and (self.process.poll() is not None or waited > PATIENCE_SECONDS):
                raise self._failure("is gone" if self.process.poll() is not None else "is silent")

    def _receive(self, connection: socket.socket) -> bytes:
        data = connection.recv(262_144)
        if not data:
            raise self._failure("closed the connection in the middle of its answer")
        return data

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(PATIENCE_SECONDS)
        self._connections[connection.fileno()] = connection
        self._poll.register(connection, select.POLLIN)

    def _forget(self, connection: socket.socket) -> None:
        self._poll.unregister(connection)
        del self._connections[connection.fileno()]
        connection.close()

    def _failure(self, what: str) -> BenchmarkError:
        self._log.seek(0)
        said = self._log.read()[-3000:].decode("utf-8", "replace")
        return BenchmarkError(f"{' '.join(map(str, self.process.args))} {what}\n{said}")  # type: ignore[arg-type]

    def _invocation(self, path: str, headers: Mapping[str, str]) -> bytes:
        """The answer to GET /next, as Lambda gives it."""
        self._count += 1
        key = (path, *headers.items())
        body = self._answers.get(key)
        if body is None:
            body = self._answers[key] = json.dumps(url_event(path, headers)).encode()
        head = (
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: application/json\r\n"
            f"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-{self._count:012x}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {int((time.time() + 900) * 1000)}\r\n"
            "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:bench:live\r\n"
            f"Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c8{self._count:08x};Parent=9a9197af755a6419;Sampled=1\r\n"
            "Date: Mon, 23 Nov 2026 10:00:00 GMT\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, all threads, in user and kernel mode."""
    if hasattr(time, "pthread_getcpuclockid") and os.path.exists("/proc/self"):  # noqa: PTH110
        return time.clock_gettime(~pid << 3 | 2)  # Linux: the CPU clock of another process, in nanoseconds
    listed = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True, timeout=10, check=True)
    minutes, _, seconds = listed.stdout.strip().rpartition(":")
    return 60 * float(minutes.replace(":", "") or 0) + float(seconds)


def lambda_variables(port: int, folder: Path, handler: str) -> dict[str, str]:
    """The environment that Lambda gives a function whose log is JSON, as our constructs ask for."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/23/[7]0123456789abcdef",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }


def url_event(path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """A Function URL's event of the usual size, payload format 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "content-type": "application/json",
            "x-amzn-tls-version": "TLSv1.3",
            "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            "x-forwarded-proto": "https",
            "host": "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws",
            "x-forwarded-port": "443",
            "x-forwarded-for": "203.0.113.9",
            "accept": "*/*",
            "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256",
            "user-agent": "python-httpx/0.28.1",
            **headers,
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghijklmnopqrstuvwxyz012345",
            "authorizer": {
                "iam": {
                    "accessKey": "ASIAEXAMPLEEXAMPLEEX",
                    "accountId": "123456789012",
                    "callerId": "AROAEXAMPLEEXAMPLEEX:backend",
                    "cognitoIdentity": None,
                    "principalOrgId": "o-exampleorg",
                    "userArn": "arn:aws:sts::123456789012:assumed-role/backend/backend",
                    "userId": "AROAEXAMPLEEXAMPLEEX:backend",
                }
            },
            "domainName": "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws",
            "domainPrefix": "abcdefghijklmnopqrstuvwxyz012345",
            "http": {
                "method": "GET",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.9",
                "userAgent": "python-httpx/0.28.1",
            },
            "requestId": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "routeKey": "$default",
            "stage": "$default",
            "time": "23/Nov/2026:10:00:00 +0000",
            "timeEpoch": 1_795_428_000_000,
        },
        "isBase64Encoded": False,
    }
