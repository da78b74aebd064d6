"""What a model is asked, and what it answers, in terms of the Converse API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.supervisor import Supervisor


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """One turn. `role` is `system`, `user` or `assistant`."""

    role: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """A conversation to be continued. None means that the caller left it to the model."""

    messages: tuple[ChatMessage, ...]
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: tuple[str, ...] = ()

    @property
    def last_user_text(self) -> str:
        """What the user said last."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")


@dataclass(frozen=True)
class Delta:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Completion:
    """The answer is over. `stop_reason` is `end_turn`, `max_tokens` or `stop_sequence`; tokens are counted by the model."""

    stop_reason: str
    input_tokens: int
    output_tokens: int


class ModelFailure(Exception):
    """The model fails, before its first word or in the middle.

    Attributes:
        shape: Bedrock's error, such as `ThrottlingException`, `ModelStreamErrorException`, `ValidationException`.
    """

    def __init__(self, shape: str, message: str) -> None:
        super().__init__(message)
        self.shape = shape
        self.message = message


class ModelUnavailable(Exception):
    """The model cannot be started. The text is one line that says what mends it."""


Answer = AsyncGenerator[Delta | Completion, None]


class Model(Protocol):
    """Answers conversations. `name` is how it is called on the command line."""

    name: str

    async def start(self, supervisor: Supervisor, log: Callable[[str], None]) -> None:
        """Gets ready, so that the first token is quick.

        Raises:
            ModelUnavailable: it cannot.
        """

    def answer(self, request: ChatRequest) -> Answer:
        """Continues a conversation: deltas, then one completion. Closing the generator stops the model.

        Raises:
            ModelFailure: while it is iterated.
        """

    async def close(self) -> None:
        """Lets go of everything."""
