"""A demo that is stopped in the middle of its stream takes all that it began with it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 100


def is_open(url: str) -> bool:
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=2):
            return True
    except OSError:
        return False


@pytest.mark.timeout(3 * WAIT_SECONDS)
def test_a_demo_that_is_stopped_leaves_no_emulator_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.demo_financial"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    written = ""
    try:
        assert process.stdout is not None
        for line in process.stdout:
            written += line
            if " trades " in line:
                break
        found = re.search(r"http://127\.0\.0\.1:\d+/", written)
        assert found, written
        assert is_open(found[0])
        os.kill(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=WAIT_SECONDS)
    finally:
        process.kill()
        process.wait(WAIT_SECONDS)
    assert (error, process.returncode) == ("\nStopped.\n", 130)
    ends = time.monotonic() + WAIT_SECONDS
    while is_open(found[0]) and time.monotonic() < ends:
        time.sleep(0.1)
    assert not is_open(found[0])
    assert list(tmp_path.iterdir()) == [], "neither the assembly nor a function's folder"
