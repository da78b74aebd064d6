"""What is wrong with an app is one clear line: the command ends with it, or one function is broken and the others run."""

from __future__ import annotations

import json
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.emulator import deployment
from tests.emulator.support import App, call, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

OK = "def handler(event, context):\n    yield 'ok'\n"
NOWHERE = {"Fn::ImportValue": "nowhere"}


def edited(app: App, change: Callable[[dict[str, Any]], None]) -> str:
    """The assembly, its template changed by hand."""
    path = app.write() / "Test.template.json"
    template = json.loads(path.read_text())
    change(template)
    path.write_text(json.dumps(template))
    return str(app.directory)


def change_of(resource: str, **properties: Any) -> Callable[[dict[str, Any]], None]:
    return lambda template: template["Resources"][resource]["Properties"].update(properties)


BROKEN: list[tuple[str, Callable[[dict[str, Any]], None]]] = [
    ("UNRESOLVED_INTRINSIC: Fn::Nope", change_of("Fn", Environment={"Variables": {"X": {"Fn::Nope": "x"}}})),
    ("UNRESOLVED_INTRINSIC: Fn::ImportValue nowhere", change_of("Fn", Role=NOWHERE)),
    ("UNRESOLVED_INTRINSIC: Ref Nothing", change_of("Fn", MemorySize={"Ref": "Nothing"})),
    ("PROPERTY_UNREADABLE: ", change_of("Fn", Timeout="soon")),
    ("PROPERTY_UNREADABLE: ", change_of("Fn", Environment={"Variables": ["X"]})),
    ("HANDLER_MISSING: elsewhere.py", change_of("Fn", Handler="elsewhere.handler")),
    ("HANDLER_UNREADABLE: ", change_of("Fn", Handler="handler")),
    (
        "CONTAINER_IMAGE: ",
        change_of("Fn", PackageType="Image", Code={"ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x"}),
    ),
    ("RUNTIME_NOT_RUN: ", change_of("Fn", Runtime="java21")),
    ("LAYER_NOT_HERE: ", change_of("Fn", Layers=["arn:aws:lambda:eu-west-1:999999999999:layer:Theirs:1"])),
    ("CODE_NOT_HERE: ", change_of("Fn", Code={"S3Bucket": "theirs", "S3Key": "code.zip"})),
]


@pytest.mark.parametrize(("reason", "change"), BROKEN)
def test_a_function_that_cannot_run_is_broken_and_the_others_run(
    app: App,
    run,
    reason: str,
    change: Callable[[dict[str, Any]], None],
) -> None:
    app.function("Fn", OK)
    app.function("Other", OK)
    running = run("--json", "--model", "echo", "--assembly", edited(app, change))
    document = running.document()
    rows = {row["logical_id"]: row for row in document["functions"]}
    assert rows["Fn"]["broken"].startswith(reason)
    assert "\n" not in rows["Fn"]["broken"]
    assert call(rows["Other"]["url"], document["principals"]["admin"]).read() == b"ok"
    running.process.send_signal(signal.SIGINT)
    code, stderr = running.finish()
    assert code == 0
    assert len([line for line in stderr.splitlines() if reason in line]) == 1


def test_an_asset_that_is_gone_breaks_the_function_alone(app: App, run) -> None:
    app.function("Fn", OK)
    app.function("Other", OK)
    directory = app.write()
    shutil.rmtree(directory / "assets" / "Fn-code")
    running = run("--json", "--model", "echo", "--assembly", str(directory))
    rows = {row["logical_id"]: row["broken"] for row in running.document()["functions"]}
    assert rows["Fn"].startswith("ASSET_MISSING: ")
    assert rows["Other"] is None


ENDING: list[tuple[str, int, Callable[[dict[str, Any]], None]]] = [
    ("UNRESOLVED_INTRINSIC: Fn::Nope", 2, change_of("FnAlias", Name={"Fn::Nope": "x"})),
    ("UNRESOLVED_INTRINSIC: Fn::ImportValue nowhere", 2, change_of("FnUrl", TargetFunctionArn=NOWHERE)),
    ("UNRESOLVED_INTRINSIC: Condition Nothing", 2, lambda template: template["Resources"]["Fn"].update(Condition="Nothing")),
    ("BAD_TEMPLATE: ", 2, lambda template: template["Resources"]["Fn"].pop("Type")),
    ("BAD_ASSEMBLY: ", 2, lambda template: template.update(Resources=[])),
    ("NOTHING_TO_RUN: every function is broken", 1, change_of("Fn", Handler="elsewhere.handler")),
]


@pytest.mark.parametrize(("reason", "code", "change"), ENDING)
def test_an_app_that_cannot_be_read_ends_the_command_with_one_line(
    app: App,
    run,
    reason: str,
    code: int,
    change: Callable[[dict[str, Any]], None],
) -> None:
    app.function("Fn", OK)
    ended, stderr = run("--model", "echo", "--assembly", edited(app, change)).finish()
    assert ended == code
    (line,) = [line for line in stderr.splitlines() if not line.startswith("[")]
    assert line.startswith(f"streaming-lambda local: {reason}")


def test_ports_that_would_count_beyond_the_last_one_are_one_line(app: App, run) -> None:
    app.function("Fn", OK)
    code, stderr = run("--model", "echo", "--assembly", str(app.write()), "--port", "65535").finish()
    assert code == 1
    assert stderr.splitlines()[-1].startswith("streaming-lambda local: PORT")
    assert "Traceback" not in stderr


def test_a_provisioned_init_that_hangs_does_not_keep_the_others_waiting(app: App, emulate, logs, monkeypatch) -> None:
    monkeypatch.setattr(deployment, "WARM_SECONDS", 0.5)
    app.function("Fn", "import time\ntime.sleep(300)\n", provisioned=1)
    app.function("Other", OK)
    emulator = emulate(app)
    assert logs.having("not warm after ")
    assert call(emulator.urls["Test/Other"], emulator.principals["admin"]).read() == b"ok"


def test_a_provisioned_init_that_fails_is_told_and_the_others_run(app: App, emulate, logs) -> None:
    app.function("Fn", "raise RuntimeError('no luck')\n", provisioned=1)
    app.function("Other", OK)
    emulator = emulate(app)
    wait_for(lambda: logs.having("init failed: "))
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).status == 502
    assert call(emulator.urls["Test/Other"], emulator.principals["admin"]).read() == b"ok"


def test_an_extension_that_is_not_run_is_said(app: App, emulate, logs) -> None:
    layer = app.asset("Watching-layer", {"extensions/watcher": "#!/bin/sh\nexit 1\n"})
    app.function("Fn", OK)
    app.add("Watching", "AWS::Lambda::LayerVersion", {"Content": app._location("Watching-layer", layer)})
    app.resources["Fn"]["Properties"]["Layers"].append({"Ref": "Watching"})
    emulator = emulate(app)
    assert len(logs.having("its layers have extensions, which are not run here: watcher")) == 1
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"ok"
