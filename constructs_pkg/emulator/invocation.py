"""One invocation, and what the two ends of it say to each other: the front that asked, and the environment that runs it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.log_tail import LogTail


@dataclass(frozen=True, kw_only=True)
class FunctionError:
    """How an invocation failed.

    Attributes:
        error_type: Such as `Function.ValueError`, `Runtime.ExitError`, `Sandbox.Timedout`.
        payload: The JSON document that Lambda hands to a direct caller: the runtime's own where it posted one.
    """

    error_type: str
    payload: bytes

    @classmethod
    def of_platform(cls, error_type: str, message: str) -> FunctionError:
        """An error that Lambda itself reports, in its own shape."""
        payload = json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()
        return cls(error_type=error_type, payload=payload)

    @property
    def message(self) -> str:
        """The `errorMessage` of the payload, or the payload."""
        text = self.payload.decode("utf-8", "replace")
        try:
            document = json.loads(text)
        except ValueError:
            return text
        return str(document.get("errorMessage", text)) if isinstance(document, dict) else text


class ResponseSink(Protocol):
    """Takes a function's response as it comes. `begin`, then `data`s, then `end` or `fail`; or `fail` alone."""

    def begin(self, content_type: str, *, streaming: bool) -> None:
        """The response begins. Not streaming: one whole payload follows."""

    def data(self, chunk: bytes) -> None:
        """A chunk as the function wrote it."""

    def flush(self) -> None:
        """No more chunks are at hand: send what is queued."""

    def end(self) -> None:
        """The response is complete."""

    def fail(self, error: FunctionError) -> None:
        """The function failed, before or after the first byte."""


class Caller(Protocol):
    """The connection that a response goes to."""

    def reset(self) -> None:
        """Breaks it, with a TCP reset."""


@dataclass(kw_only=True)
class Invocation:
    """A request on its way through an environment.

    Attributes:
        payload: The event, JSON.
        invoked_arn: The function's ARN with the qualifier that the caller used.
        sink: Who takes the response.
        client_context: The caller's client context, JSON, or None.
        caller: Whose connection waits for the response; None where nobody does.
        on_pause, on_resume: Set by the environment: hold back the function's writes, and let them flow again.
        on_kill: Set by the environment: ends its process at once.
        error: How it failed, or None.
        tail: Takes the lines of its log, where the caller asked for them.
    """

    payload: bytes
    invoked_arn: str
    sink: ResponseSink
    caller: Caller | None = None
    client_context: str | None = None
    tenant_id: str | None = None
    request_id: str = field(default_factory=lambda: new_id())
    trace_id: str = field(default_factory=lambda: new_trace_id())
    attempt_id: str = field(default_factory=lambda: new_id())
    deadline_ms: int = 0
    responding: bool = False
    over: bool = False
    produced_bytes: int = 0
    started_at: float = 0.0
    first_byte_at: float = 0.0
    on_pause: Callable[[], None] | None = None
    on_resume: Callable[[], None] | None = None
    on_kill: Callable[[], None] | None = None
    error: FunctionError | None = None
    tail: LogTail | None = None
    ended_at: float = 0.0

    def begin(self, content_type: str, *, streaming: bool) -> None:
        """The response begins."""
        self.responding = True
        self.first_byte_at = time.monotonic()
        self.sink.begin(content_type, streaming=streaming)

    def end(self) -> None:
        """The response is complete."""
        if not self.over:
            self.over = True
            self.ended_at = time.monotonic()
            self.sink.end()

    def fail(self, error: FunctionError) -> None:
        """The invocation failed. Only the first word counts."""
        if not self.over:
            self.over = True
            self.error = error
            self.ended_at = time.monotonic()
            self.sink.fail(error)

    def pause(self) -> None:
        """The caller reads slower than the function writes."""
        if self.on_pause is not None:
            self.on_pause()

    def resume(self) -> None:
        """The caller has caught up."""
        if self.on_resume is not None:
            self.on_resume()

    def kill(self) -> None:
        """The process that runs it ends now, as if the system had killed it."""
        if self.on_kill is not None:
            self.on_kill()


def new_trace_id() -> str:
    """A trace header in X-Ray's form: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader."""
    unique = os.urandom(20).hex()
    return f"Root=1-{int(time.time()):08x}-{unique[:24]};Parent={unique[24:]};Sampled=1"


def new_id() -> str:
    """A UUID of version 4, as text: uuid4() takes twice as long for it."""
    unique = os.urandom(16).hex()
    return f"{unique[:8]}-{unique[8:12]}-4{unique[13:16]}-{'89ab'[int(unique[16], 16) & 3]}{unique[17:20]}-{unique[20:]}"
