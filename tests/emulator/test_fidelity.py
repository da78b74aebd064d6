"""Environments as Lambda has them: paths that are real, frozen when idle, restored from a snapshot, records kept whole."""

from __future__ import annotations

import json
import struct
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from constructs_pkg.emulator import _mounts
from constructs_pkg.emulator.deployment import _covered
from constructs_pkg.emulator.emulator import Emulator, MountsUnavailable
from constructs_pkg.emulator.log_frames import FrameReader
from constructs_pkg.emulator.supervisor import Supervisor
from tests.emulator.support import call, wait_for
from tests.emulator.test_failures import lambda_client

LOOK = """
import json, os, shutil, sys

def attempt(what):
    try:
        what()
        return "done"
    except OSError as error:
        return error.strerror

def handler(event, context):
    count = len(os.listdir("/tmp"))
    open("/tmp/one", "w").write("x")
    yield json.dumps({
        "cwd": os.getcwd(),
        "file": __file__,
        "task": os.environ["LAMBDA_TASK_ROOT"],
        "runtime": sorted(os.listdir("/var/runtime"))[:3],
        "layer": os.path.exists("/opt/streaming-wrapper"),
        "write": attempt(lambda: open("new.txt", "w")),
        "overwrite": attempt(lambda: open("index.py", "a")),
        "opt": attempt(lambda: open("/opt/new.txt", "w")),
        "root": attempt(lambda: open("/new.txt", "w")),
        "tmp": shutil.disk_usage("/tmp").total,
        "home": os.path.expanduser("~"),
        "count": count,
        "environment": {name: os.environ.get(name) for name in ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR")},
    })
"""


@pytest.fixture
def mounting(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    why_not = _mounts.probe(str(root))
    if why_not is not None:
        pytest.skip(f"no mounts here: {why_not}")
    covered = _covered([Path(sysconfig.get_path("purelib"))])
    if covered is not None:
        pytest.skip(f"a function's own /tmp would cover {covered}, where its packages are, so it is not mounted")


def say(emulator, path: str = "Test/Fn") -> dict:
    return json.loads(call(emulator.urls[path], emulator.principals["admin"]).read())


def test_lambdas_paths_are_real_and_read_only(app, emulate, mounting) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html; /tmp: configuration-ephemeral-storage.html
    app.function("Fn", LOOK, EphemeralStorage={"Size": 700})
    before = sorted(app.directory.rglob("*"))
    emulator = emulate(app, mounts=True)
    seen = say(emulator)
    assert (seen["cwd"], seen["file"], seen["task"]) == ("/var/task", "/var/task/index.py", "/var/task")
    assert seen["runtime"][0].startswith(("boto", "bootstrap"))
    assert seen["layer"]
    assert {seen[what] for what in ("write", "overwrite", "opt", "root")} == {"Read-only file system"}
    assert seen["tmp"] == 700 * 1024 * 1024
    assert seen["home"] == "/home/sbx_user1051"
    assert seen["environment"]["PATH"].endswith("/opt/bin")
    assert seen["environment"]["LD_LIBRARY_PATH"] == "/var/task:/var/task/lib:/opt/lib"
    assert (seen["count"], say(emulator)["count"]) == (0, 1), "/tmp is private, and stays as long as the environment"
    assert [path for path in sorted(app.directory.rglob("*")) if path not in before and path.suffix != ".json"] == []


def test_without_mounts_nothing_that_a_handler_writes_reaches_the_assembly(app, emulate) -> None:
    code = """
import os
def handler(event, context):
    os.chmod(".", 0o755)
    os.chmod("index.py", 0o644)
    open("new.txt", "w").write("x")
    open("index.py", "a").write("# more")
    yield "written"
"""
    app.function("Fn", code)
    emulator = emulate(app, mounts=False)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"written"
    folder = app.directory / "assets" / "Fn-code"
    assert [path.name for path in folder.iterdir()] == ["index.py"]
    assert (folder / "index.py").read_text() == code


@pytest.mark.parametrize(("path", "covered"), [("/opt/python/bin/python", True), ("/tmp/venv", True), ("/usr/bin/python", False)])
def test_what_a_function_needs_is_not_covered_by_its_own_mounts(path: str, covered: bool) -> None:
    from pathlib import Path

    assert (_covered([Path("/usr"), Path(path)]) is not None) == covered


def test_mounts_that_were_asked_for_and_cannot_be_made_are_one_line(app, monkeypatch) -> None:
    async def cannot(self: Supervisor) -> str:
        return "Operation not permitted"

    monkeypatch.setattr(Supervisor, "can_mount", cannot)
    app.function("Fn", LOOK)
    directory = app.write()
    with (
        pytest.raises(MountsUnavailable, match="^MOUNTS_UNAVAILABLE: .*Operation not permitted"),
        Emulator(directory, model=None, mounts=True),
    ):
        pass
    lines: list[str] = []
    with Emulator(directory, model=None, log=lines.append) as emulator:
        assert emulator.urls
    assert any("Operation not permitted" in line for line in lines)


COUNTING = """
import os, threading, time

count = 0

def tick():
    global count
    while True:
        count += 1
        time.sleep(0.01)

threading.Thread(target=tick, daemon=True).start()

def handler(event, context):
    yield str(count)
"""


def test_an_idle_environment_is_frozen(app, emulate) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html: background work goes on at the next invocation.
    app.function("Fn", COUNTING)
    emulator = emulate(app)
    url, admin = emulator.urls["Test/Fn"], emulator.principals["admin"]
    call(url, admin).read()
    (service,) = emulator.services.values()
    (environment,) = service.concurrency.environments()
    wait_for(lambda: environment._frozen)
    first = int(call(url, admin).read())
    time.sleep(1.0)
    second = int(call(url, admin).read())
    assert second - first < 60, "a thread ran on for the whole second"


def test_freezing_can_be_switched_off(app, emulate) -> None:
    app.function("Fn", COUNTING)
    emulator = emulate(app, freeze=False)
    url, admin = emulator.urls["Test/Fn"], emulator.principals["admin"]
    first = int(call(url, admin).read())
    wait_for(lambda: int(call(url, admin).read()) > first + 20)


def test_a_frozen_environment_can_be_ended(app, logs) -> None:
    app.function("Fn", COUNTING)
    started = time.monotonic()
    with Emulator(app.write(), model=None, mounts=False, log=logs) as emulator:
        call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read()
        (service,) = emulator.services.values()
        (environment,) = service.concurrency.environments()
        wait_for(lambda: environment._frozen)
    assert time.monotonic() - started < 15


def test_environments_are_warmed_for_the_least_that_autoscaling_keeps(app, emulate, logs) -> None:
    app.function("Fn", COUNTING)
    resource = {"Fn::Join": ["", ["function:", {"Ref": "Fn"}, ":live"]]}
    properties = {
        "ResourceId": resource,
        "ScalableDimension": "lambda:function:ProvisionedConcurrency",
        "MinCapacity": 2,
        "MaxCapacity": 5,
    }
    app.add("Target", "AWS::ApplicationAutoScaling::ScalableTarget", properties, DependsOn=["FnAlias"])
    emulate(app)
    assert len(logs.having("INIT_REPORT")) == 2


RESTORED = """
import os
from streaming_runtime import snapstart

told = []
snapstart.register_before_snapshot(told.append, "before")
snapstart.register_after_restore(told.append, "after")

def handler(event, context):
    yield os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] + " " + " ".join(told)
"""


def test_snapstart_goes_through_its_hooks(app, emulate, logs) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
    app.function("Fn", RESTORED, SnapStart={"ApplyOn": "PublishedVersions"})
    emulator = emulate(app)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"snap-start before after"
    assert logs.having("RESTORE_START")


def test_the_unpublished_version_has_no_snapshot(app, emulate) -> None:
    code = "import os\ndef handler(event, context):\n    yield os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"
    app.function("Fn", code, alias=None, SnapStart={"ApplyOn": "PublishedVersions"})
    emulator = emulate(app)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"on-demand"


def test_a_hook_that_fails_after_the_restore_fails_the_call(app, emulate, logs) -> None:
    code = "from streaming_runtime import snapstart\nsnapstart.register_after_restore(int, 'x')\ndef handler(event, context):\n    yield 'x'\n"
    app.function("Fn", code, SnapStart={"ApplyOn": "PublishedVersions"})
    emulator = emulate(app)
    name = emulator.json()["functions"][0]["function_name"]
    answer = lambda_client(emulator).invoke(FunctionName=name, Qualifier="live")
    assert answer["FunctionError"] == "Unhandled"
    (line,) = logs.having("RESTORE_REPORT")
    assert "\tStatus: error\tError Type: " in line


def test_a_record_of_several_lines_stays_one(app, emulate, logs) -> None:
    code = "import logging\ndef handler(event, context):\n    logging.getLogger().error('first\\nsecond')\n    return {}\n"
    pytest.importorskip("awslambdaric")
    app.function("Fn", code, layer=None, mode="BUFFERED")
    del app.resources["Fn"]["Properties"]["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    emulator = emulate(app)
    call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read()
    wait_for(lambda: logs.having("second"))
    (record,) = logs.having("second")
    assert "first" in record


def frame(text: str, kind: int = 0xA55A0003) -> bytes:
    data = text.encode()
    return struct.pack(">IIQ", kind, len(data), 1) + data


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_frames_are_read_however_they_were_cut(size: int) -> None:
    found: list[str] = []
    reader = FrameReader(found.append)
    wire = frame("one\ntwo\n") + frame("", 0xA55A001B) + frame("drei ☃")
    for start in range(0, len(wire), size):
        reader.feed(wire[start : start + size])
    assert found == ["one\ntwo", "", "drei ☃"]


def test_what_is_no_frame_is_text() -> None:
    found: list[str] = []
    reader = FrameReader(found.append)
    reader.feed(frame("one") + b"not a frame at all\nand more\n")
    assert found == ["one", "not a frame at all", "and more"]


def test_reserved_concurrency_is_taken_from_the_accounts(app, emulate, tmp_path: Path) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    gate = tmp_path / "gate"
    wait = f"while not os.path.exists({str(gate)!r}):\n        time.sleep(0.002)"
    code = f"import os, time\ndef handler(event, context):\n    yield 'x'\n    {wait}\n"
    app.function("Reserved", code, ReservedConcurrentExecutions=2)
    app.function("Other", code)
    emulator = emulate(app, account_concurrency=3)
    admin = emulator.principals["admin"]
    held = [call(emulator.urls["Test/Other"], admin), call(emulator.urls["Test/Reserved"], admin)]
    refused = call(emulator.urls["Test/Other"], admin)
    held.append(call(emulator.urls["Test/Reserved"], admin))
    gate.touch()
    assert [one.status for one in held] == [200, 200, 200]
    assert (refused.status, json.loads(refused.read())["Reason"]) == (429, "ConcurrentInvocationLimitExceeded")


@pytest.mark.skipif(sys.platform == "linux", reason="it says what other systems have")
def test_other_systems_say_that_they_have_no_mounts(tmp_path: Path) -> None:
    assert "no mount namespaces" in (_mounts.probe(str(tmp_path)) or "")
