"""A server of the tests' own that plays AWS: for each request it does what the test scripted for it, byte by byte."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

PATIENCE = 10.0


class Exchange:
    """One request that arrived, and the connection to answer it on."""

    def __init__(self, connection: socket.socket, head: str, body: bytes, first: bool) -> None:
        self.connection = connection
        line, *lines = head.split("\r\n")
        self.method, self.target, _ = line.split(" ")
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.body = body
        self.first = first

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.send(f"HTTP/1.1 {status} Said\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def hang_up(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def is_left(self) -> bool:
        """Whether the client closes the connection, within the tests' patience."""
        try:
            return self.connection.recv(1) == b""
        except ConnectionError:
            return True


class AwsServer:
    """Serves connections one after another or side by side. `script` holds what to do, in order; the last is repeated."""

    def __init__(self, *script: Callable[[Exchange], None], tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.script = list(script)
        self.requests: list[Exchange] = []
        self.connections = 0
        self.failures: list[BaseException] = []
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(PATIENCE)
        for connection in self._open:
            with contextlib.suppress(OSError):  # it may be closed already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(PATIENCE)
        assert not self.failures, self.failures

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        data, first = b"", True
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection:
                while True:
                    while b"\r\n\r\n" not in data:
                        received = connection.recv(65_536)
                        if not received:
                            return
                        data += received
                    head, _, data = data.partition(b"\r\n\r\n")
                    length = next(
                        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
                    )
                    while len(data) < length:
                        data += connection.recv(65_536)
                    exchange = Exchange(connection, head.decode(), data[:length], first)
                    data, first = data[length:], False
                    with self._lock:
                        self.requests.append(exchange)
                        play = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                    play(exchange)
        except (ConnectionError, TimeoutError, OSError) as error:
            del error  # the client left, or the test is over
        except BaseException as error:  # noqa: BLE001 - shown by close()
            self.failures.append(error)
