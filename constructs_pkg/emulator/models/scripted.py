"""A model for tests: says what it was told to say, and fails where it was told to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from constructs_pkg.emulator.models.base import Answer, ChatRequest, Completion, Delta, ModelFailure

if TYPE_CHECKING:
    from constructs_pkg.emulator.supervisor import Supervisor

Step = str | ModelFailure | Completion | Callable[[], Awaitable[None]]
"""A delta's text, a failure, a completion of one's own, or something to wait for (an asyncio.Event's `wait`)."""


class ScriptedModel:
    """Each answer runs the next script, and the last one over and over."""

    name = "scripted"

    def __init__(self, *scripts: Sequence[Step]) -> None:
        """
        Args:
            scripts: What to do at each call. A script without a completion ends with `end_turn` and a token a step.
        """
        self.requests: list[ChatRequest] = []
        self.cancelled = 0
        self._scripts = list(scripts)

    async def start(self, supervisor: Supervisor, log: Callable[[str], None]) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def answer(self, request: ChatRequest) -> Answer:
        """Runs a script. `cancelled` counts the answers that were not heard to their end."""
        self.requests.append(request)
        script = self._scripts[min(len(self.requests), len(self._scripts)) - 1] if self._scripts else ()
        spoken, finished = 0, False
        try:
            for step in script:
                if isinstance(step, ModelFailure):
                    finished = True
                    raise step
                if isinstance(step, str):
                    spoken += 1
                    yield Delta(step)
                elif isinstance(step, Completion):
                    finished = True
                    yield step
                    return
                else:
                    await step()
            await asyncio.sleep(0)
            finished = True
            yield Completion(stop_reason="end_turn", input_tokens=1, output_tokens=spoken)
        finally:
            self.cancelled += not finished
