"""What is measured: each program's command, and what it needs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from benchmarks.server import PATIENCE_SECONDS, BenchmarkError, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers import Peers

HERE = Path(__file__).parent / "programs"
RUNTIME = Path(__file__).parents[1] / "constructs_pkg" / "runtime"
WITHOUT_BYTECODE = "ours, no bytecode"


class Program:
    """Something that serves invocations.

    Args:
        name: As results call it.
        command: What to run.
        folder: Where its handler is.
        handler: The function's handler setting.
        environment: What it needs beyond Lambda's variables.
    """

    def __init__(self, name: str, command: list[str], folder: str, handler: str, environment: dict[str, str]) -> None:
        self.name = name
        self._command = command
        self._folder = HERE / folder
        self._handler = handler
        self._environment = environment

    def start(self, *, spin: bool = True) -> Session:
        """A new process of it. `spin` is as for Session."""
        return Session(self._command, self._folder, self._environment, self._handler, spin=spin)


def programs(peers: Peers) -> dict[str, Program]:
    """Every program that this machine can run, by name."""
    python = str(peers.python)
    layer = {"PYTHONPATH": str(RUNTIME / "python")}
    found = [
        Program(name, [python, "-m", "streaming_runtime"], "ours", "index.handler", layer) for name in ("ours", "ours again")
    ]
    wrapper = [str(RUNTIME / "streaming-wrapper"), python, "/var/runtime/bootstrap.py"]
    found.append(Program("ours, by its wrapper", wrapper, "ours", "index.handler", {}))
    loop = [python, str(HERE / "bare" / "loop.py")]
    found.append(Program("a bare loop", loop, "bare", "loop.main", {}))
    if peers.has("awslambdaric"):
        found.append(Program("awslambdaric", [python, "-m", "awslambdaric", "index.handler"], "stock", "index.handler", {}))
    if peers.node is not None:
        entry = peers.node_client / "node_modules" / "aws-lambda-ric" / "index.mjs"
        found.append(
            Program("Node", [str(peers.node), str(entry), "index.handler"], "node", "index.handler", peers.node_environment)
        )
    if peers.has("fastapi"):
        asgi = {**layer, "STREAM_ASGI_APP": "app:app"}
        found += [
            Program(name, [python, "-m", "streaming_runtime"], "web", "streaming_runtime.asgi.handler", asgi)
            for name in ("ours, FastAPI", "ours, FastAPI again")
        ]
        found.append(Program("importing FastAPI", [*loop, "app"], "web", "loop.main", {"PYTHONPATH": str(HERE / "web")}))
    return {program.name: program for program in found}


@contextmanager
def layer_without_bytecode(peers: Peers) -> Iterator[Program]:
    """Ours as Lambda finds a layer that holds sources alone: on a disk that takes no bytecode, so that each start compiles."""
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder) / "python"
        shutil.copytree(RUNTIME / "python", layer, ignore=shutil.ignore_patterns("__pycache__"))
        environment = {"PYTHONPATH": str(layer), "PYTHONDONTWRITEBYTECODE": "1"}
        yield Program(WITHOUT_BYTECODE, [str(peers.python), "-m", "streaming_runtime"], "ours", "index.handler", environment)


class WebServer:
    """uvicorn with the FastAPI app alone: what lies beneath the Lambda Web Adapter, whose own cost comes on top.

    Args:
        python: The interpreter that has it.
        fast: Whether it uses uvloop and httptools, which not everybody installs.
    """

    def __init__(self, python: Path, *, fast: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = int(free.getsockname()[1])
        choice = ["--loop", "uvloop", "--http", "httptools"] if fast else ["--loop", "asyncio", "--http", "h11"]
        command = [
            str(python),
            "-m",
            "uvicorn",
            "app:app",
            "--port",
            str(self._port),
            "--no-access-log",
            "--log-level",
            "warning",
        ]
        self._spawned_at = time.perf_counter()
        self._process = subprocess.Popen(
            [*command, *choice],
            cwd=HERE / "web",
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={"PATH": os.environ["PATH"]},
        )
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()
        self._process.kill()
        self._process.wait(timeout=PATIENCE_SECONDS)

    def await_ready(self) -> float:
        """Waits until it takes connections. Returns the seconds since the process was spawned."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                self._socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE_SECONDS)
            except ConnectionRefusedError:
                time.sleep(0.001)
                continue
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return time.perf_counter() - self._spawned_at
        raise BenchmarkError("uvicorn did not start")

    def first_byte(self) -> float:
        """Seconds from a request on a connection kept alive to the first byte of the app's answer."""
        assert self._socket is not None
        begin = time.perf_counter()
        self._socket.sendall(b"GET /first HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\nUser-Agent: python-httpx/0.28.1\r\n\r\n")
        seen = bytearray()
        while b"hello" not in seen:
            seen += self._received()
        first = time.perf_counter()
        while not seen.endswith(b"\r\n0\r\n\r\n"):
            seen += self._received()
        return first - begin

    def _received(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(65_536)
        if not data:
            raise BenchmarkError("uvicorn closed the connection")
        return data
