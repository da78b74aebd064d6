"""Python functions on AWS's own client, awslambdaric, as it comes from PyPI: buffered, for it cannot stream."""

from __future__ import annotations

import json
import sys

import pytest

from constructs_pkg.emulator.runtimes import python as python_runtime
from tests.emulator.support import call
from tests.emulator.test_failures import lambda_client

pytest.importorskip("awslambdaric")

PLAIN = """
import json, logging, os, sys, time

def handler(event, context):
    path = event.get("rawPath", event.get("path"))
    if path == "/raise":
        raise ValueError("the secret word")
    if path == "/exit":
        os._exit(3)
    if path == "/hang":
        time.sleep(60)
    logging.getLogger().warning("a warning")
    return {
        "statusCode": 201,
        "headers": {"content-type": "application/json", "x-request": context.aws_request_id},
        "cookies": ["a=1"],
        "body": json.dumps({"client": "awslambdaric" in sys.modules, "arn": context.invoked_function_arn, "path": sys.path,
                            "left": context.get_remaining_time_in_millis(), "wrapper": os.environ.get("AWS_LAMBDA_EXEC_WRAPPER")}),
    }
"""


def stock(app, code: str = PLAIN, **options) -> str:
    path = app.function("Fn", code, layer=None, **{"mode": "BUFFERED", **options})
    del app.resources["Fn"]["Properties"]["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    return path


@pytest.fixture(params=["compiled", "plain"])
def client(request, monkeypatch) -> str:
    """Both forms of the part that is compiled on Linux: AWS's own, and the one that stands in for it elsewhere."""
    if request.param == "plain":
        add = python_runtime._add_client

        def without_the_compiled_part(runtime, interpreter, log) -> None:
            add(runtime, interpreter, log)
            for stray in runtime.glob("runtime_client*"):
                stray.unlink()
            (runtime / "runtime_client.py").write_bytes(python_runtime._HERE.joinpath("_python_runtime_client.py").read_bytes())

        monkeypatch.setattr(python_runtime, "_add_client", without_the_compiled_part)
    return request.param


def test_a_function_without_our_runtime_answers_in_one_piece(app, emulate, client: str) -> None:
    path = stock(app)
    emulator = emulate(app)
    response = call(emulator.urls[path], emulator.principals["admin"])
    assert (response.status, response.header("content-type"), response.header("set-cookie")) == (201, "application/json", "a=1")
    assert response.header("x-request") == response.header("x-amzn-requestid")
    said = json.loads(response.read())
    assert said["client"]
    assert said["wrapper"] is None
    assert said["arn"].endswith(":live")
    assert 0 < said["left"] <= 10_000


def test_its_search_path_is_lambdas(app, emulate) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath: task, layers, runtime
    layer = app.asset("lib", {"python/shared.py": "WHO = 'layer'\n", "python/index.py": "raise RuntimeError"})
    code = "import shared, boto3\ndef handler(event, context):\n    return {'statusCode': 200, 'body': shared.WHO}\n"
    path = app.function("Fn", code, layer=layer, mode="BUFFERED")
    del app.resources["Fn"]["Properties"]["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    emulator = emulate(app)
    assert call(emulator.urls[path], emulator.principals["admin"]).read() == b"layer"


@pytest.mark.parametrize(
    ("what", "error"), [("/raise", "ValueError"), ("/exit", "Runtime.ExitError"), ("/hang", "Sandbox.Timedout")]
)
def test_what_fails_is_told_to_a_direct_caller_and_the_next_call_works(app, emulate, client: str, what: str, error: str) -> None:
    stock(app, Timeout=1)
    emulator = emulate(app)
    name = emulator.json()["functions"][0]["function_name"]
    lambda_ = lambda_client(emulator)
    answer = lambda_.invoke(FunctionName=name, Payload=json.dumps({"path": what}))
    assert answer["FunctionError"] == "Unhandled"
    document = json.loads(answer["Payload"].read())
    assert document["errorType"] == error
    if what == "/raise":
        assert document["errorMessage"] == "the secret word"
        assert document["stackTrace"]
    assert "FunctionError" not in lambda_.invoke(FunctionName=name, Payload=b'{"path":"/"}')


def test_a_streaming_url_shows_that_it_buffers(app, emulate) -> None:
    # LocalStack's test_lambda_url_echo_invoke[RESPONSE_STREAM], validated on AWS: the caller gets the whole document.
    path = stock(app, mode="RESPONSE_STREAM")
    emulator = emulate(app)
    response = call(emulator.urls[path], emulator.principals["admin"])
    assert (response.status, json.loads(response.read())["statusCode"]) == (200, 201)


def test_a_generator_is_the_error_that_aws_makes_of_it(app, emulate) -> None:
    # aws/aws-lambda-roadmap#39: the stock client cannot stream.
    path = stock(app, "def handler(event, context):\n    yield 'x'\n")
    emulator = emulate(app)
    answer = lambda_client(emulator).invoke(FunctionName=emulator.json()["functions"][0]["function_name"])
    assert json.loads(answer["Payload"].read())["errorType"] == "Runtime.MarshalError"
    assert call(emulator.urls[path], emulator.principals["admin"]).status == 502


def test_an_import_that_fails_is_an_init_error(app, emulate, logs) -> None:
    stock(app, "import nowhere_to_be_found\n")
    emulator = emulate(app)
    answer = lambda_client(emulator).invoke(FunctionName=emulator.json()["functions"][0]["function_name"])
    document = json.loads(answer["Payload"].read())
    assert document["errorType"] == "Runtime.ImportModuleError"
    assert "nowhere_to_be_found" in document["errorMessage"]


def test_a_wrapper_of_another_kind_finds_the_client_where_lambda_has_it(app, emulate) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper: the wrapper runs what it is given.
    layer = app.asset("wrap", {"wrap": '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n'})
    code = "import os\ndef handler(event, context):\n    return {'statusCode': 200, 'body': os.environ['WRAPPED']}\n"
    path = app.function("Fn", code, layer=layer, mode="BUFFERED", environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"})
    emulator = emulate(app)
    assert call(emulator.urls[path], emulator.principals["admin"]).read() == b"yes"


def test_a_client_that_cannot_be_had_breaks_that_function_alone(app, emulate, monkeypatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise python_runtime.CodeUnusable("DEPENDENCIES_NOT_RESOLVED: no network")

    monkeypatch.setattr(python_runtime, "install_packages", refuse)
    monkeypatch.setattr(
        python_runtime.importlib.util,
        "find_spec",
        lambda name, find=python_runtime.importlib.util.find_spec: None if name == "awslambdaric" else find(name),
    )
    stock(app)
    app.function("Ours", "def handler(event, context):\n    yield 'streamed'\n")
    emulator = emulate(app)
    rows = {row["logical_id"]: row for row in emulator.json()["functions"]}
    assert rows["Fn"]["broken"].startswith("STOCK_CLIENT: ")
    assert f"Python {sys.version_info[0]}.{sys.version_info[1]}" in rows["Fn"]["broken"]
    assert call(emulator.urls["Test/Ours"], emulator.principals["admin"]).read() == b"streamed"
