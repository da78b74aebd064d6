"""Async handlers: one event loop for the life of the process, so that clients which a handler keeps stay usable."""

from __future__ import annotations

import asyncio

from .errors import StreamInterrupted
from .interrupts import Gently
from .logs import log_exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

STREAMED = object()


class _Loop:
    """The loop, made when the first async handler runs."""

    runner: asyncio.Runner | None = None


def run(result: Any, push: Callable[[object], None]) -> Any:
    """Runs what an async handler returned. Returns STREAMED, or the value of a coroutine that streams nothing.

    A slow reader stops the whole loop: the producer waits, and so do its background tasks.
    """
    running = loop()
    task = running.create_task(_drive(result, push))
    asked: list[asyncio.Handle] = []

    def ask() -> bool:  # within a signal's handler, in the loop's own thread, which may be waiting
        if asked:
            asked[0].cancel()  # it was too busy to hear it, and must not hear it while it cleans up
            return False
        asked.append(running.call_soon_threadsafe(task.cancel))
        return True

    Gently.ask = ask
    try:
        return running.run_until_complete(task)
    except StreamInterrupted:
        _cancel(running, task)
        raise
    except asyncio.CancelledError as error:
        if not asked:
            raise
        raise StreamInterrupted from error
    finally:
        Gently.ask = None


def loop() -> asyncio.AbstractEventLoop:
    """The process's event loop."""
    if _Loop.runner is None:
        _Loop.runner = asyncio.Runner()
        asyncio.set_event_loop(_Loop.runner.get_loop())
    return _Loop.runner.get_loop()


async def _drive(result: Any, push: Callable[[object], None]) -> Any:
    drive = getattr(result, "drive", None)
    if drive is not None:  # an ASGI exchange, which pushes by itself
        await drive(push)
        return STREAMED
    if hasattr(result, "__await__"):
        result = await result
    if not hasattr(result, "__aiter__"):
        return result
    try:
        async for event in result:
            push(event)
    finally:
        close = getattr(result, "aclose", None)
        if close is not None:
            try:
                await close()
            except Exception as error:  # noqa: BLE001 - the outcome is decided; how badly the handler cleaned up belongs in the log
                log_exception(error)
    return STREAMED


def _cancel(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    """The loop was interrupted from outside: lets the handler clean up, in its own task and context."""
    if not task.done():
        task.cancel()
        try:
            loop.run_until_complete(task)
        except (asyncio.CancelledError, StreamInterrupted) as error:
            del error  # asked for
        except Exception as error:  # noqa: BLE001 - as above
            log_exception(error)
