"""The vendors' own clients, unmodified, read what our encoders write: to the end, through heartbeats, and errors as errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import Error, Finish, Usage
from tests.runtime.test_dialects import encoder

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 7
MESSAGES: Any = [{"role": "user", "content": "Hi"}]


def stream_of(dialect: str, *, error: bool = False) -> tuple[bytes, dict[str, str]]:
    using = encoder(dialect, {"model": "m-1", "stream": True, "stream_options": {"include_usage": True}})
    wire = using.heartbeat + using.text("Hello") + using.heartbeat + using.text(", wörld") + using.heartbeat
    wire += using.error(Error("some_code", "It broke.")) if error else using.finish(Finish("stop", Usage(3, 4)))
    return wire, {"content-type": using.content_type, **using.headers}


def document_of(dialect: str) -> tuple[bytes, dict[str, str]]:
    using = encoder(dialect, {"model": "m-1"})
    return using.text("Hello") + using.finish(Finish("stop", Usage(3, 4))), {"content-type": using.content_type}


def client_answering(http: Any, wire: bytes, headers: dict[str, str], status: int = 200) -> Any:
    """An HTTP client of the SDK's own kind, answered in small pieces without a network."""
    pieces = [wire[start : start + CHUNK] for start in range(0, len(wire), CHUNK)]
    return http.Client(transport=http.MockTransport(lambda _: http.Response(status, headers=headers, content=iter(pieces))))


@pytest.fixture(scope="module")
def openai_client() -> Callable[..., Any]:
    openai = pytest.importorskip("openai")
    http = pytest.importorskip("httpx2")

    def make(*answer: Any, **more: Any) -> Any:
        return openai.OpenAI(
            api_key="none", base_url="http://127.0.0.1/v1", max_retries=0, http_client=client_answering(http, *answer, **more)
        )

    return make


@pytest.fixture(scope="module")
def anthropic_client() -> Callable[..., Any]:
    anthropic = pytest.importorskip("anthropic")
    http = pytest.importorskip("httpx2")

    def make(*answer: Any, **more: Any) -> Any:
        return anthropic.Anthropic(
            api_key="none", base_url="http://127.0.0.1", max_retries=0, http_client=client_answering(http, *answer, **more)
        )

    return make


def test_openai_reads_a_chat_to_its_end(openai_client: Any) -> None:
    client = openai_client(*stream_of("openai-chat"))
    chunks = list(client.chat.completions.create(model="m-1", messages=MESSAGES, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello, wörld"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.total_tokens == 7


def test_openai_reads_a_response_to_its_end(openai_client: Any) -> None:
    client = openai_client(*stream_of("openai-responses"))
    with client.responses.stream(model="m-1", input="Hi") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert (deltas, final.output_text, final.status) == (["Hello", ", wörld"], "Hello, wörld", "completed")
    assert (final.model, final.usage.total_tokens) == ("m-1", 7)


def test_openai_numbers_events_without_a_gap(openai_client: Any) -> None:
    client = openai_client(*stream_of("openai-responses"))
    events = list(client.responses.create(model="m-1", input="Hi", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_openai_reads_a_response_that_is_one_document(openai_client: Any) -> None:
    response = openai_client(*document_of("openai-responses")).responses.create(model="m-1", input="Hi")
    assert (response.output_text, response.status, response.usage.output_tokens) == ("Hello", "completed", 4)


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses"])
def test_openai_sees_an_error_in_the_stream_as_an_error(openai_client: Any, dialect: str) -> None:
    import openai

    client = openai_client(*stream_of(dialect, error=True))
    with pytest.raises(openai.APIError, match=r"It broke\."):  # noqa: PT012 - it is raised while reading
        if dialect == "openai-chat":
            list(client.chat.completions.create(model="m-1", messages=MESSAGES, stream=True))
        else:
            list(client.responses.create(model="m-1", input="Hi", stream=True))


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses"])
def test_openai_sees_a_throttled_request_as_one(openai_client: Any, dialect: str) -> None:
    import openai

    body = encoder(dialect, {"stream": True}).error_body(429, "throttled", "Too many.", None)
    client = openai_client(body, {"content-type": "application/json"}, status=429)
    with pytest.raises(openai.RateLimitError, match="Too many"):
        client.chat.completions.create(model="m-1", messages=MESSAGES, stream=True)


def test_anthropic_reads_a_message_to_its_end(anthropic_client: Any) -> None:
    client = anthropic_client(*stream_of("anthropic-messages"))
    with client.messages.stream(model="m-1", max_tokens=9, messages=MESSAGES) as stream:
        texts = list(stream.text_stream)
        final = stream.get_final_message()
    assert (texts, final.content[0].text, final.stop_reason) == (["Hello", ", wörld"], "Hello, wörld", "end_turn")
    assert (final.model, final.usage.input_tokens, final.usage.output_tokens) == ("m-1", 3, 4)


def test_anthropic_reads_a_message_that_is_one_document(anthropic_client: Any) -> None:
    message = anthropic_client(*document_of("anthropic-messages")).messages.create(model="m-1", max_tokens=9, messages=MESSAGES)
    assert (message.content[0].text, message.stop_reason, message.usage.output_tokens) == ("Hello", "end_turn", 4)


def test_anthropic_sees_an_error_in_the_stream_as_an_error(anthropic_client: Any) -> None:
    import anthropic

    client = anthropic_client(*stream_of("anthropic-messages", error=True))
    with (
        pytest.raises(anthropic.APIError, match=r"It broke\."),
        client.messages.stream(model="m-1", max_tokens=9, messages=MESSAGES) as stream,
    ):
        list(stream.text_stream)


def test_anthropic_sees_a_throttled_request_as_one(anthropic_client: Any) -> None:
    import anthropic

    body = encoder("anthropic-messages", {"stream": True}).error_body(429, "throttled", "Too many.", None)
    client = anthropic_client(body, {"content-type": "application/json"}, status=429)
    with pytest.raises(anthropic.RateLimitError, match="Too many"):
        client.messages.create(model="m-1", max_tokens=9, messages=MESSAGES, stream=True)


def test_ag_uis_models_take_every_event() -> None:
    core = pytest.importorskip("ag_ui.core")
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(core.Event)
    for error in (False, True):
        wire, _ = stream_of("ag-ui", error=error)
        lines = [line[6:] for line in wire.decode().split("\n") if line.startswith("data: ")]
        events = [adapter.validate_json(line) for line in lines]
        assert "".join(event.delta for event in events if event.type == "TEXT_MESSAGE_CONTENT") == "Hello, wörld"
        assert events[-1].type == ("RUN_ERROR" if error else "RUN_FINISHED")
