"""The main promise: each chunk reaches the caller as the function writes it."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from constructs_pkg.emulator import Emulator
from tests.emulator.support import call

if TYPE_CHECKING:
    from pathlib import Path

STEP_BY_STEP = """
import os, time

def handler(event, context):
    folder = os.environ["FOLDER"]
    for word in ("one", "two", "three"):
        yield word
        deadline = time.monotonic() + 10
        while not os.path.exists(os.path.join(folder, word)):
            assert time.monotonic() < deadline
            time.sleep(0.002)
"""


def test_each_chunk_arrives_before_the_next_is_written(app, emulate, tmp_path: Path) -> None:
    path = app.function("Fn", STEP_BY_STEP, environment={"FOLDER": str(tmp_path)})
    emulator = emulate(app)
    response = call(emulator.urls[path], emulator.principals["admin"])
    assert response.status == 200
    for word in ("one", "two", "three"):
        # The handler does not go on before this file is there: nothing on the way can have waited for more.
        assert response.chunk() == word.encode()
        (tmp_path / word).touch()
    assert response.chunk() == b""


def test_no_connection_waits_for_an_acknowledgement(app, emulate) -> None:
    # Without TCP_NODELAY a chunk that follows another waits some 40 ms.
    path = app.function("Fn", "def handler(event, context):\n    yield 'hello'\n")
    emulator = emulate(app)
    response = call(emulator.urls[path], emulator.principals["admin"])
    (front,) = emulator._fronts
    (service,) = emulator.services.values()
    (environment,) = service.concurrency.environments()
    servers = [front._server, environment._api._server]
    connections = [connection for server in servers for connection in server.connections]
    assert len(connections) >= 2
    for connection in connections:
        assert connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert response.read() == b"hello"


def test_it_runs_inside_a_loop_too(app, logs) -> None:
    path = app.function("Fn", "def handler(event, context):\n    yield 'hello'\n")
    directory = app.write()

    async def use() -> bytes:
        async with Emulator(directory, model=None, log=logs) as emulator:
            url, admin = emulator.urls[path], emulator.principals["admin"]
            return await asyncio.to_thread(lambda: call(url, admin).read())

    assert asyncio.run(use()) == b"hello"
