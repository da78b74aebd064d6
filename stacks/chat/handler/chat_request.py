"""What OpenAI's chat completions request says, in the terms of Bedrock's Converse API. Pure: raises what the caller got wrong.

Sources: https://platform.openai.com/docs/api-reference/chat/create,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streaming_runtime import BadRequest, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_MESSAGES = 1_000
_MOST_STOPS = 4
_SYSTEM_ROLES = ("system", "developer")
_UNSUPPORTED = ("tools", "tool_choice", "functions", "function_call", "audio", "logit_bias", "web_search_options")


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """A request that was found good.

    Attributes:
        model_id: One of the models that the stack allows.
        messages: As Converse takes them: user and assistant in turn, the user first.
        system: As Converse takes it; empty when there is none.
        inference_config: Of maxTokens, temperature, topP and stopSequences, those that were asked for.
    """

    model_id: str
    messages: list[dict[str, Any]]
    system: list[dict[str, str]] = field(default_factory=list)
    inference_config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, body: Any, model_ids: Sequence[str]) -> ChatRequest:
        """Checks `body` and translates it.

        Raises:
            BadRequest: Something in it is wrong; `param` says what.
            NotFound: The model is none of `model_ids`.
        """
        if not isinstance(body, dict):
            raise BadRequest("The request's body must be a JSON object.")
        for name in _UNSUPPORTED:
            if body.get(name):
                raise BadRequest(f"'{name}' is not supported by this endpoint.", param=name, code="unsupported_parameter")
        if body.get("n") not in (None, 1):
            raise BadRequest("'n' must be 1: this endpoint streams one choice.", param="n")
        if not isinstance(body.get("stream"), bool | None):
            raise BadRequest("'stream' must be true or false.", param="stream")
        model_id = _model(body, model_ids)
        system, messages = _conversation(body.get("messages"))
        return cls(model_id=model_id, messages=messages, system=system, inference_config=_inference_config(body))


def _model(body: dict[str, Any], model_ids: Sequence[str]) -> str:
    model_id = body.get("model")
    if not isinstance(model_id, str) or not model_id:
        raise BadRequest("'model' is required: a string. GET /v1/models lists the models.", param="model")
    if model_id not in model_ids:
        raise NotFound(
            f"The model '{model_id}' does not exist or is not allowed here. GET /v1/models lists the models.",
            code="model_not_found",
            param="model",
        )
    return model_id


def _conversation(given: Any) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    if not isinstance(given, list) or not given:
        raise BadRequest("'messages' is required: a list of at least one message.", param="messages")
    if len(given) > _MOST_MESSAGES:
        raise BadRequest(f"'messages' has {len(given)} entries; at most {_MOST_MESSAGES} are allowed.", param="messages")
    system: list[dict[str, str]] = []
    turns: list[dict[str, Any]] = []
    for index, message in enumerate(given):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise BadRequest(f"'{where}' must be an object with role and content.", param=where)
        role = message.get("role")
        if role in _SYSTEM_ROLES:
            system.append({"text": _text(message.get("content"), where)})
        elif role in ("user", "assistant"):
            text = _text(message.get("content"), where)
            if turns and turns[-1]["role"] == role:  # Converse wants the roles to alternate
                turns[-1]["content"].append({"text": text})
            else:
                turns.append({"role": role, "content": [{"text": text}]})
        else:
            raise BadRequest(f"'{where}.role' must be system, developer, user or assistant.", param=f"{where}.role")
    if not turns or turns[0]["role"] != "user":
        raise BadRequest("The first message that is not a system message must come from the user.", param="messages")
    return system, turns


def _text(content: Any, where: str) -> str:
    if isinstance(content, list):
        parts = []
        for index, part in enumerate(content):
            if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
                raise BadRequest(
                    f"'{where}.content[{index}]' must be a text part; nothing else is supported.", param=f"{where}.content"
                )
            parts.append(part["text"])
        content = "".join(parts)
    if not isinstance(content, str) or not content.strip():
        raise BadRequest(
            f"'{where}.content' must be a text that is not empty, or a list of text parts.", param=f"{where}.content"
        )
    return content


def _inference_config(body: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    temperature = _number(body, "temperature", 0, 2)
    if temperature is not None:
        config["temperature"] = min(temperature, 1.0)  # Converse ends at 1 where OpenAI ends at 2
    top_p = _number(body, "top_p", 0, 1)
    if top_p is not None:
        config["topP"] = top_p
    for name in ("max_completion_tokens", "max_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise BadRequest(f"'{name}' must be an integer from 1 on.", param=name)
        config.setdefault("maxTokens", value)
    stop = body.get("stop")
    if stop is not None:
        stops = [stop] if isinstance(stop, str) else stop
        if not isinstance(stops, list) or len(stops) > _MOST_STOPS or not all(isinstance(text, str) and text for text in stops):
            raise BadRequest(f"'stop' must be a text that is not empty, or a list of up to {_MOST_STOPS} of them.", param="stop")
        if stops:
            config["stopSequences"] = stops
    return config


def _number(body: dict[str, Any], name: str, lowest: float, highest: float) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise BadRequest(f"'{name}' must be a number from {lowest:g} to {highest:g}.", param=name)
    return float(value)
