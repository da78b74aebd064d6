"""What the browser's module does about answers that refuse, break, stall and lie: as the Python client does."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.client import AccessDenied, Throttled
from constructs_pkg.client._refusals import refusal
from tests.clients.browser_module import HERE, INSTALLED, NEEDS_NPM, build, run

if TYPE_CHECKING:
    from collections.abc import Callable

    Play = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.skipif(not INSTALLED, reason=NEEDS_NPM)

NAME = "A" * 24
SSE = {"content-type": "text/event-stream", "x-stream-dialect": "sse", "x-stream-id": NAME}
FINISH = f'id: {NAME}:9\nevent: finish\ndata: {{"reason":"stop","usage":null}}\n\n'


def event(number: int, text: str) -> str:
    return f'id: {NAME}:{number}\nevent: text\ndata: {{"text":"{text}"}}\n\n'


def answer(*pieces: Any, then: str = "end", status: int = 200, headers: dict[str, str] = SSE) -> dict[str, Any]:
    return {"status": status, "headers": headers, "pieces": pieces, "then": then}


def says(status: int, body: str = "", **headers: str) -> dict[str, Any]:
    return answer(
        *([body] if body else []), status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    dist = build(tmp_path_factory.mktemp("browser"))

    def one(*answers: dict[str, Any], **scene: Any) -> dict[str, Any]:
        scene = {"call": {"json": {"prompt": "x"}}, **scene, "answers": answers, "do": {"noWaits": True, **scene.get("do", {})}}
        [found] = json.loads(run(HERE / "node" / "browser_scripted.mjs", dist, input=json.dumps([scene])))
        return found

    return one


def methods(found: dict[str, Any]) -> list[str]:
    return [sent["method"] for sent in found["sent"]]


# ---- refusals


BODIES = [
    '{"Message":"Forbidden"}',
    '{"message":"Not Found","__type":"ResourceNotFoundException"}',
    '{"error":{"message":"bad","type":"invalid_request_error","param":null,"code":null}}',
    '{"error":{"code":"too_long","message":"bad"}}',
    '{"error":"invalid_grant","error_description":"no"}',
    '{"errorMessage":"boom","errorType":"Function.ValueError"}',
    '"a sentence"',
    "two\nlines \n",
    "<html>...</html>",
    "",
    "[1]",
    "x" * 5000,
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:30])
def test_any_shape_of_error_is_read_as_in_python(play: Play, body: str) -> None:
    theirs = refusal(400, {}, body.encode())
    error = play(says(400, body, x_amzn_requestid="r1"))["error"]
    assert (error["name"], error["status"], error["requestId"]) == ("HttpError", 400, "r1")
    assert error["message"] == f"{theirs.message} (HTTP 400)"
    assert error["code"] == (theirs.code or "HTTP_400")


def test_the_error_type_may_stand_in_a_header(play: Play) -> None:
    assert play(says(500, x_amzn_errortype="ServiceException:http://x/"))["error"]["code"] == "ServiceException"


@pytest.mark.parametrize(
    "said",
    [
        "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: lambda:InvokeFunctionUrl on resource: arn:x because no policy",
        "User: arn:aws:iam::1:user/u is not authorized to perform: lambda:InvokeFunction on resource: arn:x",
        "Access denied because no resource-based policy allows the lambda:InvokeFunction action",
        "The request signature we calculated does not match the signature you provided.",
        "Forbidden",
    ],
)
def test_access_denied_says_which_permission_is_missing_when_the_answer_tells(play: Play, said: str) -> None:
    body = json.dumps({"Message": said})
    theirs = refusal(403, {}, body.encode())
    assert isinstance(theirs, AccessDenied)
    error = play(says(403, body))["error"]
    assert error["name"] == "AccessDenied"
    assert error.get("missingPermission") == theirs.missing_permission
    assert said in error["message"]


LATER = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


@pytest.mark.parametrize("value", ["12", "0", "1.5", "soon", "", LATER, "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_throttling_tells_how_long_to_wait_as_in_python(play: Play, value: str) -> None:
    theirs = refusal(429, {"retry-after": value}, b"")
    assert isinstance(theirs, Throttled)
    error = play(says(429, retry_after=value), options={"attempts": 1})["error"]
    assert error.get("retryAfterSeconds") == pytest.approx(theirs.retry_after_seconds, abs=20)


# ---- repeating


@pytest.mark.parametrize(
    ("method", "refused", "times"),
    [
        ("GET", says(503), 3),
        ("GET", answer(then="refuse"), 3),
        ("DELETE", says(502), 3),
        ("POST", says(503), 1),
        ("POST", answer(then="refuse"), 1),
        ("POST", says(429), 3),
        ("GET", says(500), 1),
        ("GET", says(404), 1),
        ("POST", says(429, retry_after="20"), 3),
        ("POST", says(429, retry_after="21"), 1),
    ],
)
def test_a_request_is_repeated_only_where_that_cannot_run_the_function_twice(
    play: Play, method: str, refused: dict[str, Any], times: int
) -> None:
    found = play(refused, call={"method": method})
    assert methods(found) == [method] * times
    if refused["headers"].get("retry-after") == "20":
        assert found["waits"].count(20_000) == 2


def test_an_answer_that_began_is_never_asked_for_again(play: Play) -> None:
    headers = {name: value for name, value in SSE.items() if name != "x-stream-id"}
    found = play(
        answer('event: text\ndata: {"text":"one"}\n\n', then="break", headers=headers), answer(FINISH), call={"method": "GET"}
    )
    assert (found["text"], found["error"]["name"], methods(found)) == ("one", "StreamTruncated", ["GET"])


# ---- resuming


def test_the_rest_is_asked_for_with_the_same_request_and_the_last_whole_event(play: Play) -> None:
    found = play(answer(event(1, "one"), event(2, "two")[:-5], then="break"), answer(event(2, "two"), FINISH))
    assert (found["text"], found["error"], found["resumed"]) == ("onetwo", None, 1)
    first, second = found["sent"]
    assert (first["lastEventId"], second["lastEventId"]) == (None, f"{NAME}:1")
    assert (second["method"], second["body"], second["url"]) == (first["method"], first["body"], first["url"])


@pytest.mark.parametrize("cut", range(1, 12))
def test_text_goes_on_at_the_next_byte_in_a_character_too(play: Play, cut: int) -> None:
    text = "häßlich €".encode()
    headers = {"content-type": "text/plain; charset=utf-8", "x-stream-dialect": "text", "x-stream-id": NAME}
    parts = [{"base64": base64.b64encode(part).decode()} for part in (text[:cut], text[cut:])]
    found = play(answer(parts[0], then="break", headers=headers), answer(parts[1], headers=headers))
    assert (found["text"], found["error"]) == ("häßlich €", None)
    assert found["sent"][1]["lastEventId"] == f"{NAME}:{cut}"


def test_lines_go_on_at_the_next_line(play: Play) -> None:
    headers = {"content-type": "application/x-ndjson", "x-stream-dialect": "ndjson", "x-stream-id": NAME}
    lines = ['{"type":"text","text":"one"}\n', '{"type":"text","text":"é"}\n', '{"type":"finish","reason":null}\n']
    found = play(answer(lines[0], lines[1][:22], then="break", headers=headers), answer(*lines[1:], headers=headers))
    assert (found["text"], found["error"], found["lastEventId"]) == ("oneé", None, f"{NAME}:3")
    assert found["sent"][1]["lastEventId"] == f"{NAME}:1"


def test_a_stream_that_was_asked_for_from_a_place_counts_on_from_there(play: Play) -> None:
    headers = {"content-type": "application/x-ndjson", "x-stream-dialect": "ndjson", "x-stream-id": NAME}
    found = play(answer('{"type":"finish"}\n', headers=headers), call={"headers": {"Last-Event-ID": f"{NAME}:7"}})
    assert (found["lastEventId"], found["events"][0]["id"]) == (f"{NAME}:8", f"{NAME}:8")


def test_an_end_without_the_terminal_event_is_a_break_too(play: Play) -> None:
    found = play(answer(event(1, "one")), answer(event(2, "two"), FINISH))
    assert (found["text"], found["error"]) == ("onetwo", None)


def test_silence_is_a_break_too(play: Play) -> None:
    found = play(answer(event(1, "one"), then="stall"), answer(event(2, "two"), FINISH), options={"idleTimeoutMs": 90})
    assert (found["text"], found["error"]) == ("onetwo", None)


def test_silence_is_no_end_of_a_text_though_that_has_no_terminal_event(play: Play) -> None:
    headers = {"content-type": "text/plain", "x-stream-dialect": "text"}
    found = play(answer("half", then="stall", headers=headers), options={"idleTimeoutMs": 90})
    assert (found["text"], found["error"]["code"]) == ("half", "TIMEOUT")


@pytest.mark.parametrize(
    "rest", [says(404, '{"error":{"code":"stream_not_found","message":"x"}}'), says(204)], ids=["404", "204"]
)
def test_where_the_function_has_no_rest_the_break_itself_is_raised(play: Play, rest: dict[str, Any]) -> None:
    found = play(answer(event(1, "one"), then="break"), rest)
    assert (found["text"], found["error"]["name"]) == ("one", "StreamTruncated")
    assert found["error"].get("cause") == ("stream_not_found" if rest["status"] == 404 else None)
    assert methods(found) == ["POST", "POST"]


def test_a_stream_breaks_at_most_three_times(play: Play) -> None:
    breaks = answer(event(1, "one"), then="break"), answer(event(2, "two"), then="break"), answer(then="break")
    found = play(*breaks, do={"settle": True})
    assert (found["text"], found["error"]["name"], found["resumed"]) == ("onetwo", "StreamTruncated", 3)
    assert found["lastEventId"] == f"{NAME}:2"
    assert methods(found) == ["POST"] * 4, "nor is it stopped: its reader may come back"


def test_an_error_of_the_stream_itself_is_no_break(play: Play) -> None:
    failed = f'id: {NAME}:2\nevent: error\ndata: {{"code":"deadline_exceeded","message":"out of time"}}\n\n'
    found = play(answer(event(1, "one"), failed))
    assert (found["error"]["name"], found["error"]["message"], methods(found)) == ("DeadlineExceeded", "out of time", ["POST"])


# ---- cancelling


def test_the_request_that_stops_says_nothing_but_which(play: Play) -> None:
    call = {"path": "/x?y=1", "json": {"prompt": "x"}, "headers": {"Last-Event-ID": "0", "x-note": "n"}}
    found = play(answer(event(1, "one"), then="stall"), says(202), call=call, do={"cancelAfter": 1})
    assert (found["error"]["code"], found["cancel"]) == ("cancelled", None)
    stopped = found["sent"][1]
    assert stopped == {
        "url": "https://x.example/x?y=1",
        "method": "DELETE",
        "body": "",
        "lastEventId": None,
        "streamId": NAME,
        "type": None,
    }


def test_a_stream_is_stopped_while_its_rest_is_asked_for_too(play: Play) -> None:
    scenes = answer(event(1, "one"), then="break"), answer(then="hang"), says(202)
    found = play(*scenes, do={"cancelWhileHanging": True})
    assert (found["text"], found["error"]["code"]) == ("one", "cancelled")
    assert methods(found) == ["POST", "POST", "DELETE"]


def test_an_answer_that_does_not_begin_is_left_when_it_is_cancelled(play: Play) -> None:
    found = play(answer(then="hang"), do={"cancelWhileHanging": True})
    assert (found["error"]["code"], methods(found)) == ("cancelled", ["POST"])


def test_an_answer_that_does_not_begin_is_not_waited_for_for_ever(play: Play) -> None:
    found = play(answer(then="hang"), options={"idleTimeoutMs": 90})
    assert (found["error"]["code"], methods(found)) == ("TIMEOUT", ["POST"])


def test_a_stop_that_fails_is_told_to_who_asked_for_it(play: Play) -> None:
    found = play(answer(event(1, "one"), then="stall"), says(404), do={"cancelAfter": 1})
    assert found["cancel"] == {"name": "HttpError", "code": "HTTP_404"}
    assert found["error"]["code"] == "cancelled", "the stream is left all the same"


def test_a_stop_that_nobody_asked_for_fails_in_the_console_alone(play: Play) -> None:
    found = play(answer(event(1, "one"), then="stall"), says(404), do={"breakAfter": 1, "settle": True})
    assert found["error"] is None
    assert found["warnings"][0].startswith(f"the stream {NAME} may run on:")


def test_a_stream_that_is_complete_is_not_stopped(play: Play) -> None:
    found = play(answer(event(1, "one"), FINISH), do={"breakAfter": 2, "settle": True})
    assert methods(found) == ["POST"]


def test_a_stream_whose_bytes_make_no_sense_is_stopped(play: Play) -> None:
    found = play(answer(event(1, "one"), "event: text\ndata: {\n\n", then="stall"), says(202), do={"settle": True})
    assert (found["text"], found["error"]["code"], methods(found)) == ("one", "NOT_JSON", ["POST", "DELETE"])


# ---- back-pressure


def test_the_network_is_read_only_when_the_next_event_is_asked_for(play: Play) -> None:
    found = play(answer(*(event(number, "x") for number in range(1, 9)), FINISH))
    *before, at_finish = found["pulls"]
    assert before == list(range(1, 9))
    assert at_finish == 10, "what follows the finish is read at once, so that the connection can be used again"
