"""What models say in their own words, as InvokeModelWithResponseStream passes it on, into our events. Pure.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html,
https://docs.aws.amazon.com/nova/latest/userguide/using-invoke-api.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-text-completion.html and, for what a guardrail adds,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
"""

from __future__ import annotations

from streaming_runtime.errors import ModelError, Throttled
from streaming_runtime.events import Finish, Internal, Text, Usage

from . import _converse
from ._translation import ToolCalls, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ._translation import Chunks, Translation

_METRICS = "amazon-bedrock-invocationMetrics"
_GUARDRAIL = "amazon-bedrock-guardrailAction"
_TRACE = "amazon-bedrock-trace"


class _Bedrock:
    """What Bedrock itself adds to a model's chunks."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.intervened = False

    def look(self, chunk: dict[str, Any]) -> list[Internal]:
        """Notes usage and a guardrail's verdict. Returns its trace, where there is one."""
        metrics = chunk.get(_METRICS)
        if metrics:
            self.usage = Usage(int(metrics.get("inputTokenCount", 0)), int(metrics.get("outputTokenCount", 0)))
        self.intervened = self.intervened or chunk.get(_GUARDRAIL) == "INTERVENED"
        return [Internal(chunk[_TRACE], "trace")] if chunk.get(_TRACE) else []

    def finish(self, reason: str | None, usage: Usage | None = None) -> Finish:
        """The end of the answer: a guardrail that stepped in is one, whatever the model said."""
        return Finish("content_filter" if self.intervened else reason_of(reason), self.usage or usage)


def anthropic(chunks: Chunks) -> Translation:
    """Anthropic's Messages: complete with message_stop."""
    bedrock, tools = _Bedrock(), ToolCalls()
    reason: str | None = None
    stopped = False
    counted: dict[str, Any] = {}
    for chunk in chunks:
        yield from bedrock.look(chunk)
        kind = chunk.get("type")
        if kind == "content_block_delta":
            yield from _anthropic_delta(chunk.get("index"), chunk["delta"], tools)
        elif kind == "content_block_start":
            block = chunk["content_block"]
            if block.get("type") == "tool_use":
                tools.begin(chunk.get("index"), {"toolUseId": block.get("id"), "name": block.get("name")})
            elif block.get("text"):
                yield Text(block["text"])
        elif kind == "content_block_stop":
            call = tools.end(chunk.get("index"))
            if call is not None:
                yield Internal(call, "tool_use")
        elif kind == "message_start":
            counted.update(chunk["message"].get("usage") or {})
        elif kind == "message_delta":
            reason = chunk["delta"].get("stop_reason") or reason
            counted.update(chunk.get("usage") or {})
        elif kind == "message_stop":
            stopped = True
        elif kind == "error":
            raise _anthropic_error(chunk.get("error") or {})
    usage = Usage(int(counted["input_tokens"]), int(counted["output_tokens"])) if "input_tokens" in counted else None
    yield bedrock.finish((reason or "end_turn") if stopped else None, usage)


def llama(chunks: Chunks) -> Translation:
    """Meta's Llama: complete with a stop_reason."""
    bedrock = _Bedrock()
    reason: str | None = None
    read = written = 0
    for chunk in chunks:
        yield from bedrock.look(chunk)
        if chunk.get("generation"):
            yield Text(chunk["generation"])
        read = chunk.get("prompt_token_count") or read
        written = chunk.get("generation_token_count") or written
        reason = chunk.get("stop_reason") or reason
    yield bedrock.finish(reason, Usage(int(read), int(written)) if read or written else None)


def mistral(chunks: Chunks) -> Translation:
    """Mistral's text completion: complete with a stop_reason."""
    bedrock = _Bedrock()
    reason: str | None = None
    for chunk in chunks:
        yield from bedrock.look(chunk)
        for output in chunk.get("outputs", ()):
            if output.get("text"):
                yield Text(output["text"])
            reason = output.get("stop_reason") or reason
    yield bedrock.finish(reason)


def nova(chunks: Chunks) -> Translation:
    """Amazon Nova: Converse's events."""
    bedrock = _Bedrock()
    traces: list[Internal] = []

    def noted() -> Chunks:
        for chunk in chunks:
            traces.extend(bedrock.look(chunk))
            yield chunk

    for event in _converse.translate(noted()):
        yield from traces
        traces.clear()
        yield bedrock.finish("stop", event.usage) if isinstance(event, Finish) and bedrock.intervened else event


FAMILIES: dict[str, Callable[[Chunks], Translation]] = {
    "anthropic": anthropic,
    "llama": llama,
    "mistral": mistral,
    "nova": nova,
}
_BEGINNINGS = {
    "anthropic.claude": "anthropic",
    "meta.llama": "llama",
    "mistral.mistral-7b": "mistral",
    "mistral.mixtral": "mistral",
    "mistral.mistral-small-2402": "mistral",
    "mistral.mistral-large-2402": "mistral",
    "amazon.nova": "nova",
}


def family_of(model_id: str, family: str | None) -> Callable[[Chunks], Translation]:
    """Who understands this model: by the family given, else by the id, which may be an inference profile's or in an ARN.

    Raises:
        ValueError: `MODEL_FAMILY`: nobody does, or the id does not tell.
    """
    if family is None:
        named = model_id.rpartition("/")[2]
        family = next((_BEGINNINGS[start] for start in _BEGINNINGS if named.startswith(start) or f".{start}" in named), None)
    if family not in FAMILIES:
        raise ValueError(
            f"MODEL_FAMILY: found model {model_id!r}, family {family!r}; allowed: {', '.join(FAMILIES)}; "
            "name the family where the id does not tell it, or use converse_stream, which reads the answer of every model"
        )
    return FAMILIES[family]


def _anthropic_delta(index: Any, delta: dict[str, Any], tools: ToolCalls) -> Translation:
    kind = delta.get("type")
    if kind == "text_delta":
        yield Text(delta["text"])
    elif kind == "input_json_delta":
        yield Internal(tools.add(index, delta["partial_json"]), "tool_use_delta")
    elif kind in ("thinking_delta", "signature_delta"):
        yield Internal({name: value for name, value in delta.items() if name != "type"}, "reasoning")
    else:
        yield Internal(delta, str(kind))


def _anthropic_error(error: dict[str, Any]) -> Exception:
    if error.get("type") in ("overloaded_error", "rate_limit_error"):
        return Throttled("The model has no capacity for this request now. Try again later.")
    return ModelError()
