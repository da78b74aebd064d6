"""Faults on demand: what each kind is for a caller, and that it hits exactly the calls that it is meant for."""

from __future__ import annotations

import time

import boto3
import pytest
from botocore.config import Config
from botocore.eventstream import EventStreamError

from constructs_pkg.emulator.faults import KINDS, Fault, Faults
from tests.emulator.support import REGION, call, sign, wait_for

TEXT = """
def handler(event, context):
    for number in range(10):
        yield f"{number:09d},"
"""
BODY = b"".join(f"{number:09d},".encode() for number in range(10))


@pytest.fixture
def start(app, emulate):
    """Starts one function with faults, and gives what calls it."""

    def started(*faults: str, code: str = TEXT, **options):
        app.function("Fn", code)
        emulator = emulate(app, faults=faults, **options)
        return emulator, lambda: call(emulator.urls["Test/Fn"], emulator.principals["admin"])

    return started


# How a fault is written.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kill", {"kind": "kill", "value": 1}),
        ("kill:100@Chat/Function", {"kind": "kill", "value": 100, "function": "Chat/Function"}),
        ("kill:0", {"kind": "kill", "value": 0}),
        ("stall:0.5,after=20", {"kind": "stall", "value": 0.5, "after": 20}),
        ("stall:5", {"kind": "stall", "value": 5, "after": 1}),
        ("slow-reader:1000", {"kind": "slow-reader", "value": 1000}),
        ("reset:7,times=2,every=3,skip=1", {"kind": "reset", "value": 7, "times": 2, "every": 3, "skip": 1}),
        ("throttle", {"kind": "throttle", "times": None, "every": 1}),
        ("throttle:3", {"kind": "throttle", "times": 3}),
        ("throttle:1/4", {"kind": "throttle", "times": None, "every": 4}),
        ("cold-start:2.5", {"kind": "cold-start", "value": 2.5}),
        ("clock-skew:-600", {"kind": "clock-skew", "value": -600}),
        ("model-error:3,shape=InternalServerException", {"kind": "model-error", "value": 3, "shape": "InternalServerException"}),
    ],
)
def test_a_fault_is_read_as_it_is_written(text, expected) -> None:
    fault = Fault.parse(text)
    assert {name: getattr(fault, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("explode", "FAULT_UNKNOWN"),
        ("", "FAULT_UNKNOWN"),
        ("kill 100", "FAULT_UNKNOWN"),
        ("kill:x", "FAULT_VALUE"),
        ("kill:1.5", "FAULT_VALUE"),
        ("kill:-1", "FAULT_VALUE"),
        ("stall", "FAULT_VALUE"),
        ("stall:nan", "FAULT_VALUE"),
        ("slow-reader:0", "FAULT_VALUE"),
        ("throttle:2/3", "FAULT_VALUE"),
        ("throttle:1/0", "FAULT_VALUE"),
        ("kill:1,after=2", "FAULT_VALUE"),
        ("kill:1,every=0", "FAULT_VALUE"),
        ("kill:1,often=yes", "FAULT_VALUE"),
        ("clock-skew:5@Test/Fn", "FAULT_VALUE"),
        ("kill:1@Test/Other", "FAULT_FUNCTION"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_in_one_line(app, emulate, text, code) -> None:
    app.function("Fn", TEXT)
    with pytest.raises(ValueError, match=f"^{code}: [^\n]+$"):
        emulate(app, faults=[text])


def test_every_kind_is_named_where_one_is_not_known() -> None:
    with pytest.raises(ValueError, match="FAULT_UNKNOWN") as raised:
        Fault.parse("explode")
    assert all(kind in str(raised.value) for kind in KINDS)


@pytest.mark.parametrize(
    ("options", "hits"),
    [
        ("", "XXXXXXXX"),
        (",times=2", "XX------"),
        (",skip=3", "---XXXXX"),
        (",every=3", "X--X--X-"),
        (",skip=1,every=2,times=2", "-X-X----"),
    ],
)
def test_a_fault_hits_the_calls_that_it_counts(options, hits) -> None:
    fault = Fault.parse(f"kill:1{options}")
    assert "".join("X" if fault.hit() else "-" for _ in hits) == hits
    assert fault.hits == hits.count("X")


def test_faults_are_added_and_removed_while_it_runs(start) -> None:
    emulator, ask = start()
    with emulator.faults.add("throttle") as fault:
        assert ask().status == 429
        assert fault.hits == 1
    assert ask().status == 200
    emulator.faults.add("throttle")
    emulator.faults.clear()
    assert len(emulator.faults) == 0
    assert ask().status == 200


def test_a_fault_is_for_the_function_that_it_names(app, emulate) -> None:
    app.function("One", TEXT)
    app.function("Two", TEXT)
    emulator = emulate(app, faults=["throttle@Test/Two"])
    assert call(emulator.urls["Test/One"], emulator.principals["admin"]).status == 200
    assert call(emulator.urls["Test/Two"], emulator.principals["admin"]).status == 429
    emulator.faults.add("throttle@One")  # its logical id
    assert call(emulator.urls["Test/One"], emulator.principals["admin"]).status == 429


# What each is for a caller.


@pytest.mark.parametrize("after", [1, 9, 10, 11, 25, 99])
def test_kill_cuts_the_answer_at_exactly_that_byte_and_the_next_call_starts_cold(start, after) -> None:
    emulator, ask = start(f"kill:{after},times=1")
    broken = ask()
    chunks, complete = broken.chunks()
    assert (broken.status, b"".join(chunks), complete) == (200, BODY[:after], False)
    assert ask().read() == BODY
    (service,) = emulator.services.values()
    assert service.concurrency.cold_starts == 2


def test_kill_before_the_first_byte_is_a_502(start, logs) -> None:
    _, ask = start("kill:0")
    broken = ask()
    assert (broken.status, broken.read()) == (502, b"Internal Server Error")
    wait_for(lambda: logs.having("Runtime exited with error: signal: killed"))


def test_kill_beyond_the_end_changes_nothing(start) -> None:
    _, ask = start("kill:1000")
    assert ask().read() == BODY


def test_a_direct_caller_is_told_what_killed_it(start) -> None:
    emulator, _ = start("kill:10")
    admin = emulator.principals["admin"]
    client = boto3.client(
        "lambda",
        endpoint_url=emulator.lambda_endpoint,
        region_name=REGION,
        aws_access_key_id=admin["access_key_id"],
        aws_secret_access_key=admin["secret_access_key"],
        aws_session_token=admin["session_token"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    (service,) = emulator.services.values()
    events = list(client.invoke_with_response_stream(FunctionName=service.function.name)["EventStream"])
    assert b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event).endswith(BODY[:10])
    assert events[-1]["InvokeComplete"]["ErrorCode"] == "Runtime.ExitError"


def test_stall_is_a_silence_in_the_middle_and_then_the_rest(start) -> None:
    _, ask = start("stall:0.6,after=15")
    answer = ask()
    received, times = b"", [time.monotonic()]
    while chunk := answer.chunk():
        received += chunk
        times.append(time.monotonic())
        if len(received) == 15:
            silent_from = times[-1]
    assert received == BODY
    assert chunk == b""
    assert times[-1] - silent_from >= 0.5


def test_stall_longer_than_the_callers_patience_is_a_timeout_for_it(start) -> None:
    _, ask = start("stall:60")
    answer = ask()
    answer._socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        answer.chunks()


def test_a_slow_reader_takes_as_long_as_it_takes_and_misses_nothing(start) -> None:
    _, ask = start("slow-reader:200")
    started = time.monotonic()
    assert ask().read() == BODY
    assert time.monotonic() - started >= 0.4


def test_a_slow_reader_holds_the_function_back(start, logs) -> None:
    code = """
import sys
def handler(event, context):
    for number in range(400):
        yield b"x" * 100_000
        print(f"wrote {number}", flush=True)
"""
    _, ask = start("slow-reader:1000", code=code)
    answer = ask()
    assert answer.chunk()
    wait_for(lambda: logs.having("wrote 0"))
    # 40 MB are more than all buffers on the way (some 64 KiB here, and what the system's sockets hold).
    time.sleep(0.5)
    written = len(logs.having("wrote"))
    time.sleep(0.5)
    assert len(logs.having("wrote")) - written <= 2
    assert written < 390


def test_reset_resets_the_callers_connection_and_the_function_runs_on(start, logs) -> None:
    code = TEXT + "    print('ran to its end')\n"
    _, ask = start("reset:25", code=code)
    answer = ask()
    received, reset = b"", False
    try:
        while chunk := answer.chunk():
            received += chunk
    except ConnectionResetError:
        reset = True
    assert reset
    assert BODY.startswith(received)
    assert len(received) <= 25
    wait_for(lambda: logs.having("ran to its end"))


def test_throttle_is_lambdas_own_429_for_the_next_calls(start) -> None:
    emulator, ask = start("throttle:2")
    refused = ask()
    assert refused.status == 429
    assert refused.header("x-amzn-ErrorType") == "TooManyRequestsException"
    assert b'"Reason":"CallerRateLimitExceeded"' in refused.read()
    assert ask().status == 429
    (service,) = emulator.services.values()
    assert service.concurrency.cold_starts == 0
    assert [ask().status for _ in range(2)] == [200, 200]


def test_throttle_of_a_part_hits_one_call_in_so_many(start) -> None:
    _, ask = start("throttle:1/3")
    assert [ask().status for _ in range(7)] == [429, 200, 200, 429, 200, 200, 429]


def test_cold_start_delays_the_first_call_and_not_the_next(start) -> None:
    _, ask = start("cold-start:0.7")
    started = time.monotonic()
    assert ask().read() == BODY
    cold = time.monotonic() - started
    started = time.monotonic()
    assert ask().read() == BODY
    assert cold >= 0.7
    assert time.monotonic() - started < cold


@pytest.mark.parametrize(("seconds", "words"), [(600, b"Signature expired"), (-600, b"Signature not yet current")])
def test_a_caller_whose_clock_is_off_is_refused(start, seconds, words) -> None:
    _, ask = start(f"clock-skew:{seconds},times=1")
    refused = ask()
    assert refused.status == 403
    assert refused.header("x-amzn-ErrorType") == "InvalidSignatureException"
    assert words in refused.read()
    assert ask().status == 200


def test_a_clock_that_is_a_little_off_is_no_matter(start) -> None:
    _, ask = start("clock-skew:240")
    assert ask().status == 200


def test_a_presigned_url_expires_sooner_by_a_skewed_clock(start) -> None:
    emulator, _ = start("clock-skew:4000")
    # botocore's presigned requests hold for an hour.
    url = emulator.urls["Test/Fn"]
    assert call(url, emulator.principals["admin"], query=True).status == 403
    assert sign(url, emulator.principals["admin"])


# The model's.


def bedrock(emulator):
    admin = emulator.principals["admin"]
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=emulator.bedrock_endpoint,
        region_name=REGION,
        aws_access_key_id=admin["access_key_id"],
        aws_secret_access_key=admin["secret_access_key"],
        aws_session_token=admin["session_token"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def said(client) -> list[str]:
    messages = [{"role": "user", "content": [{"text": "one two three four"}]}]
    stream = client.converse_stream(modelId="some.model-v1:0", messages=messages)["stream"]
    texts: list[str] = []
    try:
        for event in stream:
            if "contentBlockDelta" in event:
                texts.append(event["contentBlockDelta"]["delta"]["text"])
    except EventStreamError as error:
        texts.append(error.response["Error"]["Code"])
    return texts


def test_the_model_throttles(start) -> None:
    emulator, _ = start("model-throttle:1", model="echo")
    client = bedrock(emulator)
    with pytest.raises(client.exceptions.ThrottlingException):
        said(client)
    assert "".join(said(client)) == "one two three four"


def test_the_model_fails_in_the_middle_of_its_answer(start) -> None:
    emulator, _ = start("model-error:2,times=1", "model-error:1,skip=1,times=1,shape=ThrottlingException", model="echo")
    client = bedrock(emulator)
    assert said(client) == ["one", " two", "modelStreamErrorException"]
    assert said(client) == ["one", "throttlingException"]
    assert len(said(client)) == 4


def test_the_model_fails_before_its_first_word(start) -> None:
    emulator, _ = start("model-error:0,shape=InternalServerException", model="echo")
    client = bedrock(emulator)
    with pytest.raises(client.exceptions.InternalServerException):
        said(client)


def test_the_model_falls_silent(start) -> None:
    emulator, _ = start("model-stall:0.5,after=2", model="echo")
    started = time.monotonic()
    assert len(said(bedrock(emulator))) == 4
    assert time.monotonic() - started >= 0.5


def test_faults_without_an_app_are_for_everything() -> None:
    faults = Faults(["clock-skew:60"])
    assert [fault.kind for fault in faults] == ["clock-skew"]
    with pytest.raises(ValueError, match="FAULT_FUNCTION"):
        faults.add("kill@x")
