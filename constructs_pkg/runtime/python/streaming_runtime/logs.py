"""The function's log: JSON or text as Lambda asks, framed where Lambda gives a descriptor for it. `logging` is set up when it is imported.

The runtime itself never imports `logging`: that would cost every cold start 8 ms that many handlers do not need.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html, and for the frames the stock client's FramedTelemetryLogSink.
"""

from __future__ import annotations

import os
import sys
import time

from .events import compact_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

LEVELS = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "FATAL": 50, "CRITICAL": 50}
_TEXT_FRAME = 0xA55A0003
_JSON_FRAME = 0xA55A0002


class _State:
    """What `setup` found in the environment, and which invocation is being served."""

    def __init__(self) -> None:
        self.json = False
        self.level = "INFO"
        self.descriptor: int | None = None
        self.request_id = ""
        self.tenant_id: str | None = None


state = _State()


def setup() -> None:
    """Reads how to log from the environment, and arranges for `logging` to follow it once somebody imports it."""
    state.json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    state.level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    if state.level == "TRACE":
        state.level = "DEBUG"  # `logging` knows nothing below, and the stock client says so too
    descriptor = os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", "")
    state.descriptor = int(descriptor) if descriptor.isdigit() else None
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what is printed is in the log at once, not when a buffer is full
    if "logging" in sys.modules:
        configure_logging()
    else:
        sys.meta_path.insert(0, _WhenLoggingIsImported())


def write_to_standard_output() -> None:
    """For a process among several, whose frames on one descriptor would run into each other."""
    state.descriptor = None


def invocation(request_id: str, tenant_id: str | None) -> None:
    """Names the invocation that log records belong to."""
    state.request_id = request_id
    state.tenant_id = tenant_id


def log(level: str, message: str, **fields: object) -> None:
    """Writes one record of the runtime's own."""
    if LEVELS[level] < LEVELS.get(state.level, 20):
        return
    record: dict[str, object] = {"timestamp": _timestamp(), "level": level, "message": message, "logger": "streaming_runtime"}
    if state.request_id:
        record["requestId"] = state.request_id
    if state.tenant_id:
        record["tenantId"] = state.tenant_id
    record.update(fields)
    if state.json:
        write(compact_json(record).decode(), LEVELS[level])
    else:
        trace = fields.get("stackTrace")
        lines = [f"[{level}]\t{record['timestamp']}\t{state.request_id}\t{message}", *(trace if isinstance(trace, list) else ())]
        # A carriage return keeps a traceback in one record where the log is cut at newlines; the stock client does the same.
        write(("\n" if state.descriptor is not None else "\r").join(lines), LEVELS[level])


def log_exception(error: BaseException, level: str = "ERROR") -> None:
    """Writes an exception and its traceback. The log is the only place that ever sees them."""
    import traceback  # a few milliseconds, only paid when something is wrong

    lines = "".join(traceback.format_exception(error)).splitlines()
    log(level, f"{type(error).__name__}: {error}", errorType=type(error).__name__, errorMessage=str(error), stackTrace=lines)


def write(text: str, level: int) -> None:
    """Writes one finished record, framed or as a line."""
    if state.descriptor is None:
        _write_line(text)
        return
    step = min(max(level, 0), 50) // 10
    # The frame's type carries the level in its low byte; plain text that nobody asked a level of carries none.
    kind = (_JSON_FRAME if state.json else _TEXT_FRAME) + (step * 4 + 4 if step and (state.json or state.level) else 0)
    _write_frame(state.descriptor, text, kind)


def write_text(text: str) -> None:
    """Writes something that is no record, framed or as a line."""
    if state.descriptor is None:
        _write_line(text)
    else:
        _write_frame(state.descriptor, text, _TEXT_FRAME)


def _write_line(text: str) -> None:
    sys.stdout.flush()
    _write_all(1, f"{text}\n".encode("utf-8", "backslashreplace"))


def _write_frame(descriptor: int, text: str, kind: int) -> None:
    data = text.encode("utf-8", "backslashreplace")
    frame = kind.to_bytes(4, "big") + len(data).to_bytes(4, "big") + (time.time_ns() // 1000).to_bytes(8, "big")
    _write_all(descriptor, frame + data)


def configure_logging() -> None:
    """Gives the root logger one handler that writes here. Called when `logging` has just been imported."""
    from . import _logging_handler

    _logging_handler.install()


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _timestamp() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"


class _WhenLoggingIsImported:
    """A finder that finds nothing: it waits for `logging` to be asked for, lets it be imported as ever, and then configures it."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:  # noqa: ARG002
        """Looks at every name, and minds one."""
        if name != "logging":
            return None
        from importlib.machinery import PathFinder

        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        loader: Any = spec.loader if spec is not None else None
        if loader is not None:
            execute = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                configure_logging()

            loader.exec_module = exec_module
        return spec
