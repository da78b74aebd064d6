"""One record a stream, and the hooks: what they say, when they are called, and what they must never say or do."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import Usage, serve, telemetry
from streaming_runtime.dialects import Dialect
from streaming_runtime.request import Request
from streaming_runtime.serve import Server
from streaming_runtime.telemetry import OUTCOMES, StreamReport, record
from tests.runtime.neutral_api import url_event

if TYPE_CHECKING:
    from tests.runtime.conftest import Start

LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_LOG_FORMAT": "JSON"}
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f"


def said_of(*arguments: Any) -> Any:
    return json.loads(record(*arguments))


def report(**fields: Any) -> StreamReport:
    made = StreamReport(Request({}, "r-1"), 10.0)
    for name, value in {"outcome": "completed", "ended_at": 12.0, **fields}.items():
        setattr(made, name, value)
    return made


def test_the_record_has_times_counts_and_the_dimensions_of_lambdas_own_metrics() -> None:
    said = said_of(
        report(
            first_byte_at=10.25,
            first_event_at=10.5,
            last_event_at=11.5,
            longest_gap=0.3,
            usage=Usage(7, 11),
            finish_reason="stop",
            bytes_sent=99,
            chunks_sent=3,
        ),
        "f",
        ARN + ":live",
        "sse",
        1_700_000_000_000,
    )
    about = said.pop("_aws")
    directive = about["CloudWatchMetrics"][0]
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert (about["Timestamp"], directive["Namespace"], directive["Dimensions"]) == (
        1_700_000_000_000,
        "StreamingLambda",
        [["FunctionName", "Resource"]],
    )
    assert said == {
        "FunctionName": "f",
        "Resource": "f:live",
        "requestId": "r-1",
        "outcome": "completed",
        "dialect": "sse",
        "gen_ai.response.finish_reasons": ["stop"],
        "TimeToFirstByte": 250.0,
        "gen_ai.server.time_to_first_token": 0.5,
        "gen_ai.server.time_per_output_token": 0.1,
        "gen_ai.server.request.duration": 2.0,
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 11,
        "TokensPerSecond": 10.0,
        "LongestGap": 300.0,
        "BytesStreamed": 99,
        "ChunksStreamed": 3,
        "Completed": 1,
    }
    assert set(units) == set(said) - {
        "FunctionName", "Resource", "requestId", "outcome", "dialect", "gen_ai.response.finish_reasons"
    }  # fmt: skip
    assert (units["TimeToFirstByte"], units["gen_ai.server.request.duration"]) == ("Milliseconds", "Seconds")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_is_not_known_is_not_there_and_the_outcome_is_exactly_one(outcome: str) -> None:
    said = said_of(report(outcome=outcome), "f", ARN, "", 0)
    assert said["Resource"] == "f"
    assert {name for name in said if name in OUTCOMES.values()} == {OUTCOMES[outcome]}
    assert not {name for name in said if "token" in name.lower() or name in ("TimeToFirstByte", "LongestGap", "dialect")}


def test_without_a_usage_pieces_of_text_are_counted() -> None:
    said = said_of(report(texts=3, first_event_at=10.5, last_event_at=11.5), "f", ARN, "", 0)
    assert (said["gen_ai.usage.output_tokens"], said["gen_ai.server.time_per_output_token"]) == (3, 0.5)
    assert "gen_ai.usage.input_tokens" not in said


SOURCE = """
    def told(name):
        def hook(report):
            print(json.dumps({"hook": name, "outcome": report.outcome, "first": report.time_to_first_byte is not None}), flush=True)
            if name == "start" and report.request.path == "/broken-hook":
                raise RuntimeError("observer")
        return hook

    @streaming_handler(dialect="sse", on_start=told("start"), on_first_byte=told("first"), on_finish=told("finish"),
                       on_abort=told("abort"))
    def handler(request, context):
        if request.path == "/refuse":
            raise BadRequest("no")
        yield Text("my secret answer")
        if request.path == "/fail":
            raise RuntimeError("after the first byte")
        time.sleep(5 if request.path == "/slow" else 0.002)
        yield Text("more")
        yield Finish("length", {"input_tokens": 3, "output_tokens": 4})
"""


def lines(log: str, key: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in found if key in line]


def test_each_stream_leaves_one_record_without_its_words(interpreter: str, start: Start) -> None:
    runtime = start(SOURCE, interpreter=interpreter, environment={**LAMBDA, "STREAM_MAX_DURATION_SECONDS": "1"})
    for path in ("/fine", "/fail", "/refuse", "/slow", "/broken-hook"):
        runtime.invoke(url_event("POST", path, body="my secret prompt"))
    runtime.await_next()
    log = runtime.log()
    records = lines(log, "_aws")
    assert [said["outcome"] for said in records] == ["completed", "errored", "errored", "deadline", "completed"]
    assert not [said for said in records if "secret" in json.dumps(said)]
    fine = records[0]
    assert (fine["Resource"], fine["dialect"], fine["gen_ai.usage.output_tokens"]) == ("f:live", "sse", 4)
    assert fine["LongestGap"] >= 2
    assert 0 <= fine["TimeToFirstByte"] <= fine["gen_ai.server.request.duration"] * 1000
    assert fine["ChunksStreamed"] in (2, 3)  # the end may leave with the last event
    assert "RuntimeError: observer" in log
    hooks = [(said["hook"], said["outcome"], said["first"]) for said in lines(log, "hook")]
    completed = [("start", "", False), ("first", "", True), ("finish", "completed", True)]
    assert hooks[:3] == hooks[-3:] == completed
    assert hooks[3:6] == [("start", "", False), ("first", "", True), ("abort", "errored", True)]
    assert [hook[0] for hook in hooks[6:8]] == ["start", "first"]  # a refusal has a first byte too
    assert ("abort", "deadline", True) in hooks


def test_a_whole_answer_to_a_direct_invocation_is_no_stream(start: Start) -> None:
    runtime = start("def handler(event, context):\n    return {'a': 1}", environment=LAMBDA)
    runtime.invoke({})
    runtime.await_next()
    assert lines(runtime.log(), "_aws") == []


def test_outside_lambda_there_is_no_record(start: Start) -> None:
    runtime = start(SOURCE)
    runtime.invoke(url_event("GET", "/fine"))
    runtime.await_next()
    assert lines(runtime.log(), "_aws") == []


def test_times_are_since_the_start_and_unknown_until_they_are_known() -> None:
    known = report(first_byte_at=10.25, first_event_at=10.5)
    assert (known.time_to_first_byte, known.time_to_first_token, known.duration) == (0.25, 0.5, 2.0)
    unknown = report(ended_at=None)
    assert (unknown.time_to_first_byte, unknown.time_to_first_token, unknown.duration) == (None, None, None)


def test_what_is_not_known_is_not_in_the_record() -> None:
    tokens = "gen_ai.server.time_per_output_token"
    at_once = report(first_event_at=10.5, last_event_at=10.5, usage=Usage(None, 3), ended_at=None)
    said = said_of(at_once, "f", ARN, "", 0)
    assert (said[tokens], said["gen_ai.usage.output_tokens"]) == (0.0, 3)
    assert not {"TokensPerSecond", "gen_ai.server.request.duration", "gen_ai.usage.input_tokens"} & set(said)


def test_records_are_the_same_when_no_more_of_their_forms_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_templates", {})
    remembered = [said_of(report(), f"f-{number}", ARN, "", 0) for number in range(80)]
    assert len(telemetry._templates) < 80
    monkeypatch.setattr(telemetry, "_templates", {})
    assert [said_of(report(), f"f-{number}", ARN, "", 0) for number in reversed(range(80))] == remembered[::-1]


@pytest.mark.parametrize("known", [{"texts": 1}, {"usage": Usage(None, 1)}])
def test_one_token_has_no_time_for_each_further_one(known: dict[str, Any]) -> None:
    assert report(first_event_at=10.5, last_event_at=10.5, **known).time_per_output_token is None


def test_a_record_is_written_by_whoever_is_first_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    monkeypatch.setattr(serve, "write", lambda *what: written.append(what))
    server = Server.__new__(Server)
    server._pen, server._function_name = threading.Lock(), "f"  # type: ignore[assignment]
    encoder: Any = Dialect("sse").encoder(Request({}))
    about: Any = object()
    server._unwritten = about, about, about, ARN, encoder
    server._write_record()  # as the clock does, when the process has to end
    server._write_record()  # and as the handler's thread does, when it gets that far
    assert written == [(about, "f", ARN, "sse")]


def test_a_stream_that_sent_nothing_has_no_first_byte_to_tell_of(start: Start) -> None:
    source = """
        def told(name):
            return lambda report: print(f"told {name}", flush=True)

        @streaming_handler(dialect="sse", on_first_byte=told("first"), on_abort=told("abort"))
        def handler(request, context):
            raise RuntimeError("before the first byte")
    """
    runtime = start(source)
    assert runtime.invoke({}).is_error
    runtime.await_next()
    log = runtime.log()
    assert "told abort" in log
    assert "told first" not in log
