"""The chat stack's guardrail: what Converse is asked, and what of a trace reaches the log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from streaming_runtime import Finish, Internal, Request, Text
from streaming_runtime.models import bedrock
from tests.stacks.handlers import load

ARN = "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc123def456"
TRACE = {
    "guardrail": {
        "inputAssessment": {
            "abc123def456": {
                "contentPolicy": {"filters": [{"type": "PROMPT_ATTACK", "confidence": "HIGH", "action": "BLOCKED"}]},
                "topicPolicy": {"topics": []},
            }
        },
        "outputAssessments": {
            "abc123def456": [
                {
                    "sensitiveInformationPolicy": {
                        "piiEntities": [{"match": "4111 1111", "type": "CREDIT_DEBIT_CARD_NUMBER", "action": "ANONYMIZED"}],
                        "regexes": [{"name": "r", "match": "said-by-somebody", "action": "BLOCKED"}],
                    },
                    "wordPolicy": {"customWords": [{"match": "said-by-somebody", "action": "BLOCKED"}]},
                },
                {"contentPolicy": {"filters": [{"type": "VIOLENCE", "confidence": "LOW", "action": "NONE"}]}},
            ]
        },
    }
}


@pytest.fixture
def guarding() -> Any:
    return load("chat", "guarding").guarding


def test_the_guardrail_looks_before_it_sends_and_its_trace_is_asked_for(guarding: Any) -> None:
    assert guarding.config({"GUARDRAIL_ARN": ARN, "GUARDRAIL_VERSION": "3"}) == {
        "guardrailIdentifier": ARN,
        "guardrailVersion": "3",
        "streamProcessingMode": "sync",
        "trace": "enabled",
    }
    assert guarding.config({}) is None


def test_the_log_gets_the_names_of_the_rules_that_acted_and_nothing_that_was_said(guarding: Any) -> None:
    found = guarding.interventions(TRACE)
    assert found == [
        "contentPolicy PROMPT_ATTACK BLOCKED",
        "sensitiveInformationPolicy CREDIT_DEBIT_CARD_NUMBER ANONYMIZED",
        "sensitiveInformationPolicy regexes BLOCKED",
        "wordPolicy customWords BLOCKED",
    ]
    assert "4111" not in str(found)
    assert "said-by-somebody" not in str(found)


@pytest.mark.parametrize("trace", [None, {}, {"guardrail": None}, {"guardrail": {"inputAssessment": {"a": None}}}, []])
def test_a_trace_without_anything_in_it_says_nothing(trace: Any, guarding: Any) -> None:
    assert guarding.interventions(trace) == []


def test_the_handler_applies_the_guardrail_and_keeps_its_trace_inside(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"MODEL_IDS": "m.one", "TRUSTED_ACCOUNT": "1", "USER_POOL_ID": "eu-west-1_A", "USER_POOL_CLIENT_ID": "c"}
    for name, value in {**settings, "GUARDRAIL_ARN": ARN, "GUARDRAIL_VERSION": "3"}.items():
        monkeypatch.setenv(name, value)
    asked: list[dict[str, Any]] = []

    def converse_stream(**arguments: Any) -> Any:
        asked.append(arguments)
        yield from (Text("Card {CARD}"), Internal(TRACE, "trace"), Finish("content_filter"))

    monkeypatch.setattr(bedrock, "client", lambda: SimpleNamespace())
    monkeypatch.setattr(bedrock, "converse_stream", converse_stream)
    handler = load("chat", "index").index.handler
    context = {"http": {"method": "POST", "path": "/v1/chat/completions"}, "authorizer": {"iam": {"accountId": "1"}}}
    body = '{"model": "m.one", "messages": [{"role": "user", "content": "Hi"}]}'
    event = {"requestContext": context, "headers": {"content-type": "application/json"}, "body": body}
    events = list(handler(Request(event), None))
    assert asked[0]["guardrail_config"]["guardrailIdentifier"] == ARN
    assert [type(event) for event in events[1:]] == [Text, Internal, Finish], "what is Internal no dialect writes"
    logged = caplog.text
    assert "GUARDRAIL: contentPolicy PROMPT_ATTACK BLOCKED" in logged
    assert "4111" not in logged
