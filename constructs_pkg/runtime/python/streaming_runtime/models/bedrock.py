"""Amazon Bedrock's Converse API as a source of events.

boto3 is imported when a client is made, not before: it costs some hundred milliseconds. Call `client()` at the top of the handler's
module to pay them at init, where Lambda lends a whole processor, instead of in the first invocation.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from streaming_runtime.errors import BadRequest, ModelError, Throttled
from streaming_runtime.events import Finish, Internal, Text, Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 60  # of silence, before the first token and between any two
MAX_ATTEMPTS = 3  # botocore retries only until the stream begins, so nothing is ever sent twice

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_MALFORMED = ("malformed_model_output", "malformed_tool_use")
_THROTTLED = ("ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException", "ModelNotReadyException")
_INVALID = ("ValidationException",)
_FAILED = {
    "InternalServerException": 502,
    "ModelErrorException": 502,
    "ModelStreamErrorException": 502,
    "ServiceUnavailableException": 503,
    "ModelTimeoutException": 504,
}


class _Cache:
    """The client of this process: making one costs some ten milliseconds and a new connection."""

    client: Any = None


def client() -> Any:
    """The process's boto3 client for Bedrock's runtime, made on the first call. AWS's own environment variables configure it."""
    if _Cache.client is None:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"total_max_attempts": MAX_ATTEMPTS, "mode": "standard"},
        )
        _Cache.client = boto3.client("bedrock-runtime", config=config)
    return _Cache.client


def converse_stream(
    *,
    model_id: str,
    messages: Sequence[Mapping[str, Any]],
    system: str | Sequence[Mapping[str, Any]] | None = None,
    inference_config: Mapping[str, Any] | None = None,
    guardrail_config: Mapping[str, Any] | None = None,
    tool_config: Mapping[str, Any] | None = None,
    additional_model_request_fields: Mapping[str, Any] | None = None,
    client: Any = None,
) -> Iterator[Text | Internal | Finish]:
    """Asks a model, and yields its answer as it comes; last a Finish with the reason and, where the model told it, the usage.

    What is not text stays inside: reasoning, tool input and guardrail traces are `Internal`.

    Args:
        model_id: A model's id, or the id or ARN of an inference profile.
        messages: Converse messages; `content` may be a plain string.
        system: The system prompt, as a string or as Converse blocks. Default: none.
        inference_config: `maxTokens`, `temperature`, `topP`, `stopSequences`. Default: the model's own.
        guardrail_config: Of Converse. Default: no guardrail.
        tool_config: Of Converse. Default: no tools.
        additional_model_request_fields: Of Converse. Default: none.
        client: A boto3 `bedrock-runtime` client. Default: the process's own, `client()`.

    Raises:
        BadRequest: Bedrock finds the request invalid.
        Throttled: Bedrock has no capacity for it now; 429 with Retry-After when nothing has been sent yet.
        ModelError: The model failed, or its answer broke off: one without a stop reason is not complete.
        botocore.exceptions.ClientError: Anything else, as a missing permission. It is the function's own fault, so the caller learns
            nothing of it.
    """
    asked: dict[str, Any] = {"modelId": model_id, "messages": [_message(message) for message in messages]}
    if system:
        asked["system"] = [{"text": system}] if isinstance(system, str) else list(system)
    optional = {
        "inferenceConfig": inference_config,
        "guardrailConfig": guardrail_config,
        "toolConfig": tool_config,
        "additionalModelRequestFields": additional_model_request_fields,
    }
    asked.update({name: dict(value) for name, value in optional.items() if value})
    return _events(client, asked)


def _events(given: Any, asked: dict[str, Any]) -> Iterator[Text | Internal | Finish]:
    from botocore.exceptions import ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as Unreachable
    from urllib3.exceptions import HTTPError as BrokenTransfer

    try:
        stream = (given or client()).converse_stream(**asked)["stream"]
    except ClientError as error:
        raise _told(error) from error
    except (Unreachable, HTTPClientError) as error:
        raise ModelError("The model cannot be reached.", code="model_unreachable", status=503) from error
    try:
        yield from _translate(stream)
    except ClientError as error:  # an exception frame within the stream: botocore's EventStreamError
        raise _told(error) from error
    except (BrokenTransfer, HTTPClientError, Unreachable) as error:
        raise ModelError("The model's answer broke off.", code="model_incomplete") from error
    finally:
        stream.close()  # also when the handler leaves early: the model stops, and with it the bill


def _translate(stream: Any) -> Iterator[Text | Internal | Finish]:
    """Converse's events into ours. Pure, but for the stream it reads."""
    reason: str | None = None
    usage: Usage | None = None
    for event in stream:
        if "contentBlockDelta" in event:
            delta = event["contentBlockDelta"]["delta"]
            if "text" in delta:
                yield Text(delta["text"])
            else:
                yield from (Internal(value, _INTERNAL_KINDS.get(kind, kind)) for kind, value in delta.items())
        elif "messageStop" in event:
            reason = str(event["messageStop"]["stopReason"])
        elif "metadata" in event:
            metadata = event["metadata"]
            counted = metadata.get("usage")
            if counted:
                usage = Usage(int(counted["inputTokens"]), int(counted["outputTokens"]))
            if "trace" in metadata:
                yield Internal(metadata["trace"], "trace")
    if reason is None:
        raise ModelError("The model's answer broke off.", code="model_incomplete")
    if reason in _MALFORMED:
        raise ModelError("The model's answer is malformed.", code="model_malformed")
    yield Finish(FINISH_REASONS.get(reason, "other"), usage)


_INTERNAL_KINDS = {"reasoningContent": "reasoning", "toolUse": "tool_use"}


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    return {**message, "content": [{"text": content}] if isinstance(content, str) else content}


def _told(error: Any) -> Exception:
    """What a caller may know of Bedrock's error; the error itself where that is nothing."""
    described = error.response.get("Error", {})
    code = str(described.get("Code", ""))
    code = code[:1].upper() + code[1:]  # as a frame within the stream it begins in lower case
    if code in _THROTTLED:
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        after = str(headers.get("retry-after", ""))
        return Throttled(
            "The model has no capacity for this request now. Try again later.", retry_after=int(after) if after.isdigit() else 1
        )
    if code in _INVALID:
        return BadRequest("The model refused the request as invalid.", code="model_refused_request")
    if code in _FAILED:
        return ModelError(status=_FAILED[code])
    return error  # type: ignore[no-any-return]
