"""What leaves when a stream fails after its first byte: the error event by itself, then a pause, then the trailers (docs/adr/0004)."""

from __future__ import annotations

import os
import select
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.runtime.neutral_api import PATIENCE, RUNTIME_ROOT, url_event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime.conftest import Start

# Read by the interpreter before any of the runtime: a sleep of this length says so, and lasts until it is told to end.
SLEEP_ON_REQUEST = """
import os, time
really = time.sleep
def sleep(seconds):
    if seconds < 0.02:
        return really(seconds)
    os.write({said}, f"{{seconds}}\\n".encode())
    os.read({go}, 1)
time.sleep = sleep
"""
FAILS = """
    @streaming_handler(dialect="sse")
    def handler(request, context):
        yield Text("x" * 2000)
        raise ValueError("secret")
"""


def so_far(raw: bytes, compressed: bool) -> bytes:
    body = raw.partition(b"\0" * 8)[2]
    return zlib.decompressobj(31).decompress(body) if compressed and body else body


@pytest.mark.parametrize("compressed", [False, True])
def test_the_error_event_is_with_its_reader_50_ms_before_what_breaks_the_connection_off(
    start: Start, tmp_path: Path, compressed: bool
) -> None:
    (said, say), (wait, go) = os.pipe(), os.pipe()
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SLEEP_ON_REQUEST.format(said=say, go=wait), encoding="utf-8")
    environment = {"PYTHONPATH": os.pathsep.join((str(site), str(RUNTIME_ROOT / "python")))}
    try:
        runtime = start(FAILS, environment=environment, pass_fds=(say, wait))
        runtime.deliver(url_event(headers={"accept-encoding": "gzip"} if compressed else {}))
        reply = runtime.head()
        while b"event: error" not in so_far(reply.raw, compressed):
            assert runtime.chunk(reply) is not None
        assert select.select([said], [], [], PATIENCE)[0]
        assert os.read(said, 100) == b"0.05\n"
        assert reply.trailers == {}
        assert not select.select([runtime.connection.socket], [], [], 0.1)[0], "nothing more while it sleeps"
        os.write(go, b".")
        runtime.rest(reply)
    finally:
        for end in (said, say, wait, go):
            os.close(end)
    assert reply.trailers["lambda-runtime-function-error-type"] == "Function.ValueError"
