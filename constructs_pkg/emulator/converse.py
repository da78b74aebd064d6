"""Bedrock's Converse API without its transport: requests checked, events and answers built. Pure.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, API_runtime_ConverseStream.html; the
words of the refusals are those that users of Bedrock report.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from constructs_pkg.emulator.eventstream import encode_event, encode_exception
from constructs_pkg.emulator.models import ChatMessage, ChatRequest, Completion, ModelFailure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATUS = {
    "AccessDeniedException": 403,
    "InternalServerException": 500,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "ValidationException": 400,
}
"""HTTP status of each error before the stream."""

STREAM_ERRORS = {
    "InternalServerException": "internalServerException",
    "ModelErrorException": "modelStreamErrorException",
    "ModelStreamErrorException": "modelStreamErrorException",
    "ServiceUnavailableException": "serviceUnavailableException",
    "ThrottlingException": "throttlingException",
    "ValidationException": "validationException",
}
"""The members of ConverseStreamOutput that errors after the first event become."""

_NOT_EMULATED = {"toolConfig": "tools", "promptVariables": "prompts", "outputConfig": "structured output"}
"""What would change the answer, so that ignoring it would be a lie."""

_TEXT_ALONE = "is not emulated: the local model takes and gives text alone."


class InvalidRequest(Exception):
    """A ValidationException; the text is AWS's, or says what is not emulated."""


def parse_request(body: bytes) -> ChatRequest:
    """Reads a Converse request.

    Raises:
        InvalidRequest: it is not one, or asks for what a text model cannot do.
    """
    try:
        document = json.loads(body or b"{}")
    except ValueError as error:
        raise InvalidRequest("The request body is not valid JSON.") from error
    if not isinstance(document, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    for name, what in _NOT_EMULATED.items():
        if document.get(name):
            raise InvalidRequest(f"{name} ({what}) {_TEXT_ALONE}")
    system = tuple(
        ChatMessage(role="system", text=_text(block, f"system.{n}")) for n, block in enumerate(document.get("system") or ())
    )
    inference = document.get("inferenceConfig") or {}
    return ChatRequest(
        messages=_joined(system) + _messages(document.get("messages") or ()),
        max_tokens=_number(inference, "maxTokens", int, 1, None),
        temperature=_number(inference, "temperature", float, 0.0, 1.0),
        top_p=_number(inference, "topP", float, 0.0, 1.0),
        stop_sequences=_stop_sequences(inference.get("stopSequences") or ()),
    )


def _messages(documents: Sequence[Any]) -> tuple[ChatMessage, ...]:
    messages: list[ChatMessage] = []
    for number, document in enumerate(documents):
        role = document.get("role") if isinstance(document, dict) else None
        if role not in ("user", "assistant"):
            raise InvalidRequest(
                f"Value at 'messages.{number}.role' failed to satisfy constraint: Member must be one of [user, assistant]"
            )
        blocks = document.get("content") or ()
        if not blocks:
            raise InvalidRequest(
                f"The content field in the Message object at messages.{number} is empty. Add a ContentBlock object."
            )
        texts = [_text(block, f"messages.{number}.content.{n}") for n, block in enumerate(blocks)]
        messages.append(ChatMessage(role=role, text="\n".join(text for text in texts if text)))
    if not messages or messages[0].role != "user":
        raise InvalidRequest(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message."
        )
    if any(first.role == second.role for first, second in pairwise(messages)):
        raise InvalidRequest(
            "A conversation must alternate between user and assistant roles. "
            "Make sure the conversation alternates between user and assistant roles and try again."
        )
    return tuple(messages)


def _joined(system: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
    return (ChatMessage(role="system", text="\n".join(message.text for message in system)),) if system else ()


def _text(block: object, where: str) -> str:
    """The text of a block; empty for a cache point, which is of no use here."""
    if isinstance(block, dict) and set(block) == {"guardContent"} and isinstance(block["guardContent"], dict):
        block = block["guardContent"].get("text") or block["guardContent"]  # for a guardrail, which judges nothing here
        block = {"text": block["text"]} if isinstance(block, dict) and "text" in block else block
    if not isinstance(block, dict) or set(block) - {"text", "cachePoint"}:
        kind = next(iter(set(block) - {"text", "cachePoint"})) if isinstance(block, dict) else type(block).__name__
        raise InvalidRequest(f"{kind} {_TEXT_ALONE} It is the ContentBlock object at {where}.")
    text = block.get("text", "")
    if "text" in block and (not isinstance(text, str) or not text.strip()):
        raise InvalidRequest(
            f"The text field in the ContentBlock object at {where} is blank. Add text to the text field, and try again."
        )
    return str(text)


def _stop_sequences(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        raise InvalidRequest(
            "Value at 'inferenceConfig.stopSequences' failed to satisfy constraint: Member must be a list of text"
        )
    return tuple(value)


def _number(inference: Mapping[str, Any], name: str, kind: type[Any], low: float, high: float | None) -> Any:
    value = inference.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or (kind is int and value != int(value)):
        raise InvalidRequest(f"Value at 'inferenceConfig.{name}' failed to satisfy constraint: Member must be a number")
    if value < low:
        raise InvalidRequest(
            f"Value '{value}' at 'inferenceConfig.{name}' failed to satisfy constraint: "
            f"Member must have value greater than or equal to {low:g}"
        )
    if high is not None and value > high:
        raise InvalidRequest(
            f"Value '{value}' at 'inferenceConfig.{name}' failed to satisfy constraint: Member must have value less than or equal to {high:g}"
        )
    return kind(value)


@dataclass(frozen=True)
class Target:
    """One ARN that a caller needs permission on, and the condition keys that go with it."""

    arn: str
    context: Mapping[str, str]


def model_targets(raw_model_id: str, *, region: str, account: str, partition: str = "aws") -> list[Target]:
    """What a caller needs permission on to use a model.

    A foundation model is one; an inference profile is two, the profile and the model behind it (in this region; those of its other
    regions are not asked about here), the latter with bedrock:InferenceProfileArn; a global profile is a third, the model without a
    region. Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html,
    https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html.

    Args:
        raw_model_id: From the request's path, still percent-encoded: a model id, a profile id, or an ARN.
        region: The region that the request is for.
        account: The caller's account.
        partition: `aws`, `aws-cn`, ...
    """
    model_id = unquote(raw_model_id)
    if model_id.startswith("arn:") and ":inference-profile/" not in model_id:
        return [Target(model_id, {})]
    name = model_id.rpartition("/")[2]
    geography, _, rest = name.partition(".")
    if not model_id.startswith("arn:") and (geography not in _GEOGRAPHIES or "." not in rest):
        return [Target(f"arn:{partition}:bedrock:{region}::foundation-model/{name}", {})]
    profile = model_id if model_id.startswith("arn:") else f"arn:{partition}:bedrock:{region}:{account}:inference-profile/{name}"
    through = {"bedrock:InferenceProfileArn": profile}
    targets = [Target(profile, {}), Target(f"arn:{partition}:bedrock:{region}::foundation-model/{rest}", through)]
    if geography == "global":
        anywhere = {**through, "aws:RequestedRegion": "unspecified"}
        targets.append(Target(f"arn:{partition}:bedrock:::foundation-model/{rest}", anywhere))
    return targets


def guardrail_target(body: bytes, *, region: str, account: str, partition: str = "aws") -> Target | None:
    """What a Converse request needs `bedrock:ApplyGuardrail` on; None where it names no guardrail.

    Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_GuardrailStreamConfiguration.html,
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html.

    Raises:
        InvalidRequest: it names one in part.
    """
    if b'"guardrailConfig"' not in body:
        return None
    try:
        config = json.loads(body)["guardrailConfig"]
        named, version = str(config["guardrailIdentifier"]), str(config["guardrailVersion"])
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidRequest("guardrailConfig must have both guardrailIdentifier and guardrailVersion.") from error
    if not _GUARDRAIL.fullmatch(named) or not _GUARDRAIL_VERSION.fullmatch(version):
        raise InvalidRequest("The guardrail identifier or version provided in the request does not exist.")
    return Target(named if named.startswith("arn:") else f"arn:{partition}:bedrock:{region}:{account}:guardrail/{named}", {})


_GUARDRAIL = re.compile(r"[a-z0-9]+|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+")
_GUARDRAIL_VERSION = re.compile(r"[1-9][0-9]{0,7}|DRAFT")

_GEOGRAPHIES = frozenset({"us", "eu", "apac", "ap", "au", "ca", "jp", "sa", "us-gov", "global"})
"""First words of cross-region inference profiles' ids."""


def start_frames() -> bytes:
    """The stream's first event."""
    return encode_event("messageStart", {"role": "assistant"})


def delta_frame(text: str) -> bytes:
    """A piece of text."""
    return encode_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})


def end_frames(completion: Completion, latency_ms: int) -> bytes:
    """The stream's last three events."""
    stop = encode_event("contentBlockStop", {"contentBlockIndex": 0})
    message = encode_event("messageStop", {"stopReason": completion.stop_reason})
    return stop + message + encode_event("metadata", {"metrics": {"latencyMs": latency_ms}, "usage": usage(completion)})


def error_frame(failure: ModelFailure) -> bytes:
    """An error after the first event."""
    shape = STREAM_ERRORS.get(failure.shape, "internalServerException")
    return encode_exception(shape, {"message": failure.message})


def usage(completion: Completion) -> dict[str, int]:
    """Tokens as Bedrock counts them."""
    return {
        "inputTokens": completion.input_tokens,
        "outputTokens": completion.output_tokens,
        "totalTokens": completion.input_tokens + completion.output_tokens,
    }


def answer_document(text: str, completion: Completion, latency_ms: int) -> dict[str, Any]:
    """The answer of Converse, which does not stream."""
    return {
        "metrics": {"latencyMs": latency_ms},
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": completion.stop_reason,
        "usage": usage(completion),
    }
