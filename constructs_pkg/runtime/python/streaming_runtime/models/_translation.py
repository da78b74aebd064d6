"""What every model's stream has in common on its way to our events. Pure."""

from __future__ import annotations

from streaming_runtime.errors import ModelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TypeAlias

    from streaming_runtime.events import Finish, Internal, Text

    Translation: TypeAlias = Iterator[Text | Internal | Finish]
    Chunks: TypeAlias = Iterable[dict[str, Any]]

INCOMPLETE = "model_incomplete"

REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "stop": "stop",
    "max_tokens": "length",
    "length": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "tool_calls": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}
"""The models' words for why they stopped, in ours; what is not here is "other"."""

_MALFORMED = ("malformed_model_output", "malformed_tool_use")


def reason_of(said: str | None) -> str:
    """Our word for the reason.

    Raises:
        ModelError: `model_incomplete` where the model gave none: its answer broke off. `model_malformed` where it says so.
    """
    if said is None:
        raise ModelError("The model's answer broke off.", code=INCOMPLETE)
    if said in _MALFORMED:
        raise ModelError("The model's answer is malformed.", code="model_malformed")
    return REASONS.get(said, "other")


class ToolCalls:
    """Puts calls of tools together from their pieces: a program can use a call only when all of it is there."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[Any, tuple[dict[str, Any], list[str]]] = {}

    def begin(self, index: Any, about: dict[str, Any]) -> None:
        """A call begins: `about` has its toolUseId and its name."""
        self._open[index] = (about, [])

    def add(self, index: Any, piece: str) -> dict[str, Any]:
        """A piece of its input. Returns it with the call it belongs to."""
        about, pieces = self._open.setdefault(index, ({}, []))
        pieces.append(piece)
        return {**about, "input": piece}

    def end(self, index: Any) -> dict[str, Any] | None:
        """The block with this index is complete. Returns the call with its input parsed; None where it was no call.

        An input that is no JSON, as when the model ran out of tokens within it, stays the text that it is.
        """
        if index not in self._open:
            return None
        about, pieces = self._open.pop(index)
        from json import loads

        text = "".join(pieces)
        try:
            return {**about, "input": loads(text) if text else {}}
        except ValueError:
            return {**about, "input": text}
