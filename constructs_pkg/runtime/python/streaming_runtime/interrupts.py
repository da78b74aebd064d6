"""Gets a handler out of whatever it is doing: a signal whose Python handler raises in the main thread, where handlers run.

SIGURG, because nothing else uses it, its default is to be ignored, and a signal makes sleep, recv and accept return (the Go runtime
preempts with it for the same reasons).
"""

from __future__ import annotations

# What `signal` adds to it are enumerations, and these cost every cold start milliseconds.
import _signal as signal  # type: ignore[import-not-found]
from _thread import get_ident

from .errors import StreamInterrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SIGNAL = signal.SIGURG


class Gently:
    """How the handler that runs now is asked to go before anything is raised in it.

    Attributes:
        ask: Called by an interrupt, in the handler's thread; False has StreamInterrupted raised after all. None: it is raised at once.
            An event loop swallows what is raised in one of its callbacks, and a task that is not the handler's would take it for its own.
    """

    ask: Callable[[], bool] | None = None


class Interrupter:
    """Raises StreamInterrupted in the thread that made it, but only while `armed`.

    Attributes:
        armed: Whether the thread is in a handler's code, from which it may be taken.
    """

    __slots__ = ("_thread", "armed")

    def __init__(self) -> None:
        self.armed = False
        self._thread = get_ident()
        signal.signal(SIGNAL, self._raise)

    def fire(self) -> None:
        """Called from another thread."""
        if self.armed:
            signal.pthread_kill(self._thread, SIGNAL)

    def _raise(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - what every signal handler is given
        if self.armed:
            ask = Gently.ask
            if ask is None or not ask():
                raise StreamInterrupted
