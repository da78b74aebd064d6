"""The main promise: each chunk reaches the caller as the function writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
