"""What a person sees of a run: the lower part of a terminal, and lines where there is no terminal."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from constructs_pkg.emulator.live import Screen, Snapshot, render
from constructs_pkg.emulator.telemetry import AlarmState, MetricStore
from tests.emulator.support import call

ROOT = str(Path(__file__).parents[2])


def row(path="Test/Fn", **more):
    name = path.replace("/", "-")
    return {"path": path, "function_name": name, "alias": "live", "url": "http://127.0.0.1:4321/", "broken": None, **more}


def stream(*, first=None, size=0, cold=False, function="Test-Fn"):
    invocation = SimpleNamespace(request_id="0123456789", produced_bytes=size)
    return SimpleNamespace(
        function=SimpleNamespace(name=function),
        qualifier="live",
        invocation=invocation,
        seconds=3.21,
        first_byte_seconds=first,
        cold=cold,
    )


def state(value, path, reason="because"):
    return AlarmState(path=path, name=path, value=value, reason=reason, since=0)


def shown(snapshot, width=100, height=50, colour=False):
    lines = render(snapshot, width=width, height=height, colour=colour)
    assert len(lines) <= height
    assert all(len(re.sub(r"\x1b\[\d*m", "", line)) <= width for line in lines)
    return lines


def snapshot(functions=(), streams=(), alarms=(), faults=(), metrics=None):
    by_path = {one.path: one for one in alarms}
    return Snapshot(functions=functions, streams=streams, alarms=by_path, metrics=metrics or MetricStore(), faults=faults)


def test_functions_streams_and_alarms_are_shown() -> None:
    metrics = MetricStore()
    for name, count in (("Invocations", 12), ("Errors", 1), ("Throttles", 3)):
        metrics.put("AWS/Lambda", name, count, {"FunctionName": "Test-Fn", "Resource": "Test-Fn:live"})
    alarms = [state("OK", "Test/Alarms/Throttles"), state("ALARM", "Test/Alarms/Errors"), state("OK", "Test/Alarms/Duration")]
    lines = shown(snapshot([row()], [stream(first=0.0123, size=1234, cold=True), stream()], alarms, ["kill:5"], metrics))
    assert lines[0].startswith("── 1 function · 2 streams in flight · 1 of 3 alarms in ALARM · fault kill:5 ──")
    assert lines[1] == "  Test/Fn (live)  http://127.0.0.1:4321/  12 calls, 1 error, 3 throttled"
    assert lines[2] == "    01234567     3.2 s  first byte 12 ms  1.2 kB  cold"
    assert lines[3] == "    01234567     3.2 s  no byte yet  0 B"
    assert lines[4] == "  ALARM   Test/Alarms/Errors: because"
    assert lines[5] == "  OK      Alarms/Duration  Alarms/Throttles"


def test_each_alarm_is_shown_with_its_state_in_its_colour() -> None:
    alarms = [state("OK", "T/a"), state("ALARM", "T/b"), state("INSUFFICIENT_DATA", "T/c")]
    colours = [line[:5] for line in shown(snapshot(alarms=alarms), colour=True)[1:]]
    assert colours == ["\x1b[31m", "\x1b[33m", "\x1b[32m"]
    many = [state("OK", f"Test/Alarms/Number{number}") for number in range(40)]
    text = " ".join(shown(snapshot(alarms=many), width=60))
    assert all(f"Number{number}" in text for number in range(40))


def test_what_does_not_fit_is_cut_and_told() -> None:
    functions = [row(f"Test/Fn{number}", broken="x" * 500) for number in range(30)]
    lines = shown(snapshot(functions), width=40, height=10)
    assert lines[-1] == "  ... and 22 more; a higher window show…"
    assert all(line.endswith("…") for line in lines[1:-1])


def test_log_lines_stay_above_what_is_drawn() -> None:
    written = io.StringIO()
    screen = Screen(written, live=True, colour=False)
    screen.show(["lower one", "lower two"])
    screen.log("a log line")
    screen.show(["lower one", "lower two"])  # nothing new: nothing is written
    screen.close()
    assert written.getvalue() == ("lower one\nlower two\n\x1b[2A\r\x1b[Ja log line\nlower one\nlower two\n\x1b[2A\r\x1b[J")


@pytest.mark.parametrize(
    ("wanted", "tty", "term", "live"),
    [
        (True, True, "xterm", True),
        (False, True, "xterm", False),
        (True, False, "xterm", False),
        (True, True, "dumb", False),
        (True, True, "", False),
    ],
)
def test_only_a_terminal_is_drawn_on(monkeypatch, wanted, tty, term, live) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: tty)
    screen = Screen.on(terminal, wanted=wanted)
    assert (screen.live, screen.colour) == (live, live)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Screen.on(terminal, wanted=wanted).colour


# The command itself.

HANDLER = """
import time
def handler(event, context):
    yield b"x" * 2000
    if event["rawPath"] == "/fail":
        raise ValueError("no")
    time.sleep(20)
"""


def errors_alarm(app):
    properties = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": "Fn"}}],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    app.add("Errors", "AWS::CloudWatch::Alarm", properties)


@pytest.fixture
def local(app, tmp_path):
    """Starts the command with what is given for its standard error."""
    started: list[subprocess.Popen[str]] = []
    (tmp_path / "tmp").mkdir()

    def start(*arguments: str, stderr: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "constructs_pkg", "local", "--assembly", str(app.write()), *arguments]
        environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": ROOT, "TERM": "xterm"}
        environment.pop("NO_COLOR", None)
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=stderr))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_terminal_shows_streams_in_flight_and_alarms_live(app, local) -> None:
    app.function("Fn", HANDLER, auth="NONE")
    app.add(
        "Everyone",
        "AWS::Lambda::Permission",
        {
            "FunctionName": {"Ref": "FnAlias"},
            "Action": "lambda:InvokeFunctionUrl",
            "Principal": "*",
            "FunctionUrlAuthType": "NONE",
        },
    )
    app.add(
        "EveryoneToo",
        "AWS::Lambda::Permission",
        {"FunctionName": {"Ref": "FnAlias"}, "Action": "lambda:InvokeFunction", "Principal": "*", "InvokedViaFunctionUrl": True},
    )
    errors_alarm(app)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
    process = local(stderr=theirs)
    os.close(theirs)
    seen = ""

    def see(text: str) -> None:
        nonlocal seen
        deadline = time.monotonic() + 20
        while text not in seen:
            assert time.monotonic() < deadline, seen[-3000:]
            seen += os.read(ours, 65_536).decode()

    try:
        see("1 function · 0 streams in flight · 0 of 1 alarm in ALARM")
        url = re.search(r"http://127\.0\.0\.1:\d+/", seen)[0]
        see("OK      Errors")
        call(url)
        see("1 stream in flight")
        see("2.1 kB")  # the status and headers in front of the body count for the function
        see("first byte")
        call(url + "fail").chunks()
        see("alarm Test/Errors: OK -> ALARM: Threshold Crossed: 1 datapoint [1.0 (")
        see("1 of 1 alarm in ALARM")
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(20) == 0
    finally:
        os.close(ours)


def test_a_pipe_gets_lines_alone_and_json_stays_one_line(app, local) -> None:
    app.function("Fn", HANDLER)
    errors_alarm(app)
    process = local("--json", stderr=subprocess.PIPE)
    document = json.loads(process.stdout.readline())
    call(document["functions"][0]["url"] + "fail", document["principals"]["admin"]).chunks()
    lines = iter(process.stderr.readline, "")
    assert any("alarm Test/Errors: OK -> ALARM: " in line for line in lines)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=20)
    assert (rest, process.returncode) == ("", 0)
    assert "\x1b[" not in errors


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--fault", "explode"], "streaming-lambda local: FAULT_UNKNOWN: 'explode'; "),
        (
            ["--fault", "kill:1@Test/Other"],
            "streaming-lambda local: FAULT_FUNCTION: the app has no function Test/Other; it has Test/Fn; ",
        ),
    ],
)
def test_a_fault_that_cannot_be_gets_one_line_and_exit_2(app, local, arguments, line) -> None:
    app.function("Fn", HANDLER)
    process = local(*arguments, stderr=subprocess.PIPE)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert errors.startswith(line)
    assert errors.count("\n") == 1


def test_a_fault_of_the_command_line_hits(app, local) -> None:
    app.function("Fn", HANDLER)
    process = local("--json", "--fault", "throttle:1", "--alarm-period", "5", stderr=subprocess.PIPE)
    document = json.loads(process.stdout.readline())
    assert call(document["functions"][0]["url"], document["principals"]["admin"]).status == 429


def test_an_alarm_period_that_cannot_be_is_refused(app, local) -> None:
    app.function("Fn", HANDLER)
    process = local("--alarm-period", "0", stderr=subprocess.PIPE)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "'0' is no period; allowed: 1 to 86400 seconds" in errors
