"""A way to an emulated URL on which a connection that is broken off reaches the client only when it has had the time to read.

Whatever breaks, fetch drops what it has not read by then. The runtime therefore leaves 50 ms between an error event and what breaks the
connection off (docs/adr/0004; tests/runtime/test_error_event.py holds it to that), which are enough for a client that gets a processor. A
machine with more to do than processors may not give it one: here the client has as long as it needs.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

SILENCE = 60.0  # seconds without a byte in either direction
END = 10.0  # seconds for the relay's own thread to end


@contextmanager
def patient_relay(url: str, patience: float) -> Iterator[str]:
    """The same endpoint, by this relay's port. Serves one connection after another until the block ends.

    Args:
        url: What it leads to.
        patience: Seconds that a client has to leave by itself, once it was handed all that was sent, before it is broken off.
    """
    there = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relaying = threading.Thread(target=_serve, args=(listener, (there.hostname, there.port), patience), daemon=True)
        relaying.start()
        yield there._replace(netloc=f"127.0.0.1:{listener.getsockname()[1]}").geturl()
        listener.shutdown(socket.SHUT_RDWR)
        relaying.join(END)
        assert not relaying.is_alive()


def _serve(listener: socket.socket, there: tuple[str | None, int | None], patience: float) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the block has ended
        with client, socket.create_connection(there, timeout=SILENCE) as server:
            _relay(client, server, patience)


def _relay(client: socket.socket, server: socket.socket, patience: float) -> None:
    """Until the client leaves; or the server does, and the client has had its time."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(client, selectors.EVENT_READ, server)
        waiting.register(server, selectors.EVENT_READ, client)
        server_left = False
        while ready := waiting.select(patience if server_left else SILENCE):
            for key, _ in ready:
                data = b""
                with suppress(ConnectionError):
                    data = key.fileobj.recv(65_536)
                if data and not server_left:
                    key.data.sendall(data)
                elif key.fileobj is server:
                    server_left = True
                    waiting.unregister(server)
                elif not data:
                    return
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # broken off, as it was to be
