"""Bedrock's InvokeModel without its transport: each vendor's own request and answer, in terms of a conversation. Pure.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html (Claude),
https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html (Nova),
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html (Llama). Text alone; other vendors are refused.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from constructs_pkg.emulator.converse import InvalidRequest, answer_document, parse_request, usage
from constructs_pkg.emulator.eventstream import encode_event
from constructs_pkg.emulator.models import ChatMessage, ChatRequest, Completion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Dialect(Protocol):
    """One vendor's way of asking and answering."""

    def parse(self, document: Mapping[str, Any]) -> ChatRequest:
        """Reads a request.

        Raises:
            InvalidRequest: it is not one.
        """

    def answer(self, text: str, completion: Completion, latency_ms: int) -> dict[str, Any]:
        """A whole answer."""

    def begin(self) -> Iterable[dict[str, Any]]:
        """What a stream begins with."""

    def piece(self, text: str) -> dict[str, Any]:
        """A piece of text."""

    def end(self, completion: Completion, latency_ms: int) -> Iterable[dict[str, Any]]:
        """What a stream ends with."""


def dialect_of(model_id: str) -> Dialect:
    """The dialect of a model, by its id: the vendor stands before the first dot, after a geography where there is one.

    Raises:
        InvalidRequest: it is not emulated.
    """
    name = model_id.rpartition("/")[2]
    for vendor, dialect in (("anthropic.", Claude), ("amazon.nova", Nova), ("meta.", Llama)):
        if name.startswith(vendor) or f".{vendor}" in name:
            return dialect()
    raise InvalidRequest(
        f"InvokeModel is emulated for Anthropic's, Amazon Nova's and Meta's models, not for {name}; Converse is for every model."
    )


def parse_body(dialect: Dialect, body: bytes) -> ChatRequest:
    """Reads a request's body.

    Raises:
        InvalidRequest: it is no JSON object, or not what the model takes.
    """
    try:
        document = json.loads(body or b"{}")
    except ValueError as error:
        raise InvalidRequest("Malformed input request, please reformat your input and try again.") from error
    if not isinstance(document, dict):
        raise InvalidRequest("Malformed input request, please reformat your input and try again.")
    return dialect.parse(document)


def chunk_frame(document: Mapping[str, Any]) -> bytes:
    """One event of InvokeModelWithResponseStream."""
    data = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return encode_event("chunk", {"bytes": base64.b64encode(data).decode()})


def _metrics(completion: Completion, latency_ms: int) -> dict[str, Any]:
    return {
        "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": completion.input_tokens,
            "outputTokenCount": completion.output_tokens,
            "invocationLatency": latency_ms,
            "firstByteLatency": latency_ms,
        }
    }


def _blocks(content: object) -> list[dict[str, object]]:
    """Claude's content, a text or a list of blocks, as Converse has it."""
    if isinstance(content, str):
        return [{"text": content}]
    blocks = content if isinstance(content, list) else []
    return [
        {"text": block.get("text")} if isinstance(block, dict) and block.get("type") == "text" else {_kind(block): {}}
        for block in blocks
    ]


def _kind(block: object) -> str:
    return str(block.get("type") or "content") if isinstance(block, dict) else "content"


class Claude:
    """Anthropic's Messages API."""

    def parse(self, document: Mapping[str, Any]) -> ChatRequest:
        """See Dialect."""
        if not isinstance(
            document.get("anthropic_version"), str
        ):  # the documents name one; AWS's and Anthropic's clients send two
            raise InvalidRequest("anthropic_version: Field required; it is bedrock-2023-05-31")
        if not isinstance(document.get("max_tokens"), int):
            raise InvalidRequest("max_tokens: Field required")
        if document.get("tools"):
            raise InvalidRequest("tools is not emulated: the local model takes and gives text alone.")
        messages = [
            {"role": message.get("role"), "content": _blocks(message.get("content"))}
            for message in document.get("messages") or ()
        ]
        inference = {
            "maxTokens": document["max_tokens"],
            "temperature": document.get("temperature"),
            "topP": document.get("top_p"),
            "stopSequences": document.get("stop_sequences"),
        }
        system = document.get("system")
        converse = {"messages": messages, "system": _blocks(system) if system else [], "inferenceConfig": inference}
        return parse_request(json.dumps(converse).encode())

    def _message(self, completion: Completion | None) -> dict[str, Any]:
        counted = {"input_tokens": 0, "output_tokens": 0}
        if completion is not None:
            counted = {"input_tokens": completion.input_tokens, "output_tokens": completion.output_tokens}
        return {
            "id": f"msg_bdrk_{uuid4().hex[:24]}",
            "type": "message",
            "role": "assistant",
            "model": "emulated",
            "usage": counted,
        }

    def answer(self, text: str, completion: Completion, latency_ms: int) -> dict[str, Any]:
        """See Dialect."""
        del latency_ms
        content = [{"type": "text", "text": text}]
        return {**self._message(completion), "content": content, "stop_reason": completion.stop_reason, "stop_sequence": None}

    def begin(self) -> Iterable[dict[str, Any]]:
        """See Dialect."""
        yield {"type": "message_start", "message": {**self._message(None), "content": [], "stop_reason": None}}
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}

    def piece(self, text: str) -> dict[str, Any]:
        """See Dialect."""
        return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}

    def end(self, completion: Completion, latency_ms: int) -> Iterable[dict[str, Any]]:
        """See Dialect."""
        yield {"type": "content_block_stop", "index": 0}
        delta = {"stop_reason": completion.stop_reason, "stop_sequence": None}
        yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": completion.output_tokens}}
        yield {"type": "message_stop", **_metrics(completion, latency_ms)}


class Nova:
    """Amazon Nova, which takes and gives what Converse does."""

    def parse(self, document: Mapping[str, Any]) -> ChatRequest:
        """See Dialect."""
        return parse_request(json.dumps(document).encode())

    def answer(self, text: str, completion: Completion, latency_ms: int) -> dict[str, Any]:
        """See Dialect."""
        document = answer_document(text, completion, latency_ms)
        return {name: document[name] for name in ("output", "stopReason", "usage")}

    def begin(self) -> Iterable[dict[str, Any]]:
        """See Dialect."""
        yield {"messageStart": {"role": "assistant"}}

    def piece(self, text: str) -> dict[str, Any]:
        """See Dialect."""
        return {"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}}

    def end(self, completion: Completion, latency_ms: int) -> Iterable[dict[str, Any]]:
        """See Dialect."""
        yield {"contentBlockStop": {"contentBlockIndex": 0}}
        yield {"messageStop": {"stopReason": completion.stop_reason}}
        yield {"metadata": {"usage": usage(completion), "metrics": {}}, **_metrics(completion, latency_ms)}


class Llama:
    """Meta Llama: one prompt, one generation."""

    _REASONS = ("stop", "length")

    def parse(self, document: Mapping[str, Any]) -> ChatRequest:
        """See Dialect."""
        prompt = document.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            raise InvalidRequest(
                "Malformed input request: #: required key [prompt] not found, please reformat your input and try again."
            )
        return ChatRequest(
            messages=(ChatMessage(role="user", text=prompt),),
            max_tokens=document.get("max_gen_len"),
            temperature=document.get("temperature"),
            top_p=document.get("top_p"),
        )

    def answer(self, text: str, completion: Completion, latency_ms: int) -> dict[str, Any]:
        """See Dialect."""
        del latency_ms
        return {
            "generation": text,
            "prompt_token_count": completion.input_tokens,
            "generation_token_count": completion.output_tokens,
            "stop_reason": self._REASONS[completion.stop_reason == "max_tokens"],
        }

    def begin(self) -> Iterable[dict[str, Any]]:
        """See Dialect."""
        return ()

    def piece(self, text: str) -> dict[str, Any]:
        """See Dialect."""
        return {"generation": text, "prompt_token_count": None, "generation_token_count": None, "stop_reason": None}  # nosec B105

    def end(self, completion: Completion, latency_ms: int) -> Iterable[dict[str, Any]]:
        """See Dialect."""
        yield {**self.answer("", completion, latency_ms), **_metrics(completion, latency_ms)}
