"""The chat stack end to end, as a caller sees it: construct, layer, handler, emulator, signature, client. The model is scripted."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import httpx2
import openai
import pytest

from constructs_pkg.client import AccessDenied, HttpStatusError, SigV4Auth, StreamError, StreamingClient, Text, Throttled
from constructs_pkg.emulator import Completion, Emulator, ModelFailure
from constructs_pkg.emulator.models import ChatRequest, Delta

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from tests.stacks.conftest import Synthesized

FUNCTION = "ChatStack/Chat/Function"
MODEL = "amazon.nova-lite-v1:0"
CHAT = "/v1/chat/completions"


class Answers:
    """A model that says what a test gave it, and keeps what it was asked."""

    name = "answers"

    def __init__(self) -> None:
        self.steps: list[str | ModelFailure | Completion] = []
        self.asked: list[ChatRequest] = []

    def say(self, *steps: str | ModelFailure | Completion) -> None:
        self.steps, self.asked = list(steps), []

    async def start(self, supervisor: Any, log: Any) -> None: ...

    async def close(self) -> None: ...

    async def answer(self, request: ChatRequest) -> AsyncGenerator[Delta | Completion, None]:
        self.asked.append(request)
        for step in self.steps:
            await asyncio.sleep(0)
            if isinstance(step, ModelFailure):
                raise step
            yield Delta(step) if isinstance(step, str) else step
            if isinstance(step, Completion):
                return
        yield Completion(stop_reason="end_turn", input_tokens=3, output_tokens=len(self.steps))


@pytest.fixture(scope="module")
def model() -> Answers:
    return Answers()


@pytest.fixture(scope="module")
def emulator(chat: Synthesized, model: Answers) -> Iterator[Emulator]:
    with Emulator(chat.directory, model=model) as running:
        yield running


@pytest.fixture
def session_of(emulator: Emulator) -> Callable[[str], boto3.Session]:
    def make(principal: str) -> boto3.Session:
        found = emulator.principals[principal]
        return boto3.Session(
            aws_access_key_id=found["access_key_id"],
            aws_secret_access_key=found["secret_access_key"],
            aws_session_token=found["session_token"],
            region_name=emulator.region,
        )

    return make


@pytest.fixture
def client(emulator: Emulator, session_of: Callable[[str], boto3.Session]) -> Iterator[StreamingClient]:
    with StreamingClient(emulator.urls[FUNCTION], session=session_of("ChatStack/Caller")) as made:
        yield made


def ask(text: str = "Hello", **changes: Any) -> dict[str, Any]:
    return {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": text}], **changes}


@pytest.mark.parametrize("library", [httpx2, httpx], ids=["httpx2", "httpx"])
def test_openais_own_package_reads_the_stream_through_a_signing_http_client(
    library: Any, emulator: Emulator, model: Answers, session_of: Callable[[str], boto3.Session]
) -> None:
    model.say("Hel", "lo ", "wörld 😀")
    http = library.Client(auth=SigV4Auth(session_of("ChatStack/Caller"), region=emulator.region), trust_env=False)
    with openai.OpenAI(base_url=f"{emulator.urls[FUNCTION]}v1", api_key="unused", http_client=http, max_retries=0) as sdk:
        stream = sdk.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hi"}], stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        listed = [found.id for found in sdk.models.list()]
    assert [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content] == [
        "Hel",
        "lo ",
        "wörld 😀",
    ]
    assert {chunk.model for chunk in chunks} == {MODEL}
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (3, 3)
    assert listed == [MODEL, "amazon.nova-micro-v1:0"]


def test_openais_own_package_reads_the_whole_answer_when_it_does_not_stream(
    emulator: Emulator, model: Answers, session_of: Callable[[str], boto3.Session]
) -> None:
    model.say("Hel", "lo")
    http = httpx2.Client(auth=SigV4Auth(session_of("ChatStack/Caller"), region=emulator.region), trust_env=False)
    with openai.OpenAI(base_url=f"{emulator.urls[FUNCTION]}v1", api_key="unused", http_client=http, max_retries=0) as sdk:
        answer = sdk.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    assert answer.choices[0].message.content == "Hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 5


def test_parameters_reach_the_model(client: StreamingClient, model: Answers) -> None:
    model.say("x")
    given = ask(temperature=0.3, max_tokens=9, top_p=0.8, stop=["END"])
    given["messages"].insert(0, {"role": "system", "content": "Be brief."})
    with client.stream("POST", CHAT, json=given) as stream:
        stream.collect()
    [asked] = model.asked
    assert (asked.temperature, asked.max_tokens, asked.top_p, asked.stop_sequences) == (0.3, 9, 0.8, ("END",))
    assert [(message.role, message.text) for message in asked.messages] == [("system", "Be brief."), ("user", "Hello")]


@pytest.mark.parametrize(("reason", "expected"), [("max_tokens", "length"), ("stop_sequence", "stop"), ("end_turn", "stop")])
def test_the_finish_reason_is_openais(reason: str, expected: str, client: StreamingClient, model: Answers) -> None:
    model.say("x", Completion(stop_reason=reason, input_tokens=1, output_tokens=1))
    with client.stream("POST", CHAT, json=ask()) as stream:
        stream.collect()
        assert stream.finish is not None
        assert stream.finish.reason == expected


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "param"),
    [
        ("POST", CHAT, ask(model="gpt-4o"), 404, "model_not_found", "model"),
        ("POST", CHAT, ask(messages=[]), 400, "bad_request", "messages"),
        ("POST", CHAT, ask(temperature=9), 400, "bad_request", "temperature"),
        ("POST", CHAT, [], 400, "bad_request", None),
        ("GET", "/v1/nothing", None, 404, "not_found", None),
        ("GET", CHAT, None, 405, "method_not_allowed", None),
        ("POST", "/v1/models", {}, 405, "method_not_allowed", None),
    ],
)
def test_wrong_requests_are_refused_in_openais_error_shape_and_the_model_is_not_asked(
    method: str, path: str, body: Any, status: int, code: str, param: str | None, client: StreamingClient, model: Answers
) -> None:
    model.say("never")
    with pytest.raises(HttpStatusError) as refused, client.stream(method, path, json=body) as stream:
        stream.collect()
    assert refused.value.status_code == status
    error = openai_error(emulator_body(refused.value))
    assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")
    assert model.asked == []


def emulator_body(error: HttpStatusError) -> Any:
    return json.loads(error.body)


def openai_error(body: Any) -> dict[str, Any]:
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    found: dict[str, Any] = body["error"]
    return found


def test_a_body_that_is_no_json_is_400(client: StreamingClient) -> None:
    with (
        pytest.raises(HttpStatusError) as refused,
        client.stream("POST", CHAT, content=b"{", headers={"content-type": "application/json"}),
    ):
        pass
    assert refused.value.status_code == 400


def test_a_throttled_model_is_429_with_retry_after(client: StreamingClient, model: Answers) -> None:
    model.say(ModelFailure("ThrottlingException", "Too many requests"))
    with pytest.raises(Throttled) as refused, client.stream("POST", CHAT, json=ask()) as stream:
        stream.collect()
    assert refused.value.status_code == 429


def test_a_model_that_fails_in_mid_stream_ends_with_an_error_event_and_shows_nothing_internal(
    client: StreamingClient, model: Answers
) -> None:
    model.say("Hel", ModelFailure("ModelStreamErrorException", "secret-internal-detail"))
    heard: list[str] = []
    with pytest.raises(StreamError) as failed, client.stream("POST", CHAT, json=ask()) as stream:
        heard.extend(event.text for event in stream if isinstance(event, Text))
    assert heard == ["Hel"]
    assert "secret-internal-detail" not in str(failed.value)


@pytest.mark.parametrize("principal", ["stranger", "outsider", "ChatStack/Chat/Role"])
def test_nobody_but_the_caller_role_may_call_and_the_model_is_not_asked(
    principal: str, emulator: Emulator, model: Answers, session_of: Callable[[str], boto3.Session]
) -> None:
    model.say("never")
    with (
        StreamingClient(emulator.urls[FUNCTION], session=session_of(principal)) as stranger,
        pytest.raises(AccessDenied),
        stranger.stream("POST", CHAT, json=ask()) as stream,
    ):
        stream.collect()
    assert model.asked == []


def test_an_admin_of_the_account_may_call(emulator: Emulator, model: Answers, session_of: Callable[[str], boto3.Session]) -> None:
    model.say("Hello")
    with (
        StreamingClient(emulator.urls[FUNCTION], session=session_of("admin")) as admin,
        admin.stream("POST", CHAT, json=ask()) as stream,
    ):
        assert stream.text() == "Hello"
