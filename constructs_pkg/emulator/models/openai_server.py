"""Any server that speaks OpenAI's chat completions in place of Bedrock's models: llama.cpp, Ollama, vLLM, or OpenAI itself.

Source: https://platform.openai.com/docs/api-reference/chat/create. The key is taken from OPENAI_API_KEY where it is set.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from constructs_pkg.emulator.models.base import Answer, ChatRequest, Completion, Delta, ModelFailure
from constructs_pkg.emulator.models.http_client import ServerError, post_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.supervisor import Supervisor

_PATH = "/chat/completions"
_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "content_filtered"}


class OpenAiServer:
    """A server with OpenAI's API."""

    name = "openai"

    def __init__(self, url: str) -> None:
        """
        Args:
            url: Its base URL, such as `http://127.0.0.1:11434/v1?model=llama3.2`; the model's name may stand in the query.
        """
        parts = urlsplit(url)
        self._model = parse_qs(parts.query).get("model", ["default"])[0]
        path = parts.path.rstrip("/")
        if not path.endswith(_PATH):
            path = (path or "/v1") + _PATH
        self._url = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
        key = os.environ.get("OPENAI_API_KEY")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def start(self, supervisor: Supervisor, log: Callable[[str], None]) -> None:
        """Nothing to do: whether the server is there shows at the first request."""

    async def close(self) -> None:
        """Nothing to do."""

    async def answer(self, request: ChatRequest) -> Answer:
        """Continues a conversation."""
        reason, spoken, usage = "end_turn", 0, None
        finished = False
        try:
            async with post_json(self._url, self._document(request), headers=self._headers) as response:
                async for line in response.lines():
                    if not line.startswith(b"data:"):
                        continue
                    data = line[5:].strip()
                    if data == b"[DONE]":
                        finished = True
                        break
                    chunk = json.loads(data)
                    if "error" in chunk:
                        raise _failure(500, str(chunk["error"].get("message", chunk["error"])))
                    usage = chunk.get("usage") or usage
                    for choice in chunk.get("choices", ()):
                        text = (choice.get("delta") or {}).get("content")
                        if text:
                            spoken += 1
                            yield Delta(text)
                        if choice.get("finish_reason"):
                            finished = True
                            reason = _REASONS.get(choice["finish_reason"], "end_turn")
        except ServerError as error:
            raise _failure(error.status, error.text) from error
        except ValueError as error:
            raise ModelFailure("ModelErrorException", f"The model's server wrote what is no JSON: {error}") from error
        if not finished:
            raise ModelFailure("ModelStreamErrorException", "The model ended before its answer did.")
        counted = usage or {}
        yield Completion(
            stop_reason=reason,
            input_tokens=int(counted.get("prompt_tokens", sum(len(message.text.split()) for message in request.messages))),
            output_tokens=int(counted.get("completion_tokens", spoken)),
        )

    def _document(self, request: ChatRequest) -> dict[str, Any]:
        document: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.text} for message in request.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        chosen = {
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "stop": list(request.stop_sequences) or None,
        }
        return {**document, **{name: value for name, value in chosen.items() if value is not None}}


def _failure(status: int, text: str) -> ModelFailure:
    """A server's error as Bedrock's."""
    if status == 429:
        return ModelFailure("ThrottlingException", "Too many requests, please wait before trying again.")
    if status == 503:
        return ModelFailure("ServiceUnavailableException", f"The model's server cannot be reached: {text}")
    if 400 <= status < 500:
        return ModelFailure("ValidationException", f"The model's server refused the request: {text}")
    return ModelFailure("ModelErrorException", f"The model's server failed: {text}")
