"""Lambda's context object: what the stock client's has, and a trace id besides."""

from __future__ import annotations

import time
from typing import Any

import pytest

from streaming_runtime.context import LambdaContext
from streaming_runtime.invocation import Invocation

SENT = (
    '{"client": {"installation_id": "i", "app_title": "t"}, "custom": {"a": 1}, "env": {"b": 2}, '
    '"w3c": {"traceparent": "00-1", "baggage": "k=v", "tracestate": 7, "other": "x"}}'
)


def context(**headers: str) -> LambdaContext:
    fields = {"lambda-runtime-aws-request-id": "r-1", "lambda-runtime-deadline-ms": str(int(time.time() * 1000) + 60_000)}
    return LambdaContext(
        Invocation(200, {**fields, **{f"lambda-runtime-{k.replace('_', '-')}": v for k, v in headers.items()}}, b"{}")
    )


def test_what_the_invocation_says() -> None:
    found = context(invoked_function_arn="arn:f:live", trace_id="Root=1", aws_tenant_id="t")
    assert (found.aws_request_id, found.invoked_function_arn, found.trace_id, found.tenant_id) == (
        "r-1",
        "arn:f:live",
        "Root=1",
        "t",
    )
    assert 50_000 < found.get_remaining_time_in_millis() <= 60_000
    assert "r-1" in repr(found)
    assert (context().trace_id, context().tenant_id) == (None, None)
    assert context(deadline_ms="1").get_remaining_time_in_millis() == 0


def test_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"function_name": "FUNCTION_NAME", "function_version": "FUNCTION_VERSION", "memory_limit_in_mb": "FUNCTION_MEMORY_SIZE",
             "log_group_name": "LOG_GROUP_NAME", "log_stream_name": "LOG_STREAM_NAME"}  # fmt: skip
    for variable in names.values():
        monkeypatch.setenv(f"AWS_LAMBDA_{variable}", variable)
    found = context()
    assert {name: getattr(found, name) for name in names} == names


def test_a_mobile_app_and_a_cognito_identity() -> None:
    found = context(client_context=SENT, cognito_identity='{"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"}')
    sent: Any = found.client_context
    assert (sent.client.installation_id, sent.client.app_title, sent.client.app_version_name) == ("i", "t", None)
    assert (sent.custom, sent.env) == ({"a": 1}, {"b": 2})
    assert (found.identity.cognito_identity_id, found.identity.cognito_identity_pool_id) == ("id", "pool")
    assert found.w3c() == {"traceparent": "00-1", "baggage": "k=v"}


def test_nobody_in_particular() -> None:
    found = context()
    assert (found.client_context, found.identity.cognito_identity_id, found.w3c()) == (None, None, {})
    other: Any = context(client_context='{"client": 7, "w3c": "odd"}')
    assert (other.client_context.client, other.w3c()) == (None, {})


@pytest.mark.parametrize("sent", ["[]", "7", "nonsense"])
def test_a_header_that_is_no_object_is_told_to_who_reads_it(sent: str) -> None:
    with pytest.raises(ValueError, match="CONTEXT_HEADER|Expecting value"):
        _ = context(client_context=sent).client_context


def test_middleware_may_hang_something_on_it() -> None:
    found: Any = context()
    found.started = 1
    assert found.started == 1
