"""What a stream says, whatever dialect it was said in.

The names are those that a handler yields on the other side (`streaming_runtime`): what it wrote as `Text` is read as `Text`.
The two share no code; `tests/contract/dialects` keeps them alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """How many tokens an answer cost, as far as its stream tells.

    Attributes:
        input_tokens: Tokens of the prompt. None where the stream does not tell.
        output_tokens: Tokens of the answer. None where the stream does not tell.
        total_tokens: Both, as the stream counts them; their sum where it gives only the two.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer's text, as it came: joining the pieces gives the whole answer.

    Attributes:
        text: Never empty. A piece may end in the middle of a word, never in the middle of a character.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Data:
    """A value that is not text: a line of `ndjson`, a tool call, an event with a name of the application's own.

    Attributes:
        value: The JSON value.
        name: What the stream calls it. None where it has no name.
    """

    value: Any
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Bytes:
    """A piece of a `bytes` stream.

    Attributes:
        data: Never empty. Pieces are cut wherever the network cut them.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class Finish:
    """The stream's own word that it is complete. Always the last event; dialects without one (text, bytes) never give it.

    Attributes:
        reason: Why the model stopped, in the dialect's words (`stop`, `length`, `end_turn`, ...). None where it did not say.
        usage: Tokens used. None where it did not say.
    """

    reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Error:
    """The stream's own word that it failed. A client raises it as `StreamError`; only the bare decoders return it.

    Attributes:
        code: A name for programs, such as `deadline_exceeded`.
        message: A sentence for people, written by the server.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RawEvent:
    """A server-sent event as it stands, where the dialect gives it no meaning.

    Attributes:
        event: Its type, `message` when the stream named none.
        data: Its data lines, joined by line feeds.
        id: The last event id, its own or an earlier event's. Empty where there was none.
    """

    event: str
    data: str
    id: str = ""


Event = Text | Data | Bytes | Finish | Error | RawEvent
"""Anything that a stream can say."""
