"""Lambda's own log lines: the `platform.*` records, at which level each is, and how they look as JSON and as text. Pure.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html (records),
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html ("System log level event mapping"), and for when
a record has which spans aws-lambda-runtime-interface-emulator, internal/lambda/telemetry/events_api.go. The text forms are as seen in
logs that people published (INIT_START, START, END, REPORT with tabs between its parts, RESTORE_REPORT).
"""

from __future__ import annotations

import functools
import math
import time
from typing import Any, NamedTuple

from constructs_pkg.emulator.json_text import encoder

LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30}
"""The system log levels, least first."""

_ENCODE = encoder(ascii_only=True)

TEXT_LEVEL = "INFO"
"""Text logs have no level setting; what shows in them is what JSON logs show at INFO."""


class PlatformEvent(NamedTuple):
    """One event. `type` is such as `platform.start`, `level` is `DEBUG`, `INFO` or `WARN`."""

    type: str
    level: str
    record: dict[str, Any]


class Answer(NamedTuple):
    """How an invocation went, in seconds since it reached the environment.

    Attributes:
        done: When the runtime asked for the next invocation, or ended.
        begun: When the response began, or None.
        ended: When the response was complete or broke off; None where it never began.
        produced_bytes: Bytes of the response as the runtime wrote them.
        status: `success` (an error that the runtime itself reports is one, too), `timeout`, or `error` (the process ended).
        error_type: Such as `Runtime.ExitError`, where the process ended.
    """

    done: float
    begun: float | None = None
    ended: float | None = None
    produced_bytes: int = 0
    status: str = "success"
    error_type: str | None = None


def init_start(
    *, kind: str, phase: str = "init", name: str, version: str, runtime: str, runtime_arn: str, instance: str, memory_mb: int
) -> PlatformEvent:
    """An environment begins its init phase. `kind` is `on-demand`, `provisioned-concurrency` or `snap-start`; `phase` is `invoke`
    for an init that is begun anew at the invocation, having taken too long before.
    """
    record = {
        "initializationType": kind,
        "phase": phase,
        "runtimeVersion": runtime,
        "runtimeVersionArn": runtime_arn,
        "functionName": name,
        "functionVersion": version,
        "instanceId": instance,
        "instanceMaxMemory": memory_mb * 1_048_576,
    }
    return PlatformEvent(type="platform.initStart", level="INFO", record=record)


def init_runtime_done(*, kind: str, phase: str = "init", error_type: str | None, status: str) -> PlatformEvent:
    """The runtime is ready, or has given up."""
    record = {"initializationType": kind, "phase": phase, "status": status, **_error(error_type)}
    return PlatformEvent(type="platform.initRuntimeDone", level=_level("DEBUG", status), record=record)


def init_report(*, kind: str, phase: str = "init", seconds: float, error_type: str | None, status: str) -> PlatformEvent:
    """The init phase is over. Told at INFO where nobody waited for it."""
    record = {
        "initializationType": kind,
        "phase": phase,
        "status": status,
        "metrics": {"durationMs": milliseconds(seconds)},
        **_error(error_type),
    }
    level = _level("DEBUG" if kind == "on-demand" else "INFO", status)
    return PlatformEvent(type="platform.initReport", level=level, record=record)


def restore_start(*, name: str, version: str, runtime: str, runtime_arn: str, instance: str, memory_mb: int) -> PlatformEvent:
    """SnapStart brings an environment back from its snapshot."""
    record = {
        "runtimeVersion": runtime,
        "runtimeVersionArn": runtime_arn,
        "functionName": name,
        "functionVersion": version,
        "instanceId": instance,
        "instanceMaxMemory": memory_mb * 1_048_576,
    }
    return PlatformEvent(type="platform.restoreStart", level="INFO", record=record)


def restore_runtime_done(*, status: str, error_type: str | None) -> PlatformEvent:
    """The runtime's after-restore hooks have run."""
    level = _level("DEBUG", status)
    return PlatformEvent(type="platform.restoreRuntimeDone", level=level, record={"status": status, **_error(error_type)})


def restore_report(*, seconds: float, status: str, error_type: str | None) -> PlatformEvent:
    """The restore is over."""
    record = {"status": status, "metrics": {"durationMs": milliseconds(seconds)}, **_error(error_type)}
    return PlatformEvent(type="platform.restoreReport", level=_level("INFO", status), record=record)


def start(*, request_id: str, version: str, trace: str) -> PlatformEvent:
    """An invocation begins. `trace` is its trace header."""
    record = {"requestId": request_id, "version": version, "tracing": _tracing(trace)}
    return PlatformEvent(type="platform.start", level="INFO", record=record)


def runtime_done(*, request_id: str, trace: str, started_at: float, answer: Answer) -> PlatformEvent:
    """The runtime is through with an invocation. It has spans only where the response had begun."""
    record: dict[str, Any] = {"requestId": request_id, "status": answer.status, **_error(answer.error_type)}
    if answer.begun is not None:
        ended = answer.ended if answer.ended is not None else answer.done
        spans = [
            _span("responseLatency", started_at, 0.0, answer.begun),
            _span("responseDuration", started_at, answer.begun, ended),
        ]
        if answer.status == "success":
            spans.append(_span("runtimeOverhead", started_at, ended, answer.done))
        record["spans"] = spans
    record["metrics"] = {"durationMs": milliseconds(answer.done), "producedBytes": answer.produced_bytes}
    record["tracing"] = _tracing(trace)
    return PlatformEvent(type="platform.runtimeDone", level=_level("DEBUG", answer.status), record=record)


def report(
    *,
    request_id: str,
    trace: str,
    answer: Answer,
    memory_mb: int,
    used_mb: int | None,
    init_seconds: float | None,
    restore_seconds: float | None = None,
) -> PlatformEvent:
    """The bill of an invocation.

    Args:
        request_id: The invocation's id.
        trace: Its trace header.
        answer: How it went.
        memory_mb: The function's memory.
        used_mb: The most memory that the environment ever used; None where this system does not tell.
        init_seconds: The init phase, where this invocation had to wait for one. It is billed, too (since August 2025).
        restore_seconds: The same for SnapStart.
    """
    waited = (init_seconds or 0.0) + (restore_seconds or 0.0)
    metrics: dict[str, Any] = {
        "durationMs": milliseconds(answer.done),
        "billedDurationMs": math.ceil(milliseconds(answer.done + waited)),
        "memorySizeMB": memory_mb,
    }
    if used_mb is not None:
        metrics["maxMemoryUsedMB"] = used_mb
    if init_seconds is not None:
        metrics["initDurationMs"] = milliseconds(init_seconds)
    if restore_seconds is not None:
        metrics["restoreDurationMs"] = milliseconds(restore_seconds)
    record = {
        "requestId": request_id,
        "metrics": metrics,
        "status": answer.status,
        **_error(answer.error_type),
        "tracing": _tracing(trace),
    }
    return PlatformEvent(type="platform.report", level=_level("INFO", answer.status), record=record)


def json_line(event: PlatformEvent, now: float) -> str:
    """The event as one line of a JSON log."""
    return _ENCODE({"time": timestamp(now), "type": event.type, "record": event.record})


def text_lines(event: PlatformEvent) -> list[str]:
    """The event as lines of a text log; none for events that text logs do not have."""
    record = event.record
    metrics = record.get("metrics", {})
    failed = _failed(record)
    if event.type in ("platform.initStart", "platform.restoreStart"):
        word = "INIT_START" if event.type == "platform.initStart" else "RESTORE_START"
        return [f"{word} Runtime Version: {record['runtimeVersion']}\tRuntime Version ARN: {record['runtimeVersionArn']}"]
    if event.type == "platform.initReport":
        return [f"INIT_REPORT Init Duration: {metrics['durationMs']:.2f} ms\tPhase: {record['phase']}{failed}"]
    if event.type == "platform.restoreReport":
        return [f"RESTORE_REPORT Restore Duration: {metrics['durationMs']:.2f} ms{failed}"]
    if event.type == "platform.start":
        return [f"START RequestId: {record['requestId']} Version: {record['version']}"]
    if event.type == "platform.report":
        return [f"END RequestId: {record['requestId']}", _report_line(record, metrics) + failed]
    return []


def timestamp(when: float) -> str:
    """Milliseconds and a Z, as Lambda writes times. `when` is in seconds since 1970."""
    return _shown(round(when * 1e6) // 1000)


@functools.lru_cache(maxsize=64)
def _shown(millisecond: int) -> str:
    second, rest = divmod(millisecond, 1000)
    return f"{_second(second)}.{rest:03d}Z"


@functools.lru_cache(maxsize=8)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def milliseconds(seconds: float) -> float:
    """Milliseconds with three digits, which is as fine as Lambda's own."""
    return round(seconds * 1e6) / 1000 if seconds > 0 else 0.0


def _report_line(record: dict[str, Any], metrics: dict[str, Any]) -> str:
    parts = [
        f"REPORT RequestId: {record['requestId']}",
        f"Duration: {metrics['durationMs']:.2f} ms",
        f"Billed Duration: {metrics['billedDurationMs']} ms",
        f"Memory Size: {metrics['memorySizeMB']} MB",
    ]
    if "maxMemoryUsedMB" in metrics:
        parts.append(f"Max Memory Used: {metrics['maxMemoryUsedMB']} MB")
    if "initDurationMs" in metrics:
        parts.append(f"Init Duration: {metrics['initDurationMs']:.2f} ms")
    if "restoreDurationMs" in metrics:
        parts.append(f"Restore Duration: {metrics['restoreDurationMs']:.2f} ms")
    return "\t".join(parts)


def _failed(record: dict[str, Any]) -> str:
    status = record.get("status", "success")
    if status == "success":
        return ""
    return f"\tStatus: {status}" + (f"\tError Type: {record['errorType']}" if "errorType" in record else "")


def _level(level: str, status: str) -> str:
    return level if status == "success" else "WARN"


def _error(error_type: str | None) -> dict[str, str]:
    return {} if error_type is None else {"errorType": error_type}


def _tracing(trace: str) -> dict[str, str]:
    return {"type": "X-Amzn-Trace-Id", "value": trace}


def _span(name: str, started_at: float, begin: float, end: float) -> dict[str, Any]:
    return {"name": name, "start": timestamp(started_at + begin), "durationMs": milliseconds(end - begin)}
