"""An invented half hour of three functions, watched live: the observability stack in the emulator, and a local CloudWatch interface."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import sys
import threading
import time
from typing import Any, Final

import boto3

from constructs_pkg.client import Data, StreamingClientError
from tools.local_stack import local_aws, running

FUNCTION: Final = "ObservabilityStack/Events"
CALLER: Final = "ObservabilityStack/Caller"
FUNCTIONS: Final = ("chat", "speech", "search")
HISTORY_MINUTES: Final = 30
INCIDENT_SECONDS: Final = 6
BARS: Final = " ▁▂▃▄▅▆▇█"
MARKS: Final = {"OK": "●", "ALARM": "▲", "INSUFFICIENT_DATA": "○"}
SHOWN: Final = (("invocations", "streams a minute"), ("slowestFirstByteMs", "first byte, slowest, ms"), ("errors", "errors"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=15, help="how long to watch (default: 15)")
    arguments = parser.parse_args()
    named = ",".join(f"{name}@{name}-logs" for name in FUNCTIONS)
    context = {"observability:functions": named, "observability:metrics-seconds": "2", "observability:logs-seconds": "1"}
    with local_aws() as endpoint:
        world = World(endpoint)
        world.half_an_hour()
        options = ("--endpoint-url", f"cloudwatch={endpoint}", "--endpoint-url", f"cloudwatch-logs={endpoint}")
        with running("ObservabilityStack", context=context, options=options) as stack:
            row = stack.function(FUNCTION)
            print(f"Function URL   {row['url']}events  ({row['invoke_mode']}, auth {row['auth_type']}, Node.js)")
            print("The last half hour, invented; then something goes wrong:", flush=True)
            threading.Thread(target=world.incident, daemon=True).start()
            try:
                with (
                    stack.client(FUNCTION, CALLER) as client,
                    client.stream("GET", f"/events?seconds={arguments.seconds}&minutes={HISTORY_MINUTES}") as stream,
                ):
                    screen = Screen()
                    for event in stream:
                        if isinstance(event, Data):
                            screen.show(event.name or "", event.value)
            except StreamingClientError as error:
                print(f"\nThe stream failed: {error}", file=sys.stderr)
                return 1
        return 0


class World:
    """What the functions did, told to the local interface. Invented, and the same each time."""

    def __init__(self, endpoint: str) -> None:
        options: Any = {"endpoint_url": endpoint, "region_name": "us-east-1", "aws_access_key_id": "local"}
        options["aws_secret_access_key"] = "local"  # noqa: S105  # nosec B105 - the endpoint asks for some, and looks at none
        self._metrics, self._logs = boto3.client("cloudwatch", **options), boto3.client("logs", **options)
        self._minute = int(time.time()) // 60 * 60
        for name in FUNCTIONS:
            self._logs.create_log_group(logGroupName=f"{name}-logs")
            self._logs.create_log_stream(logGroupName=f"{name}-logs", logStreamName="1")
            self._alarm(name, "OK")

    def half_an_hour(self) -> None:
        """Waves of streams, and how soon they began."""
        for number, name in enumerate(FUNCTIONS):
            data: list[dict[str, Any]] = []
            for ago in range(HISTORY_MINUTES - 1, 0, -1):
                load = round(20 + 14 * math.sin((ago + 7 * number) / (3 + number)) + number * 3)
                data += self._points(
                    name, self._minute - 60 * ago, load, 180 + 6 * load + 40 * number, 1 if ago % 11 == number else 0
                )
            self._put(data)

    def incident(self) -> None:
        """The model behind `chat` refuses, callers see errors, an alarm rings."""
        for step in range(INCIDENT_SECONDS):
            time.sleep(1)
            self._put(self._points("chat", self._minute, 5, 900 + 400 * step, 3))
            report = {
                "status": "success",
                "metrics": {"durationMs": 2100.5 + 700 * step, "maxMemoryUsedMB": 94, "memorySizeMB": 512},
            }
            self._line("speech", type="platform.report", record=report)
            self._line("chat", level="ERROR", message=f"the model is throttled; attempt {step + 1} of {INCIDENT_SECONDS}")
            if step == INCIDENT_SECONDS // 2:
                self._alarm("chat", "ALARM")

    def _points(self, name: str, minute: int, streams: int, first_byte: float, errors: int) -> list[dict[str, Any]]:
        of_alias = [{"Name": "FunctionName", "Value": name}, {"Name": "Resource", "Value": f"{name}:live"}]
        at = dt.datetime.fromtimestamp(minute + 1, dt.UTC)
        return [
            {"MetricName": "Invocations", "Value": streams, "Timestamp": at, "Dimensions": of_alias},
            {"MetricName": "Errors", "Value": errors, "Timestamp": at, "Dimensions": of_alias},
            {"MetricName": f"TimeToFirstByte/{name}", "Value": first_byte, "Timestamp": at, "Dimensions": []},
        ]

    def _put(self, data: list[dict[str, Any]]) -> None:
        for namespace, own in (("StreamingLambda", True), ("AWS/Lambda", False)):
            found = [point for point in data if point["MetricName"].startswith("TimeToFirstByte") == own]
            self._metrics.put_metric_data(Namespace=namespace, MetricData=found)

    def _line(self, name: str, **line: Any) -> None:
        event = {"timestamp": int(time.time() * 1000), "message": json.dumps(line)}
        self._logs.put_log_events(logGroupName=f"{name}-logs", logStreamName="1", logEvents=[event])

    def _alarm(self, name: str, state: str) -> None:
        self._metrics.put_metric_alarm(
            AlarmName=f"{name}-errors", MetricName="Errors", Namespace="AWS/Lambda", Period=60, EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
        )  # fmt: skip
        self._metrics.set_alarm_state(AlarmName=f"{name}-errors", StateValue=state, StateReason="as the demo goes")


class Screen:
    """A terminal."""

    def __init__(self) -> None:
        self._points: dict[str, dict[int, dict[str, float]]] = {}
        self._began = time.monotonic()

    def show(self, name: str, data: Any) -> None:
        """One event of the stream."""
        if name == "alarms":
            self._say(
                "   ".join(f"{MARKS.get(alarm['state'], '?')} {alarm['name']} {alarm['state']}" for alarm in data["alarms"])
            )
        elif name == "metrics":
            known = self._points.setdefault(data["label"], {})
            first = not known
            known.update({point["time"]: point for point in data["points"]})
            for key, what in SHOWN if first else ():
                self._say(f"{data['label']:>8}  {chart([point.get(key, 0) for _, point in sorted(known.items())])}  {what}")
            if not first:
                newest = data["points"][-1]
                numbers = ", ".join(f"{newest[key]:g} {what}" for key, what in SHOWN if key in newest)
                self._say(f"{data['label']:>8}  this minute: {numbers}")
        elif name == "log" and data["kind"] == "line":
            self._say(f"{data['label']:>8}  {data['level']}  {data['text']}")
        elif name == "log":
            self._say(f"{data['label']:>8}  a stream of {data['durationMs'] / 1000:.1f} s, {data['maxMemoryUsedMB']} MB")
        elif name in ("gap", "trouble"):
            self._say(f"{name}: {json.dumps(data)}")

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:5.1f} s  {text}", flush=True)


def chart(values: list[float]) -> str:
    """A row of bars, and the highest value."""
    highest = max(values, default=0) or 1
    return "".join(BARS[round(value / highest * (len(BARS) - 1))] for value in values) + f" {max(values, default=0):6g}"


if __name__ == "__main__":
    sys.exit(main())
