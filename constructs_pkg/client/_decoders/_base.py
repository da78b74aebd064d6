"""What every dialect's decoder is, and what they share."""

from __future__ import annotations

import json
from typing import Any, Protocol

from constructs_pkg.client._events import Error, Event, Usage
from constructs_pkg.client._exceptions import MalformedStream

from ._event_stream import ServerSentEvent, ServerSentEventDecoder

_raw_decode = json.JSONDecoder().raw_decode


class Decoder(Protocol):
    """Turns a body's bytes into events, however they were cut. Pure: no sockets, no clock.

    An `Error` or a `Finish` is always the last event of its list, and makes the decoder `done`.
    """

    @property
    def dialect(self) -> str:
        """The dialect's name."""

    @property
    def terminal(self) -> str | None:
        """What this dialect ends with, for messages. None where it has no terminal event: it is complete when HTTP says so."""

    @property
    def done(self) -> bool:
        """True once the terminal event came; bytes after it mean nothing."""

    @property
    def last_event_id(self) -> str:
        """The id to resume after. Empty where the stream has none."""

    @property
    def position(self) -> int:
        """How much came whole, for streams whose events carry no ids: lines of ndjson, bytes of text and bytes; else 0."""

    def restart(self) -> None:
        """Forgets an event of which a part came: the stream broke off, and what follows begins at the event after the last whole one."""

    def feed(self, data: bytes) -> list[Event]:
        """Takes the body's next bytes and returns the events that they complete.

        Raises:
            MalformedStream: `NOT_JSON`, `NOT_AN_EVENT` or `EVENT_TOO_LARGE`.
        """

    def close(self) -> list[Event]:
        """Says that the body ended and returns what was held back. Whether the stream is complete, `done` and `terminal` tell."""


class EventStreamDialect:
    """A dialect that travels in server-sent events: a subclass says what each event means, in `_read`."""

    dialect = ""
    terminal: str | None = None
    position = 0

    def __init__(self, *, max_event_bytes: int) -> None:
        """
        Args:
            max_event_bytes: The largest event accepted, in bytes.
        """
        self._max_event_bytes = max_event_bytes
        self._frames = ServerSentEventDecoder(max_event_bytes=max_event_bytes)
        self.done = False

    @property
    def last_event_id(self) -> str:
        return self._frames.last_event_id

    def restart(self) -> None:
        seen = self._frames.last_event_id
        self._frames = ServerSentEventDecoder(max_event_bytes=self._max_event_bytes)
        self._frames.last_event_id = seen

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self.done:
            return events
        for frame in self._frames.feed(data):
            self._read(frame, events)
            if self.done:
                break
        return events

    def close(self) -> list[Event]:
        return []

    def _read(self, frame: ServerSentEvent, events: list[Event]) -> None:
        """Adds to `events` what `frame` means, and sets `done` at the terminal one."""
        raise NotImplementedError


def parse_json(text: str | bytes, dialect: str) -> Any:
    """The JSON value of an event.

    Raises:
        MalformedStream: `NOT_JSON`. The text itself is left out of the message: it is the user's.
    """
    try:
        if isinstance(text, str) and text[:1] == "{":
            value, end = _raw_decode(text)  # json.loads without its search for space around the value
            if end == len(text):
                return value
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise MalformedStream(
            f"NOT_JSON: an event of a {dialect} stream is not JSON ({reason}); "
            "if the answer is in another format, name it with dialect=."
        ) from None


def parse_object(text: str | bytes, dialect: str) -> dict[str, Any]:
    """The JSON object of an event.

    Raises:
        MalformedStream: `NOT_JSON`, or `NOT_AN_EVENT` for any other JSON value.
    """
    value = parse_json(text, dialect)
    if not isinstance(value, dict):
        raise MalformedStream(
            f"NOT_AN_EVENT: an event of a {dialect} stream is a JSON {type(value).__name__}, not an object; "
            "if the answer is in another format, name it with dialect=."
        )
    return value


def as_object(value: Any) -> dict[str, Any]:
    """The value itself when it is an object, else an empty one: for parts that a server may leave out or null."""
    return value if isinstance(value, dict) else {}


def read_usage(value: Any) -> Usage | None:
    """Usage in any of the spellings in use: input/output, prompt/completion, camel case."""
    if not isinstance(value, dict):
        return None
    usage = Usage(
        _count(value, "input_tokens", "prompt_tokens", "inputTokens"),
        _count(value, "output_tokens", "completion_tokens", "outputTokens"),
        _count(value, "total_tokens", "totalTokens"),
    )
    if usage.total_tokens is None and usage.input_tokens is not None and usage.output_tokens is not None:
        usage = Usage(usage.input_tokens, usage.output_tokens, usage.input_tokens + usage.output_tokens)
    return None if usage == Usage() else usage


def read_error(value: Any, *, default_code: str = "error") -> Error:
    """An error in any of the shapes in use: `{code, message}`, `{type, message}`, or a bare sentence."""
    if not isinstance(value, dict):
        return Error(default_code, str(value) if value else "the stream failed without saying why")
    code = value.get("code") or value.get("type") or default_code
    message = value.get("message") or value.get("errorText") or "the stream failed without saying why"
    return Error(str(code), str(message))


def _count(value: dict[str, Any], *names: str) -> int | None:
    for name in names:
        found = value.get(name)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None
