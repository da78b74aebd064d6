"""Environments: reused, warmed, more beyond, and none beyond what is reserved."""

from __future__ import annotations

import json

import pytest

from tests.emulator.support import call, wait_for
from tests.emulator.test_failures import lambda_client

WHO = """
import json, os, time

def handler(event, context):
    yield json.dumps({
        "pid": os.getpid(),
        "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
        "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
    })
    gate = os.environ.get("GATE")
    deadline = time.monotonic() + 10
    while gate and not os.path.exists(gate):
        assert time.monotonic() < deadline
        time.sleep(0.002)
"""


def test_an_environment_is_used_again(app, emulate) -> None:
    app.function("Fn", WHO)
    emulator = emulate(app)
    said = [json.loads(call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read()) for _ in range(5)]
    assert len({one["pid"] for one in said}) == 1
    assert said[0]["type"] == "on-demand"
    assert said[0]["version"] == "1"


def test_streams_at_the_same_time_have_an_environment_each(app, emulate, tmp_path) -> None:
    app.function("Fn", WHO, environment={"GATE": str(tmp_path / "gate")})
    emulator = emulate(app)
    calls = [call(emulator.urls["Test/Fn"], emulator.principals["admin"]) for _ in range(3)]
    pids = {json.loads(one.chunk())["pid"] for one in calls}
    (tmp_path / "gate").touch()
    assert len(pids) == 3
    assert all(one.chunk() == b"" for one in calls)


def test_provisioned_environments_are_warm_at_the_start_and_calls_beyond_spill_over(app, emulate, tmp_path, logs) -> None:
    app.function("Fn", WHO, provisioned=2, environment={"GATE": str(tmp_path / "gate")})
    emulator = emulate(app)
    assert len(logs.having("INIT_REPORT")) == 2
    calls = [call(emulator.urls["Test/Fn"], emulator.principals["admin"]) for _ in range(3)]
    types = [json.loads(one.chunk())["type"] for one in calls]
    (tmp_path / "gate").touch()
    assert types == ["provisioned-concurrency", "provisioned-concurrency", "on-demand"]
    (service,) = emulator.services.values()
    assert service.concurrency.spillovers == 1


def test_a_provisioned_environment_that_dies_is_made_anew(app, emulate, logs) -> None:
    app.function("Fn", "import os\ndef handler(event, context):\n    os._exit(1)\n", provisioned=1)
    emulator = emulate(app)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).status == 502
    wait_for(lambda: len(logs.having("INIT_REPORT")) == 2)


def test_calls_beyond_the_reserved_concurrency_are_429(app, emulate, tmp_path) -> None:
    # Documents: LocalStack's test_lambda_concurrency_block, taken on AWS; the URL's status: urls-configuration.html#urls-throttling.
    app.function("Fn", WHO, ReservedConcurrentExecutions=1, environment={"GATE": str(tmp_path / "gate")})
    emulator = emulate(app)
    first = call(emulator.urls["Test/Fn"], emulator.principals["admin"])
    second = call(emulator.urls["Test/Fn"], emulator.principals["admin"])
    assert second.status == 429
    assert second.header("x-amzn-ErrorType") == "TooManyRequestsException"
    assert json.loads(second.read())["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    client = lambda_client(emulator)
    name = emulator.json()["functions"][0]["function_name"]
    with pytest.raises(client.exceptions.TooManyRequestsException) as throttled:
        client.invoke(FunctionName=name, Qualifier="live")
    assert throttled.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    (tmp_path / "gate").touch()
    first.chunks()
    # One after the other is never throttled, however quickly the next comes.
    for _ in range(20):
        assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read()


BUSY_AFTERWARDS = """
import os, sys, time

while True:
    api.next()
    api.begin("application/json")
    api.chunk(str(os.getpid()).encode())
    api.end()
    time.sleep(0.05)
    deadline = time.monotonic() + 10
    while os.path.exists(os.environ["BUSY"]) and time.monotonic() < deadline:
        time.sleep(0.002)
    if os.path.exists(os.environ["GONE"]):
        sys.exit(1)
"""


@pytest.fixture
def busy_afterwards(app, emulate, tmp_path):
    """A function whose runtime works on when it has answered: as long as `busy` is there, and then it ends if `gone` is. Calls it."""

    def made(**options):
        variables = {"BUSY": str(tmp_path / "busy"), "GONE": str(tmp_path / "gone")}
        function = app.by_hand("Fn", BUSY_AFTERWARDS, environment=variables, **options)
        emulator = emulate(app)
        return lambda: call(emulator.urls[function], emulator.principals["admin"])

    return made


def test_a_call_waits_a_moment_for_the_environment_that_has_just_answered(busy_afterwards, monkeypatch) -> None:
    monkeypatch.setattr("constructs_pkg.emulator.concurrency.FINISHING_SECONDS", 10)
    ask = busy_afterwards(ReservedConcurrentExecutions=1)
    answers = {(answer.status, answer.read()) for answer in (ask() for _ in range(3))}
    assert [status for status, _ in answers] == [200]


def test_a_call_waits_no_longer_than_a_moment_for_it(busy_afterwards, tmp_path) -> None:
    (tmp_path / "busy").touch()
    ask = busy_afterwards(ReservedConcurrentExecutions=1)
    assert ask().read()
    assert ask().status == 429
    (tmp_path / "busy").unlink()


def test_a_call_that_waits_for_an_environment_which_ends_gets_another(busy_afterwards, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("constructs_pkg.emulator.concurrency.FINISHING_SECONDS", 10)
    (tmp_path / "gone").touch()
    ask = busy_afterwards(ReservedConcurrentExecutions=1)
    assert ask().read() != ask().read()


def test_reserved_concurrency_of_nothing_switches_a_url_off(app, emulate) -> None:
    app.function("Fn", WHO, ReservedConcurrentExecutions=0)
    emulator = emulate(app)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).status == 429
