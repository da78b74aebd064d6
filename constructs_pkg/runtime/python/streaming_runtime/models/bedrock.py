"""Models on Amazon Bedrock as a source of events.

    yield from bedrock.converse_stream(model_id="eu.amazon.nova-lite-v1:0", messages=request.json()["messages"])

boto3 is not needed: loading it and making a client costs a cold start a multiple of what asks here. It is used where it is
given, and where the environment is configured in a way that only it knows (profiles, proxies, FIPS endpoints, API keys). Call `client()`
at the top of the handler's module, so that what loading costs is paid at init, where Lambda lends a whole processor.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import Any

    from streaming_runtime.events import Data, Finish, Internal, Text

    from ._translation import Chunks, Translation

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 60  # of silence, before the first token and between any two
MAX_ATTEMPTS = 3


class _Cache:
    """The client of this process: making one costs some ten milliseconds and a new connection."""

    client: Any = None


def client() -> Any:
    """The process's client for Bedrock's runtime, made on the first call. AWS's own environment variables configure it.

    It has boto3's two streaming calls; it is boto3's own client where the environment asks for what only boto3 knows.
    """
    if _Cache.client is None:
        from streaming_runtime.aws import BEDROCK_RUNTIME, why_not

        if os.environ.get("AWS_BEARER_TOKEN_BEDROCK") or why_not(BEDROCK_RUNTIME) is not None:
            _Cache.client = _boto3_client()
        else:
            from ._lean import LeanClient

            _Cache.client = LeanClient(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS)
    return _Cache.client


def converse_stream(
    *,
    model_id: str,
    messages: Sequence[Mapping[str, Any]] = (),
    system: str | Sequence[Mapping[str, Any]] | None = None,
    inference_config: Mapping[str, Any] | None = None,
    guardrail_config: Mapping[str, Any] | None = None,
    tool_config: Mapping[str, Any] | None = None,
    additional_model_request_fields: Mapping[str, Any] | None = None,
    additional_model_response_field_paths: Sequence[str] = (),
    prompt_variables: Mapping[str, Any] | None = None,
    request_metadata: Mapping[str, str] | None = None,
    performance_config: Mapping[str, Any] | None = None,
    service_tier: Mapping[str, Any] | None = None,
    output_config: Mapping[str, Any] | None = None,
    expose: Collection[str] = (),
    client: Any = None,
) -> Iterator[Text | Data | Internal | Finish]:
    """Asks a model, and yields its answer as it comes; last a Finish with the reason and, where the model told it, the usage.

    What is not text stays inside, as Internal of these kinds: "reasoning"; "tool_use", a whole call with toolUseId, name and input;
    "tool_use_delta", the same piece by piece; "trace", a guardrail's; "citation", "image" and whatever else models come to say. A guardrail
    that steps in ends the answer with Finish("content_filter").

    Args:
        model_id: A model's id, or the id or ARN of an inference profile, or the ARN of a prompt.
        messages: Converse messages; `content` may be a plain string. Default: none, as a prompt's ARN wants it.
        system: The system prompt, as a string or as Converse blocks. Default: none.
        inference_config: `maxTokens`, `temperature`, `topP`, `stopSequences`. Default: the model's own.
        guardrail_config: Of Converse. Default: no guardrail.
        tool_config: Of Converse. Default: no tools.
        additional_model_request_fields: Of Converse. Default: none.
        additional_model_response_field_paths: Of Converse; what they point at comes as Internal. Default: none.
        prompt_variables: Of Converse. Default: none.
        request_metadata: Of Converse: written into Bedrock's invocation log. Default: none.
        performance_config: Of Converse. Default: the model's own.
        service_tier: Of Converse. Default: the account's.
        output_config: Of Converse: the form of the answer. Default: free text.
        expose: Kinds of Internal to yield as Data with that name instead, so that the caller gets them. Default: none.
        client: A boto3 `bedrock-runtime` client. Default: the process's own, `client()`.

    Raises:
        BadRequest: Bedrock finds the request invalid.
        Throttled: Bedrock has no capacity for it now; 429 with Retry-After when nothing has been sent yet.
        ModelError: The model failed, fell silent (`model_timeout`), cannot be reached, or its answer broke off (`model_incomplete`): one
            without a stop reason is not complete. What may pass is tried again, at most three times in all, as long as nothing has
            been yielded.
        streaming_runtime.aws.AwsError, botocore.exceptions.ClientError: Anything else, as a missing permission. It is the function's
            own fault, so the caller learns nothing of it.
    """
    asked: dict[str, Any] = {"modelId": model_id}
    if system:
        asked["system"] = [{"text": system}] if isinstance(system, str) else list(system)
    optional: dict[str, Any] = {
        "messages": [_message(message) for message in messages],
        "inferenceConfig": inference_config,
        "guardrailConfig": guardrail_config,
        "toolConfig": tool_config,
        "additionalModelRequestFields": additional_model_request_fields,
        "additionalModelResponseFieldPaths": list(additional_model_response_field_paths),
        "promptVariables": prompt_variables,
        "requestMetadata": request_metadata,
        "performanceConfig": performance_config,
        "serviceTier": service_tier,
        "outputConfig": output_config,
    }
    asked.update({name: value for name, value in optional.items() if value})
    from ._converse import translate

    def ask(bedrock: Any) -> Any:
        return bedrock.converse_stream(**asked)["stream"]

    return _events(client, ask, translate, expose)


def invoke_model_with_response_stream(
    *,
    model_id: str,
    body: Mapping[str, Any] | bytes,
    family: str | None = None,
    guardrail_identifier: str | None = None,
    guardrail_version: str | None = None,
    trace: str | None = None,
    performance_config_latency: str | None = None,
    service_tier: str | None = None,
    expose: Collection[str] = (),
    client: Any = None,
) -> Iterator[Text | Data | Internal | Finish]:
    """Asks a model in its own words, and yields its answer as `converse_stream` does: the same events, the same errors.

    Prefer `converse_stream`, which speaks one language with every model. This is for what only a model's own request can say.

    Args:
        model_id: A model's id, or the id or ARN of an inference profile.
        body: The model's own request, as a mapping or as JSON.
        family: Who understands the answer: "anthropic" (Messages), "llama", "mistral" (text completion) or "nova". Default: as the id
            tells; an application inference profile's or a provisioned model's does not.
        guardrail_identifier: Of InvokeModel. Default: no guardrail.
        guardrail_version: Of InvokeModel. Default: none.
        trace: Of InvokeModel: "ENABLED", "ENABLED_FULL" or "DISABLED". Default: disabled.
        performance_config_latency: Of InvokeModel: "standard" or "optimized". Default: standard.
        service_tier: Of InvokeModel. Default: the account's.
        expose: As for `converse_stream`.
        client: As for `converse_stream`.

    Raises:
        ValueError: `MODEL_FAMILY` for a model whose answers are not understood here.
        BadRequest, Throttled, ModelError: As for `converse_stream`.
    """
    from ._native import family_of

    understood = family_of(model_id, family)
    optional = {
        "guardrailIdentifier": guardrail_identifier,
        "guardrailVersion": guardrail_version,
        "trace": trace,
        "performanceConfigLatency": performance_config_latency,
        "serviceTier": service_tier,
    }
    from json import dumps, loads

    asked = {
        "modelId": model_id,
        "body": body if isinstance(body, bytes) else dumps(dict(body)).encode(),
        **{name: value for name, value in optional.items() if value},
    }

    def ask(bedrock: Any) -> Any:
        return bedrock.invoke_model_with_response_stream(**asked)["body"]

    def translate(events: Chunks) -> Translation:
        return understood(loads(event["chunk"]["bytes"]) for event in events if "chunk" in event)

    return _events(client, ask, translate, expose)


def _events(
    given: Any, ask: Callable[[Any], Any], translate: Callable[[Chunks], Translation], expose: Collection[str]
) -> Iterator[Text | Data | Internal | Finish]:
    from streaming_runtime.aws.retrying import may_be_retried, pause_before_next
    from streaming_runtime.events import Data, Internal

    from ._failures import understand
    from ._lean import LeanClient

    asked_of = given if given is not None else client()
    attempt = 0
    while True:
        attempt += 1
        yielded, stream = False, None
        try:
            stream = ask(asked_of)
            for event in translate(stream):
                yielded = True
                shown = isinstance(event, Internal) and event.kind in expose
                yield Data(event.value, event.kind) if shown and isinstance(event, Internal) else event
            return  # noqa: TRY300 - the loop is for what failed
        except Exception as error:
            failure = understand(error, stream is not None)
            if failure is None:
                raise
            # boto3 has tried its own number of times before an answer begins, and what begins within an answer nobody else retries.
            again = attempt < MAX_ATTEMPTS and not yielded and (stream is not None or isinstance(asked_of, LeanClient))
            if not (again and failure.passing and may_be_retried(failure.retry_after)):
                if failure.told is error:
                    raise
                raise failure.told from error
            pause = pause_before_next(attempt, failure.throttled, failure.retry_after)
        finally:
            if stream is not None:
                stream.close()  # also when the handler leaves early: the model stops, and with it the bill
        time.sleep(pause)


def _boto3_client() -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": MAX_ATTEMPTS, "mode": "standard"},
    )
    return boto3.client("bedrock-runtime", config=config)


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    return {**message, "content": [{"text": content}] if isinstance(content, str) else content}
