"""One thread beside the handler's, which may block for as long as it likes: flushes, heartbeats and the deadline do not wait for it."""

from __future__ import annotations

import os
from _thread import allocate_lock, start_new_thread
from time import monotonic

from .logs import log, log_exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .pipeline import Pipeline

IDLE_SECONDS = 0.25
_IDLE_ROUNDS = 40  # after so many without a stream the thread sleeps until it is woken

_FOREVER = float("inf")


class Clock:
    """Calls a stream's `tick` when it is due. Between streams it costs nothing.

    Args:
        last_words: What to do, in this thread, before the process ends because a stream that is over is not let go of.

    Waking a thread costs the waker some microseconds before every first byte, so for some seconds after a stream the thread looks for
    the next one by itself.

    Attributes:
        wakes_at: When the thread looks next, by time.monotonic(). A stream that needs it earlier calls `wake`.
    """

    def __init__(self, last_words: Callable[[], None]) -> None:
        self._last_words = last_words
        self.wakes_at = 0.0
        self._asleep = False
        self._watched: Pipeline | None = None
        self._bell = allocate_lock()
        self._bell.acquire()
        start_new_thread(self._run, ())

    def watch(self, stream: Pipeline) -> None:
        """From now on `stream.tick` is called when it is due, until `release`."""
        self._watched = stream
        if self._asleep or self.wakes_at > stream.first_tick_at():
            self.wake()

    def release(self) -> None:
        """Nothing is watched any more."""
        self._watched = None

    def wake(self) -> None:
        """Makes the thread look now. Only ever called by the handler's thread."""
        if self._bell.locked():
            self._bell.release()

    def end(self, why: str) -> None:
        """Ends the process, as nothing else gets a handler or the Runtime API to let go. Called by `tick`."""
        self._last_words()
        end_process(why)

    def _run(self) -> None:
        try:
            self._look()
        except BaseException as error:  # noqa: BLE001 - without this thread nothing is bounded any more: better a new process than a silent one
            log_exception(error)
            end_process("the clock thread failed")

    def _look(self) -> None:
        idle_rounds = 0
        while True:
            stream = self._watched
            if stream is not None:
                idle_rounds = 0
                pause = stream.tick() - monotonic()
            elif idle_rounds < _IDLE_ROUNDS:
                idle_rounds += 1
                pause = IDLE_SECONDS
                self.wakes_at = monotonic() + pause
            else:
                self._asleep = True
                if self._watched is None:
                    self._bell.acquire()
                self._asleep = False
                idle_rounds = 0
                continue
            if pause > 0:
                self._bell.acquire(True, min(pause, 3600.0))


def end_process(why: str) -> None:
    """Ends the process at once, from any thread: whoever runs it makes a new one."""
    log("ERROR", f"RUNTIME_EXIT: {why}; the process ends so that a new one takes over")
    os._exit(1)
