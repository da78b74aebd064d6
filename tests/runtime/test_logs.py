"""The function's log, as Lambda asks for it, by `logging`, by print and by the runtime itself."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.neutral_api import Runtime, url_event

if TYPE_CHECKING:
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
    assert hello["answer"] in (42, "42")
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
