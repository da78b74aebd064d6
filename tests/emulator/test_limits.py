"""How much and how fast a response may be.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html; the bucket is the one of AWS's runtime interface
emulator.
"""

from __future__ import annotations

import json
import time

import pytest

from constructs_pkg.emulator import limits, runtime_api
from constructs_pkg.emulator.limits import AWS, Bandwidth, Shaper
from constructs_pkg.emulator.url_event import MAX_EVENT_BYTES
from tests.emulator.support import Call, call, sign
from tests.emulator.test_failures import lambda_client


def test_lambdas_bucket_is_six_mib_and_then_two_mib_a_second() -> None:
    shaper = Shaper(AWS, now=0.0)
    assert shaper.take(6 * 1024 * 1024, 0.0) == 0.0
    assert shaper.take(1, 0.0) == pytest.approx(0.125)
    assert shaper.take(262_143, 0.0) == pytest.approx(0.125)
    assert shaper.take(1, 0.0) == pytest.approx(0.25)


def test_ten_mib_take_two_seconds() -> None:
    shaper, now, sent = Shaper(AWS, now=100.0), 100.0, 0
    while sent < 10 * 1024 * 1024:
        now += shaper.take(65_536, now)
        sent += 65_536
    assert now - 100.0 == pytest.approx(2.0, abs=0.2)


def test_a_pause_fills_the_bucket_and_no_more() -> None:
    shaper = Shaper(Bandwidth(burst_bytes=100, refill_bytes=10, refill_seconds=1.0), now=0.0)
    assert shaper.take(100, 0.0) == 0.0
    assert shaper.take(50, 5.0) == 0.0
    assert shaper.take(100, 1000.0) == 0.0
    assert shaper.take(10, 1000.5) == pytest.approx(0.5)


WRITE = """
event = api.next()
api.begin("application/octet-stream")
for _ in range({count}):
    api.chunk(b"x" * 65536)
print("ended with", api.end()[0])
api.next()
"""


def test_a_stream_beyond_its_bandwidth_is_slowed_and_whole(app, emulate) -> None:
    app.by_hand("Fn", WRITE.format(count=48))
    slow = Bandwidth(burst_bytes=1024 * 1024, refill_bytes=262_144, refill_seconds=0.1)
    emulator = emulate(app, bandwidth=slow)
    started = time.monotonic()
    response = call(emulator.urls["Test/Fn"], emulator.principals["admin"])
    assert response.chunk()
    assert time.monotonic() - started < 0.7, "the first bytes are not held back"
    assert len(response.read()) > 47 * 65_536 - 65_536
    assert time.monotonic() - started >= 0.7, "2 MiB beyond the first at 2.5 MiB a second"


def test_without_a_limit_nothing_is_slowed(app, emulate) -> None:
    app.by_hand("Fn", WRITE.format(count=200))
    emulator = emulate(app)
    started = time.monotonic()
    assert len(call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read()) == 200 * 65_536
    assert time.monotonic() - started < 10


def test_a_stream_that_is_too_long_is_cut_and_the_environment_goes_on(app, emulate, monkeypatch, logs) -> None:
    assert limits.MAX_STREAM_BYTES == 200 * 1024 * 1024
    monkeypatch.setattr(runtime_api, "MAX_STREAM_BYTES", 1_000_000)
    app.by_hand("Fn", "while True:\n" + "".join(f"    {line}\n" for line in WRITE.format(count=20).strip().splitlines()[:-1]))
    emulator = emulate(app)
    chunks, complete = call(emulator.urls["Test/Fn"], emulator.principals["admin"]).chunks()
    assert not complete
    assert 800_000 < sum(map(len, chunks)) <= 1_000_000
    assert logs.having("Function.ResponseSizeTooLarge")
    answer = lambda_client(emulator).invoke_with_response_stream(
        FunctionName=emulator.json()["functions"][0]["function_name"], Qualifier="live"
    )
    assert list(answer["EventStream"])[-1]["InvokeComplete"]["ErrorCode"] == "Function.ResponseSizeTooLarge"


@pytest.mark.parametrize(("size", "status"), [(6_000_000, 200), (MAX_EVENT_BYTES + 1, 413)])
def test_a_request_beyond_six_mib_is_413(app, emulate, size: int, status: int) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    app.function("Fn", "def handler(event, context):\n    yield str(len(event['body']))\n")
    emulator = emulate(app)
    url, body = emulator.urls["Test/Fn"], b"x" * size
    response = Call(url, "POST", body, sign(url, emulator.principals["admin"], body=body, headers={"Content-Type": "text/plain"}))
    assert response.head() == status


def test_a_binary_request_counts_as_its_base64(app, emulate) -> None:
    app.function("Fn", "def handler(event, context):\n    yield 'x'\n")
    emulator = emulate(app)
    url, body = emulator.urls["Test/Fn"], b"\0" * 5_000_000
    response = Call(url, "POST", body, sign(url, emulator.principals["admin"], body=body, headers={"Content-Type": "image/x"}))
    assert response.head() == 413
    assert "6291456" in json.loads(response.read())["Message"]
