"""The function's log, as Lambda asks for it, by `logging`, by print and by the runtime itself."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import logs
from tests.runtime.neutral_api import Runtime, url_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.runtime.conftest import Start

SOURCE = """
    import logging
    logging.getLogger("at.init").warning("early")

    @streaming_handler
    def handler(request, context):
        print("printed")
        logging.getLogger("mine").info("hello %s", "you", extra={"answer": 42, "odd": object})
        logging.getLogger("mine").debug("quiet")
        try:
            raise ValueError("é")
        except ValueError:
            logging.exception("failed")
        yield "x"
        raise KeyError("bug")
"""


def log_of(runtime: Runtime) -> str:
    runtime.invoke(url_event(), headers={"Lambda-Runtime-Aws-Tenant-Id": "t-1"})
    runtime.await_next()
    return runtime.log()


def by_message(lines: list[str]) -> dict[str, dict[str, Any]]:
    records = [json.loads(line) for line in lines if line.startswith("{")]
    return {record["message"]: record for record in records}


def test_json_as_the_stock_client_writes_it(start: Start, interpreter: str) -> None:
    runtime = start(SOURCE, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"})
    lines = log_of(runtime).splitlines()
    assert "printed" in lines
    records = by_message(lines)
    assert records["early"]["level"] == "WARNING"
    hello = records["hello you"]
    assert (hello["level"], hello["logger"], hello["requestId"], hello["tenantId"]) == ("INFO", "mine", "request-1", "t-1")
    assert (hello["answer"], hello["odd"]) == (42, "<class 'object'>")
    failed = records["failed"]
    assert (failed["errorType"], failed["errorMessage"]) == ("ValueError", "é")
    assert "raise ValueError" in failed["stackTrace"][0]
    assert "quiet" not in records
    bug = records["KeyError: 'bug'"]
    assert (bug["level"], bug["logger"], bug["requestId"], bug["errorType"]) == (
        "ERROR",
        "streaming_runtime",
        "request-1",
        "KeyError",
    )


def test_text_keeps_a_traceback_in_one_line(start: Start) -> None:
    lines = log_of(start(SOURCE, environment={"AWS_LAMBDA_LOG_LEVEL": "INFO"})).splitlines(keepends=False)
    text = "\n".join(lines)
    assert "printed" in text
    assert "\trequest-1\thello you" in text
    assert "[ERROR]" in text
    assert "KeyError: 'bug'" in text


def test_a_level_of_the_platforms_is_kept(start: Start) -> None:
    log = log_of(start(SOURCE, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "FATAL"}))
    assert "hello" not in log
    assert "bug" not in log


def test_a_handler_that_never_logs_never_pays_for_logging(start: Start, interpreter: str) -> None:
    runtime = start(
        "def handler(event, context):\n    return sorted(set(sys.modules) & {'logging', 'traceback', 'asyncio', 'http', 'threading'})",
        options=("-S",),  # without site, whose .pth files import what they like
    )
    assert runtime.invoke({}).json == []


def test_logging_imported_in_the_handler_is_configured_too(start: Start) -> None:
    runtime = start(
        "def handler(event, context):\n    import logging\n    logging.error('late')\n    return len(logging.getLogger().handlers)",
        environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"},
    )
    assert runtime.invoke({}).json == 1
    runtime.await_next()
    assert by_message(runtime.log().splitlines())["late"]["requestId"] == "request-1"


@pytest.mark.parametrize(("format", "first", "error"), [("JSON", 0xA55A000E, 0xA55A0016), ("Text", 0xA55A000F, 0xA55A0017)])
def test_records_are_framed_where_lambda_gives_a_descriptor(start: Start, format: str, first: int, error: int) -> None:
    reading, writing = os.pipe()
    environment = {"AWS_LAMBDA_LOG_FORMAT": format, "AWS_LAMBDA_LOG_LEVEL": "INFO", "_LAMBDA_TELEMETRY_LOG_FD": str(writing)}
    runtime = start(SOURCE, environment=environment, pass_fds=(writing,))
    os.close(writing)
    output = log_of(runtime)
    assert "printed" in output
    assert "hello" not in output
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    frames = []
    while data:
        kind, length, when = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:16], "big")
        frames.append((kind, data[16 : 16 + length].decode()))
        assert 1_600_000_000_000_000 < when < 4_000_000_000_000_000, "microseconds"
        data = data[16 + length :]
    assert [kind for kind, text in frames if "hello you" in text] == [first]
    assert [kind for kind, text in frames if "bug" in text] == [error]
    assert all("\r" not in text for _, text in frames)


def test_a_dictionary_is_logged_as_one_and_a_level_between_two_is_the_lower(start: Start) -> None:
    source = """
        def handler(event, context):
            import logging
            logging.warning({"a": {"b": 1}})
            logging.log(35, "between")
            logging.log(5, "below all")
            logging.getLogger().handlers[0].format = None
            logging.warning("cannot be written")
    """
    runtime = start(source, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "TRACE"})
    runtime.invoke({})
    runtime.await_next()
    log = runtime.log()
    records = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [(record["level"], record["message"]) for record in records] == [("WARNING", {"a": {"b": 1}}), ("WARNING", "between")]
    assert "--- Logging error ---" in log, "a record that cannot be written does not fail the function"


def test_text_without_a_level_is_framed_without_one_and_context_log_is_text(start: Start) -> None:
    source = """
        def handler(event, context):
            import logging
            logging.error("by logging\\nin two lines")
            context.log({"by": "context"})
    """
    reading, writing = os.pipe()
    runtime = start(source, environment={"_LAMBDA_TELEMETRY_LOG_FD": str(writing)}, pass_fds=(writing,))
    os.close(writing)
    runtime.invoke({})
    runtime.await_next()
    runtime.log()
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    assert data.count(bytes.fromhex("a55a0003")) == 2
    assert b"by logging\nin two lines" in data
    assert data.endswith(b"{'by': 'context'}")


def test_context_log_without_frames_is_a_line(start: Start) -> None:
    runtime = start("def handler(event, context):\n    context.log('a line')\n    context.later = 1\n    return context.w3c()")
    sent = '{"w3c": {"traceparent": "t", "tracestate": 7, "x": "y"}}'
    assert runtime.invoke({}, headers={"Lambda-Runtime-Client-Context": sent}).json == {"traceparent": "t"}
    assert runtime.invoke({}, headers={"Lambda-Runtime-Client-Context": '{"w3c": 7}'}).json == {}
    assert runtime.invoke({}).json == {}
    runtime.await_next()
    assert "a line" in runtime.log().splitlines()


@pytest.fixture
def untouched() -> Iterator[None]:
    """This process's own logging and finders, as they were."""
    import logging

    root, finders, state = logging.getLogger(), list(sys.meta_path), dict(vars(logs.state))
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], sys.meta_path[:] = handlers, finders
    root.setLevel(level)
    vars(logs.state).update(state)


def test_logging_imported_first_gets_its_handler_in_setup(untouched: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "WARN")
    before = len(logging.getLogger().handlers)
    logs.setup()
    assert len(logging.getLogger().handlers) == before + 1
    assert logging.getLogger().level == logging.WARNING


def test_a_logging_that_is_nowhere_is_left_to_python(untouched: None, monkeypatch: pytest.MonkeyPatch) -> None:
    finder = logs._WhenLoggingIsImported()
    sys.meta_path.insert(0, finder)
    assert finder.find_spec("json", None) is None
    assert finder in sys.meta_path
    monkeypatch.setattr("importlib.machinery.PathFinder.find_spec", lambda name, path: None)
    assert finder.find_spec("logging", None) is None
    assert finder not in sys.meta_path
