"""The observability stack end to end: a Node.js function with AWS's own SDK, a CloudWatch interface of this machine, signed viewers.

The local interface takes no JSON filter patterns and sends every line; the handler's own choice is what is seen here.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration

from constructs_pkg.client import AccessDenied, Data, Finish, HttpStatusError, StreamingClient
from constructs_pkg.emulator import Emulator
from stacks.observability.stack import ObservabilityStack, Watched
from tests.stacks.conftest import session_of, synthesize
from tools.percentiles import percentile, percentiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stacks.conftest import LocalAws

FUNCTION, CALLER = "ObservabilityStack/Events/Function", "ObservabilityStack/Caller"
CHAT = Watched(
    label="chat", function_name="Chat-F", alias="live", log_group_name="chat-logs", log_group_arn=None, alarm_prefix="ChatStack-"
)
SHOP = Watched(
    label="shop", function_name="Shop-F", alias="live", log_group_name="shop-logs", log_group_arn=None, alarm_prefix="ShopStack-"
)
MINUTE = 60
WAIT_SECONDS = 60


class CloudWatch:
    """What happened, told to the local interface."""

    def __init__(self, aws: LocalAws) -> None:
        self.metrics, self.logs = aws.client("cloudwatch"), aws.client("logs")
        for group in ("chat-logs", "shop-logs"):
            self.logs.create_log_group(logGroupName=group)
            self.logs.create_log_stream(logGroupName=group, logStreamName="s")

    def point(self, function: str, name: str, minute: float, *values: float) -> None:
        dimensions = [{"Name": "FunctionName", "Value": function}, {"Name": "Resource", "Value": f"{function}:live"}]
        self._put("AWS/Lambda", name, minute, values, dimensions)

    def first_byte(self, function: str, minute: float, *values: float) -> None:
        self._put("StreamingLambda", f"TimeToFirstByte/{function}", minute, values, [])

    def streams(self, function: str, minute: float, name: str, *values: float) -> None:
        """What our runtime writes of streams, a value each."""
        dimensions = [{"Name": "FunctionName", "Value": function}, {"Name": "Resource", "Value": f"{function}:live"}]
        self._put("StreamingLambda", name, minute, values, dimensions)

    def _put(self, namespace: str, name: str, minute: float, values: tuple[float, ...], dimensions: list[dict[str, str]]) -> None:
        at = dt.datetime.fromtimestamp(minute + 1, dt.UTC)
        for value in values:
            data = {"MetricName": name, "Timestamp": at, "Value": value, "Dimensions": dimensions}
            self.metrics.put_metric_data(Namespace=namespace, MetricData=[data])

    def alarm(self, name: str, state: str) -> None:
        self.metrics.put_metric_alarm(
            AlarmName=name, MetricName="Errors", Namespace="AWS/Lambda", Period=60, EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
        )  # fmt: skip
        self.metrics.set_alarm_state(AlarmName=name, StateValue=state, StateReason="secret-internal-detail")

    def line(self, group: str, **line: Any) -> None:
        event = {"timestamp": int(time.time() * 1000), "message": json.dumps(line)}
        self.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[event])


@pytest.fixture(scope="module")
def cloudwatch(aws: LocalAws) -> Iterator[CloudWatch]:
    with percentiles():
        yield CloudWatch(aws)


@pytest.fixture(scope="module")
def emulator(aws: LocalAws, cloudwatch: CloudWatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    quick = {"metrics_every": Duration.millis(500), "logs_every": Duration.millis(200), "longest": Duration.seconds(30)}
    made = synthesize(tmp_path_factory.mktemp("quick"), ObservabilityStack, watched=[CHAT, SHOP], **quick)
    with Emulator(made.directory, model=None, endpoints={"cloudwatch": aws.endpoint, "cloudwatch-logs": aws.endpoint}) as running:
        [row] = [row for row in running.json()["functions"] if row["path"] == FUNCTION]
        if row["broken"] and row["broken"].startswith(("NPM_", "NODE_")):
            pytest.skip(f"AWS's SDK for Node.js cannot be had here: {row['broken']}")
        yield running


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Iterator[StreamingClient]:
    with StreamingClient(emulator.urls[FUNCTION], session=session_of(emulator, CALLER)) as made:
        yield made


def watch(client: StreamingClient, query: str = "seconds=1", **options: Any) -> list[tuple[str, Any]]:
    with client.stream("GET", f"/events?{query}", **options) as stream:
        events = [(event.name or "", event.value) for event in stream if isinstance(event, Data)]
    assert stream.finish == Finish("length")
    return events


def named(events: list[tuple[str, Any]], name: str) -> list[Any]:
    return [value for found, value in events if found == name]


def test_the_numbers_are_those_of_cloudwatch(client: StreamingClient, cloudwatch: CloudWatch) -> None:
    before = int(time.time()) // MINUTE * MINUTE - 10 * MINUTE
    cloudwatch.point("Chat-F", "Invocations", before, 1, 1, 1)
    cloudwatch.point("Chat-F", "Errors", before, 1)
    cloudwatch.point("Chat-F", "Duration", before, 800, 2400.5, 90)
    cloudwatch.first_byte("Chat-F", before, 120, 450)
    cloudwatch.streams("Chat-F", before, "gen_ai.server.time_to_first_token", 0.2, 0.25, 0.5, 1.5)
    cloudwatch.streams("Chat-F", before, "Completed", 1, 1)
    cloudwatch.streams("Chat-F", before, "Errored", 1)
    cloudwatch.point("Chat-F", "Invocations", before + 2 * MINUTE, 1)
    cloudwatch.point("Shop-F", "UrlRequestCount", before + MINUTE, 1, 1)
    cloudwatch.point("Other-F", "Invocations", before, 99)
    found = {value["label"]: value["points"] for value in named(watch(client), "metrics")}
    assert found == {
        "chat": [
            {
                "time": before * 1000,
                "invocations": 3,
                "errors": 1,
                "slowestMs": 2400.5,
                "slowestFirstByteMs": 450,
                "firstTokenP50Ms": 250,
                "firstTokenP90Ms": 1500,
                "firstTokenP99Ms": 1500,
                "completed": 2,
                "errored": 1,
            },
            {"time": (before + 2 * MINUTE) * 1000, "invocations": 1},
        ],
        "shop": [{"time": (before + MINUTE) * 1000, "requests": 2}],
    }
    recent = {value["label"]: value["points"] for value in named(watch(client, "seconds=1&minutes=5&only=shop"), "metrics")}
    assert recent == {"shop": []}


def test_the_local_interfaces_percentiles_are_those_of_the_values() -> None:
    assert [percentile([4, 1, 3, 2], statistic) for statistic in ("p0", "p25", "p50", "p90", "p99.9")] == [1, 1, 2, 4, 4]


def test_a_change_is_seen_while_the_stream_runs(client: StreamingClient, cloudwatch: CloudWatch) -> None:
    cloudwatch.alarm("ChatStack-Errors-1", "OK")
    cloudwatch.alarm("Elsewhere-Errors-1", "ALARM")
    seen: list[tuple[str, Any]] = []
    changed = False
    with client.stream("GET", "/events?seconds=30") as stream:
        for event in stream:
            if not isinstance(event, Data):
                continue
            seen.append((event.name or "", event.value))
            alarms, lines = named(seen, "alarms"), named(seen, "log")
            if alarms and not changed:
                changed = True
                threading.Thread(target=happen, args=(cloudwatch,)).start()
            if len(alarms) == 2 and len(lines) == 2:
                break
    assert [[alarm["state"] for alarm in value["alarms"]] for value in named(seen, "alarms")] == [["OK"], ["ALARM"]]
    assert named(seen, "alarms")[0]["alarms"][0]["name"] == "ChatStack-Errors-1"
    error, report = sorted(named(seen, "log"), key=lambda line: line["kind"])
    assert (error["label"], error["level"], error["text"]) == ("chat", "ERROR", "the model said no")
    assert (report["label"], report["kind"], report["durationMs"], report["status"]) == ("shop", "stream", 812.5, "success")
    assert "secret-internal-detail" not in json.dumps(seen)


def happen(cloudwatch: CloudWatch) -> None:
    cloudwatch.line("chat-logs", level="INFO", message="secret-internal-detail")
    cloudwatch.line("chat-logs", level="ERROR", message="the model said no", stackTrace=["secret-internal-detail"])
    report = {"status": "success", "metrics": {"durationMs": 812.5, "billedDurationMs": 813}, "spans": "secret-internal-detail"}
    cloudwatch.line("shop-logs", type="platform.report", record=report)
    cloudwatch.alarm("ChatStack-Errors-1", "ALARM")


def test_who_was_cut_off_goes_on_where_he_was(client: StreamingClient, cloudwatch: CloudWatch) -> None:
    was_here = str(int(time.time() * 1000))
    cloudwatch.line("shop-logs", level="WARNING", message="while nobody watched")
    assert "while nobody watched" in [line.get("text") for line in named(watch(client, last_event_id=was_here), "log")]
    time_before = str(int(time.time() * 1000) - 3_600_000 * 5)
    assert watch(client, last_event_id=time_before)[0][1]["resumed"] is True
    with client.stream("GET", "/events?seconds=2&only=shop", last_event_id=was_here) as stream:
        line = next(event for event in stream if isinstance(event, Data) and event.name == "log")
        assert stream.last_event_id == was_here
    assert line.value["text"] == "while nobody watched"


def test_a_line_between_two_streams_is_not_missed(client: StreamingClient, cloudwatch: CloudWatch) -> None:
    with client.stream("GET", "/events?seconds=1&only=shop") as stream:
        stream.collect()
    cloudwatch.line("shop-logs", level="WARNING", message="between two streams")
    time.sleep(0.01)  # the next stream begins in another millisecond
    following = watch(client, last_event_id=stream.last_event_id)
    assert "between two streams" in [line.get("text") for line in named(following, "log")]


def test_a_log_group_that_is_gone_is_told_of_and_the_rest_goes_on(client: StreamingClient, cloudwatch: CloudWatch) -> None:
    cloudwatch.logs.delete_log_group(logGroupName="shop-logs")
    try:
        events = watch(client)
        assert {json.dumps(value) for value in named(events, "trouble")} == {'{"source": "logs", "code": "unavailable"}'}
        assert named(events, "metrics")
    finally:
        cloudwatch.logs.create_log_group(logGroupName="shop-logs")
        cloudwatch.logs.create_log_stream(logGroupName="shop-logs", logStreamName="s")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("POST", "/events", 405, "method_not_allowed"),
        ("GET", "/events?seconds=31", 400, "bad_request"),
        ("GET", "/events?only=secret", 400, "bad_request"),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_asked(
    method: str, path: str, status: int, code: str, client: StreamingClient
) -> None:
    with pytest.raises(HttpStatusError) as refused, client.stream(method, path) as stream:
        stream.collect()
    assert refused.value.status_code == status
    assert json.loads(refused.value.body)["error"]["code"] == code


@pytest.mark.parametrize("principal", ["stranger", "outsider", "ObservabilityStack/Events/Role"])
def test_nobody_but_the_caller_role_may_watch(principal: str, emulator: Emulator) -> None:
    with StreamingClient(emulator.urls[FUNCTION], session=session_of(emulator, principal)) as other, pytest.raises(AccessDenied):
        watch(other)
