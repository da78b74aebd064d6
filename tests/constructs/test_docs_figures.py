"""Figures in the documentation are measured or computed here; none stands there from hope."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from aws_cdk import App, Environment, Stack
from aws_cdk.assertions import Template

from constructs_pkg import ProvisionedConcurrency, StreamAlarms, StreamingCode, StreamingDashboard, StreamingFunction
from constructs_pkg._assets import RUNTIME_LAYER_DIRECTORY, shipped_files
from streaming_runtime import telemetry
from streaming_runtime.events import Usage
from tests.constructs.pages import DOCS, section, text_of

if TYPE_CHECKING:
    from pathlib import Path

CHOOSING = DOCS / "choosing.md"
ALARMS = DOCS / "constructs" / "StreamAlarms.md"
METRICS = DOCS / "constructs" / "StreamMetrics.md"
FUNCTION = "ChatStack-Chat0123456789AB-AbCdEfGhIjKl"  # as CloudFormation names one
REQUEST = "8286a188-ba32-4475-8077-530cd35c09a9"


def kilobytes(size: int) -> str:
    return f"{size / 1000:.1f} KB"


class _Request:
    id = REQUEST


def runtime_record() -> bytes:
    """What our runtime writes of a stream of 300 tokens that completed and said its usage."""
    report = telemetry.StreamReport(_Request(), 0.0)
    report.first_byte_at, report.first_event_at, report.last_event_at, report.ended_at = 0.341234, 0.340001, 6.5, 6.51
    report.longest_gap, report.outcome, report.finish_reason = 0.112345, "completed", "stop"
    report.usage, report.texts, report.bytes_sent, report.chunks_sent = Usage(120, 300), 300, 21_000, 300
    arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{FUNCTION}:live"
    return telemetry.record(report, FUNCTION, arn, "openai-chat", 1_764_000_000_000).encode()


def lambdas_record() -> bytes:
    """`platform.runtimeDone` with all the fields of https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html."""
    at = "2026-11-23T06:45:22.123Z"
    tracing = {
        "spanId": "54565fb41ac79632",
        "type": "X-Amzn-Trace-Id",
        "value": "Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1",
    }
    spans = [
        {"name": "responseLatency", "start": at, "durationMs": 341.234},
        {"name": "responseDuration", "start": at, "durationMs": 6168.766},
    ]
    metrics = {"durationMs": 6510.123, "producedBytes": 21_000}
    record = {"requestId": REQUEST, "status": "success", "tracing": tracing, "spans": spans, "metrics": metrics}
    return json.dumps({"time": at, "type": "platform.runtimeDone", "record": record}, separators=(",", ":")).encode()


def test_the_records_of_a_stream_are_as_large_as_the_pages_say() -> None:
    ours, lambdas = kilobytes(len(runtime_record())), kilobytes(len(lambdas_record()))
    assert f"{ours} where it has all eleven" in section(METRICS, "What it costs")
    assert f"`platform.runtimeDone`, of {lambdas}" in section(ALARMS, "What it costs")
    assert f"(ours {ours}, Lambda's `runtimeDone` {lambdas})" in text_of(CHOOSING)
    assert len(json.loads(runtime_record())["_aws"]["CloudWatchMetrics"][0]["Metrics"]) == 11


def whole(tmp_path: Path) -> tuple[Stack, StreamingFunction]:
    entry = tmp_path / "handler"
    entry.mkdir()
    (entry / "index.py").write_text("def handler(event, context):\n    yield 'hello'\n")
    app = App(builtin_cloud_formation_validation=False, tree_metadata=False, outdir=str(tmp_path / "out"))
    stack = Stack(app, "Stack", env=Environment(account="123456789012", region="us-east-1"))
    warm = ProvisionedConcurrency.fixed(2)
    code = StreamingCode.python(entry)
    return stack, StreamingFunction(stack, "Chat", code=code, concurrency=warm, reserved_concurrent_executions=9)


def test_the_alarms_are_billed_as_the_page_counts_them(tmp_path: Path) -> None:
    stack, chat = whole(tmp_path)
    assert isinstance(chat.alarms, StreamAlarms)
    alarms = [found["Properties"] for found in Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()]
    metrics = sum(1 if "MetricName" in alarm else sum("MetricStat" in each for each in alarm["Metrics"]) for alarm in alarms)
    assert f"{metrics} alarm metrics for {len(alarms)} alarms" in section(ALARMS, "What it costs")


def test_a_dashboard_takes_as_many_metrics_as_the_page_says(tmp_path: Path) -> None:
    stack, chat = whole(tmp_path)
    StreamingDashboard(stack, "Dashboard", aliases={"Chat": chat.alias}, alarms=[chat.alarms])
    [found] = Template.from_stack(stack).find_resources("AWS::CloudWatch::Dashboard").values()
    body = json.loads(as_text(found["Properties"]["DashboardBody"]))
    rows = [row for widget in body["widgets"] for row in widget["properties"].get("metrics", [])]
    expressions = sum(isinstance(row[0], dict) for row in rows)
    page = section(DOCS / "constructs" / "StreamingDashboard.md", "What it costs")
    assert f"{len(rows) - expressions} metrics and {expressions} expressions" in page


def as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "".join(as_text(part) for part in value["Fn::Join"][1]) if "Fn::Join" in value else "x"


def test_the_runtime_weighs_what_the_pages_say() -> None:
    assert sum(path.stat().st_size for path in shipped_files(RUNTIME_LAYER_DIRECTORY)) < 1_000_000
    assert "below 1 MB" in text_of(DOCS / "constructs" / "StreamingRuntimeLayer.md")
    assert "below 1 MB" in text_of(DOCS / "constructs" / "StreamingCode.md")


def test_what_choosing_computes_follows_from_its_prices() -> None:
    text = text_of(CHOOSING)
    prices = {name.strip(): float(price) for name, price in re.findall(r"^\| ([^|]+) \| \$([\d.]+) \|", text, re.M)}
    x86, arm = prices["Lambda, duration, x86_64, a GB-second"], prices["Lambda, duration, arm64, a GB-second"]
    kept = prices["Lambda, provisioned, arm64, a GB-second that is kept"]
    serving = prices["Lambda, duration on provisioned, arm64, a GB-second"]
    ingested = prices["CloudWatch, a GB of logs taken in"]
    assert f"| 1000 streams of 20 s | ${1000 * 20 * arm:.2f} |" in text
    assert f"idle | ${730 * 3600 * kept:.2f} |" in text
    assert f"busy for more than {100 * kept / (arm - serving):.0f} % of the time" in text
    records = (round(len(runtime_record()), -2) + round(len(lambdas_record()), -2)) / 1000
    assert f"| ${records * ingested:.2f} |" in text
    assert f"{arm:.10f}" in text_of(DOCS / "constructs" / "StreamingDashboard.md")
    assert round(100 * (1 - arm / x86)) == 20, "StreamingFunction says of arm64 that it costs 20 % less"
