"""Lambda's own log lines: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from constructs_pkg.emulator.telemetry import platform_logs as logs
from constructs_pkg.emulator.telemetry.platform_logs import Answer

NOW = datetime(2026, 11, 2, 12, 34, 56, 789_000, UTC).timestamp()
TRACE = "Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1"
WHOLE = Answer(done=0.250, begun=0.050, ended=0.240, produced_bytes=16)
BROKEN = Answer(done=3.0, begun=0.050, ended=3.0, produced_bytes=5, status="timeout")
ENDED = Answer(done=0.1, status="error", error_type="Runtime.ExitError")
REST = "Max Memory Used: 40 MB\tInit Duration: 100.00 ms"
WHERE = {"name": "f", "version": "7", "runtime": "python:3.13.emulated", "runtime_arn": "arn", "instance": "i", "memory_mb": 512}


def done(answer: Answer) -> logs.PlatformEvent:
    return logs.runtime_done(request_id="r", trace=TRACE, started_at=NOW, answer=answer)


def report(answer: Answer, **settings) -> logs.PlatformEvent:
    return logs.report(
        **{"request_id": "r", "trace": TRACE, "answer": answer, "memory_mb": 128, "used_mb": 40, "init_seconds": None, **settings}
    )


def test_runtime_done_tells_when_the_response_began_and_how_long_it_took() -> None:
    assert json.loads(logs.json_line(done(WHOLE), NOW)) == {
        "time": "2026-11-02T12:34:56.789Z",
        "type": "platform.runtimeDone",
        "record": {
            "requestId": "r",
            "status": "success",
            "spans": [
                {"name": "responseLatency", "start": "2026-11-02T12:34:56.789Z", "durationMs": 50.0},
                {"name": "responseDuration", "start": "2026-11-02T12:34:56.839Z", "durationMs": 190.0},
                {"name": "runtimeOverhead", "start": "2026-11-02T12:34:57.029Z", "durationMs": 10.0},
            ],
            "metrics": {"durationMs": 250.0, "producedBytes": 16},
            "tracing": {"type": "X-Amzn-Trace-Id", "value": TRACE},
        },
    }


def test_a_stream_that_broke_off_has_its_spans_and_one_that_never_began_has_none() -> None:
    assert [span["name"] for span in done(BROKEN).record["spans"]] == ["responseLatency", "responseDuration"]
    assert done(BROKEN).record["status"] == "timeout"
    assert "spans" not in done(ENDED).record
    assert done(ENDED).record["errorType"] == "Runtime.ExitError"


def test_the_report_bills_the_init_phase_too() -> None:
    # Figures of a report seen on AWS: 1233.96 ms and 463.512 ms of init were billed as 1698 ms.
    metrics = report(Answer(done=1.23396), init_seconds=0.463512).record["metrics"]
    assert metrics == {
        "durationMs": 1233.96,
        "billedDurationMs": 1698,
        "memorySizeMB": 128,
        "maxMemoryUsedMB": 40,
        "initDurationMs": 463.512,
    }
    assert report(WHOLE).record["metrics"]["billedDurationMs"] == 250


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (logs.init_start(kind="on-demand", **WHERE), "INFO"),
        (logs.init_runtime_done(kind="on-demand", error_type=None, status="success"), "DEBUG"),
        (logs.init_runtime_done(kind="on-demand", error_type="Runtime.ExitError", status="error"), "WARN"),
        (logs.init_report(kind="on-demand", seconds=1, error_type=None, status="success"), "DEBUG"),
        (logs.init_report(kind="provisioned-concurrency", seconds=1, error_type=None, status="success"), "INFO"),
        (logs.init_report(kind="on-demand", seconds=1, error_type=None, status="timeout"), "WARN"),
        (logs.restore_start(**WHERE), "INFO"),
        (logs.restore_runtime_done(status="success", error_type=None), "DEBUG"),
        (logs.restore_report(seconds=1, status="success", error_type=None), "INFO"),
        (logs.restore_report(seconds=1, status="error", error_type="Runtime.Unknown"), "WARN"),
        (logs.start(request_id="r", version="7", trace=TRACE), "INFO"),
        (done(WHOLE), "DEBUG"),
        (done(BROKEN), "WARN"),
        (report(WHOLE), "INFO"),
        (report(BROKEN), "WARN"),
    ],
)
def test_each_event_has_the_level_of_lambdas_mapping(event, level) -> None:
    assert event.level == level


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (
            logs.init_start(kind="on-demand", **WHERE),
            ["INIT_START Runtime Version: python:3.13.emulated\tRuntime Version ARN: arn"],
        ),
        (
            logs.init_report(kind="on-demand", seconds=0.61233, error_type=None, status="success"),
            ["INIT_REPORT Init Duration: 612.33 ms\tPhase: init"],
        ),
        (
            logs.init_report(kind="on-demand", seconds=8.43138, error_type="Runtime.ExitError", status="error"),
            ["INIT_REPORT Init Duration: 8431.38 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError"],
        ),
        (
            logs.init_report(kind="on-demand", seconds=10, error_type=None, status="timeout"),
            ["INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout"],
        ),
        (logs.restore_report(seconds=0.78964, status="success", error_type=None), ["RESTORE_REPORT Restore Duration: 789.64 ms"]),
        (logs.start(request_id="r", version="$LATEST", trace=TRACE), ["START RequestId: r Version: $LATEST"]),
        (done(WHOLE), []),
        (
            report(WHOLE, init_seconds=0.1, memory_mb=64),
            [
                "END RequestId: r",
                f"REPORT RequestId: r\tDuration: 250.00 ms\tBilled Duration: 350 ms\tMemory Size: 64 MB\t{REST}",
            ],
        ),
        (
            report(BROKEN, used_mb=None),
            [
                "END RequestId: r",
                "REPORT RequestId: r\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tStatus: timeout",
            ],
        ),
    ],
)
def test_text_logs_look_as_on_lambda(event, lines) -> None:
    assert logs.text_lines(event) == lines
