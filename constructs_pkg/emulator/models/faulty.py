"""A model that fails where it is told to, in front of any other."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from constructs_pkg.emulator.models.base import Answer, ChatRequest, Delta, Model, ModelFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.faults import Fault, Faults
    from constructs_pkg.emulator.supervisor import Supervisor


class FaultyModel:
    """Answers as the model behind it, but for the faults `model-throttle`, `model-error` and `model-stall`."""

    def __init__(self, model: Model, faults: Faults) -> None:
        """
        Args:
            model: Who answers.
            faults: What goes wrong.
        """
        self.name = model.name
        self._model = model
        self._faults = faults

    async def start(self, supervisor: Supervisor, log: Callable[[str], None]) -> None:
        """See Model."""
        await self._model.start(supervisor, log)

    async def close(self) -> None:
        """See Model."""
        await self._model.close()

    async def answer(self, request: ChatRequest) -> Answer:
        """See Model."""
        if self._faults.of_model("model-throttle"):
            raise ModelFailure("ThrottlingException", "Too many requests, please wait before trying again.")
        errors, stalls = self._faults.of_model("model-error"), self._faults.of_model("model-stall")
        said = 0
        await _fail_or_wait(said, errors, stalls)
        async with aclosing(self._model.answer(request)) as answer:
            async for event in answer:
                yield event
                if isinstance(event, Delta):
                    said += 1
                    await _fail_or_wait(said, errors, stalls)


async def _fail_or_wait(said: int, errors: list[Fault], stalls: list[Fault]) -> None:
    for stall in stalls:
        if stall.after == said:
            await asyncio.sleep(stall.value)
    for error in errors:
        if int(error.value) == said:
            raise ModelFailure(error.shape, "The model was told to fail here.")
