"""The conformance tests can be pointed elsewhere: here at an emulator of its own process, by the variables that name an account."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.emulator.support import REGION

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "tests" / "emulator" / "conformance"

# No emulator may be made in the process that tests: what answers is the other one.
NO_EMULATOR = """
import sys
import pytest
from constructs_pkg.emulator import Emulator

def refuse(*arguments, **options):
    raise AssertionError("an emulator is made here")

Emulator.__init__ = refuse
sys.exit(pytest.main(sys.argv[1:]))
"""


def conformance(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the suite, with nothing of AWS in its environment but what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CONFORMANCE_"))}
    return subprocess.run(
        [sys.executable, "-c", NO_EMULATOR, "-q", "-rs", "-p", "no:cacheprovider", *arguments, str(SUITE)],
        cwd=ROOT,
        env={**kept, **variables},
        text=True,
        capture_output=True,
        timeout=240,
        check=False,
    )


def variables_of(principal: dict[str, str]) -> dict[str, str]:
    token = {"AWS_SESSION_TOKEN": principal["session_token"]} if principal["session_token"] else {}
    return {"AWS_ACCESS_KEY_ID": principal["access_key_id"], "AWS_SECRET_ACCESS_KEY": principal["secret_access_key"], **token}


@pytest.mark.timeout(300)
def test_the_same_tests_run_against_what_environment_variables_name(run, tmp_path: Path) -> None:
    outputs, profiles = tmp_path / "outputs.json", tmp_path / "credentials"
    app = f"{shlex.quote(sys.executable)} {shlex.quote(str(SUITE / 'app.py'))}"
    running = run("--json", "--app", app, "--outputs-file", str(outputs))
    # Somebody has to read its log: a full pipe would hold it up.
    reading = threading.Thread(target=running.process.stderr.read, daemon=True)
    document = running.document()
    reading.start()
    stack = json.loads(outputs.read_text())["StreamingLambdaConformance"]
    assert stack["StreamingUrl"] in {row["url"] for row in document["functions"]}
    stranger = document["principals"]["StreamingLambdaConformance/Stranger"]
    lines = [f"{name.lower()} = {value}" for name, value in variables_of(stranger).items()]
    profiles.write_text("\n".join(["[stranger]", *lines]) + "\n")
    broken = [row["path"] for row in document["functions"] if row["broken"]]
    assert broken in ([], ["StreamingLambdaConformance/NativeFunction"]), "Node.js may not be had here; the rest must run"
    told = conformance(
        *(["-k", "not Native and not type"] if broken else []),
        STREAMING_LAMBDA_CONFORMANCE="aws",
        CONFORMANCE_OUTPUTS=str(outputs),
        CONFORMANCE_STRANGER_PROFILE="stranger",
        AWS_SHARED_CREDENTIALS_FILE=str(profiles),
        AWS_ENDPOINT_URL_LAMBDA=document["lambda_endpoint"],
        AWS_REGION=document["region"],
        AWS_DEFAULT_REGION=document["region"],
        **variables_of(document["principals"]["admin"]),
    )
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(30)
    reading.join(30)
    assert told.returncode == 0, told.stdout + told.stderr
    passed = re.search(r"(\d+) passed", told.stdout)
    assert passed is not None
    assert int(passed[1]) >= 30, told.stdout


def test_what_answers_is_what_the_variables_name(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs.json"
    names = {"StreamingUrl": "http://127.0.0.1:9/", "StreamingName": "x", "StrangerRole": "arn:aws:iam::123456789012:role/x"}
    outputs.write_text(json.dumps({"StreamingLambdaConformance": names}))
    told = conformance(
        "-k",
        "test_an_answer_without_a_body_has_none",
        STREAMING_LAMBDA_CONFORMANCE="aws",
        CONFORMANCE_OUTPUTS=str(outputs),
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
        AWS_DEFAULT_REGION=REGION,
    )
    assert told.returncode == 1
    assert "ConnectionRefusedError" in told.stdout


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"STREAMING_LAMBDA_CONFORMANCE": "azure"}, "allowed: emulator, aws"),
        ({"STREAMING_LAMBDA_CONFORMANCE": "aws"}, "CONFORMANCE_OUTPUTS must name the file"),
    ],
)
def test_a_switch_that_is_set_wrong_is_said(variables: dict[str, str], told: str) -> None:
    result = conformance("-k", "test_an_answer_without_a_body_has_none", **variables)
    assert result.returncode == 2
    assert told in result.stdout + result.stderr


def test_outputs_are_written_as_cdk_deploy_writes_them(app, run, tmp_path: Path) -> None:
    app.function("Fn", "def handler(event, context):\n    yield 'hi'\n")
    app.outputs["Url"] = {"Value": {"Fn::GetAtt": ["FnUrl", "FunctionUrl"]}}
    app.outputs["Unknown"] = {"Value": {"Fn::GetAtt": ["FnUrl", "NothingKnown"]}}
    running = run("--json", "--model", "echo", "--assembly", str(app.write()), "--outputs-file", str(tmp_path / "outputs.json"))
    document = running.document()
    written = json.loads((tmp_path / "outputs.json").read_text())
    assert written == {"Test": {"Url": document["functions"][0]["url"]}}
    running.process.send_signal(signal.SIGINT)
    running.finish()


def test_an_outputs_file_that_cannot_be_written_is_one_line_and_exit_1(app, run, tmp_path: Path) -> None:
    app.function("Fn", "def handler(event, context):\n    yield 'hi'\n")
    running = run("--json", "--model", "echo", "--assembly", str(app.write()), "--outputs-file", str(tmp_path / "no" / "file"))
    code, stderr = running.finish()
    assert code == 1
    assert stderr.splitlines()[-1].startswith("streaming-lambda local: OUTPUTS_FILE: ")
