"""`make serve`: one command, a page that works, and nothing left after Ctrl-C."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
START_SECONDS = 100
STOP_SECONDS = 40


def address(process: subprocess.Popen[str]) -> str:
    """What is printed once the page is there."""
    assert process.stdout is not None
    said, end = "", time.monotonic() + START_SECONDS
    while select.select([process.stdout], [], [], max(0, end - time.monotonic()))[0]:
        more = os.read(process.stdout.fileno(), 4096).decode()
        said += more
        if found := re.search(r"^Chat +(http://127\.0\.0\.1:\d+/)$", said, re.M):
            return found[1]
        if not more:
            break
    pytest.fail(f"it did not start:\n{said}")


def descendants(pid: int) -> set[int]:
    """The processes below one, by the system's own list."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, timeout=10, check=True).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, listed.splitlines())}
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in {pid, *found}} - found:
        found |= more
    return found


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_serves_a_page_that_answers_and_ctrl_c_leaves_nothing(drive: Callable[..., Any]) -> None:
    command = [sys.executable, "-m", "tools.serve", "--model", "echo", "--chat-only", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True)
    try:
        drive("chat.mjs", "what_is_asked_is_answered_and_kept", url=address(process))
        below = descendants(process.pid)
        assert below, "the emulator runs apart"
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0
        end = time.monotonic() + 5
        while (left := {pid for pid in below if running(pid)}) and time.monotonic() < end:
            time.sleep(0.1)
        assert not left
    finally:
        process.kill()
        process.wait()
