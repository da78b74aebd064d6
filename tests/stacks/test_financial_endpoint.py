"""The financial stack end to end: trades put into a real Kinesis interface, one reader, a real DynamoDB interface, signed viewers.

Lambda's event source mapping is played by this test (`deliver`), in the shape of its events; all else is the stack's own.
"""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.client import AccessDenied, Data, Finish, HttpStatusError, StreamingClient
from constructs_pkg.emulator import Emulator
from tests.stacks.conftest import session_of
from tests.stacks.financial_answers import candles
from tests.stacks.handlers import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stacks.conftest import LocalAws, Synthesized

VIEWERS, READER = "FinancialStack/Viewers/Function", "FinancialStack/Reader"
TAPE = load("financial", "tape").tape.make_tape()
ALL = "symbols=ACME,BOLT,CROW&after=ACME:0,BOLT:0,CROW:0"


@pytest.fixture(scope="module")
def emulator(financial: Synthesized, aws: LocalAws) -> Iterator[Emulator]:
    endpoints = {"dynamodb": aws.endpoint, "kinesis": aws.endpoint}
    with Emulator(financial.directory, model=None, endpoints=endpoints) as running:
        service = next(service for service in running.services.values() if service.function.path == VIEWERS)
        [board] = financial.of_type("AWS::DynamoDB::GlobalTable")
        aws.make_table(service.function.environment["TABLE"], board)
        yield running


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Iterator[StreamingClient]:
    with StreamingClient(emulator.urls[VIEWERS], session=session_of(emulator, "FinancialStack/Caller")) as made:
        yield made


def put(aws: LocalAws) -> str:
    """Puts the tape into a stream, as a feed would, and returns the stream's name."""
    kinesis = aws.client("kinesis")
    kinesis.create_stream(StreamName="trades", ShardCount=1)
    for start in range(0, len(TAPE), 250):
        kinesis.put_records(
            StreamName="trades",
            Records=[{"Data": trade.record(), "PartitionKey": trade.symbol} for trade in TAPE[start : start + 250]],
        )
    return "trades"


def deliver(aws: LocalAws, emulator: Emulator, stream: str, batch: int) -> int:
    """Reads the stream once and calls the reader with each batch, as Lambda's event source mapping does. Returns the calls."""
    kinesis = aws.client("kinesis")
    [shard] = kinesis.list_shards(StreamName=stream)["Shards"]
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    position, calls = iterator["ShardIterator"], 0
    reader = next(service.function.name for service in emulator.services.values() if service.function.path == READER)
    lambda_ = session_of(emulator, "admin").client("lambda", endpoint_url=emulator.lambda_endpoint)
    while True:
        answer = kinesis.get_records(ShardIterator=position, Limit=batch)
        if not answer["Records"]:
            return calls
        event = {"Records": [_record(found, shard["ShardId"], stream) for found in answer["Records"]]}
        done = lambda_.invoke(FunctionName=reader, Payload=json.dumps(event))
        assert json.load(done["Payload"]) == {"batchItemFailures": []}
        position, calls = answer["NextShardIterator"], calls + 1


def _record(found: dict[str, Any], shard: str, stream: str) -> dict[str, Any]:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": found["PartitionKey"],
            "sequenceNumber": found["SequenceNumber"],
            "data": base64.b64encode(found["Data"]).decode(),
            "approximateArrivalTimestamp": found["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{found['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "awsRegion": "us-east-1",
        "eventSourceARN": f"arn:aws:kinesis:us-east-1:123456789012:stream/{stream}",
    }


def watch(client: StreamingClient, query: str) -> list[tuple[str, dict[str, Any]]]:
    with client.stream("GET", f"/live?{query}") as stream:
        shown = [(event.name or "data", event.value) for event in stream if isinstance(event, Data)]
    assert stream.finish == Finish("stop")
    return shown


def follow(client: StreamingClient, delivered: Event) -> list[tuple[str, dict[str, Any]]]:
    """Watches from before the first trade until after the last, in streams of a second, each of which goes on where the last ended."""
    shown: list[tuple[str, dict[str, Any]]] = []
    after = "ACME:0,BOLT:0,CROW:0"
    while True:
        last_time = delivered.is_set()
        *lines, (_, resume) = watch(client, f"symbols=ACME,BOLT,CROW&after={after}&seconds=1")
        shown += lines
        after = ",".join(f"{symbol}:{number}" for symbol, number in resume["after"].items())
        if last_time:
            return [*shown, ("resume", resume)]


def test_every_viewer_is_shown_the_tapes_candles_anomalies_and_gap_though_the_stream_is_read_once(
    emulator: Emulator, client: StreamingClient, aws: LocalAws
) -> None:
    stream = put(aws)
    with ThreadPoolExecutor(3) as pool:
        delivered = Event()
        early = [pool.submit(follow, client, delivered) for _ in range(3)]
        try:
            calls = deliver(aws, emulator, stream, batch=90)
        finally:
            delivered.set()
        assert calls == 12
        viewers = [view.result(timeout=60) for view in early]
    viewers.append(watch(client, f"{ALL}&seconds=1"))
    for shown in viewers:
        for symbol in ("ACME", "BOLT", "CROW"):
            mine = [(name, value) for name, value in shown if value.get("symbol") == symbol]
            closed = [value for name, value in mine if name == "candle"]
            expected = candles(TAPE, symbol)
            assert [{k: v for k, v in candle.items() if k not in ("n", "symbol")} for candle in closed] == expected[:-1]
            assert [value for name, value in mine if name == "quote"][-1]["candle"] == expected[-1]
        found = {(value["symbol"], value["rule"], value["trade"]) for name, value in shown if name == "anomaly"}
        assert found == {("ACME", "move", 120), ("BOLT", "spread", 90), ("CROW", "size", 150)}
        [gap] = [value for name, value in shown if name == "gap"]
        assert (gap["symbol"], gap["trades"]) == ("BOLT", {"from": 140, "to": 144})
        assert shown[-1] == ("resume", {"after": {"ACME": 10, "BOLT": 11, "CROW": 10}})
    assert deliver(aws, emulator, stream, batch=200) > 0  # all of it again: nothing is counted twice
    again = watch(client, "symbols=BOLT&after=BOLT:10&seconds=1")
    assert [name for name, _ in again] == ["candle", "quote", "resume"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/live", 400, "bad_request"),
        ("GET", "/live?symbols=acme", 400, "bad_request"),
        ("GET", "/live?symbols=ACME&seconds=9999", 400, "bad_request"),
        ("POST", "/live?symbols=ACME", 405, "method_not_allowed"),
        ("GET", "/", 404, "not_found"),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_read(
    method: str, path: str, status: int, code: str, client: StreamingClient
) -> None:
    with pytest.raises(HttpStatusError) as refused, client.stream(method, path) as stream:
        stream.collect()
    assert refused.value.status_code == status
    assert json.loads(refused.value.body)["error"]["code"] == code


@pytest.mark.parametrize("principal", ["stranger", "outsider", "FinancialStack/Viewers/Role"])
def test_nobody_but_the_caller_role_may_watch(principal: str, emulator: Emulator) -> None:
    with (
        StreamingClient(emulator.urls[VIEWERS], session=session_of(emulator, principal)) as other,
        pytest.raises(AccessDenied),
        other.stream("GET", "/live?symbols=ACME&seconds=1") as stream,
    ):
        stream.collect()
