"""An app that is synthesized by its own command: once, again when its sources change, and never left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from constructs_pkg.emulator.adopt import adopt
from constructs_pkg.emulator.app_command import AppFailed, SynthesizedApp
from constructs_pkg.emulator.app_sources import Sources, changed
from constructs_pkg.emulator.guard import Guard, GuardLost
from tests.emulator.running import alive
from tests.emulator.support import Call, call, wait_for

# What an app does, without CDK: it reads its sources and writes an assembly. The handler's code is a source of its own.
APP = """
import json, os, pathlib, sys
sys.path.insert(0, {root!r})
from tests.emulator.support import App
out = pathlib.Path(os.environ["CDK_OUTDIR"])
code = pathlib.Path("handler.py").read_text()
if "BROKEN" in code:
    sys.exit("the app itself fails")
app = App(out)
app.function("Fn", code)
app.function("Same", "import os\\ndef handler(event, context):\\n    yield str(os.getpid())\\n", provisioned=1)
app.write()
"""

HANDLER = """
import os, time

def handler(event, context):
    yield "{word}"
    deadline = time.monotonic() + 60
    while event["rawPath"] == "/hold" and not os.path.exists({gate!r}):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    yield "{word}"
"""


class Project:
    """A project folder with an app in it."""

    def __init__(self, folder: Path, gate: Path) -> None:
        self.folder = folder
        self._gate = gate
        folder.mkdir()
        (folder / "app.py").write_text(APP.format(root=str(Path(__file__).parents[2])))
        (folder / "cdk.json").write_text(json.dumps({"app": f"{sys.executable} app.py"}))
        self.says("one")

    def says(self, word: str) -> None:
        (self.folder / "handler.py").write_text(HANDLER.format(word=word, gate=str(self._gate)))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", tmp_path / "gate")


def read_until(stream, text: str) -> list[str]:
    """The lines up to one that has this text; the test's own timeout bounds it."""
    lines = []
    while not lines or text not in lines[-1]:
        line = stream.readline()
        assert line, f"it ended without {text!r}:\n{''.join(lines)}"
        lines.append(line)
    return lines


def urls_of(document: dict) -> dict[str, str]:
    return {row["logical_id"]: row["url"] for row in document["functions"]}


@pytest.mark.timeout(120)
def test_a_changed_source_is_synthesized_anew_and_streams_in_flight_go_on(project: Project, run, tmp_path: Path) -> None:
    running = run("--json", "--watch", "--model", "echo", cwd=project.folder)
    document = running.document()
    urls, admin = urls_of(document), document["principals"]["admin"]
    same = call(urls["Same"], admin).read()
    held: Call = call(urls["Fn"] + "hold", admin)
    assert held.chunk() == b"one"
    project.says("two")
    told = read_until(running.process.stderr, "the assembly has changed: ")
    assert any("handler.py changed; synthesizing: " in line for line in told)
    assert call(urls["Fn"], admin).read() == b"twotwo"
    assert call(urls["Same"], admin).read() == same, "a function that has not changed keeps its environment"
    (tmp_path / "gate").touch()
    assert held.read() == b"one", "what was in flight ends on the code that it began on"
    running.process.send_signal(signal.SIGINT)
    assert running.finish()[0] == 0
    assert not any(running.tmp.iterdir())


@pytest.mark.timeout(120)
def test_an_app_that_fails_changes_nothing_and_is_said(project: Project, run) -> None:
    running = run("--json", "--watch", "--model", "echo", cwd=project.folder)
    document = running.document()
    urls, admin = urls_of(document), document["principals"]["admin"]
    project.says("BROKEN")
    told = read_until(running.process.stderr, "APP_FAILED: ")
    assert "the app itself fails\n" in told
    assert told[-1].endswith("what ran before goes on\n")
    assert call(urls["Fn"], admin).read() == b"oneone"
    project.says("mended")
    read_until(running.process.stderr, "the assembly has changed: ")
    assert call(urls["Fn"], admin).read() == b"mendedmended"
    running.process.send_signal(signal.SIGTERM)
    assert running.finish()[0] == 0
    assert not any(running.tmp.iterdir())


SLOW = """
import os, subprocess, time
child = subprocess.Popen(["sh", "-c", "trap '' TERM INT HUP; sleep 300"])
os.makedirs(os.environ["CDK_OUTDIR"])
with open({pids!r} + ".part", "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
os.rename({pids!r} + ".part", {pids!r})
time.sleep(300)
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_killed_while_the_app_synthesizes_it_leaves_nothing_behind(run, tmp_path: Path, ending: signal.Signals) -> None:
    pids = tmp_path / "pids"
    (tmp_path / "slow.py").write_text(SLOW.format(pids=str(pids)))
    running = run("--app", f"{sys.executable} slow.py; true")
    wait_for(pids.exists)
    assert any(running.tmp.iterdir())
    running.process.send_signal(ending)
    code, stderr = running.finish()
    assert code == (0 if ending is not signal.SIGKILL else -9)
    assert "Traceback" not in stderr
    wait_for(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))
    wait_for(lambda: not any(running.tmp.iterdir()))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_killed_while_the_app_synthesizes_anew_it_leaves_nothing_behind(
    project: Project,
    run,
    tmp_path: Path,
    ending: signal.Signals,
) -> None:
    pids = tmp_path / "pids"
    running = run("--json", "--watch", "--model", "echo", cwd=project.folder)
    running.document()
    (project.folder / "app.py").write_text(SLOW.format(pids=str(pids)))
    wait_for(pids.exists, 60)
    running.process.send_signal(ending)
    code, stderr = running.finish()
    assert code == (0 if ending is not signal.SIGKILL else -9)
    assert "Traceback" not in stderr
    wait_for(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))
    wait_for(lambda: not any(running.tmp.iterdir()))


def synthesized(tmp_path: Path, script: str, lines: list[str], **settings) -> SynthesizedApp:
    (tmp_path / "project").mkdir(exist_ok=True)
    (tmp_path / "project" / "app.py").write_text(script)
    return SynthesizedApp(f"{sys.executable} app.py", tmp_path / "project", settings, log=lines.append)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("raise SystemExit(3)", "APP_FAILED: .* ended with exit status 3; its own words are above"),
        ("import os\nos.kill(os.getpid(), 9)", "APP_FAILED: .* ended (by signal SIGKILL|with exit status 137)"),
        ("print('nothing')", "APP_SILENT: .* wrote no cloud assembly"),
    ],
)
def test_a_command_without_an_assembly_is_one_line(tmp_path: Path, script: str, told: str) -> None:
    with synthesized(tmp_path, script, []) as app, pytest.raises(AppFailed, match=told) as failed:
        app.synthesize()
    assert "\n" not in str(failed.value)
    assert not app.directory.parent.exists()


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("constructs_pkg.emulator.app_command.SYNTH_SECONDS", 0.3)
    with synthesized(tmp_path, "import time\ntime.sleep(300)", []) as app, pytest.raises(AppFailed, match="APP_TOO_SLOW: "):
        app.synthesize()


def test_a_file_that_the_app_itself_writes_does_not_have_it_run_for_ever(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, uuid\n"
        "out = pathlib.Path(os.environ['CDK_OUTDIR'])\n"
        "out.mkdir()\n"
        "(out / 'manifest.json').write_text('{}')\n"
        "pathlib.Path('generated.txt').write_text(str(uuid.uuid4()))\n"
    )
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "source.txt").write_text("one")
    runs: list[str] = []

    async def ran() -> None:
        runs.append("x")

    found = asyncio.Event()

    class Lines(list[str]):
        def append(self, line: str) -> None:
            super().append(line)
            if "generated.txt is written by the app itself" in line:
                found.set()

    async def watching(app: SynthesizedApp) -> None:
        task = asyncio.create_task(app.watch(ran))
        (tmp_path / "project" / "source.txt").write_text("two")
        try:
            async with asyncio.timeout(60):
                await found.wait()
        finally:
            task.cancel()
            await asyncio.wait([task])

    with synthesized(tmp_path, script, Lines()) as app:
        app.synthesize()
        asyncio.run(watching(app))
    assert len(runs) == 3


def test_what_cdk_json_excludes_is_not_watched(tmp_path: Path) -> None:
    watched = ["app.py", "lib/stack.py", "lib/deep/code.py", "assets/page.html"]
    left_out = [
        ".git/HEAD",
        "lib/.cache/x",
        "node_modules/a/index.js",
        "lib/node_modules/a/index.js",
        "cdk.out/manifest.json",
        "lib/__pycache__/stack.pyc",
        "environment/bin/python",
        "tests/test_app.py",
        "README.md",
        "lib/note.tmp",
    ]
    for name in [*watched, *left_out, "environment/pyvenv.cfg"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    sources = Sources.of(tmp_path, {"watch": {"include": ["**"], "exclude": ["tests", "README.md", "**/*.tmp"]}})
    before = sources.look()
    assert sorted(before) == sorted(watched)
    (tmp_path / "lib" / "stack.py").write_text("longer")
    (tmp_path / "app.py").unlink()
    (tmp_path / "new.py").write_text("x")
    assert changed(before, sources.look()) == {"lib/stack.py", "app.py", "new.py"}


def test_what_this_program_itself_writes_is_no_source(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys\n"
        "sys.path.insert(0, os.getcwd())\n"
        "from constructs_pkg.emulator.app_sources import Sources\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "print('a line', flush=True)\n"
        "(folder / 'seen').write_text(','.join(sorted(Sources.of(folder, {}, [folder / 'outputs.json']).look())))\n"
    )
    for name in ("app.py", "outputs.json"):
        (tmp_path / name).write_text("x")
    with (tmp_path / "log.txt").open("w") as log:
        command = [sys.executable, "-c", script, str(tmp_path)]
        subprocess.run(command, stdout=log, stderr=log, check=True, cwd=Path(__file__).parents[2], timeout=60)
    assert (tmp_path / "seen").read_text() == "app.py"


def test_only_what_cdk_json_includes_is_watched(tmp_path: Path) -> None:
    for name in ("src/a.py", "src/deep/b.py", "other/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert sorted(Sources.of(tmp_path, {"watch": {"include": "src/**/*.py"}}).look()) == ["src/a.py", "src/deep/b.py"]
    assert sorted(Sources.of(tmp_path, {"watch": {"include": ["src/*"]}}).look()) == ["src/a.py", "src/deep/b.py"]


def test_an_asset_that_functions_run_from_stays_where_it_is(tmp_path: Path) -> None:
    named = "asset." + "a" * 64
    fresh, live = tmp_path / "fresh", tmp_path / "live"
    for folder, word in ((live, "old"), (fresh, "new")):
        for name in (f"{named}/index.py", "assets/Fn/index.py", f"assets/Fn/{word}.py", "manifest.json", f"{word}.template.json"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(word)
    gone = live / ("asset." + "b" * 64)
    gone.mkdir()
    kept = (live / named).stat().st_ino
    adopt(fresh, live)
    assert ((live / named).stat().st_ino, (live / named / "index.py").read_text()) == (kept, "old")
    assert gone.is_dir(), "streams in flight may still run from it"
    assert (live / "manifest.json").read_text() == "new"
    assert sorted(path.name for path in (live / "assets" / "Fn").iterdir()) == ["index.py", "new.py"]
    assert (live / "assets" / "Fn" / "index.py").read_text() == "new"


def test_a_guard_takes_its_folder_and_processes_with_it(tmp_path: Path) -> None:
    lines: list[str] = []
    folder = tmp_path / "own"
    with Guard() as guard:
        guard.own(folder)
        folder.mkdir()
        status = guard.run(
            ["/bin/sh", "-c", "echo one; echo two >&2; sleep 300 & echo $!; exit 4"],
            env=dict(os.environ),
            cwd=tmp_path,
            seconds=20,
            on_line=lines.append,
        )
        assert status == 4
        assert sorted(lines[:2]) == ["one", "two"]
        wait_for(lambda: not alive(int(lines[2])))
        with pytest.raises(OSError, match="nowhere"):
            guard.run(["/nowhere"], env={}, cwd=tmp_path, seconds=20, on_line=lines.append)
    assert not folder.exists()


def test_a_guard_can_be_ended_from_another_thread(tmp_path: Path) -> None:
    begun = threading.Event()
    with Guard() as guard:
        ending = threading.Thread(target=lambda: (begun.wait(20), guard.end()))
        ending.start()
        with pytest.raises(GuardLost):
            guard.run(
                ["/bin/sh", "-c", "echo x; sleep 300"],
                env=dict(os.environ),
                cwd=tmp_path,
                seconds=60,
                on_line=lambda _: begun.set(),
            )
        ending.join()


def test_no_command_is_handed_the_guards_own_socket(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc here to look at descriptors")
    lines: list[str] = []
    with Guard() as guard:
        script = "import os; print([os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if n != '3'])"
        guard.run([sys.executable, "-c", script], env=dict(os.environ), cwd=tmp_path, seconds=20, on_line=lines.append)
    assert "socket" not in lines[0], subprocess.list2cmdline(lines)
