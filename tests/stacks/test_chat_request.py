"""The chat stack's request: OpenAI's words into Converse's, and every wrong one refused by name."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from streaming_runtime import BadRequest, NotFound

HANDLER = Path(__file__).parents[2] / "stacks" / "chat" / "handler"
MODELS = ("amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0")


def load() -> Any:
    spec = importlib.util.spec_from_file_location("chat_request", HANDLER / "chat_request.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["chat_request"] = module
    spec.loader.exec_module(module)
    return module.ChatRequest


ChatRequest = load()


def body(**changes: Any) -> dict[str, Any]:
    return {"model": MODELS[0], "messages": [{"role": "user", "content": "Hello"}], **changes}


def test_a_plain_request_becomes_one_user_turn() -> None:
    chat = ChatRequest.parse(body(), MODELS)
    assert chat.model_id == MODELS[0]
    assert chat.messages == [{"role": "user", "content": [{"text": "Hello"}]}]
    assert chat.system == []
    assert chat.inference_config == {}


def test_system_and_developer_messages_go_to_converses_system() -> None:
    given = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "kind."}]},
        {"role": "user", "content": "Hello"},
    ]
    assert ChatRequest.parse(body(messages=given), MODELS).system == [{"text": "Be brief."}, {"text": "Be kind."}]


def test_turns_of_the_same_role_are_joined_since_converse_wants_them_to_alternate() -> None:
    given = [
        {"role": "user", "content": "A"},
        {"role": "user", "content": "B"},
        {"role": "assistant", "content": "C"},
        {"role": "user", "content": "D"},
    ]
    assert ChatRequest.parse(body(messages=given), MODELS).messages == [
        {"role": "user", "content": [{"text": "A"}, {"text": "B"}]},
        {"role": "assistant", "content": [{"text": "C"}]},
        {"role": "user", "content": [{"text": "D"}]},
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"temperature": 1.7}, {"temperature": 1.0}),
        ({"top_p": 0.5}, {"topP": 0.5}),
        ({"max_tokens": 7}, {"maxTokens": 7}),
        ({"max_completion_tokens": 8, "max_tokens": 7}, {"maxTokens": 8}),
        ({"stop": "END"}, {"stopSequences": ["END"]}),
        ({"stop": ["a", "b"]}, {"stopSequences": ["a", "b"]}),
        ({"stop": None, "temperature": None, "max_tokens": None}, {}),
        ({"stop": []}, {}),
        ({"user": "u-1", "metadata": {"a": "b"}, "seed": 1}, {}),
    ],
)
def test_parameters_are_honoured(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert ChatRequest.parse(body(**given), MODELS).inference_config == expected


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "  "}]}, "messages[0].content"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}] * 1001}, "messages"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"stop": ""}, "stop"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": [1]}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"n": 2}, "n"),
        ({"tools": [{}]}, "tools"),
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
    ],
)
def test_wrong_input_is_refused_and_the_parameter_is_named(given: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        ChatRequest.parse(body(**given), MODELS)
    assert refused.value.param == param


@pytest.mark.parametrize("given", [[], "text", 7, None])
def test_a_body_that_is_no_object_is_refused(given: Any) -> None:
    with pytest.raises(BadRequest, match="JSON object"):
        ChatRequest.parse(given, MODELS)


def test_a_model_that_the_stack_does_not_allow_is_not_found() -> None:
    with pytest.raises(NotFound) as refused:
        ChatRequest.parse(body(model="gpt-4o"), MODELS)
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")
