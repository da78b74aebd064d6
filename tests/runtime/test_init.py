"""A function that cannot start says why to /init/error and ends: it never hangs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.runtime.neutral_api import Runtime, running, url_event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime.conftest import Start

OK = "@streaming_handler\ndef handler(request, context):\n    yield 'ok'"


def init_error(runtime: Runtime) -> tuple[str, str, str]:
    connection = runtime.accept()
    reply = connection.read_body(connection.read_request())
    assert reply.path == "/2018-06-01/runtime/init/error"
    runtime.acknowledge()
    code, log = runtime.exit()
    assert code == 1
    document = json.loads(reply.raw)
    assert reply.headers["lambda-runtime-function-error-type"] == document["errorType"]
    assert document["stackTrace"] == []
    assert document["errorMessage"] in log
    return document["errorType"], document["errorMessage"], log


@pytest.mark.parametrize(
    ("handler", "kind", "said"),
    [
        ("missing.handler", "Runtime.ImportModuleError", "No module named 'missing'"),
        ("index.missing", "Runtime.HandlerNotFound", "'missing' is missing in module 'index'"),
        ("index.number", "Runtime.HandlerNotFound", "'number' is no function but int"),
        ("handler", "Runtime.MalformedHandlerName", "HANDLER_NAME: found 'handler'"),
        ("", "Runtime.MalformedHandlerName", "HANDLER_NAME: found ''"),
        (".handler", "Runtime.MalformedHandlerName", "HANDLER_NAME"),
        ("..handler", "Runtime.MalformedHandlerName", "HANDLER_NAME"),
        ("a..handler", "Runtime.ImportModuleError", "a."),
    ],
)
def test_a_handler_that_is_not_there(start: Start, handler: str, kind: str, said: str) -> None:
    found, message, _ = init_error(start(OK + "\nnumber = 7", handler))
    assert found == kind
    assert said in message


def test_a_syntax_error_names_file_and_line(start: Start, interpreter: str) -> None:
    kind, message, log = init_error(start("def handler(:\n"))
    assert kind == "Runtime.UserCodeSyntaxError"
    assert "index.py, line 3" in message
    assert "Traceback" in log


@pytest.mark.parametrize(("raised", "kind"), [("RuntimeError('secret')", "RuntimeError"), ("SystemExit(0)", "SystemExit")])
def test_a_module_that_raises_keeps_its_secrets(start: Start, raised: str, kind: str) -> None:
    found, message, log = init_error(start(f"raise {raised}"))
    assert found == f"Function.{kind}"
    assert "secret" not in message
    assert f"raise {raised}" in log


def test_an_unknown_dialect_is_an_init_error(start: Start) -> None:
    _, _, log = init_error(start("@streaming_handler(dialect='morse')\ndef handler(request, context): ..."))
    assert "DIALECT_UNKNOWN: found 'morse'; allowed: text, bytes, ndjson, sse, openai-chat, " in log


def test_a_bad_setting_is_an_init_error(start: Start) -> None:
    kind, message, _ = init_error(start(OK, environment={"STREAM_HEARTBEAT_SECONDS": "soon"}))
    assert kind == "Runtime.InvalidSetting"
    assert message.startswith(
        "SETTING_INVALID: found STREAM_HEARTBEAT_SECONDS='soon'; allowed: a whole number, 1 to 300 (seconds), or 0"
    )


def test_no_runtime_api_address_is_one_line_and_exit_1(tmp_path: Path) -> None:
    with running(tmp_path, environment={"AWS_LAMBDA_RUNTIME_API": ""}) as runtime:
        code, log = runtime.exit()
    assert code == 1
    assert log.count("\n") == 1
    assert "AWS_LAMBDA_RUNTIME_API is not set" in log


@pytest.mark.parametrize("name", ["pkg/inner.handler", "pkg.inner.handler"])
def test_a_handler_in_a_package(tmp_path: Path, name: str) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "inner.py").write_text("def handler(event, context):\n    yield 'inner'")
    with running(tmp_path, name) as runtime:
        assert runtime.invoke(url_event()).body == b"inner"


def test_the_task_root_comes_before_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "task").mkdir()
    (tmp_path / "elsewhere" / "index.py").write_text("def handler(event, context):\n    yield 'wrong'")
    (tmp_path / "task" / "index.py").write_text("def handler(event, context):\n    yield 'right'")
    with running(tmp_path / "elsewhere", environment={"LAMBDA_TASK_ROOT": str(tmp_path / "task")}) as runtime:
        assert runtime.invoke(url_event()).body == b"right"
