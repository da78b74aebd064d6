"""An invented half hour of three functions, watched live: the observability stack in the emulator, and a local CloudWatch interface.

With `--page` it is watched in a browser, and goes on until Ctrl-C.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import boto3

from constructs_pkg.client import Data, StreamingClientError
from tools import terminal
from tools.local_stack import LocalStack, local_aws, running
from tools.page_server import PageServer, serving
from tools.percentiles import percentiles

FUNCTION: Final = "ObservabilityStack/Events"
CALLER: Final = "ObservabilityStack/Caller"
PEOPLE: Final = "ObservabilityStack/People/Role"
"""Whom the page signs as: those who signed in. Signing in itself is Cognito's, and not emulated."""

PAGE: Final = Path(__file__).parents[1] / "stacks" / "observability" / "page"
PORT: Final = 8101
FUNCTIONS: Final = ("chat", "speech", "search")
HISTORY_MINUTES: Final = 30
INCIDENT_SECONDS: Final = 6
STEP_SECONDS: Final = 5
"""On the page something happens so often; every tenth time the incident comes again."""

ALARMS: Final = ("Errors777350A8", "Url5xx42ABB513", "TimeToFirstByte742A687F", "Throttles0213827F")
OF_LAMBDA: Final = ("Invocations", "Errors", "ConcurrentExecutions")
BARS: Final = " ▁▂▃▄▅▆▇█"
MARKS: Final = {"OK": "●", "ALARM": "▲", "INSUFFICIENT_DATA": "○"}
SHOWN: Final = (("invocations", "streams a minute"), ("slowestFirstByteMs", "first byte, slowest, ms"), ("errors", "errors"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=15, help="how long to watch (default: 15)")
    parser.add_argument("--page", action="store_true", help="serve the page, until Ctrl-C")
    parser.add_argument("--port", type=int, help=f"of the page (default: {PORT}, or any where that is taken)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as by Ctrl-C: nothing stays behind
    named = ",".join(f"{name}@{name}-logs" for name in FUNCTIONS)
    context = {"observability:functions": named, "observability:metrics-seconds": "2", "observability:logs-seconds": "1"}
    with percentiles(), local_aws() as endpoint:
        world = World(endpoint)
        world.half_an_hour()
        options = ("--endpoint-url", f"cloudwatch={endpoint}", "--endpoint-url", f"cloudwatch-logs={endpoint}")
        with running("ObservabilityStack", context=context, options=options) as stack:
            if arguments.page:
                return serve(stack, world, arguments.port)
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


def serve(stack: LocalStack, world: World, port: int | None) -> int:
    """Serves the page until Ctrl-C, while the world goes on."""
    url, lent = stack.function(FUNCTION)["url"], stack.ready["principals"][PEOPLE]
    credentials = {
        "accessKeyId": lent["access_key_id"],
        "secretAccessKey": lent["secret_access_key"],
        "sessionToken": lent["session_token"],
    }
    given: dict[str, Any] = {"config": {"url": url, "region": stack.ready["region"]}, "connect_sources": [url]}
    over = threading.Event()
    going = threading.Thread(target=world.go_on, args=(over,), daemon=True)
    going.start()
    try:
        with serving(PAGE, **given, credentials=credentials, port=_free(PORT) if port is None else port) as page:
            print(f"\nFunction URL   {url}events  (IAM)\nPage           {page.url}\n\nCtrl-C stops all of it.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        over.set()
        going.join(timeout=STEP_SECONDS)
    return 0


def _free(port: int) -> int:
    """The usual port, so that the address stays the same from run to run; 0 where it is taken."""
    try:
        with PageServer(PAGE, config={}, connect_sources=[], port=port):
            return port
    except OSError:
        return 0


class World:
    """What the functions did, told to the local interface. Invented, and the same each time."""

    def __init__(self, endpoint: str) -> None:
        options: Any = {"endpoint_url": endpoint, "region_name": "us-east-1", "aws_access_key_id": "local"}
        options["aws_secret_access_key"] = "local"  # noqa: S105  # nosec B105 - the endpoint asks for some, and looks at none
        self._metrics, self._logs = boto3.client("cloudwatch", **options), boto3.client("logs", **options)
        self._minute = int(time.time()) // 60 * 60
        self._chance = random.Random(7)  # noqa: S311  # nosec B311 - invented, and the same each time
        for name in FUNCTIONS:
            self._logs.create_log_group(logGroupName=f"{name}-logs")
            self._logs.create_log_stream(logGroupName=f"{name}-logs", logStreamName="1")
            for alarm in ALARMS:
                self._alarm(name, "OK", alarm)

    def half_an_hour(self) -> None:
        """Waves of streams, and how soon they began."""
        for number, name in enumerate(FUNCTIONS):
            data: list[dict[str, Any]] = []
            for ago in range(HISTORY_MINUTES - 1, 0, -1):
                data += self._usual(number, name, self._minute - 60 * ago)
            self._put(data)

    def go_on(self, over: threading.Event) -> None:
        """A minute's numbers come in parts; every tenth part something goes wrong, and is well again five later."""
        step = 0
        for minute in range(self._minute, int(time.time()) // 60 * 60 + 1, 60):  # as much as the start took
            for number, name in enumerate(FUNCTIONS):
                self._put(self._usual(number, name, minute))
        while not over.wait(STEP_SECONDS):
            minute, step = int(time.time()) // 60 * 60, step + 1
            wrong = step % 10 in range(1, 6)
            for number, name in enumerate(FUNCTIONS):
                self._put(self._usual(number, name, minute, part=STEP_SECONDS / 60))
                report = {"durationMs": self._chance.uniform(800, 9000), "maxMemoryUsedMB": 94, "memorySizeMB": 512}
                self._line(name, type="platform.report", record={"status": "success", "metrics": report})
            if wrong:
                self._put(self._points("chat", minute, 3, 2600, 3) + self._ended("chat", minute, Errored=2, Truncated=1))
                self._line("chat", level="ERROR", message=f"the model is throttled; attempt {step % 10} of 5")
            if step % 10 in (1, 6):
                self._alarm("chat", "ALARM" if wrong else "OK")

    def _usual(self, number: int, name: str, minute: int, part: float = 1) -> list[dict[str, Any]]:
        """A minute of a function, or a part of one, in which little goes wrong."""
        wave = 20 + 14 * math.sin((minute / 60 + 7 * number) / (3 + number)) + number * 3
        load = max(1, round(wave * part))
        first = 180 + 6 * wave + 40 * number
        errors = 1 if part == 1 and minute // 60 % 11 == number else 0
        points = self._points(name, minute, load, 2.5 * first, errors, streams=round(wave / 3))
        if name == "speech":  # runs on another runtime than ours, which tells neither tokens nor outcomes
            return points
        tokens = [
            first * factor / 1000 * self._chance.uniform(0.9, 1.1) for factor in (0.8, 0.9, 1, 1, 1.1, 1.2, 1.4, 1.7, 2, 2.6)
        ]
        cancelled = self._chance.choice((0, 0, 1, 2)) if part == 1 else 0
        return [
            *points,
            self._of_streams(name, minute, "gen_ai.server.time_to_first_token", tokens),
            self._of_streams(name, minute, "TokensPerSecond", [70 - wave * self._chance.uniform(0.7, 0.9)]),
            *self._ended(name, minute, Completed=load - errors, Errored=errors, Cancelled=cancelled),
        ]

    def _ended(self, name: str, minute: int, **outcomes: int) -> list[dict[str, Any]]:
        return [self._of_streams(name, minute, outcome, [number]) for outcome, number in outcomes.items() if number]

    def _of_streams(self, name: str, minute: int, metric: str, values: list[float]) -> dict[str, Any]:
        return {
            "MetricName": metric,
            "Values": values,
            "Timestamp": dt.datetime.fromtimestamp(minute + 1, dt.UTC),
            "Dimensions": _of_alias(name),
        }

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

    def _points(
        self, name: str, minute: int, invocations: int, first_byte: float, errors: int, streams: int | None = None
    ) -> list[dict[str, Any]]:
        of_alias = _of_alias(name)
        at = dt.datetime.fromtimestamp(minute + 1, dt.UTC)
        return [
            {"MetricName": "Invocations", "Value": invocations, "Timestamp": at, "Dimensions": of_alias},
            {"MetricName": "ConcurrentExecutions", "Value": streams or invocations, "Timestamp": at, "Dimensions": of_alias},
            {"MetricName": "Errors", "Value": errors, "Timestamp": at, "Dimensions": of_alias},
            {"MetricName": f"TimeToFirstByte/{name}", "Value": first_byte, "Timestamp": at, "Dimensions": []},
        ]

    def _put(self, data: list[dict[str, Any]]) -> None:
        for namespace in ("StreamingLambda", "AWS/Lambda"):
            found = [point for point in data if (point["MetricName"] in OF_LAMBDA) == (namespace == "AWS/Lambda")]
            if found:
                self._metrics.put_metric_data(Namespace=namespace, MetricData=found)

    def _line(self, name: str, **line: Any) -> None:
        event = {"timestamp": int(time.time() * 1000), "message": json.dumps(line)}
        self._logs.put_log_events(logGroupName=f"{name}-logs", logStreamName="1", logEvents=[event])

    def _alarm(self, name: str, state: str, alarm: str = ALARMS[0]) -> None:
        whole = f"{name}-{name.capitalize()}Alarms{alarm}-1A2B3C4D5E6F"
        self._metrics.put_metric_alarm(
            AlarmName=whole, MetricName="Errors", Namespace="AWS/Lambda", Period=60, EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
        )  # fmt: skip
        self._metrics.set_alarm_state(AlarmName=whole, StateValue=state, StateReason="as the demo goes")


def _of_alias(name: str) -> list[dict[str, str]]:
    return [{"Name": "FunctionName", "Value": name}, {"Name": "Resource", "Value": f"{name}:live"}]


class Screen:
    """A terminal."""

    def __init__(self) -> None:
        self._points: dict[str, dict[int, dict[str, float]]] = {}
        self._began = time.monotonic()

    def show(self, name: str, data: Any) -> None:
        """One event of the stream."""
        if name == "alarms":
            told = [f"{MARKS.get(alarm['state'], '?')} {alarm['name']}" for alarm in data["alarms"] if alarm["state"] != "OK"]
            self._say("   ".join(told) or f"{MARKS['OK']} all {len(data['alarms'])} alarms are OK")
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
        print(terminal.wrapped(f"{time.monotonic() - self._began:5.1f} s  {text}", indent=19), flush=True)


def chart(values: list[float]) -> str:
    """A row of bars, and the highest value."""
    highest = max(values, default=0) or 1
    return "".join(BARS[round(value / highest * (len(BARS) - 1))] for value in values) + f" {max(values, default=0):6g}"


if __name__ == "__main__":
    sys.exit(terminal.run(main))
