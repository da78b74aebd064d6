"""A plugin of coverage.py for what it does not measure by itself: threads of `_thread`, and processes that are ended while they save.

It follows a new thread by threading.settrace, and so misses those of _thread.start_new_thread: the runtime starts its clock that way, as
`threading` costs a start milliseconds. And its own handler of SIGTERM saves once more what is being saved, which leaves nothing readable.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import coverage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from coverage.plugin_support import Plugins

_start_unmeasured = _thread.start_new_thread
_PACKAGE = os.path.dirname(coverage.__file__)  # noqa: PTH120 - compared with a frame's file name


def coverage_init(_plugins: Plugins, _options: Mapping[str, Any]) -> None:
    """Called by coverage.py in each process that it measures, before any of the runtime is imported."""
    _thread.start_new_thread = _start
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end)


def _start(function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> int:
    def measured() -> None:
        sys.settrace(threading.gettrace())  # what a thread of `threading` does at its start
        function(*args, **(kwargs or {}))

    return _start_unmeasured(measured, ())


def _end(number: int, _frame: FrameType | None) -> None:
    """Saves, and ends as the signal would have; where some thread saves already, because the process ends, that goes on."""
    if any(map(_saves, sys._current_frames().values())):
        return
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.stop()
        measuring.save()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _saves(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name in ("_atexit", "coverage_os_exit_patch") and frame.f_code.co_filename.startswith(_PACKAGE):
            return True
        frame = frame.f_back
    return False
