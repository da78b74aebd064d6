"""One thread beside the handler's and the clock's: what talks to the table while a stream runs, so that the stream does not wait."""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread
from time import monotonic

from streaming_runtime.logs import log_exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .keeper import Keeper

_LONGEST_SLEEP_SECONDS = 3600.0
_AFTER_A_BUG_SECONDS = 1.0


class Worker:
    """Calls a keeper's `round` when it is due. Sleeps while there is none.

    Args:
        first: What the thread does first, as making a connection.
    """

    def __init__(self, first: Callable[[], None]) -> None:
        self._first = first
        self._keeper: Keeper | None = None
        self._bell = allocate_lock()
        self._bell.acquire()
        start_new_thread(self._run, ())

    def watch(self, keeper: Keeper) -> None:
        """From now on its `round` is called, until `release`."""
        self._keeper = keeper
        self.wake()

    def release(self) -> None:
        """Nothing is watched any more."""
        self._keeper = None

    def wake(self) -> None:
        """Makes the thread look now. Any thread may call it."""
        try:
            self._bell.release()
        except RuntimeError as error:
            del error  # somebody else has just rung it

    def _run(self) -> None:
        self._do(self._first)
        while True:
            keeper = self._keeper
            due = float("inf") if keeper is None else self._do(keeper.round)
            pause = due - monotonic()
            if pause > 0:
                self._bell.acquire(True, min(pause, _LONGEST_SLEEP_SECONDS))

    def _do(self, what: Callable[[], float | None]) -> float:
        try:
            due = what()
        except Exception as error:  # noqa: BLE001 - whatever is wrong here, streams go on; the log has it
            log_exception(error)
            due = monotonic() + _AFTER_A_BUG_SECONDS
        return float("inf") if due is None else due
