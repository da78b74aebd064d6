"""An assembly that changes while its functions run."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from constructs_pkg.emulator import Emulator
from constructs_pkg.emulator.watch import signature
from tests.emulator.support import App, call, grant
from tests.emulator.support import wait_for as wait

if TYPE_CHECKING:
    from pathlib import Path


def wait_for(condition) -> None:
    """Patiently: a machine that is busy looks at the files late, and starts processes slowly."""
    wait(condition, 60)


VERSION = """
import os, time

def handler(event, context):
    yield "{version}"
    yield str(os.getpid())
    deadline = time.monotonic() + 20
    while event["rawPath"] == "/hold" and not os.path.exists(os.environ["GATE"]):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    yield "{version}"
"""


@pytest.fixture
def changing(tmp_path: Path, emulate):
    """An app that can be written anew, as `cdk synth` does: assets under new names, templates in place."""
    directory = tmp_path / "cdk.out"

    def write(version: str, *, also: bool = False, **properties) -> App:
        fresh = App.__new__(App)
        fresh.directory, fresh.resources, fresh.outputs, fresh.assets = directory, {}, {}, {}
        (directory / "assets").mkdir(parents=True, exist_ok=True)
        code = fresh.asset(f"Fn-{version}", {"index.py": VERSION.format(version=version)})
        fresh.function("Fn", code, environment={"GATE": str(tmp_path / "gate")}, **properties)
        fresh.function("Same", "import os\ndef handler(event, context):\n    yield str(os.getpid())\n", provisioned=1)
        if also:
            fresh.function("Also", "def handler(event, context):\n    yield 'also'\n")
        fresh.role("Caller", grant("lambda:*", "*"))
        fresh.write()
        return fresh

    return write


def ask(emulator, path: str = "", function: str = "Test/Fn", who: str = "admin") -> bytes:
    return call(emulator.urls[function] + path, emulator.principals[who]).read()


def test_what_changed_is_made_anew_and_what_did_not_stays(changing, emulate, logs) -> None:
    emulator = emulate(changing("one"), watch=True)
    urls, principals = dict(emulator.urls), emulator.principals
    assert ask(emulator).startswith(b"one")
    same = ask(emulator, function="Test/Same")
    changing("two")
    wait_for(lambda: logs.having("the assembly has changed"))
    assert ask(emulator).startswith(b"two")
    assert emulator.urls == urls, "URLs keep their ports"
    assert emulator.principals == principals, "credentials that were pasted stay good"
    assert ask(emulator, function="Test/Same") == same, "a function that has not changed keeps its environments"
    (line,) = logs.having("the assembly has changed")
    assert "Fn" in line
    assert "Same" not in line


def test_a_stream_in_flight_goes_on_to_its_end(changing, emulate, logs, tmp_path: Path) -> None:
    emulator = emulate(changing("one"), watch=True)
    held = call(emulator.urls["Test/Fn"] + "hold", emulator.principals["admin"])
    assert held.chunk() == b"one"
    pid = int(held.chunk() or b"0")
    changing("two")
    wait_for(lambda: logs.having("the assembly has changed"))
    assert ask(emulator).startswith(b"two")
    (tmp_path / "gate").touch()
    assert held.chunks() == ([b"one"], True)
    # And when it has ended, its environment does too.
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"))


def test_a_url_that_is_new_gets_a_port_and_one_that_is_gone_is_closed(changing, emulate, logs) -> None:
    emulator = emulate(changing("one"), watch=True)
    changing("one", also=True)
    wait_for(lambda: "Test/Also" in emulator.urls)
    assert ask(emulator, function="Test/Also") == b"also"
    gone = emulator.urls["Test/Also"]
    changing("one")
    wait_for(lambda: "Test/Also" not in emulator.urls)
    with pytest.raises(OSError, match=r"refused|reset"):
        wait_for(lambda: call(gone, emulator.principals["admin"]).status == 0)


def test_an_assembly_that_is_broken_changes_nothing(changing, emulate, logs) -> None:
    app = changing("one")
    emulator = emulate(app, watch=True)
    template = app.directory / "Test.template.json"
    template.write_text("{nonsense")
    wait_for(lambda: logs.having("cannot be used; what ran before goes on"))
    assert ask(emulator).startswith(b"one")
    changing("two")
    wait_for(lambda: logs.having("made anew"))
    assert ask(emulator).startswith(b"two")


def test_permissions_follow_the_template(changing, emulate, logs) -> None:
    app = changing("one")
    emulator = emulate(app, watch=True)
    assert call(emulator.urls["Test/Fn"], emulator.principals["Test/Caller"]).status == 200
    template = app.directory / "Test.template.json"
    document = json.loads(template.read_text())
    document["Resources"]["Caller"]["Properties"].pop("Policies")
    template.write_text(json.dumps(document))
    wait_for(lambda: logs.having("the assembly has changed: no function made anew"))
    assert call(emulator.urls["Test/Fn"], emulator.principals["Test/Caller"]).status == 403


def test_code_that_is_changed_in_place_is_seen(changing, emulate, logs) -> None:
    # CDK names assets by their content; an app that is written by hand may not.
    app = changing("one")
    emulator = emulate(app, watch=True)
    assert ask(emulator).startswith(b"one")
    (app.directory / "assets" / "Fn-one" / "index.py").write_text(VERSION.format(version="changed"))
    (app.directory / "Test.template.json").touch()
    wait_for(lambda: logs.having("made anew"))
    assert ask(emulator).startswith(b"changed")


def test_a_change_while_functions_start_is_seen(changing, emulate, logs, monkeypatch) -> None:
    # The assembly has been read, and nobody watches it yet.
    deploy = Emulator._deploy

    async def deploy_late(self, assembly):
        if not logs.having("changed meanwhile"):
            logs("changed meanwhile")
            changing("two")
        return await deploy(self, assembly)

    monkeypatch.setattr(Emulator, "_deploy", deploy_late)
    emulator = emulate(changing("one"), watch=True)
    wait_for(lambda: logs.having("the assembly has changed: "))
    assert ask(emulator).startswith(b"two")


def test_files_that_are_being_written_are_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").symlink_to(tmp_path / "not there yet")
    assert signature(tmp_path) == frozenset()


def test_the_command_watches(changing, run) -> None:
    app = changing("one")
    running = run("--json", "--watch", "--model", "echo", "--assembly", str(app.directory))
    document = running.document()
    url = document["functions"][0]["url"] if "Fn" in document["functions"][0]["path"] else document["functions"][1]["url"]
    assert call(url, document["principals"]["admin"]).read().startswith(b"one")
    changing("two")
    # Few calls: nobody reads the log lines before the end.
    for _ in range(30):
        time.sleep(0.3)
        if call(url, document["principals"]["admin"]).read().startswith(b"two"):
            break
    else:
        pytest.fail("the change was not seen")
    running.process.send_signal(signal.SIGINT)
    code, stderr = running.finish()
    assert code == 0
    assert "the assembly has changed" in stderr
