"""Drives either client through one call, so that each promise is held by both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from constructs_pkg.client import AsyncStreamingClient, Event, StreamingClient, StreamingClientError, Text


@dataclass
class Outcome:
    """What a caller got out of a call: events first, then perhaps an error."""

    events: list[Event] = field(default_factory=list)
    error: StreamingClientError | None = None
    stream: Any = None

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Text))


Seen = Callable[[Event], None]


def read_sync(client: StreamingClient, calls: int = 1, seen: Seen = lambda _: None, **call: Any) -> Outcome:
    with client:
        for _ in range(calls):
            outcome = Outcome()
            try:
                with client.stream(call.pop("method", "POST"), call.pop("path", ""), **call) as outcome.stream:
                    for event in outcome.stream:
                        outcome.events.append(event)
                        seen(event)
            except StreamingClientError as error:
                outcome.error = error
        return outcome


def read_async(client: AsyncStreamingClient, calls: int = 1, seen: Seen = lambda _: None, **call: Any) -> Outcome:
    async def read() -> Outcome:
        async with client:
            for _ in range(calls):
                outcome = Outcome()
                try:
                    async with client.stream(call.pop("method", "POST"), call.pop("path", ""), **call) as outcome.stream:
                        async for event in outcome.stream:
                            outcome.events.append(event)
                            seen(event)
                except StreamingClientError as error:
                    outcome.error = error
            return outcome

    return asyncio.run(read())


@dataclass(frozen=True)
class Caller:
    """One of the two clients."""

    make: Callable[..., Any]
    run: Callable[..., Outcome]

    def __call__(self, url: str, client: dict[str, Any] | None = None, **call: Any) -> Outcome:
        return self.run(self.make(url, **(client or {})), **call)


SYNC = Caller(StreamingClient, read_sync)
ASYNC = Caller(AsyncStreamingClient, read_async)
