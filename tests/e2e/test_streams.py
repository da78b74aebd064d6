"""The emulator on what was deployed, with IAM on: the functions run here, their tables, streams and buckets are the endpoint's.

What each example answers, to wrong requests too, is tested with a local endpoint in `tests/stacks/test_*_endpoint.py`; here one stream
of each shows that the deployed resources are the ones its handler expects.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from constructs_pkg.client import AccessDenied, SigV4Auth, StreamingClient
from constructs_pkg.emulator import Completion, Emulator
from constructs_pkg.emulator.models import Delta
from tests.e2e.attached import attach
from tests.stacks import test_chat_endpoint as chat
from tests.stacks import test_financial_endpoint as financial
from tests.stacks import test_observability_endpoint as observability
from tests.stacks import test_recommendations_endpoint as recommendations
from tests.stacks import test_speech_endpoint as speech
from tests.stacks import test_summarization_endpoint as summarization
from tests.stacks.conftest import session_of
from tests.stacks.financial_answers import candles

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from constructs_pkg.emulator.models import ChatRequest
    from tests.e2e.cdk import Project
    from tests.e2e.conftest import Stage
    from tests.e2e.endpoint import Endpoint

WAIT_SECONDS = 60
SYMBOLS = ("ACME", "BOLT", "CROW")
STREAMED = {
    "ChatStack",
    "FinancialStack",
    "ObservabilityStack",
    "RecommendationsStack",
    "SpeechStack",
    "SummarizationStack",
}
"""The stacks that a test below streams from."""


class Model(summarization.Reader):
    """Reads what it is given to summarise, and greets whoever chats."""

    async def answer(self, request: ChatRequest) -> AsyncGenerator[Delta | Completion, None]:
        if "<text>" in request.last_user_text:
            async for step in super().answer(request):
                yield step
        else:
            yield Delta("Hel")
            yield Delta("lo")
            yield Completion(stop_reason="end_turn", input_tokens=1, output_tokens=2)


@pytest.fixture(scope="module")
def emulator(first: Stage, project: Project, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    assembly: Path = attach(project, first.stacks, tmp_path_factory.mktemp("attached") / "cdk.out")
    with Emulator(assembly, model=Model(), endpoints={"": endpoint.url}) as running:
        yield running


@contextmanager
def stored(endpoint: Endpoint, bucket: str, key: str, body: bytes) -> Iterator[str]:
    """Keeps something in a bucket meanwhile: one that has something in it cannot be destroyed."""
    s3 = endpoint.client("s3")
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    try:
        yield key
    finally:
        s3.delete_object(Bucket=bucket, Key=key)


def test_every_example_is_streamed_from(first: Stage) -> None:
    assert set(first.stacks) == STREAMED, "add a stream of the new example below, and its stack to STREAMED"


def test_functions_and_roles_have_the_names_that_were_deployed(first: Stage, emulator: Emulator) -> None:
    deployed = {name for stack in first.stacks.values() for name, _, _ in stack.streaming()}
    assert deployed <= {service.function.name for service in emulator.services.values()}
    caller = next(iter(first.stacks["ChatStack"].of_type("AWS::IAM::Role"))).physical_id
    assert any(str(principal["arn"]).endswith(f"/{caller}") for principal in emulator.principals.values())


def test_chat_streams_the_models_tokens(emulator: Emulator) -> None:
    with (
        StreamingClient(emulator.urls[chat.FUNCTION], session=session_of(emulator, "ChatStack/Caller")) as client,
        client.stream("POST", chat.CHAT, json=chat.ask()) as stream,
    ):
        assert stream.text() == "Hello"


def test_rankings_come_from_the_deployed_table_and_the_last_is_kept_there(
    first: Stage, emulator: Emulator, endpoint: Endpoint
) -> None:
    auth = SigV4Auth(session_of(emulator, recommendations.CALLER), region=emulator.region)
    url = emulator.urls[recommendations.FUNCTION]
    with httpx.Client(base_url=url, auth=auth, trust_env=False, timeout=60) as http:
        recommendations.rate(http, "ann", recommendations.SAILOR)
        *_, best = recommendations.ask(http, "ann")
        [again] = recommendations.ask(http, "ann")
    assert recommendations.ids(best) == recommendations.ids(again) == recommendations.SEA
    assert again["stage"] == "cached"
    [table] = first.stacks["RecommendationsStack"].of_type("AWS::DynamoDB::GlobalTable")
    stored = endpoint.all("dynamodb", "scan", "Items", TableName=table.physical_id)
    assert len(stored) == len(recommendations.SAILOR) + 1


def test_trades_put_into_the_deployed_stream_reach_viewers_by_the_deployed_reader(
    first: Stage, emulator: Emulator, endpoint: Endpoint
) -> None:
    """The reader runs at the endpoint, called by its event source mapping; the emulator runs the viewers' function."""
    [stream] = first.stacks["FinancialStack"].of_type("AWS::Kinesis::Stream")
    for start in range(0, len(financial.TAPE), 250):
        records = [{"Data": trade.record(), "PartitionKey": trade.symbol} for trade in financial.TAPE[start : start + 250]]
        endpoint.client("kinesis").put_records(StreamName=stream.physical_id, Records=records)
    expected = {symbol: candles(financial.TAPE, symbol)[:-1] for symbol in SYMBOLS}
    shown: dict[str, list[dict[str, Any]]] = {}
    session = session_of(emulator, "FinancialStack/Caller")
    with StreamingClient(emulator.urls[financial.VIEWERS], session=session) as client:
        end_time = time.monotonic() + WAIT_SECONDS
        while shown != expected and time.monotonic() < end_time:
            seen = [value for name, value in financial.watch(client, f"{financial.ALL}&seconds=1") if name == "candle"]
            shown = {
                symbol: [
                    {key: value for key, value in candle.items() if key not in ("n", "symbol")}
                    for candle in seen
                    if candle["symbol"] == symbol
                ]
                for symbol in SYMBOLS
            }
    assert shown == expected


def test_a_document_in_the_deployed_bucket_is_summarised(first: Stage, emulator: Emulator, endpoint: Endpoint) -> None:
    [bucket] = first.stacks["SummarizationStack"].of_type("AWS::S3::Bucket")
    with (
        stored(endpoint, bucket.physical_id, "documents/alice.txt", summarization.ALICE.encode()) as key,
        summarization.client_of(emulator, summarization.CALLER) as client,
    ):
        events = summarization.post(client, {"key": key})
    assert summarization.summaries(events) == summarization.expected()


def test_a_recording_in_the_deployed_bucket_is_written_down(first: Stage, emulator: Emulator, endpoint: Endpoint) -> None:
    [row] = [row for row in emulator.json()["functions"] if row["path"] == speech.FUNCTION]
    if row["broken"] and "DEPENDENCIES_NOT_RESOLVED" in row["broken"]:
        pytest.skip(f"no PocketSphinx for the Pythons of this machine: {row['broken']}")
    [bucket] = first.stacks["SpeechStack"].of_type("AWS::S3::Bucket")
    with (
        stored(endpoint, bucket.physical_id, "recordings/go-forward.wav", speech.recording("go-forward")) as key,
        StreamingClient(emulator.urls[speech.FUNCTION], session=session_of(emulator, speech.CALLER)) as client,
    ):
        assert speech.text(speech.post(client, json={"key": key})) == speech.SAID["go-forward"]


def test_a_deployed_alarm_that_rings_is_shown(first: Stage, emulator: Emulator, endpoint: Endpoint) -> None:
    [row] = [row for row in emulator.json()["functions"] if row["path"] == observability.FUNCTION]
    if row["broken"] and row["broken"].startswith(("NPM_", "NODE_")):
        pytest.skip(f"AWS's SDK for Node.js cannot be had here: {row['broken']}")
    alarms = {alarm.physical_id for alarm in first.stacks["ChatStack"].of_type("AWS::CloudWatch::Alarm")}
    ringing = min(alarms)
    endpoint.client("cloudwatch").set_alarm_state(AlarmName=ringing, StateValue="ALARM", StateReason="a test")
    session = session_of(emulator, observability.CALLER)
    with StreamingClient(emulator.urls[observability.FUNCTION], session=session) as client:
        [shown, *_] = observability.named(observability.watch(client, "seconds=2"), "alarms")
    states = {alarm["name"]: alarm["state"] for alarm in shown["alarms"]}
    assert states[ringing] == "ALARM"
    assert alarms <= states.keys()


def test_strangers_are_refused_everywhere(emulator: Emulator) -> None:
    session = session_of(emulator, "stranger")
    places = [(url, "lambda") for url in emulator.urls.values()]
    places += [(f"{api['url']}summaries", "execute-api") for api in emulator.json()["rest_apis"]]
    assert len(places) > len(STREAMED)
    for url, service in places:
        with (
            StreamingClient(url, session=session, service=service) as client,
            pytest.raises(AccessDenied),
            client.stream("POST", "", json={"text": "Hello."}) as stream,
        ):
            stream.collect()
