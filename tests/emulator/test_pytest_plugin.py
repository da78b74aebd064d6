"""The fixture, as a user's own test run has it: pytest in a process of its own, on a project in a folder of its own.

A real CDK App is not synthesized here (these tests load no jsii); a stand-in with the same two members is. README and docs use the real one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from constructs_pkg.emulator.pytest_plugin import run_app
from tests.emulator.support import call

ROOT = str(Path(__file__).parents[2])
HANDLER = """
def handler(event, context):
    yield "one "
    if event["rawPath"] == "/fail":
        raise ValueError("no")
    yield "two"
"""


@pytest.fixture
def project(app, tmp_path):
    """A user's project: an assembly beside it, a conftest.py that asks for the plugin, and tests."""
    app.function("Fn", HANDLER)
    app.write()
    folder = tmp_path / "project"
    (folder / "tmp").mkdir(parents=True)
    (folder / "conftest.py").write_text('pytest_plugins = ["constructs_pkg.emulator.pytest_plugin"]\n')

    def run(tests: str, *arguments: str, settings: str = "") -> tuple[int, str]:
        (folder / "test_app.py").write_text(f"from pathlib import Path\nASSEMBLY = Path({str(app.directory)!r})\n{tests}")
        (folder / "pytest.ini").write_text(f"[pytest]\n{settings}")
        environment = {**os.environ, "PYTHONPATH": ROOT, "TMPDIR": str(folder / "tmp"), "PYTEST_ADDOPTS": ""}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
        )
        left = [name for name in os.listdir(folder / "tmp") if name.startswith("streaming-lambda")]
        assert left == []
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_test_starts_its_app_and_streams_from_it_in_three_lines(project) -> None:
    status, output = project(
        """
from constructs_pkg.client import StreamingClient

def test_it_streams(streaming_app):
    app = streaming_app(ASSEMBLY)
    with StreamingClient(app.url, session=app.session()) as client, client.stream("POST", "/", json={}) as stream:
        assert "".join(event.text for event in stream) == "one two"
"""
    )
    assert status == 0, output


def test_credentials_faults_metrics_and_alarms_are_at_hand(project, app) -> None:
    properties = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": "Fn"}}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    app.add("Errors", "AWS::CloudWatch::Alarm", properties)
    app.write()
    status, output = project(
        """
import pytest
from constructs_pkg.client import StreamingClient, StreamTruncated, Throttled

def test_everything(streaming_app):
    app = streaming_app(ASSEMBLY)
    assert app.alarms["Test/Errors"].value == "OK"
    with StreamingClient(app.url, session=app.session()) as client:
        with app.faults.add("throttle"), pytest.raises(Throttled), client.stream("POST", "/", json={}) as stream:
            list(stream)
        with pytest.raises(StreamTruncated), client.stream("POST", "/fail", json={}) as stream:
            list(stream)
    assert app.metric("Errors") == 1
    assert app.metric("Throttles") >= 1  # the client tries again
    assert app.alarms["Test/Errors"].value == "ALARM"
    assert app.session("stranger").region_name == "eu-west-1"
    with pytest.raises(LookupError, match="PRINCIPAL_UNKNOWN: 'nobody'; the app has admin, "):
        app.session("nobody")
"""
    )
    assert status == 0, output


def test_an_app_runs_for_its_scope_and_once_in_it(project) -> None:
    tests = """
seen = set()

def test_one(streaming_app):
    assert streaming_app(ASSEMBLY) is streaming_app(ASSEMBLY)
    assert streaming_app(ASSEMBLY) is not streaming_app(ASSEMBLY, account_concurrency=5)
    seen.add(streaming_app(ASSEMBLY))

def test_two(streaming_app):
    seen.add(streaming_app(ASSEMBLY))
    assert len(seen) == APPS
"""
    for settings, apps in (("", 2), ("streaming_app_scope = module\n", 1)):
        status, output = project(f"APPS = {apps}\n{tests}", settings=settings)
        assert status == 0, output


def test_a_scope_that_is_none_is_refused(project) -> None:
    status, output = project("def test_one(streaming_app): pass\n", settings="streaming_app_scope = forever\n")
    assert status != 0
    assert "streaming_app_scope is 'forever'; allowed: function, class, module, package, session" in output


def test_a_failing_test_shows_the_functions_log(project) -> None:
    tests = """
import urllib.request

def test_it_fails(streaming_app):
    app = streaming_app(ASSEMBLY)
    assert app.lines is None
"""
    status, output = project(tests)
    assert status == 1
    assert "Captured stdout teardown" in output


@pytest.mark.parametrize("capture", ["fd", "sys", "no"])
def test_an_app_can_be_a_command(project, app, capture) -> None:
    command = f"cp -r {app.directory}/. $CDK_OUTDIR && echo synthesized"
    status, output = project(f"def test_one(streaming_app):\n    assert streaming_app({command!r}).url\n", f"--capture={capture}")
    assert status == 0, output


def test_no_run_that_does_not_ask_for_the_plugin_loads_it(tmp_path) -> None:
    (tmp_path / "test_one.py").write_text("import sys\ndef test_one():\n    assert 'constructs_pkg' not in sys.modules\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stdout


# Without pytest in between.


class Node:
    def __init__(self, root) -> None:
        self.root = root


class Construct:
    """As much of a construct as is asked for."""

    def __init__(self, root=None) -> None:
        self.node = Node(root or self)


class CdkApp(Construct):
    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = str(directory)

    def synth(self):
        return self


def test_a_cdk_app_and_a_stack_in_one_are_synthesized(app) -> None:
    app.function("Fn", HANDLER)
    cdk_app = CdkApp(app.write())
    for given in (cdk_app, Construct(cdk_app)):
        with run_app(given) as running:
            answer = call(running.url, running.principals["admin"])
            assert answer.read() == b"one two"
            assert running.metric("Invocations") == 1
            assert any("REPORT RequestId" in line for line in running.lines)


@pytest.mark.parametrize("given", [None, 5, Construct(), object()])
def test_what_is_no_app_is_refused_in_one_line(given) -> None:
    with pytest.raises(TypeError, match="^APP_UNKNOWN: [^\n]*$"), run_app(given):
        pass


def test_the_url_of_an_app_with_several_has_to_be_named(app) -> None:
    app.function("One", HANDLER)
    app.function("Two", HANDLER)
    with run_app(app.write()) as running:
        with pytest.raises(
            LookupError, match=r"^URL_NOT_ONE: the app has 2 Function URLs; take one of app.urls: \['Test/One', 'Test/Two'\]$"
        ):
            running.url  # noqa: B018
        assert running.urls["Test/Two"]
