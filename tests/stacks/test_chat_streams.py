"""The chat stack with its table and its user pool: stop, come back, ten at a time, each person for himself. DynamoDB is moto's server."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from constructs_pkg.client import HttpStatusError, StreamError, StreamingClient, Text, Throttled
from constructs_pkg.emulator import Completion, Emulator
from constructs_pkg.emulator.models import ChatRequest, Delta
from stacks.chat.stack import ChatStack
from tests.emulator.support import Call, call
from tests.runtime.dynamodb_server import Server
from tests.runtime.dynamodb_server import serving as dynamodb
from tests.stacks.conftest import session_of, synthesize
from tests.stacks.test_chat_people import CLAIMS, Signer
from tests.stacks.test_chat_people import serving as user_pool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from tests.stacks.test_chat_people import Cognito

FUNCTION = "ChatStack/Chat/Function"
CHAT = "/v1/chat/completions"
WORDS = 3_000
"""A minute of them: whatever a busy machine takes, a test's own stop comes first."""


class Slow:
    """A model that counts, a word each 20 ms, until a test lets it end; it keeps how often it was asked."""

    name = "slow"

    def __init__(self) -> None:
        self.asked = 0
        self.stop_reason = "end_turn"
        self.words = WORDS

    async def start(self, supervisor: Any, log: Any) -> None: ...

    async def close(self) -> None: ...

    async def answer(self, request: ChatRequest) -> AsyncGenerator[Delta | Completion, None]:
        self.asked += 1
        for number in range(self.words):
            await asyncio.sleep(0.02)
            yield Delta(f"w{number} ")
        yield Completion(stop_reason=self.stop_reason, input_tokens=1, output_tokens=self.words)


@pytest.fixture(scope="module")
def model() -> Slow:
    return Slow()


@pytest.fixture(autouse=True)
def wordy(model: Slow) -> None:
    """What a test changed of the model is its own."""
    model.words, model.stop_reason, model.asked = WORDS, "end_turn", 0


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def cognito(signer: Signer) -> Iterator[Cognito]:
    with user_pool() as found:
        found.keys = [signer.public]
        yield found


@pytest.fixture(scope="module")
def table() -> Iterator[Server]:
    with dynamodb() as server:
        yield server


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory, model: Slow, table: Server, cognito: Cognito) -> Iterator[Emulator]:
    chat = synthesize(tmp_path_factory.mktemp("chat"), ChatStack, streams_per_caller=2)
    endpoints = {"dynamodb": table.url, "cognito-identity-provider": cognito.url}
    with Emulator(chat.directory, model=model, endpoints=endpoints) as running:
        make_table(table, running)
        yield running


def make_table(server: Server, emulator: Emulator) -> None:
    """The table as the template has it, in the function's region."""
    found = variables(emulator)
    keys = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    schema = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    boto3.client(
        "dynamodb",
        endpoint_url=server.url,
        region_name=emulator.region,
        aws_access_key_id=emulator.principals["ChatStack/Chat/Role"]["access_key_id"],
        aws_secret_access_key="any",
    ).create_table(
        TableName=found["STREAM_STORE_TABLE"], AttributeDefinitions=keys, KeySchema=schema, BillingMode="PAY_PER_REQUEST"
    )


def variables(emulator: Emulator) -> dict[str, Any]:
    """The function's own, as the template gives them."""
    [service] = [service for service in emulator.services.values() if service.function.path == FUNCTION]
    return dict(service.function.environment)


@pytest.fixture(autouse=True)
def as_it_was(model: Slow) -> None:
    model.asked, model.words, model.stop_reason = 0, WORDS, "end_turn"


@pytest.fixture
def client(emulator: Emulator) -> Iterator[StreamingClient]:
    with StreamingClient(emulator.urls[FUNCTION], session=session_of(emulator, "ChatStack/Caller")) as made:
        yield made


def ask() -> dict[str, Any]:
    return {"model": "amazon.nova-lite-v1:0", "stream": True, "messages": [{"role": "user", "content": "Count."}]}


def token(signer: Signer, emulator: Emulator, person: str) -> dict[str, str]:
    """What a person's page sends along."""
    found = variables(emulator)
    claims = {
        **CLAIMS,
        "sub": person,
        "iss": f"https://cognito-idp.{emulator.region}.amazonaws.com/{found['USER_POOL_ID']}",
        "aud": found["USER_POOL_CLIENT_ID"],
        "exp": int(time.time()) + 600,
    }
    return {"x-authorization": f"Bearer {signer.token(claims)}"}


def words(events: Iterator[Any], most: int) -> str:
    """The next so many words."""
    return "".join([event.text for event in islice((event for event in events if isinstance(event, Text)), most)])


def send(emulator: Emulator, principal: str, method: str, headers: dict[str, str], body: bytes = b"") -> Call:
    """A request whose every byte the test sees."""
    url = emulator.urls[FUNCTION].rstrip("/") + CHAT
    return call(url, emulator.principals[principal], method=method, body=body, headers=headers, region=emulator.region)


def ask_as(emulator: Emulator, principal: str, headers: dict[str, str]) -> Call:
    answer = send(emulator, principal, "POST", {"content-type": "application/json", **headers}, json.dumps(ask()).encode())
    assert answer.status == 200, answer.read()
    return answer


def numbers(begin: int, end: int) -> str:
    return "".join(f"w{number} " for number in range(begin, end))


def test_who_lost_the_connection_gets_the_rest_and_the_model_is_asked_once(emulator: Emulator, model: Slow) -> None:
    model.words = 60
    leaving = ask_as(emulator, "ChatStack/Caller", {})
    stream, seen = leaving.header("x-stream-id"), b""
    while seen.count(b"\ndata: ") < 10:
        piece = leaving.chunk()
        assert piece is not None, seen
        seen += piece
    leaving.close()
    last = seen.rpartition(b"\n\n")[0].rpartition(b"id: ")[2].partition(b"\n")[0].decode()
    assert last.startswith(f"{stream}:")
    back = send(emulator, "ChatStack/Caller", "GET", {"last-event-id": last})
    rest = back.read()
    assert (back.status, back.header("x-stream-id")) == (200, stream)
    frames = seen[: seen.rindex(b"\n\n") + 2] + rest
    chunks = [json.loads(line[6:]) for line in frames.split(b"\n") if line.startswith(b"data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"]) == numbers(0, 60)
    assert frames.count(b"data: [DONE]") == 1
    assert model.asked == 1


def test_stop_ends_the_stream_within_two_seconds_and_the_model_with_it(client: StreamingClient) -> None:
    with client.stream("POST", CHAT, json=ask()) as stream:
        events = iter(stream)
        assert words(events, 3) == numbers(0, 3)
        begin = time.monotonic()
        assert stream.cancel()
        with pytest.raises(StreamError) as ended:
            list(events)
    assert ended.value.code == "cancelled"
    assert time.monotonic() - begin < 2 + 3, "two seconds, and what a busy machine adds"


def test_the_third_stream_of_a_caller_who_may_have_two_is_429_and_another_callers_is_not(
    client: StreamingClient, emulator: Emulator, signer: Signer
) -> None:
    with client.stream("POST", CHAT, json=ask()) as one, client.stream("POST", CHAT, json=ask()) as two:
        assert [words(iter(stream), 1) for stream in (one, two)] == ["w0 ", "w0 "]
        with pytest.raises(Throttled) as refused, client.stream("POST", CHAT, json=ask()) as three:
            three.collect()
        assert refused.value.code == "too_many_streams"
        with client.stream("POST", CHAT, json=ask(), headers=token(signer, emulator, "ann")) as of_ann:
            assert words(iter(of_ann), 1) == "w0 "
            assert of_ann.cancel()
        assert one.cancel()
        assert two.cancel()


def test_a_person_owns_the_stream_and_no_other_person_of_the_same_role(emulator: Emulator, signer: Signer) -> None:
    page = "ChatStack/Identity/Role"
    ann, bob = (token(signer, emulator, name) for name in ("ann", "bob"))
    begun = ask_as(emulator, page, ann)
    name = {"x-stream-id": begun.header("x-stream-id") or ""}
    assert send(emulator, page, "DELETE", {**bob, **name}).status == 404
    assert send(emulator, page, "DELETE", name).status == 404, "nor whoever brings no token"
    assert send(emulator, page, "DELETE", {**ann, **name}).status == 202
    assert b'"code":"cancelled"' in begun.read()


@pytest.mark.parametrize("principal", ["ChatStack/Caller", "ChatStack/Identity/Role"])
def test_a_forged_token_is_401_whoever_signs(principal: str, emulator: Emulator, model: Slow) -> None:
    with (
        StreamingClient(emulator.urls[FUNCTION], session=session_of(emulator, principal)) as client,
        pytest.raises(HttpStatusError) as refused,
        client.stream("POST", CHAT, json=ask(), headers=token(Signer(), emulator, "ann")) as stream,
    ):
        stream.collect()
    assert (refused.value.status_code, refused.value.code) == (401, "invalid_token")
    assert model.asked == 0


def by_cloudfront(emulator: Emulator, headers: dict[str, str], method: str = "POST") -> dict[str, Any]:
    """The event of a request that CloudFront signed, sent to the function directly: CloudFront is not emulated."""
    return {
        "version": "2.0",
        "rawPath": CHAT,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", **headers},
        "requestContext": {
            "http": {"method": method, "path": CHAT},
            "authorizer": {"iam": {"accountId": "856369053181", "callerId": "AROAEXAMPLE:cloudfront"}},
        },
        "body": json.dumps(ask()),
        "isBase64Encoded": False,
    }


def test_by_cloudfront_people_sign_in_and_own_their_streams(emulator: Emulator, model: Slow, signer: Signer) -> None:
    model.words = 5
    [name] = [name for name, service in emulator.services.items() if service.function.path == FUNCTION]
    lambda_ = session_of(emulator, "admin").client("lambda", endpoint_url=emulator.lambda_endpoint)

    def answer(headers: dict[str, str], method: str = "POST") -> bytes:
        event = json.dumps(by_cloudfront(emulator, headers, method))
        done = lambda_.invoke_with_response_stream(FunctionName=name, Qualifier="live", Payload=event)
        return b"".join(event["PayloadChunk"]["Payload"] for event in done["EventStream"] if "PayloadChunk" in event)

    refused = answer({})
    assert b'"statusCode":401' in refused
    assert b"sign_in_required" in refused
    assert model.asked == 0
    said = answer(token(signer, emulator, "ann"))
    assert b"data: [DONE]" in said
    prelude = json.loads(said.partition(b"\0" * 8)[0])
    again = {"last-event-id": f"{prelude['headers']['x-stream-id']}:0"}
    assert b'"statusCode":404' in answer({**again, **token(signer, emulator, "bob")}, "GET")
    assert b'"statusCode":401' in answer(again, "GET")
    assert b"data: [DONE]" in answer({**again, **token(signer, emulator, "ann")}, "GET")
    assert model.asked == 1


def test_an_answer_that_the_guardrail_ends_says_so(client: StreamingClient, model: Slow) -> None:
    model.words, model.stop_reason = 2, "guardrail_intervened"
    with client.stream("POST", CHAT, json=ask()) as stream:
        stream.collect()
        assert stream.finish is not None
        assert stream.finish.reason == "content_filter"
