"""What a function finds around it, and what it must not find."""

from __future__ import annotations

import json
import os
import sys

from tests.emulator.support import call, wait_for

LOOK = """
import importlib.util, json, os, sys, tempfile

def handler(event, context):
    with open(os.path.join(tempfile.gettempdir(), "mine"), "a") as file:
        file.write("x")
    import boto3
    yield json.dumps({
        "environment": dict(os.environ),
        "cwd": os.getcwd(),
        "path": sys.path,
        "version": list(sys.version_info[:2]),
        "tmp": tempfile.gettempdir(),
        "home": os.path.expanduser("~"),
        "credentials": boto3.Session().get_credentials().access_key,
        "found": {name: importlib.util.find_spec(name) is not None for name in ("boto3", "h11", "pytest", "aws_cdk", "constructs_pkg")},
    })
"""


def look(emulator, path: str = "Test/Fn") -> dict:
    return json.loads(call(emulator.urls[path], emulator.principals["admin"]).read())


def test_lambdas_variables_are_there(app, emulate) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    app.function("Fn", LOOK, environment={"MINE": "1"}, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"})
    emulator = emulate(app)
    seen = look(emulator)
    variables = seen["environment"]
    assert variables["_HANDLER"] == "index.handler"
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == emulator.region
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{variables['AWS_LAMBDA_FUNCTION_NAME']}"
    assert variables["AWS_LAMBDA_LOG_FORMAT"] == "JSON"
    assert variables["AWS_LAMBDA_LOG_LEVEL"] == "DEBUG"
    assert variables["TZ"] == ":UTC"
    assert variables["MINE"] == "1"
    assert variables["LAMBDA_TASK_ROOT"] == seen["cwd"]
    assert variables["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] == emulator.bedrock_endpoint
    assert os.path.isdir(variables["LAMBDA_RUNTIME_DIR"] + "/boto3")


def test_a_function_has_its_roles_credentials(app, emulate) -> None:
    app.function("Fn", LOOK)
    emulator = emulate(app)
    assert look(emulator)["credentials"] == emulator.principals["Test/FnRole"]["access_key_id"]


def test_nothing_of_the_emulators_own_environment_is_inherited(app, emulate, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("SECRET_OF_THE_PERSON", "x")
    app.function("Fn", LOOK)
    emulator = emulate(app)
    seen = look(emulator)
    assert "AWS_PROFILE" not in seen["environment"]
    assert "SECRET_OF_THE_PERSON" not in seen["environment"]
    assert "/somewhere" not in seen["path"]
    assert seen["home"] != os.path.expanduser("~")
    assert seen["found"] == {"boto3": True, "h11": False, "pytest": False, "aws_cdk": False, "constructs_pkg": False}
    assert not any(folder.startswith(sys.prefix) for folder in seen["path"])


def test_tmp_is_each_environments_own_and_the_asset_is_not_written_to(app, emulate) -> None:
    app.function("Fn", LOOK)
    before = sorted(app.directory.rglob("*"))
    emulator = emulate(app)
    first = look(emulator)
    assert first["tmp"].startswith(str(emulator._supervisor.folder))
    assert look(emulator)["tmp"] == first["tmp"]
    assert [path for path in sorted(app.directory.rglob("*")) if path not in before and path.suffix != ".json"] == []


def test_the_runtimes_own_python_is_used_where_the_machine_has_it(app, emulate, logs) -> None:
    app.function("Fn", LOOK, Runtime="python3.13")
    seen = look(emulate(app))
    if seen["version"] != [3, 13]:
        assert seen["version"] == list(sys.version_info[:2])
        assert logs.having("Python 3.13 is not on this machine")


def test_a_python_that_nobody_has_is_replaced_and_that_is_said(app, emulate, logs) -> None:
    app.function("Fn", LOOK, Runtime="python3.99")
    seen = look(emulate(app))
    assert seen["version"] == list(sys.version_info[:2])
    assert logs.having("Python 3.99 is not on this machine; the function runs on Python")


def test_layers_are_merged_in_order(app, emulate) -> None:
    import shutil

    from tests.emulator.support import RUNTIME_LAYER

    merged = app.asset("lower", {"python/shared.py": "WHO = 'lower'\n", "python/lower.py": ""})
    shutil.copytree(RUNTIME_LAYER, merged, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    app.function("Fn", "import shared, lower\ndef handler(event, context):\n    yield shared.WHO\n", layer=merged)
    upper = app.asset("upper", {"python/shared.py": "WHO = 'upper'\n"})
    app.add("Upper", "AWS::Lambda::LayerVersion", {"Content": app._location("upper", upper)})
    app.resources["Fn"]["Properties"]["Layers"].append({"Ref": "Upper"})
    emulator = emulate(app)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"upper"


def test_a_zip_asset_is_unpacked_with_its_modes(app, emulate) -> None:
    import shutil
    from pathlib import Path

    from tests.emulator.support import RUNTIME_LAYER

    archive = Path(shutil.make_archive(str(app.directory / "layer"), "zip", RUNTIME_LAYER))
    app.function("Fn", "def handler(event, context):\n    yield 'zipped'\n", layer=archive)
    emulator = emulate(app)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"zipped"


def test_what_a_function_prints_is_a_log_line(app, emulate, logs) -> None:
    app.function(
        "Fn",
        "print('at the start')\ndef handler(event, context):\n    print('half a ', end='', flush=True); print('line')\n    yield 'x'\n",
    )
    emulator = emulate(app)
    call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read()
    assert logs.having("at the start")
    wait_for(lambda: logs.having("REPORT RequestId") and logs.having("half a line"))
