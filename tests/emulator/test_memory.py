"""A function that holds more memory than it has is killed, as on Lambda."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from constructs_pkg.emulator import _memory
from tests.emulator.support import call, wait_for
from tests.emulator.test_failures import lambda_client

pytestmark = pytest.mark.skipif(not _memory.CAN_LOOK, reason="this system does not tell how much memory a process holds")

GREEDY = """
import subprocess, sys, time

HELD = []

def take(megabytes):
    HELD.append(b"x" * (megabytes * 1024 * 1024))

def handler(event, context):
    path = event.get("rawPath", event.get("path"))
    if path == "/fits":
        take(60)
        yield "it fits"
        return
    if path == "/child":
        subprocess.run([sys.executable, "-c", "x = b'x' * (400 << 20); import time; time.sleep(60)"])
    if path == "/after":
        yield "one"
    if path in ("/before", "/after"):
        take(400)
        time.sleep(60)
    yield "fine"
"""


@pytest.fixture
def emulator(app, emulate):
    app.function("Fn", GREEDY, MemorySize=128, Timeout=30)
    return emulate(app)


def ask(emulator, path: str):
    return call(emulator.urls["Test/Fn"].rstrip("/") + path, emulator.principals["admin"])


@pytest.mark.parametrize("path", ["/before", "/child"])
def test_one_that_takes_more_than_it_has_is_killed_and_the_next_call_starts_cold(emulator, logs, path: str) -> None:
    started = time.monotonic()
    response = ask(emulator, path)
    assert (response.status, response.read()) == (502, b"Internal Server Error")
    assert time.monotonic() - started < 25, "it was killed, and did not time out"
    assert logs.having("Error: Runtime exited with error: signal: killed")
    wait_for(lambda: logs.having("REPORT RequestId"))
    (report,) = logs.having("REPORT RequestId")
    assert "Memory Size: 128 MB\tMax Memory Used: 128 MB" in report
    assert report.endswith("Status: error\tError Type: Runtime.OutOfMemory")
    assert ask(emulator, "/fine").read() == b"fine"
    assert len(logs.having("INIT_START")) == 2


def test_one_that_takes_too_much_in_the_middle_of_a_stream_leaves_it_without_its_end(emulator) -> None:
    chunks, complete = ask(emulator, "/after").chunks()
    assert (chunks, complete) == ([b"one"], False)


def test_one_that_stays_within_what_it_has_goes_on(emulator, logs) -> None:
    assert ask(emulator, "/fits").read() == b"it fits"
    assert ask(emulator, "/fine").read() == b"fine"
    assert len(logs.having("INIT_START")) == 1


def test_a_direct_caller_is_told(emulator) -> None:
    name = emulator.json()["functions"][0]["function_name"]
    answer = lambda_client(emulator).invoke(FunctionName=name, Payload=json.dumps({"path": "/before"}))
    document = json.loads(answer["Payload"].read())
    assert (answer["FunctionError"], document["errorType"]) == ("Unhandled", "Runtime.OutOfMemory")
    assert document["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")


def test_an_init_that_takes_too_much_fails_the_call(app, emulate, logs) -> None:
    app.function("Fn", "import time\nheld = b'x' * (400 << 20)\ntime.sleep(60)\n", MemorySize=128)
    response = ask(emulate(app), "/")
    assert (response.status, response.read()) == (502, b"Internal Server Error")
    assert logs.having("init failed: Runtime.OutOfMemory")


def test_the_limit_can_be_switched_off(app, emulate, logs) -> None:
    app.function("Fn", GREEDY.replace("time.sleep(60)", "time.sleep(1)"), MemorySize=128, Timeout=30)
    assert ask(emulate(app, memory_limit=False), "/before").read() == b"fine"
    wait_for(lambda: logs.having("REPORT RequestId"))


def test_what_is_held_counts_descendants_and_not_what_comes_from_files() -> None:
    script = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', \"x = b'x' * (50 << 20); print('held', flush=True); input()\"],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print('ready', flush=True)\n"
        "input()\n"
        "child.communicate()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        held = _memory.used_bytes(process.pid)
        process.communicate(b"\n")
    assert 50 << 20 < held < 100 << 20
    assert _memory.used_bytes(process.pid) == 0, "it is gone"
    assert _memory.used_bytes(os.getpid()) > 0
