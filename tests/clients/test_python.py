"""The vendors' own Python clients against emulated URLs with IAM auth: what each reads, and what each notices."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from constructs_pkg.client import (
    RetryPolicy,
    StreamError,
    StreamingClient,
    StreamingClientError,
    StreamTruncated,
    Text,
    Throttled,
)
from constructs_pkg.client.httpx2 import SigV4Auth
from tests.clients.endpoints import DIALECTS, NOTICES_A_CLEAN_END, TEXT, endpoints, url_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from constructs_pkg.emulator import Emulator

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with endpoints(tmp_path_factory.mktemp("endpoints")) as running:
        yield running


@pytest.fixture(scope="module")
def signing(emulator: Emulator) -> Callable[[], Any]:
    """An httpx2 client that signs: the one line that each SDK needs."""
    httpx2 = pytest.importorskip("httpx2")
    keys = emulator.principals["admin"]
    session = boto3.Session(keys["access_key_id"], keys["secret_access_key"], keys["session_token"], region_name=REGION)
    return lambda: httpx2.Client(auth=SigV4Auth(session), trust_env=False, timeout=20)


class Seen:
    """What a client made of a stream."""

    def __init__(self) -> None:
        self.text = ""
        self.finish: str | None = None


def read_openai_chat(url: Callable[[str], str], http: Any, prompt: str, seen: Seen) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(api_key="none", base_url=url("openai-chat") + "v1", http_client=http, max_retries=0) as client:
        for chunk in client.chat.completions.create(model="m-1", stream=True, messages=[{"role": "user", "content": prompt}]):
            seen.text += chunk.choices[0].delta.content or "" if chunk.choices else ""
            seen.finish = (chunk.choices[0].finish_reason if chunk.choices else None) or seen.finish


def read_openai_responses(url: Callable[[str], str], http: Any, prompt: str, seen: Seen) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(api_key="none", base_url=url("openai-responses") + "v1", http_client=http, max_retries=0) as client:
        for event in client.responses.create(model="m-1", stream=True, input=prompt):
            if event.type == "response.output_text.delta":
                seen.text += event.delta
            elif event.type == "response.completed":
                seen.finish = event.response.status
            elif event.type == "response.failed":
                raise RuntimeError(event.response.error.message)


def read_anthropic(url: Callable[[str], str], http: Any, prompt: str, seen: Seen) -> None:
    anthropic = pytest.importorskip("anthropic")
    with anthropic.Anthropic(
        api_key="none", base_url=url("anthropic-messages").rstrip("/"), http_client=http, max_retries=0
    ) as client:
        message = [{"role": "user", "content": prompt}]
        with client.messages.stream(model="m-1", max_tokens=100, messages=message) as stream:
            for text in stream.text_stream:
                seen.text += text
            seen.finish = stream.get_final_message().stop_reason


def read_langchain(url: Callable[[str], str], http: Any, prompt: str, seen: Seen) -> None:
    chat_models = pytest.importorskip("langchain_openai")
    model = chat_models.ChatOpenAI(
        model="m-1", api_key="none", base_url=url("openai-chat") + "v1", http_client=http, max_retries=0
    )
    for chunk in model.stream(prompt):
        seen.text += chunk.text
        seen.finish = chunk.response_metadata.get("finish_reason") or seen.finish


CLIENTS = {
    "openai-chat": (read_openai_chat, "stop"),
    "openai-responses": (read_openai_responses, "completed"),
    "anthropic": (read_anthropic, "end_turn"),
    "langchain": (read_langchain, "stop"),
}


@pytest.fixture(params=CLIENTS)
def read(request: pytest.FixtureRequest, emulator: Emulator, signing: Callable[[], Any]) -> Callable[[str], Seen]:
    """Reads the stream of a scenario with one client. What was seen so far is in the fixture's `seen`, also when it raises."""
    reader, _ = CLIENTS[request.param]

    def run(scenario: str) -> Seen:
        run.seen = Seen()
        reader(lambda dialect: url_of(emulator, dialect, scenario), signing(), f"scenario:{scenario}", run.seen)
        return run.seen

    run.finish = CLIENTS[request.param][1]
    run.client = request.param
    return run


@pytest.mark.parametrize("scenario", ["complete", "heartbeats"])
def test_it_reads_a_stream_to_its_end_and_lives_through_heartbeats(read: Any, scenario: str) -> None:
    seen = read(scenario)
    assert (seen.text, seen.finish) == (TEXT, read.finish)


def test_it_sees_an_error_in_the_stream_as_an_error(read: Any) -> None:
    with pytest.raises(Exception, match=r"The model gave up\."):
        read("error")
    assert read.seen.text == "Hällo"


def test_it_sees_a_throttled_request_as_one(read: Any) -> None:
    with pytest.raises(Exception, match=r"The model is busy\.") as caught:
        read("throttled")
    assert caught.value.status_code == 429
    assert caught.value.response.headers["retry-after"] == "7"


def test_it_notices_a_stream_that_was_cut(read: Any) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        read("truncated")
    assert not isinstance(caught.value, AssertionError)
    assert read.seen.text == "Hällo"


NAMES = {
    "openai-chat": "openai (Python)",
    "openai-responses": "openai (Python)",
    "anthropic": "anthropic (Python)",
    "langchain": "LangChain ChatOpenAI",
}


def test_what_it_makes_of_an_end_without_the_terminal_event(read: Any) -> None:
    try:
        read("ended")
    except Exception:  # noqa: BLE001 - whichever way it has of saying so
        noticed = True
    else:
        noticed = False
    assert read.seen.text == "Hällo"
    assert noticed is NOTICES_A_CLEAN_END[NAMES[read.client]]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("scenario", "raised"),
    [
        ("complete", None),
        ("heartbeats", None),
        ("error", StreamError),
        ("truncated", StreamTruncated),
        ("ended", StreamTruncated),
        ("throttled", Throttled),
    ],
)
def test_ours_notices_each_of_them_in_every_dialect(emulator: Emulator, dialect: str, scenario: str, raised: type | None) -> None:
    keys = emulator.principals["admin"]
    session = boto3.Session(keys["access_key_id"], keys["secret_access_key"], keys["session_token"], region_name=REGION)
    found, texts = None, []
    with StreamingClient(url_of(emulator, dialect, scenario), session=session, retry=RetryPolicy(attempts=1)) as client:
        try:
            with client.stream("POST", json={"stream": True, "input": f"scenario:{scenario}"}) as stream:
                for event in stream:
                    if isinstance(event, Text):
                        texts.append(event.text)
        except StreamingClientError as error:
            found = type(error)
    assert found is raised
    assert "".join(texts) == (TEXT if raised is None else "" if scenario == "throttled" else "Hällo")


def test_curl_reads_a_stream_with_its_own_signature(emulator: Emulator) -> None:
    keys = emulator.principals["admin"]
    command = [
        "curl", "--silent", "--no-buffer", "--max-time", "20", "--noproxy", "*",
        "--aws-sigv4", f"aws:amz:{REGION}:lambda",
        "--user", f"{keys['access_key_id']}:{keys['secret_access_key']}",
        "--data", '{"stream": true, "messages": [{"role": "user", "content": "scenario:complete"}]}',
        url_of(emulator, "openai-chat"),
    ]  # fmt: skip
    if keys["session_token"]:
        command[1:1] = ["--header", f"x-amz-security-token: {keys['session_token']}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("data: [DONE]\n\n")
