"""What a run tells of itself: log lines as Lambda writes them, metrics, and the state of the template's alarms.

That these are the lines, metrics and states of AWS is as far proven as its documents go; that AWS's own timing, and its evaluation of
alarms once a minute, lead to the same states at the same moment is not, and cannot be here.
"""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from constructs_pkg.emulator.telemetry.recorder import MOST_LATER
from tests.emulator.support import call, wait_for

JSON_LOGS = {
    "LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "DEBUG", "ApplicationLogLevel": "INFO", "LogGroup": "/logs"}
}
HANDLER = """
import os, time

def handler(event, context):
    path = event["rawPath"]
    if path == "/raise":
        raise ValueError("no")
    yield "one "
    if path == "/raise-late":
        raise ValueError("no")
    if path == "/die":
        time.sleep(0.05)  # so that the first byte is on its way
        os._exit(3)
    if path == "/hang":
        time.sleep(60)
    yield "two"
"""


@pytest.fixture
def start(app, emulate):
    def started(code=HANDLER, *, options=None, **settings):
        app.function("Fn", code, **{**JSON_LOGS, **settings})
        emulator = emulate(app, **(options or {}))

        def ask(path="/", who="admin"):
            made = call(emulator.urls["Test/Fn"].rstrip("/") + path, emulator.principals[who] if who else None)
            if made.header("transfer-encoding"):
                made.chunks()
            emulator.settle()
            return made.status

        return emulator, ask

    return started


def records(emulator, kind):
    """The platform's records of one type, in order."""
    documents = [json.loads(event.line) for event in emulator.telemetry.events if event.line.startswith('{"time"')]
    return [document["record"] for document in documents if document["type"] == f"platform.{kind}"]


def of_alias(emulator, name, statistic="Sum", **more):
    (service,) = emulator.services.values()
    function = service.function.name
    return emulator.metrics.statistic(name, statistic, FunctionName=function, Resource=f"{function}:live", **more)


# Log lines.


def test_json_logs_at_debug_have_every_event_of_an_invocation_in_order(start) -> None:
    emulator, ask = start()
    assert ask() == 200
    kinds = [json.loads(event.line)["type"] for event in emulator.telemetry.events if '"platform.' in event.line]
    expected = ["initStart", "initRuntimeDone", "initReport", "start", "runtimeDone", "report"]
    assert kinds == [f"platform.{kind}" for kind in expected]
    (done,), (report,), (begun,) = records(emulator, "runtimeDone"), records(emulator, "report"), records(emulator, "start")
    assert done["requestId"] == report["requestId"] == begun["requestId"]
    assert begun["version"] == "1"
    assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration", "runtimeOverhead"]
    assert sum(span["durationMs"] for span in done["spans"]) == pytest.approx(done["metrics"]["durationMs"], abs=0.01)
    assert done["metrics"]["producedBytes"] > len("one two")  # status and headers are sent in front of the body
    assert report["metrics"]["memorySizeMB"] == 256
    assert report["metrics"]["billedDurationMs"] >= report["metrics"]["durationMs"] + report["metrics"]["initDurationMs"] - 1
    assert records(emulator, "initReport")[0]["initializationType"] == "on-demand"


def test_the_second_invocation_has_no_init_in_its_report(start) -> None:
    emulator, ask = start()
    ask()
    ask()
    first, second = records(emulator, "report")
    assert "initDurationMs" in first["metrics"]
    assert "initDurationMs" not in second["metrics"]
    assert len(records(emulator, "initStart")) == 1


def test_json_logs_at_info_have_start_and_report_alone(start) -> None:
    emulator, ask = start(LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "INFO"})
    ask()
    kinds = [json.loads(event.line)["type"] for event in emulator.telemetry.events if '"platform.' in event.line]
    assert kinds == ["platform.initStart", "platform.start", "platform.report"]


def test_json_logs_at_warn_have_what_fails_alone(start) -> None:
    emulator, ask = start(LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"})
    ask()
    assert not [event for event in emulator.telemetry.events if '"platform.' in event.line]
    ask("/die")
    assert [record["status"] for record in records(emulator, "report")] == ["error"]


def test_text_logs_are_lambdas_own_lines(start, logs) -> None:
    emulator, ask = start(LoggingConfig={})
    ask()
    lines = [event.line for event in emulator.telemetry.events]
    report = (
        r"REPORT RequestId: [0-9a-f-]{36}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB"
        r"(\tMax Memory Used: \d+ MB)?\tInit Duration: \d+\.\d\d ms"
    )
    shapes = [
        r"INIT_START Runtime Version: python:3\.11\.emulated\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:emulated",
        r"START RequestId: [0-9a-f-]{36} Version: 1",
        r"END RequestId: [0-9a-f-]{36}",
        report,
    ]
    found = [line for line in lines if line.startswith(("INIT", "START", "END", "REPORT"))]
    assert len(found) == len(shapes), lines
    assert all(re.fullmatch(shape, line) for shape, line in zip(shapes, found, strict=True)), found
    assert logs.having("] REPORT RequestId")  # the same lines are live, with the function's name in front


def test_a_stream_whose_process_dies_says_so(start) -> None:
    emulator, ask = start()
    ask("/die")
    (died,), (report,) = records(emulator, "runtimeDone"), records(emulator, "report")
    assert (died["status"], died["errorType"], report["status"]) == ("error", "Runtime.ExitError", "error")
    assert [span["name"] for span in died["spans"]] == ["responseLatency", "responseDuration"]


def test_a_stream_that_times_out_says_so(app, emulate) -> None:
    app.by_hand("Fn", "api.next()\napi.begin('text/plain')\napi.chunk(b'one')\ntime.sleep(60)\n", Timeout=1, **JSON_LOGS)
    emulator = emulate(app)
    _, complete = call(emulator.urls["Test/Fn"], emulator.principals["admin"]).chunks()
    emulator.settle()
    (done,), (report,) = records(emulator, "runtimeDone"), records(emulator, "report")
    assert (complete, done["status"], report["status"]) == (False, "timeout", "timeout")
    assert done["metrics"]["producedBytes"] == 3
    assert report["metrics"]["durationMs"] >= 1000


def test_an_init_that_fails_is_reported(start, logs) -> None:
    emulator, ask = start("raise RuntimeError('no luck')\n")
    assert ask() == 502
    (done,), (report,) = records(emulator, "initRuntimeDone"), records(emulator, "initReport")
    assert done["status"] == report["status"] == "error"
    assert logs.having("init failed: ")
    assert of_alias(emulator, "Errors") == of_alias(emulator, "Invocations") == 1
    assert of_alias(emulator, "Duration") is None


def test_records_below_the_functions_level_are_dropped_and_metrics_are_not(start) -> None:
    code = """
def handler(event, context):
    print('{"level": "debug", "message": "hidden"}')
    print('{"level": "error", "message": "shown"}')
    print('{"message": "without a level"}')
    print('not JSON')
    print('{"_aws": {"Timestamp": 1, "CloudWatchMetrics": []}, "level": "DEBUG"}')
    yield "x"
"""
    emulator, ask = start(code, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "INFO"})
    ask()
    wait_for(lambda: any("_aws" in event.line and "Timestamp" in event.line for event in emulator.telemetry.events))
    text = "\n".join(event.line for event in emulator.telemetry.events)
    assert "hidden" not in text
    assert all(one in text for one in ("shown", "without a level", "not JSON"))


# Metrics.


def test_lambdas_metrics_are_those_of_the_alias_and_of_the_function(start) -> None:
    emulator, ask = start()
    for path in ("/", "/", "/raise", "/raise-late", "/die"):
        ask(path)
    (service,) = emulator.services.values()
    function = service.function.name
    assert of_alias(emulator, "Invocations") == 5
    assert of_alias(emulator, "Errors") == 3
    assert of_alias(emulator, "Errors", "Average") == pytest.approx(0.6)
    assert of_alias(emulator, "Throttles") == 0
    assert of_alias(emulator, "Duration", "Maximum") >= 50
    assert of_alias(emulator, "ConcurrentExecutions", "Maximum") == 1
    assert emulator.metrics.statistic("Invocations", FunctionName=function) == 5
    assert emulator.metrics.statistic("Invocations") == 5
    alias = {"FunctionName": function, "Resource": f"{function}:live"}
    assert emulator.metrics.statistic("Invocations", **alias, ExecutedVersion="1") == 5
    assert emulator.metrics.statistic("Invocations", FunctionName=function, Resource=function) is None


def test_a_urls_metrics_count_refusals_and_what_callers_saw(start) -> None:
    emulator, ask = start()
    assert [ask("/"), ask("/raise"), ask("/die"), ask("/", who="stranger"), ask("/", who=None)] == [200, 502, 200, 403, 403]
    emulator.faults.add("throttle:1")
    assert ask() == 429
    assert of_alias(emulator, "UrlRequestCount") == 6
    assert of_alias(emulator, "Url4xxCount") == 3
    assert of_alias(emulator, "Url5xxCount") == 1  # a stream that broke off after its 200 is none: Errors tells of it
    assert of_alias(emulator, "UrlRequestLatency", "SampleCount") == 6
    assert of_alias(emulator, "Invocations") == 3
    assert of_alias(emulator, "Throttles") == 1


def test_provisioned_environments_have_their_metrics(start, tmp_path_factory) -> None:
    code = "import time\ndef handler(event, context):\n    yield 'x'\n    time.sleep(float(event['rawPath'][1:] or 0))\n"
    emulator, ask = start(code, provisioned=2)
    ask()
    assert of_alias(emulator, "ProvisionedConcurrencyInvocations") == 1
    assert of_alias(emulator, "ProvisionedConcurrencySpilloverInvocations") is None
    assert of_alias(emulator, "ProvisionedConcurrencyUtilization", "Maximum") == 0.5
    calls = [call(emulator.urls["Test/Fn"] + "1", emulator.principals["admin"]) for _ in range(3)]
    for one in calls:
        one.chunks()
    emulator.settle()
    assert of_alias(emulator, "ProvisionedConcurrencySpilloverInvocations") == 1
    assert of_alias(emulator, "ProvisionedConcurrencyUtilization", "Maximum") == 1
    assert of_alias(emulator, "ProvisionedConcurrentExecutions", "Maximum") == 2
    assert of_alias(emulator, "ConcurrentExecutions", "Maximum") == 3


def test_the_runtimes_own_records_become_metrics_of_the_alias(start) -> None:
    code = """
from streaming_runtime import streaming_handler, Text

@streaming_handler(dialect="sse")
def handler(request, context):
    yield Text("one")
    yield Text("two")
"""
    emulator, ask = start(code)
    ask()
    wait_for(lambda: of_alias(emulator, "Completed", namespace="StreamingLambda") == 1)
    assert of_alias(emulator, "TimeToFirstByte", "p99", namespace="StreamingLambda") > 0
    assert of_alias(emulator, "gen_ai.usage.output_tokens", namespace="StreamingLambda") == 2


# Metric filters and alarms, in the form in which the constructs of this library write them.

FIRST_BYTE = '{ $.type = "platform.runtimeDone" && $.record.spans[0].name = "responseLatency" }'


def add_filter(app, id, pattern, metric, value):
    transformation = [{"MetricNamespace": "StreamingLambda", "MetricName": metric, "MetricValue": value}]
    app.add(
        id,
        "AWS::Logs::MetricFilter",
        {"LogGroupName": "/logs", "FilterPattern": pattern, "MetricTransformations": transformation},
    )


def test_time_to_first_byte_comes_out_of_the_log_by_the_templates_filter(app, start) -> None:
    add_filter(app, "First", FIRST_BYTE, "TimeToFirstByte/f", "$.record.spans[0].durationMs")
    truncated = FIRST_BYTE.replace(" }", ' && $.record.status != "success" }')
    add_filter(app, "Truncated", truncated, "TruncatedStreams/f", "1")
    emulator, ask = start("import time\n" + HANDLER.replace('    yield "one "', '    time.sleep(0.2)\n    yield "one "'))
    ask("/raise")
    assert emulator.metrics.statistic("TimeToFirstByte/f", "SampleCount", namespace="StreamingLambda") is None
    ask()
    assert emulator.metrics.statistic("TimeToFirstByte/f", "SampleCount", namespace="StreamingLambda") == 1
    assert emulator.metrics.statistic("TimeToFirstByte/f", "Maximum", namespace="StreamingLambda") >= 200
    assert emulator.metrics.statistic("TruncatedStreams/f", namespace="StreamingLambda") is None
    ask("/die")
    assert emulator.metrics.statistic("TruncatedStreams/f", namespace="StreamingLambda") == 1


def alarm(app, id, metric, threshold, **more):
    dimensions = [
        {"Name": "FunctionName", "Value": {"Ref": "Fn"}},
        {"Name": "Resource", "Value": {"Fn::Join": ["", [{"Ref": "Fn"}, ":live"]]}},
    ]
    properties = {
        "Namespace": "AWS/Lambda",
        "MetricName": metric,
        "Dimensions": dimensions,
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": threshold,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        **more,
    }
    app.add(id, "AWS::CloudWatch::Alarm", properties)


def test_the_templates_alarms_ring_for_what_happens_here(app, start) -> None:
    alarm(app, "Errors", "Errors", 1)
    alarm(app, "Throttles", "Throttles", 1)
    paging = {
        "Fn::Join": [
            "",
            ['ALARM("', {"Fn::GetAtt": ["Errors", "Arn"]}, '") OR ALARM("', {"Fn::GetAtt": ["Throttles", "Arn"]}, '")'],
        ]
    }
    app.add("Paging", "AWS::CloudWatch::CompositeAlarm", {"AlarmRule": paging})
    emulator, ask = start()
    ask()
    assert {path: state.value for path, state in emulator.alarms.items()} == {
        "Test/Errors": "OK",
        "Test/Throttles": "OK",
        "Test/Paging": "OK",
    }
    ask("/raise-late")
    states = emulator.alarms
    assert {path: state.value for path, state in states.items()} == {
        "Test/Errors": "ALARM",
        "Test/Throttles": "OK",
        "Test/Paging": "ALARM",
    }
    assert states["Test/Errors"].reason.startswith("Threshold Crossed: 1 datapoint [1.0 (")


def test_an_alarm_can_be_seen_to_be_over_by_shorter_periods(app, start) -> None:
    alarm(app, "Errors", "Errors", 1)
    emulator, ask = start(options={"alarm_period": 1})
    ask("/raise")
    assert emulator.alarms["Test/Errors"].value == "ALARM"
    wait_for(lambda: emulator.alarms["Test/Errors"].value == "OK")


def test_settling_is_bounded(start) -> None:
    emulator, _ = start()
    hanging = call(emulator.urls["Test/Fn"] + "hang", emulator.principals["admin"])
    assert hanging.chunk()
    assert [stream.invocation.responding for stream in emulator.telemetry.streams.values()] == [True]
    with pytest.raises(TimeoutError):
        emulator.settle(0.2)


def test_the_lines_of_calls_that_follow_each_other_at_once_keep_their_order(start) -> None:
    emulator, _ = start()
    for _ in range(5):
        call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read()
    emulator.settle()
    lines = [json.loads(event.line) for event in emulator.telemetry.events if event.line.startswith('{"time"')]
    told = [
        (line["type"].removeprefix("platform."), line["record"]["requestId"]) for line in lines if "requestId" in line["record"]
    ]
    ids = [request for kind, request in told if kind == "start"]
    assert len(set(ids)) == 5
    assert told == [(kind, request) for request in ids for kind in ("start", "runtimeDone", "report")]
    times = [line["time"] for line in lines]
    assert times == sorted(times), "each has the time at which it happened, not that at which it was written"


def test_what_waits_to_be_told_is_told_in_order_and_none_of_it_holds_up_the_rest(start) -> None:
    emulator, _ = start()
    telemetry, seen = emulator.telemetry, []

    async def leave() -> None:
        telemetry.later(lambda: seen.append("first"))
        telemetry.later(lambda: seen.index("nowhere"))
        telemetry.later(lambda: seen.append("last"))

    emulator.call(leave())
    wait_for(lambda: seen == ["first", "last"])


def test_what_fails_of_what_waits_is_no_fault_of_the_call_that_it_is_told_during(start) -> None:
    emulator, _ = start()
    telemetry, told = emulator.telemetry, []

    async def leave() -> list[str]:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context["exception"])))
        telemetry.later(lambda: [].index("nowhere"))
        telemetry.meanwhile()
        return told

    assert emulator.call(leave()) == ["'nowhere' is not in list"]


def test_so_much_waits_and_no_more(start) -> None:
    emulator, _ = start()
    telemetry, seen = emulator.telemetry, []

    async def leave() -> int:
        for number in range(MOST_LATER + 1):
            telemetry.later(lambda number=number: seen.append(number))
        return len(seen)

    assert emulator.call(leave()) == MOST_LATER + 1, "it does not wait for its turn"
    assert seen == sorted(seen)
