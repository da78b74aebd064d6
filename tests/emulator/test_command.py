"""`streaming-lambda local` as a process: what it prints, how it ends, and that nothing is left behind, whatever ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.emulator.running import alive
from tests.emulator.support import call, wait_for

HANDLER = """
import os, subprocess, time

def handler(event, context):
    # A grandchild that ignores everything but SIGKILL, as a handler may have started.
    child = subprocess.Popen(["sh", "-c", "trap '' TERM INT HUP; sleep 300"])
    yield f"{os.getpid()} {child.pid}"
    time.sleep(300)
"""


def listening(url: str) -> bool:
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_json_is_one_line_with_everything_in_it(app, run) -> None:
    app.function("Fn", "def handler(event, context):\n    yield 'hi'\n")
    app.function("Plain", "def handler(event, context):\n    yield 'hi'\n", auth=None, alias=None)
    app.add(
        "Java",
        "AWS::Lambda::Function",
        {"Runtime": "java21", "Handler": "index.handler", "Code": {"ZipFile": "x"}, "Role": "r"},
    )
    running = run("--json", "--model", "echo", "--assembly", str(app.write()))
    document = running.document()
    assert set(document) == {"region", "account", "lambda_endpoint", "bedrock_endpoint", "functions", "rest_apis", "principals"}
    assert (document["region"], document["account"], document["rest_apis"]) == ("eu-west-1", "123456789012", [])
    first, *rest = document["functions"]
    assert first == {
        "stack": "Test",
        "path": "Test/Fn",
        "logical_id": "Fn",
        "function_name": first["function_name"],
        "alias": "live",
        "auth_type": "AWS_IAM",
        "invoke_mode": "RESPONSE_STREAM",
        "url": first["url"],
        "broken": None,
    }
    assert first["url"].startswith("http://127.0.0.1:")
    assert first["url"].endswith("/")
    rows = {row["logical_id"]: row for row in rest}
    assert (rows["Plain"]["alias"], rows["Plain"]["url"], rows["Plain"]["broken"]) == (None, None, None)
    assert rows["Java"]["broken"].startswith("RUNTIME_NOT_RUN: ")
    assert {"admin", "stranger", "outsider", "Test/FnRole"} <= set(document["principals"])
    assert set(document["principals"]["admin"]) == {"arn", "access_key_id", "secret_access_key", "session_token"}
    assert call(first["url"], document["principals"]["admin"]).read() == b"hi"
    running.process.send_signal(signal.SIGINT)
    code, _ = running.finish()
    assert code == 0


@pytest.mark.parametrize("mounts", ["off", "auto"])
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_behind(app, run, ending: signal.Signals, mounts: str) -> None:
    app.function("Fn", HANDLER, provisioned=1)
    running = run("--json", "--model", "echo", "--mounts", mounts, "--assembly", str(app.write()))
    document = running.document()
    url = document["functions"][0]["url"]
    stream = call(url, document["principals"]["admin"])
    pids = [int(pid) for pid in stream.chunk().split()]
    assert all(alive(pid) for pid in pids)
    assert any(running.tmp.iterdir())
    running.process.send_signal(ending)
    code, _ = running.finish()
    assert code == (0 if ending is not signal.SIGKILL else -9)
    wait_for(lambda: not any(alive(pid) for pid in pids))
    wait_for(lambda: not any(running.tmp.iterdir()))
    assert not listening(url)
    assert not listening(document["lambda_endpoint"])
    assert not listening(document["bedrock_endpoint"])


def test_a_supervisor_that_is_killed_ends_the_emulator_and_leaves_nothing_behind(app, run) -> None:
    app.function("Fn", HANDLER)
    running = run("--json", "--model", "echo", "--assembly", str(app.write()))
    document = running.document()
    function = int(call(document["functions"][0]["url"], document["principals"]["admin"]).chunk().split()[0])
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
    if not children.exists():
        pytest.skip("no /proc here to find the supervisor by")
    for pid in children.read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    code, stderr = running.finish()
    assert code == 1
    assert "SUPERVISOR_LOST" in stderr
    wait_for(lambda: not alive(function))
    assert not any(running.tmp.iterdir())


def test_people_get_urls_credentials_and_a_ready_line(app, run) -> None:
    app.function("Fn", "def handler(event, context):\n    yield 'hi'\n")
    running = run("--model", "echo", "--assembly", str(app.write()))
    seen = []
    while not seen or "Ready" not in seen[-1]:
        seen.append(running.process.stdout.readline())
        assert seen[-1] != "" or running.process.poll() is None
    text = "".join(seen)
    assert "http://127.0.0.1:" in text
    assert "export AWS_ACCESS_KEY_ID=" in text
    assert "# Test/FnRole: arn:aws:iam::123456789012:role/" in text


def four_free_ports() -> int:
    """The first of them: below those that systems give out by themselves (32768 and up), so that nobody gets one of them meanwhile."""
    first = 20_000 + os.getpid() % 1_000 * 10  # so that tests that run side by side do not ask for the same
    for port in range(first, 32_000, 4):
        with ExitStack() as probes:
            try:
                for each in range(port, port + 4):
                    probes.enter_context(socket.create_server(("127.0.0.1", each)))
            except OSError:
                continue  # somebody has this one
            return port
    raise AssertionError(f"no four free ports from {first} on")


def test_ports_count_up_from_the_one_that_was_asked_for(app, run) -> None:
    app.function("One", "def handler(event, context):\n    yield 'hi'\n")
    app.function("Two", "def handler(event, context):\n    yield 'hi'\n")
    port = four_free_ports()
    running = run("--json", "--model", "echo", "--assembly", str(app.write()), "--port", str(port))
    document = running.document()
    urls = sorted(row["url"] for row in document["functions"])
    assert urls == [f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port + 1}/"]
    assert document["lambda_endpoint"] == f"http://127.0.0.1:{port + 2}"
    assert document["bedrock_endpoint"] == f"http://127.0.0.1:{port + 3}"


def test_a_port_in_use_is_one_line_and_exit_1(app, run) -> None:
    app.function("Fn", "def handler(event, context):\n    yield 'hi'\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = run("--assembly", str(app.write()), "--port", str(taken.getsockname()[1]))
        code, stderr = running.finish()
    assert code == 1
    assert stderr.startswith("streaming-lambda local: PORT_IN_USE: ")
    assert stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--assembly", "nowhere"], ["--assembly", "."]])
def test_no_assembly_is_one_line_and_exit_2(run, arguments: list[str]) -> None:
    code, stderr = run(*arguments).finish()
    assert code == 2
    assert stderr.startswith("streaming-lambda local: ")
    assert stderr.count("\n") == 1


def test_an_app_without_functions_is_one_line_and_exit_1(app, run) -> None:
    app.role("Alone")
    code, stderr = run("--assembly", str(app.write())).finish()
    assert (code, stderr.count("\n")) == (1, 1)
    assert "NOTHING_TO_RUN" in stderr


def test_an_unknown_model_is_one_line_and_exit_2(app, run) -> None:
    app.role("Alone")
    code, stderr = run("--assembly", str(app.write()), "--model", "gpt-9").finish()
    assert (code, stderr.count("\n")) == (2, 1)
    assert "MODEL_UNKNOWN" in stderr


def test_a_function_whose_handler_is_missing_is_broken_and_the_others_run(app, run) -> None:
    app.function("Fn", "def handler(event, context):\n    yield 'hi'\n")
    app.function("Missing", "", Handler="elsewhere.handler")
    running = run("--json", "--model", "echo", "--assembly", str(app.write()))
    document = running.document()
    rows = {row["logical_id"]: row for row in document["functions"]}
    assert rows["Missing"]["broken"].startswith("HANDLER_MISSING: elsewhere.py")
    assert call(rows["Missing"]["url"], document["principals"]["admin"]).status == 502
    assert call(rows["Fn"]["url"], document["principals"]["admin"]).read() == b"hi"


APP = """
import json, os, shutil, sys
assert json.loads(os.environ["CDK_CONTEXT_JSON"]) == {"colour": "blue"}
print("synthesizing, on standard output")
shutil.copytree(sys.argv[1], os.environ["CDK_OUTDIR"], dirs_exist_ok=True)
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_an_app_is_synthesized_by_its_own_command(app, run, tmp_path: Path, ending: signal.Signals) -> None:
    app.function("Fn", "def handler(event, context):\n    yield 'hi'\n")
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "project").mkdir()
    command = f"{sys.executable} {tmp_path / 'app.py'} {app.write()}"
    (tmp_path / "project" / "cdk.json").write_text(json.dumps({"app": command, "context": {"colour": "blue"}}))
    running = run("--json", "--model", "echo", cwd=tmp_path / "project")
    document = running.document()
    assert call(document["functions"][0]["url"], document["principals"]["admin"]).read() == b"hi"
    assert any(folder.name.startswith("streaming-lambda-app-") for folder in running.tmp.iterdir())
    running.process.send_signal(ending)
    running.finish()
    wait_for(lambda: not any(running.tmp.iterdir()))


def test_an_app_that_fails_is_exit_1(run) -> None:
    code, stderr = run("--app", f"{sys.executable} -c 'raise SystemExit(3)'").finish()
    assert code == 1
    assert stderr.splitlines()[-1].startswith("streaming-lambda local: APP_FAILED: ")


def test_importing_the_emulator_loads_no_cdk() -> None:
    names = ("aws_cdk", "jsii", "constructs")
    check = (
        f"import sys, constructs_pkg.emulator, constructs_pkg.emulator.command; print([m for m in {names} if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_while_it_starts(app, run, tmp_path: Path, ending: signal.Signals) -> None:
    started = tmp_path / "started"
    code = f"import time\nopen({str(started)!r}, 'w').close()\ntime.sleep(300)\n"
    app.function("Fn", code, provisioned=1)
    running = run("--json", "--model", "echo", "--assembly", str(app.write()))
    wait_for(started.exists)
    running.process.send_signal(ending)
    code, _ = running.finish()
    assert code == 0
    assert not any(running.tmp.iterdir())


def test_it_can_be_stopped_while_the_app_is_synthesized(run, tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text(f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(300)\n")
    running = run("--app", f"{sys.executable} {script}; true")
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    running.process.terminate()
    code, _ = running.finish()
    assert code == 0
    wait_for(lambda: not alive(int((tmp_path / "pid").read_text())))
    assert not any(running.tmp.iterdir())
