"""A model that says the user's last words again, word by word, at a given pace. It needs nothing installed."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from constructs_pkg.emulator.models.base import Answer, ChatRequest, Completion, Delta

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.supervisor import Supervisor

_WORDS = re.compile(r"\s*\S+\s*$|\s*\S+")


class EchoModel:
    """The echo. A word counts as a token."""

    name = "echo"

    def __init__(self, tokens_per_second: float = 0.0) -> None:
        """
        Args:
            tokens_per_second: The pace; 0 is as fast as the caller reads.
        """
        self._pause = 1 / tokens_per_second if tokens_per_second > 0 else 0.0

    async def start(self, supervisor: Supervisor, log: Callable[[str], None]) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def answer(self, request: ChatRequest) -> Answer:
        """Says it again. Honours max_tokens and stop_sequences."""
        text, reason = request.last_user_text, "end_turn"
        ends = [text.find(stop) for stop in request.stop_sequences if stop in text]
        if ends:
            text, reason = text[: min(ends)], "stop_sequence"
        words = _WORDS.findall(text)
        if request.max_tokens is not None and len(words) > request.max_tokens:
            words, reason = words[: request.max_tokens], "max_tokens"
        loop = asyncio.get_running_loop()
        due = loop.time()
        for word in words:
            # Against the clock, not word after word, so that late wake-ups do not add up.
            due += self._pause
            await asyncio.sleep(max(0.0, due - loop.time()) if self._pause else 0)
            yield Delta(word)
        spoken = sum(len(message.text.split()) for message in request.messages)
        yield Completion(stop_reason=reason, input_tokens=spoken, output_tokens=len(words))
