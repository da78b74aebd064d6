"""What is measured of the emulator: its process, as a person starts it, and a caller that costs next to nothing."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from benchmarks.server import PATIENCE_SECONDS, BenchmarkError, cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
START_SECONDS = 180.0
STOP_SECONDS = 30.0
_END = b"\r\n0\r\n\r\n"


class Emulated:
    """`streaming-lambda local` on an assembly, every setting at its default, its log lines in a file.

    Attributes:
        ready: What `--json` printed.
        folder: Its temporary files, and nobody else's.
    """

    def __init__(self, assembly: Path) -> None:
        """
        Args:
            assembly: What it runs.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self.folder = Path(self._folder.name)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        self.process = subprocess.Popen(
            [sys.executable, "-m", "constructs_pkg", "local", "--json", "--assembly", str(assembly)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self.ready: dict[str, Any] = self._await_ready()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _await_ready(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline() if readable else b""
        if not line:
            said = self.said()
            self.close()
            raise BenchmarkError(f"the emulator did not start\n{said}")
        found: dict[str, Any] = json.loads(line)
        return found

    def said(self) -> str:
        """The end of its log."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 3000))
        return self._log.read().decode("utf-8", "replace")

    def url(self, construct: str) -> str:
        """A function's URL, by the name of its construct."""
        return str(next(row["url"] for row in self.ready["functions"] if f"/{construct}/" in row["path"]))

    def principal(self, construct: str) -> Mapping[str, str]:
        """A role's credentials, by the name of its construct."""
        return next(found for name, found in self.ready["principals"].items() if name.endswith(f"/{construct}"))

    def cpu_seconds(self) -> float:
        """CPU time of its process so far, without the functions'."""
        return cpu_seconds(self.process.pid)

    def close(self) -> None:
        """Ends it, and all that it started."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()  # what it started ends with it
                self.process.wait(timeout=STOP_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()
        self._folder.cleanup()


class Caller:
    """One connection to a Function URL, kept alive. A request is bytes made beforehand; of the answer only its end is looked for."""

    def __init__(self, url: str) -> None:
        """
        Args:
            url: The Function URL.
        """
        address = urlsplit(url)
        self.host = address.netloc
        self.socket = socket.create_connection((address.hostname or "", address.port or 80), PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(1_048_576)
        self._view = memoryview(self._buffer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def request(self, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        """A GET, as bytes."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {self.host}", "Accept: */*", "User-Agent: python-httpx/0.28.1"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items() if name.lower() != "host"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def call(self, request: bytes) -> tuple[float, float]:
        """One call, to the end of its answer.

        Returns:
            Seconds from the request to the first byte of the body, and to the end.

        Raises:
            BenchmarkError: another answer than a whole 200.
        """
        begin = time.perf_counter()
        self.socket.sendall(request)
        size = self._receive()
        head = bytes(self._view[:size])
        while head.find(b"\r\n\r\n") in (-1, len(head) - 4):  # no more than the head
            size = self._receive()
            head += bytes(self._view[:size])
        first = time.perf_counter()
        if not head.startswith(b"HTTP/1.1 200 "):
            raise BenchmarkError(f"the emulator answered {head[:300]!r}")
        tail = head[-len(_END) :]
        while tail != _END:
            size = self._receive()
            tail = (tail + bytes(self._view[max(0, size - len(_END)) : size]))[-len(_END) :]
        return first - begin, time.perf_counter() - begin

    def arrivals(self, request: bytes) -> list[tuple[int, bytes]]:
        """One call; what came, each with when, by time.monotonic_ns()."""
        self.socket.sendall(request)
        found: list[tuple[int, bytes]] = []
        tail = b""
        while tail != _END:
            size = self._receive()
            found.append((time.monotonic_ns(), bytes(self._view[:size])))
            tail = (tail + found[-1][1])[-len(_END) :]
        return found

    def _receive(self) -> int:
        size = self.socket.recv_into(self._buffer)
        if not size:
            raise BenchmarkError("the emulator closed the connection in the middle of its answer")
        return size
