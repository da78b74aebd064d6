"""A server that does just what a test tells it to, byte by byte: it can stop in the middle of anything, lie, and hang up rudely."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

LONGEST_WAIT_SECONDS = 20.0


@dataclass
class Received:
    """A request as it stood on the wire."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Connection:
    """What a script may do to one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def head(self, status: str = "200 OK", **headers: str) -> None:
        """Status line and headers; underscores in names stand for hyphens."""
        lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self) -> None:
        self.send(b"0\r\n\r\n")

    def stream(self, pieces: Iterable[bytes], **headers: str) -> None:
        """A whole chunked answer."""
        self.head(transfer_encoding="chunked", **headers)
        for piece in pieces:
            self.chunk(piece)
        self.end()

    def answer(self, status: str, body: bytes = b"", **headers: str) -> None:
        """A whole answer of known length."""
        self.head(status, content_length=str(len(body)), **headers)
        self.send(body)

    def reset(self) -> None:
        """Hangs up with a RST, as a killed process or a firewall does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


Script = Callable[[Connection, Received], None]


@dataclass
class ScriptedServer:
    """Answers the n-th request with the n-th script, the last one for ever."""

    scripts: list[Script]
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    problems: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        socket.create_connection(self._listener.getsockname(), timeout=LONGEST_WAIT_SECONDS).close()  # wakes accept()
        self._accepting.join(LONGEST_WAIT_SECONDS)
        self._listener.close()
        for thread in self._threads:
            thread.join(LONGEST_WAIT_SECONDS)
            assert not thread.is_alive()
        assert not self.problems, self.problems

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._closing.is_set():
                sock.close()
                return
            sock.settimeout(LONGEST_WAIT_SECONDS)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            try:
                for request in _requests(sock, self._closing):
                    with self._lock:
                        self.received.append(request)
                        script = self.scripts[min(len(self.received), len(self.scripts)) - 1]
                    script(Connection(sock), request)
                    if sock.fileno() < 0:
                        return
            except (BrokenPipeError, ConnectionError):
                return  # the client left, as clients do
            except BaseException as error:  # noqa: BLE001  # told at the end of the test
                self.problems.append(error)


def _requests(sock: socket.socket, closing: threading.Event) -> Iterator[Received]:
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            data = _receive(sock, closing)
            if not data:
                return
            buffer += data
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        start, *lines = head.decode("utf-8", "replace").split("\r\n")
        method, target, _ = start.split(" ")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        fields = {name.lower(): value for name, value in headers}
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                while b"\r\n" not in buffer:
                    buffer += _receive(sock, closing)
                size, _, buffer = buffer.partition(b"\r\n")
                length = int(size, 16)
                while len(buffer) < length + 2:
                    buffer += _receive(sock, closing)
                body, buffer = body + buffer[:length], buffer[length + 2 :]
                if not length:
                    break
        else:
            length = int(fields.get("content-length", "0"))
            while len(buffer) < length:
                buffer += _receive(sock, closing)
            body, buffer = buffer[:length], buffer[length:]
        yield Received(method, target, headers, body)


def _receive(sock: socket.socket, closing: threading.Event) -> bytes:
    """The next bytes; none once the client hung up or the test is over."""
    sock.settimeout(0.1)
    try:
        while not closing.is_set():
            try:
                return sock.recv(65536)
            except TimeoutError:
                continue
        return b""
    finally:
        sock.settimeout(LONGEST_WAIT_SECONDS)


def sse(*events: str) -> bytes:
    return "".join(f"{event}\n\n" for event in events).encode()


def chat(*texts: str, reason: str = "stop", done: bool = True) -> list[bytes]:
    """An openai-chat stream, one event a piece."""
    import json

    def chunk(delta: dict[str, str], finish: str | None) -> bytes:
        value = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return sse(
            "data: "
            + json.dumps(value | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}, ensure_ascii=False)
        )

    pieces = [
        chunk({"role": "assistant", "content": ""}, None),
        *(chunk({"content": text}, None) for text in texts),
        chunk({}, reason),
    ]
    return [*pieces, sse("data: [DONE]")] if done else pieces
