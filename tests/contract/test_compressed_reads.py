"""Clients that people use, unmodified, read a compressed stream event by event: each is seen before the next is made."""

from __future__ import annotations

import os
import shutil
import socketserver
import subprocess
import threading
import urllib.request
from typing import TYPE_CHECKING

import httpx
import pytest
import urllib3

from constructs_pkg.emulator import Emulator
from tests.emulator.support import App

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVENTS = 4
HANDLER = """
import socket
from streaming_runtime import Text, streaming_handler

@streaming_handler(dialect="sse")
def handler(request, context):
    for number in range(EVENTS):
        yield Text(f"event {number}")
        with socket.create_connection(("127.0.0.1", PORT)) as gate:
            gate.sendall(f"wait {request.path.strip('/')}{number}\\n".encode())
            assert gate.recv(1) == b"!", "nobody has seen it"
"""
NODE = """
const [url, name, port] = process.argv.slice(1);
const { connect } = await import("node:net");
const response = await fetch(url + name);
if (response.headers.get("content-encoding") !== "gzip") throw new Error("not compressed");
let text = "", number = 0;
for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    while (text.includes(`event ${number}`)) connect(port, "127.0.0.1").end(`seen ${name}${number++}\\n`);
}
if (!text.includes("event: finish")) throw new Error("not whole: " + text);
"""


class Gate(socketserver.ThreadingTCPServer):
    """Lets a handler pass an event once its reader has seen it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _AtTheGate)
        self._changed = threading.Condition()
        self._seen: set[str] = set()
        self.port = self.server_address[1]

    def see(self, event: str) -> None:
        with self._changed:
            self._seen.add(event)
            self._changed.notify_all()

    def wait(self, event: str) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: event in self._seen, 15)


class _AtTheGate(socketserver.StreamRequestHandler):
    server: Gate

    def handle(self) -> None:
        what, _, event = self.rfile.readline().decode().strip().partition(" ")
        if what == "seen":
            self.server.see(event)
        elif self.server.wait(event):
            self.wfile.write(b"!")


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with Gate() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[str]:
    app = App(tmp_path_factory.mktemp("compressed"))
    app.function("Fn", HANDLER.replace("EVENTS", str(EVENTS)).replace("PORT", str(gate.port)), auth="NONE", Timeout=20)
    permission = {"FunctionName": {"Ref": "FnAlias"}, "Principal": "*"}
    by_url = {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"}
    app.add("UrlPermission", "AWS::Lambda::Permission", {**permission, **by_url})
    by_function = {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True}
    app.add("FnPermission", "AWS::Lambda::Permission", {**permission, **by_function})
    with Emulator(app.write(), model=None) as emulator:
        yield emulator.urls["Test/Fn"]


class Reading:
    """Notes each event as it is seen, which lets the handler make the next."""

    def __init__(self, gate: Gate, name: str) -> None:
        self._gate = gate
        self._name = name
        self.text = b""
        self.number = 0

    def read(self, piece: bytes) -> None:
        self.text += piece
        while b"event %d" % self.number in self.text:
            self._gate.see(f"{self._name}{self.number}")
            self.number += 1

    def assert_whole(self) -> None:
        assert self.number == EVENTS
        assert self.text.endswith(b'event: finish\ndata: {"reason":"stop","usage":null}\n\n')


def by_httpx(url: str, reading: Reading) -> str | None:
    with httpx.stream("GET", url, timeout=15) as response:
        for piece in response.iter_bytes():
            reading.read(piece)
        return response.headers.get("content-encoding")


def by_urllib3(url: str, reading: Reading) -> str | None:
    response = urllib3.request("GET", url, headers={"accept-encoding": "gzip"}, preload_content=False, timeout=15)
    for piece in response.stream(65_536, decode_content=True):
        reading.read(piece)
    return response.headers.get("content-encoding")


def by_urllib_without_asking(url: str, reading: Reading) -> str | None:
    with urllib.request.urlopen(url, timeout=15) as response:
        while piece := response.read1():
            reading.read(piece)
        return response.headers.get("content-encoding")


@pytest.mark.parametrize(("read", "encoding"), [(by_httpx, "gzip"), (by_urllib3, "gzip"), (by_urllib_without_asking, None)])
def test_each_event_arrives_before_the_next_is_made(
    url: str, gate: Gate, read: Callable[[str, Reading], str | None], encoding: str | None
) -> None:
    reading = Reading(gate, f"{read.__name__}-")
    assert read(f"{url}{read.__name__}-", reading) == encoding
    reading.assert_whole()


def test_fetch_in_node_reads_event_by_event(url: str, gate: Gate) -> None:
    node = os.environ.get("JSII_NODE") or shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js here")
    command = [node, "--input-type=module", "-e", NODE, "--", url, "node-", str(gate.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_many_at_a_time_each_see_their_own(url: str, gate: Gate) -> None:
    readings = [Reading(gate, f"many-{number}-") for number in range(3)]
    threads = [
        threading.Thread(target=by_httpx, args=(f"{url}many-{number}-", reading), daemon=True)
        for number, reading in enumerate(readings)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for reading in readings:
        reading.assert_whole()
