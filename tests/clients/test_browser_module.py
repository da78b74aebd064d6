"""The browser's module against emulated URLs with IAM auth, in Node.js: what it reads, what it notices, what it asks of the function."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.emulator import Emulator
from tests.clients.browser_module import HERE, INSTALLED, NEEDS_NPM, build, run
from tests.clients.endpoints import _HANDLER, TEXT, public
from tests.emulator.support import App, grant
from tests.runtime.dynamodb_server import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Job = dict[str, Any]
    Read = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.skipif(not INSTALLED, reason=NEEDS_NPM)

REGION = "eu-west-1"
FINISHES = {
    "sse": "stop",
    "ndjson": "stop",
    "openai-chat": "stop",
    "openai-responses": "stop",
    "anthropic-messages": "end_turn",
    "ui-message-stream": "stop",
    "ag-ui": "stop",
}
WITHOUT_TERMINAL = {
    "sse": ("text/event-stream", 'event: text\ndata: {"text":"Hällo"}\n\n'),
    "ndjson": ("application/x-ndjson", '{"type":"text","text":"Hällo"}\n'),
    "openai-chat": ("text/event-stream", 'data: {"choices":[{"index":0,"delta":{"content":"Hällo"}}]}\n\n'),
}
ENDED = """
from streaming_runtime import HttpResponse

ANSWERS = ANSWERS_HERE

def handler(event, context):
    dialect = event["rawPath"].strip("/")
    kind, wire = ANSWERS[dialect]
    yield HttpResponse(200, {"content-type": kind, "x-stream-dialect": dialect})
    yield wire.encode()
"""
LONG = """
import time
from streaming_runtime import Text, streaming_handler

@streaming_handler(dialect="sse")
def handler(request, context):
    for number in range(1000):
        yield Text(f"word {number} ")
        time.sleep(0.05)
"""
SHORT = """
import time
from streaming_runtime import Data, Text, streaming_handler

@streaming_handler(dialect=DIALECT)
def handler(request, context):
    for number in range(8):
        yield Text(f"wörd {number} ") if number % 2 else Data({"number": number}, "step")
        time.sleep(0.1)
"""
SILENT = """
import time
from streaming_runtime import Text, streaming_handler

@streaming_handler(dialect="sse")
def handler(request, context):
    yield Text("a")
    time.sleep(20)
"""
HIDDEN = ["x-stream-dialect", "x-stream-id", "x-amzn-requestid", "retry-after", "x-amzn-errortype"]
"""What a page cannot read of an answer unless the URL's CORS settings expose it."""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    app = App(tmp_path_factory.mktemp("browser-app"))
    with serving() as dynamodb:
        store = {"STREAM_STORE_TABLE": dynamodb.table()}
        for dialect in (*FINISHES, "text"):
            code = _HANDLER.replace("DIALECT", repr(dialect))
            app.function(dialect.replace("-", ""), code, environment={"STREAM_HEARTBEAT_SECONDS": "1"})
        app.function("ended", ENDED.replace("ANSWERS_HERE", repr(WITHOUT_TERMINAL)))
        app.function("long", LONG, environment=store, Timeout=60)
        app.function("whole", SHORT.replace("DIALECT", "'sse'"), environment=store, Timeout=60)
        app.function("unkept", LONG, Timeout=60)
        app.function("silent", SILENT, environment={"STREAM_HEARTBEAT_SECONDS": "0"}, Timeout=30)
        public(app, "open", _HANDLER.replace("DIALECT", "'sse'"))
        faults = ["throttle:2@Test/busy"]
        app.function("busy", _HANDLER.replace("DIALECT", "'sse'"))
        for dialect in ("sse", "ndjson", "text"):
            app.function(f"kept{dialect}", SHORT.replace("DIALECT", repr(dialect)), environment=store, Timeout=60)
            faults.append(f"reset:100,times=2@Test/kept{dialect}")
        app.function("breaking", SHORT.replace("DIALECT", "'sse'"), environment=store, Timeout=60)
        faults.append("reset:1@Test/breaking")
        app.role("Nobody")
        app.role("Half", grant("lambda:InvokeFunctionUrl", "*"))
        with Emulator(app.write(), model=None, mounts=False, faults=faults, endpoints={"dynamodb": dynamodb.url}) as running:
            yield running


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def read(emulator: Emulator, dist: Path) -> Read:
    def one(function: str, who: str | None = "admin", *, scenario: str = "", **job: Any) -> dict[str, Any]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        if who is not None:
            keys = emulator.principals[who]
            environment |= {
                "AWS_ACCESS_KEY_ID": keys["access_key_id"] or "",
                "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"] or "",
                "AWS_SESSION_TOKEN": keys["session_token"] or "",
            }
        job.setdefault("call", {"json": {"prompt": f"scenario:{scenario or 'complete'}", "stream": True}})
        url = emulator.urls[f"Test/{function}"]
        environment["AWS_REGION"] = REGION
        said = run(HERE / "node" / "browser_live.mjs", dist, url, input=json.dumps([job]), environment=environment)
        assert who is None or environment["AWS_SECRET_ACCESS_KEY"] not in said
        return json.loads(said)

    return one


@pytest.mark.parametrize("dialect", FINISHES)
def test_it_reads_a_whole_stream(read: Read, dialect: str) -> None:
    seen = read(dialect.replace("-", ""))
    assert (seen["text"], seen["finish"]["reason"], seen["error"]) == (TEXT, FINISHES[dialect], None)
    assert seen["requestId"]
    assert seen["asked"] == 1
    timing = seen["timing"]
    assert 0 < timing["firstByteMs"] <= timing["firstEventMs"] <= timing["totalMs"]
    assert timing["events"] == len(seen["events"])


def test_it_reads_text_until_http_says_that_it_is_over(read: Read) -> None:
    seen = read("text")
    assert (seen["text"], seen["finish"], seen["error"]) == (TEXT, None, None)


def test_it_lives_through_heartbeats(read: Read) -> None:
    seen = read("sse", scenario="heartbeats")
    assert (seen["text"], seen["timing"]["events"], seen["error"]) == (TEXT, 3, None)
    assert seen["timing"]["longestGapMs"] > 2000


@pytest.mark.parametrize("dialect", FINISHES)
def test_it_raises_what_the_stream_says_went_wrong(read: Read, dialect: str) -> None:
    seen = read(dialect.replace("-", ""), scenario="error")
    assert (seen["text"], seen["finish"]) == ("Hällo", None)
    assert seen["error"]["name"] == "StreamError"
    assert seen["error"]["message"] == "The model gave up."
    assert seen["error"]["requestId"] == seen["requestId"]


@pytest.mark.parametrize("function", [*(dialect.replace("-", "") for dialect in FINISHES), "text"])
def test_it_notices_a_stream_that_was_cut(read: Read, function: str) -> None:
    seen = read(function, scenario="truncated")
    assert seen["text"] == "Hällo"
    assert (seen["error"]["name"], seen["error"]["code"]) == ("StreamTruncated", "TRUNCATED")


@pytest.mark.parametrize("dialect", WITHOUT_TERMINAL)
def test_it_notices_an_end_without_the_terminal_event(read: Read, dialect: str) -> None:
    seen = read("ended", call={"path": dialect})
    assert seen["text"] == "Hällo"
    assert (seen["error"]["name"], seen["error"]["code"]) == ("StreamTruncated", "TRUNCATED")


def test_it_tells_when_to_come_back_after_a_throttled_request(read: Read) -> None:
    error = read("sse", scenario="throttled", options={"attempts": 1})["error"]
    assert (error["name"], error["status"], error["retryAfterSeconds"]) == ("Throttled", 429, 7)
    assert "The model is busy." in error["message"]


def test_it_repeats_a_throttled_request_until_the_answer_begins(read: Read) -> None:
    seen = read("busy")
    assert (seen["text"], [sent["method"] for sent in seen["sent"]]) == (TEXT, ["POST"] * 3)


def test_it_says_which_permission_is_missing(read: Read) -> None:
    nobody, half = read("sse", "Test/Nobody")["error"], read("sse", "Test/Half")["error"]
    assert (nobody["name"], nobody["status"]) == (half["name"], half["status"]) == ("AccessDenied", 403)
    for error in (nobody, half):
        assert error["code"] == "AccessDeniedException"
        assert error["message"].endswith("; the caller may lack lambda:InvokeFunctionUrl or lambda:InvokeFunction (HTTP 403)")


def test_without_credentials_it_calls_urls_without_auth_alone(read: Read) -> None:
    assert read("open", None)["text"] == TEXT
    assert read("sse", None)["error"]["name"] == "AccessDenied"


def test_no_answer_is_a_failed_connection(dist: Path) -> None:
    jobs = json.dumps([{"call": {"json": 1}}, {"call": {}}])
    said = run(HERE / "node" / "browser_live.mjs", dist, "http://127.0.0.1:9/", input=jobs, environment={})
    post, get = (json.loads(line) for line in said.splitlines())
    assert (post["error"]["code"], len(post["sent"])) == ("CONNECTION_FAILED", 1), "the function may have run"
    assert (get["error"]["code"], len(get["sent"])) == ("CONNECTION_FAILED", 3)


def test_silence_is_not_waited_for_for_ever(read: Read) -> None:
    seen = read("silent", options={"idleTimeoutMs": 500})
    assert (seen["text"], seen["error"]["code"]) == ("a", "TIMEOUT")


def test_it_keeps_reading_at_its_consumers_pace(read: Read) -> None:
    seen = read("sse", do={"pauseMs": 50})
    assert (seen["text"], seen["error"]) == (TEXT, None)


def test_a_stream_is_read_once(read: Read) -> None:
    assert read("sse", do={"twice": True})["error"]["code"] == "STREAM_READ_TWICE"


# ---- cancelling


@pytest.mark.parametrize("how", ["cancelAfter", "abortAfter"])
def test_a_cancelled_stream_is_stopped_at_the_function_too(read: Read, how: str) -> None:
    seen = read("long", do={how: 3, "deletes": True})
    assert (seen["error"]["name"], seen["error"]["code"], len(seen["events"])) == ("StreamError", "cancelled", 3)
    post, delete = seen["sent"]
    assert (delete["method"], delete["lastEventId"]) == ("DELETE", None)
    assert post["streamId"] is None
    again = read("long", call={"headers": {"last-event-id": seen["lastEventId"]}})
    assert again["error"]["code"] == "cancelled", "the function itself says so"
    assert again["events"][0]["text"] == "word 3 "
    assert seen["warnings"] == []


def test_a_loop_that_is_left_stops_the_function_too(read: Read) -> None:
    seen = read("long", do={"breakAfter": 2, "deletes": True})
    assert (seen["error"], [sent["method"] for sent in seen["sent"]]) == (None, ["POST", "DELETE"])
    assert seen["sent"][1]["streamId"] == seen["lastEventId"].split(":")[0]


def test_where_the_function_keeps_nothing_cancelling_hangs_up(read: Read) -> None:
    seen = read("unkept", do={"cancelAfter": 2})
    assert (seen["error"]["code"], [sent["method"] for sent in seen["sent"]]) == ("cancelled", ["POST"])


def test_what_is_aborted_before_it_is_read_is_not_sent(read: Read) -> None:
    seen = read("sse", do={"abortAfter": 0})
    assert (seen["error"]["code"], seen["events"]) == ("cancelled", [])
    assert all(sent["method"] == "POST" for sent in seen["sent"])


def test_a_stream_that_is_complete_is_not_stopped(read: Read) -> None:
    seen = read("whole", do={"cancelAfter": 9})
    assert [sent["method"] for sent in seen["sent"]].count("DELETE") == 0


# ---- resuming


@pytest.mark.parametrize("dialect", ["sse", "ndjson", "text"])
def test_a_stream_that_breaks_is_taken_up_with_no_event_lost_or_twice(read: Read, dialect: str) -> None:
    seen = read(f"kept{dialect}")
    assert seen["error"] is None
    if dialect == "text":
        assert seen["text"] == "".join(f"wörd {number} " if number % 2 else f'{{"number":{number}}}\n' for number in range(8))
    else:
        steps = [event.get("text") or event["value"]["number"] for event in seen["events"][:-1]]
        assert steps == [f"wörd {number} " if number % 2 else number for number in range(8)]
        assert seen["finish"]["reason"] == "stop"
        ids = [event["id"].rpartition(":") for event in seen["events"]]
        assert [int(number) for _, _, number in ids] == list(range(1, 10))
        assert {f"{stream}:{number}" for stream, _, number in ids} >= {sent["lastEventId"] for sent in seen["sent"][1:]} - {
            f"{ids[0][0]}:0"
        }
    assert seen["resumed"] >= 1
    assert [sent["method"] for sent in seen["sent"]] == ["POST"] * (1 + seen["resumed"])


def test_a_stream_may_break_more_than_once_but_not_for_ever(read: Read) -> None:
    seen = read("breaking")
    assert (seen["error"]["name"], seen["error"]["code"]) == ("StreamTruncated", "TRUNCATED")
    assert (seen["resumed"], len(seen["sent"])) == (3, 4)
    assert [sent["method"] for sent in seen["sent"]] == ["POST"] * 4, "what broke for good is not stopped: a reader may come back"


def test_none_is_taken_up_where_the_caller_says_so(read: Read) -> None:
    seen = read("breaking", call={"json": 1, "resume": False})
    assert (seen["error"]["code"], len(seen["sent"])) == ("TRUNCATED", 1)


# ---- what CORS hides


def test_where_cors_hides_every_header_the_dialect_is_as_the_caller_says(read: Read) -> None:
    seen = read("openaichat", call={"json": {"stream": True}, "dialect": "openai-chat"}, do={"hide": HIDDEN})
    assert (seen["text"], seen["error"]) == (TEXT, None)
    assert "requestId" not in seen


def test_where_cors_hides_the_streams_name_its_ids_tell_it(read: Read) -> None:
    seen = read("long", do={"cancelAfter": 3, "hide": HIDDEN, "deletes": True}, call={"json": 1, "dialect": "sse"})
    assert [sent["method"] for sent in seen["sent"]] == ["POST", "DELETE"]


def test_where_cors_hides_how_long_to_wait_a_throttled_request_is_still_one(read: Read) -> None:
    error = read("sse", scenario="throttled", options={"attempts": 1}, do={"hide": HIDDEN})["error"]
    assert (error["name"], error["status"]) == ("Throttled", 429)
    assert "retryAfterSeconds" not in error
