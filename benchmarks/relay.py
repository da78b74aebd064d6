"""The least that stands between a caller and a function and passes on what either says: the floor under every emulator in Python.

`python -m benchmarks.relay` is that program: blocking sockets, one caller, one function, the event made anew for each call. It knows no
second connection, no error, no auth, no log, no metric, no deadline and no back-pressure. Nobody should use it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Self

from benchmarks.emulated import ROOT, Caller
from benchmarks.programs import HERE, RUNTIME
from benchmarks.server import ACCEPTED, END, PATIENCE_SECONDS, BenchmarkError, lambda_variables, url_event

if TYPE_CHECKING:
    from collections.abc import Mapping

_PRELUDE_END = b"\0" * 8
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


class Relay:
    """A relay, the function behind it, and a caller's connection to it.

    Args:
        environment: What the function gets beyond Lambda's variables.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        self._function: subprocess.Popen[bytes] | None = None
        self._caller: Caller | None = None
        self._relay = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.relay"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        assert self._relay.stdout is not None
        ports = self._relay.stdout.readline().split()  # it says them or ends
        if len(ports) != 2:
            self.close()
            raise BenchmarkError("the relay did not start")
        self._function = subprocess.Popen(
            [sys.executable, "-S", "-m", "streaming_runtime"],
            cwd=HERE / "ours",
            env={
                **lambda_variables(int(ports[1]), HERE / "ours", "index.handler"),
                "PYTHONPATH": str(RUNTIME / "python"),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._caller = Caller(f"http://127.0.0.1:{int(ports[0])}/")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def caller(self) -> Caller:
        """The connection to the relay."""
        assert self._caller is not None
        return self._caller

    def close(self) -> None:
        """Ends both processes, and the connection."""
        if self._caller is not None:
            self._caller.socket.close()
        if self._function is not None:
            os.killpg(self._function.pid, signal.SIGKILL)
            self._function.wait(timeout=PATIENCE_SECONDS)
        self._relay.kill()
        self._relay.wait(timeout=PATIENCE_SECONDS)
        assert self._relay.stdout is not None
        self._relay.stdout.close()
        self._log.close()


def main() -> None:
    """Relays until the caller or the function has gone."""
    url, api = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    print(url.getsockname()[1], api.getsockname()[1], flush=True)
    runtime, caller = _accepted(api), _accepted(url)
    number = 0
    while True:
        runtime.recv(65_536)  # it asks for the next invocation
        request = caller.recv(65_536)
        if not request:
            return
        number += 1
        body = json.dumps(url_event(request.split(b" ", 2)[1].decode(), {})).encode()
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-{number:012x}\r\nLambda-Runtime-Deadline-Ms: 4000000000000\r\n"
            "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:bench\r\n\r\n"
        )
        runtime.sendall(head.encode() + body)
        _pass_on(runtime, caller)
        runtime.sendall(ACCEPTED)


def _pass_on(runtime: socket.socket, caller: socket.socket) -> None:
    """One streamed answer: its head and prelude for a head, its chunks as they are."""
    data = runtime.recv(65_536)
    while _PRELUDE_END not in data:
        data += _more(runtime)
    chunks = data.partition(b"\r\n\r\n")[2]
    size, _, content = chunks.partition(b"\r\n")
    prelude, _, rest = content.partition(_PRELUDE_END)
    left = int(size, 16) - len(prelude) - len(_PRELUDE_END)
    data = _HEAD + (b"%x\r\n" % left + rest if left else rest[2:])
    caller.sendall(data)
    tail = data[-len(END) :]
    while tail != END:
        data = _more(runtime)
        caller.sendall(data)
        tail = (tail + data)[-len(END) :]


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        sys.exit("the function has gone")
    return data


def _accepted(listener: socket.socket) -> socket.socket:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


if __name__ == "__main__":
    main()
