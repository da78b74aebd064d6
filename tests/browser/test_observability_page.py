"""The observability page, as a team sees it on a wall and on a phone: each test is a scenario of observability.mjs, in a browser of its own.

The stack runs in the emulator with IAM auth on, its function with AWS's own SDK; what it reads is a CloudWatch interface of this machine,
which is told what happened, by the scenarios too.
"""

from __future__ import annotations

import http.server
import json
import logging
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from aws_cdk import Duration

from constructs_pkg.emulator import Emulator
from stacks.observability.stack import PAGE, ObservabilityStack, Watched
from tests.stacks.conftest import LocalAws, ThreadedMotoServer, synthesize
from tests.stacks.test_observability_endpoint import FUNCTION, MINUTE, CloudWatch
from tools.page_server import serving
from tools.percentiles import percentiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PEOPLE: Final = "ObservabilityStack/People/Role"
ALARM: Final = "ChatStack-ChatAlarmsErrors777350A8-1A2B3C4D5E6F"
WATCHED: Final = [
    Watched(
        label=label,
        function_name=f"{label.capitalize()}-F",
        alias="live",
        log_group_name=f"{label}-logs",
        log_group_arn=None,
        alarm_prefix=f"{label.capitalize()}Stack-",
    )
    for label in ("chat", "shop", "idle")
]


class Story:
    """What happened to the three functions: `chat` on our runtime, `shop` on another one, and `idle`, which nobody called."""

    def __init__(self, cloudwatch: CloudWatch) -> None:
        self.cloudwatch = cloudwatch
        self.cloudwatch.logs.create_log_group(logGroupName="idle-logs")
        self.minute = int(time.time()) // MINUTE * MINUTE
        for ago, first, speed in ((8, 0.2, 52), (7, 0.25, 48.5), (6, 0.9, 12), (4, 0.21, 51)):
            self.chat(ago, first=[first, first * 2, first * 8], speed=speed, completed=1200 if ago == 7 else 3)
        self.chat(5, first=[], speed=None, completed=0, Errored=2, Truncated=1, Cancelled=4)
        cloudwatch.point("Chat-F", "ConcurrentExecutions", self.minute - 6 * MINUTE, 3, 17)
        cloudwatch.point("Chat-F", "Throttles", self.minute - 5 * MINUTE, *[1] * 5)
        for ago in (6, 5, 4):
            cloudwatch.point("Shop-F", "Invocations", self.minute - ago * MINUTE, *[1] * 4)
            cloudwatch.first_byte("Shop-F", self.minute - ago * MINUTE, 640)
        cloudwatch.point("Shop-F", "Errors", self.minute - 5 * MINUTE, 1)
        cloudwatch.alarm(ALARM, "OK")
        cloudwatch.alarm("ShopStack-ShopAlarmsUrl5xx42ABB513-1A2B3C4D5E6F", "OK")

    def chat(self, ago: int, *, first: list[float], speed: float | None, completed: int, **ended: int) -> None:
        """Streams of a minute of `chat`: times to the first token, and how they ended."""
        at = self.minute - ago * MINUTE
        put = self.cloudwatch.streams
        put("Chat-F", at, "gen_ai.server.time_to_first_token", *first)
        if speed is not None:
            put("Chat-F", at, "TokensPerSecond", speed)
        for outcome, number in {"Completed": completed, **ended}.items():
            if number:
                put("Chat-F", at, outcome, number)

    def do(self, what: str, **given: Any) -> None:
        """Something that a scenario wants to happen."""
        if what == "point":
            self.chat(3, first=[given["first"]], speed=44, completed=1)
        elif what == "alarm":
            self.cloudwatch.alarm(ALARM, given["state"])
        elif what == "line":
            self.cloudwatch.line("chat-logs", level="ERROR", message=given["text"])
        elif what == "streams":
            record = {"status": "success", "metrics": {"durationMs": 812.5, "maxMemoryUsedMB": 94}}
            message = json.dumps({"type": "platform.report", "record": record})
            events = [{"timestamp": int(time.time() * 1000), "message": message}] * given["number"]
            self.cloudwatch.logs.put_log_events(logGroupName="shop-logs", logStreamName="s", logEvents=events)
        else:
            raise ValueError(what)


@contextmanager
def stage(scene: Set) -> Iterator[str]:
    """An address to which a scenario posts what has to happen: `{"do": ...}` of the story, or `{"fault": ...}` of the emulator."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if "fault" in asked:
                scene.emulator.faults.add(asked["fault"])
            elif "mend" in asked:
                scene.emulator.faults.clear()
            else:
                scene.story.do(asked.pop("do"), **asked)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join(5)


class Set:
    """The stack running, what it reads, and the page in front of it."""

    def __init__(self, folder: Path, scope: ExitStack, *, longest: int) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        scope.callback(server.stop)
        host, port = server.get_host_and_port()
        self.aws = LocalAws(f"http://{host}:{port}")
        scope.enter_context(percentiles())
        made = synthesize(
            folder,
            ObservabilityStack,
            watched=WATCHED,
            metrics_every=Duration.millis(500),
            logs_every=Duration.millis(200),
            longest=Duration.seconds(longest),
        )
        endpoints = {"cloudwatch": self.aws.endpoint, "cloudwatch-logs": self.aws.endpoint}
        self.emulator = scope.enter_context(Emulator(made.directory, model=None, endpoints=endpoints))
        [row] = [row for row in self.emulator.json()["functions"] if row["path"] == FUNCTION]
        if row["broken"] and row["broken"].startswith(("NPM_", "NODE_")):
            pytest.skip(f"AWS's SDK for Node.js cannot be had here: {row['broken']}")
        self.url = self.emulator.urls[FUNCTION]
        self.begin()
        self.stage = scope.enter_context(stage(self))

    def begin(self) -> None:
        """Everything as it was."""
        self.emulator.faults.clear()
        httpx.post(f"{self.aws.endpoint}/moto-api/reset", trust_env=False).raise_for_status()
        self.story = Story(CloudWatch(self.aws))

    def keys(self, principal: str = PEOPLE) -> dict[str, Any]:
        """What the page signs with."""
        lent = self.emulator.principals[principal]
        return {
            "accessKeyId": lent["access_key_id"],
            "secretAccessKey": lent["secret_access_key"],
            "sessionToken": lent["session_token"],
        }

    def page(self, principal: str = PEOPLE) -> Any:
        """Serves the page, which signs as a principal."""
        config = {"url": self.url, "region": self.emulator.region}
        return serving(PAGE, config=config, connect_sources=[self.url], credentials=self.keys(principal))


@pytest.fixture(scope="module")
def long_streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Set]:
    with ExitStack() as scope:
        yield Set(tmp_path_factory.mktemp("observability"), scope, longest=300)


@pytest.fixture
def scene(long_streams: Set) -> Set:
    long_streams.begin()
    return long_streams


@pytest.fixture
def see(drive: Callable[..., Any], scene: Set) -> Iterator[Callable[..., Any]]:
    """Plays a scenario of observability.mjs."""
    with scene.page() as page:
        yield lambda scenario, **given: drive("observability.mjs", scenario, url=page.url, stage=scene.stage, **given)


def clock(scene: Set, ago: int) -> str:
    return time.strftime("%H:%M", time.gmtime(scene.story.minute - ago * MINUTE))


def test_what_was_streamed_is_what_is_shown(see: Callable[..., Any], scene: Set) -> None:
    at = {ago: clock(scene, ago) for ago in range(10)}
    see(
        "what_was_streamed_is_what_is_shown",
        tables={
            "Time to first token": [
                [at[4], "420 ms", "1.68 s", "1.68 s"],
                [at[6], "1.8 s", "7.2 s", "7.2 s"],
                [at[7], "500 ms", "2 s", "2 s"],
                [at[8], "400 ms", "1.6 s", "1.6 s"],
            ],
            "Tokens per second": [[at[4], "51"], [at[6], "12"], [at[7], "48.5"], [at[8], "52"]],
            "Streams in flight": {at[6]: "17", at[5]: "0"},
            "Outcomes a minute": {at[7]: ["1.2 k", "0", "0", "0", "0", "0"], at[5]: ["0", "4", "0", "1", "2", "5"]},
        },
        newest=at[4],
    )


@pytest.mark.parametrize(
    "scenario",
    [
        "a_new_point_a_line_and_an_alarm_come_without_a_reload",
        "a_connection_that_breaks_is_said_and_taken_up_where_it_broke",
        "offline_is_said_and_what_happened_meanwhile_comes_when_back",
        "two_tabs_show_the_same",
        "it_is_one_column_on_a_phone",
        "a_tab_that_nobody_sees_draws_nothing_and_is_current_when_seen",
        "the_keyboard_is_enough_and_tables_stay_current",
        "nothing_moves_for_whom_motion_is_too_much",
        "throttling_says_how_long_to_wait_and_goes_on",
        "until_numbers_come_it_says_so",
        "lines_are_text_and_only_the_newest_are_kept",
        "one_function_can_be_looked_at_alone",
    ],
)
def test_as_it_is(see: Callable[..., Any], scenario: str) -> None:
    see(scenario)


def test_who_may_not_watch_is_told_so(drive: Callable[..., Any], scene: Set) -> None:
    with scene.page("stranger") as page:
        drive("observability.mjs", "who_may_not_watch_is_told_so", url=page.url)


def test_people_sign_in_at_the_user_pool(drive: Callable[..., Any], scene: Set) -> None:
    lent = scene.keys()
    sign_in = {
        "url": "https://observability.auth.us-east-1.amazoncognito.com",
        "userPoolId": "us-east-1_pool",
        "userPoolClientId": "client",
        "identityPoolId": "us-east-1:pool",
    }
    config = {"url": scene.url, "region": scene.emulator.region, "signIn": sign_in}
    keys = {"AccessKeyId": lent["accessKeyId"], "SecretKey": lent["secretAccessKey"], "SessionToken": lent["sessionToken"]}
    sources = [scene.url, f"{sign_in['url']}/", "https://cognito-identity.us-east-1.amazonaws.com/"]
    with serving(PAGE, config=config, connect_sources=sources) as page:
        drive("observability.mjs", "people_sign_in_at_the_user_pool", url=page.url, config=config, keys=keys)


# What one server is told, all are: they are of one process. So this one begins when the others are done.
def test_a_stream_that_ends_in_order_is_followed_by_the_next_unseen(drive: Callable[..., Any], tmp_path: Path) -> None:
    with ExitStack() as scope:
        scene = Set(tmp_path, scope, longest=2)
        page = scope.enter_context(scene.page())
        drive("observability.mjs", "a_stream_that_ends_in_order_is_followed_by_the_next_unseen", url=page.url, stage=scene.stage)
