"""The thread beside the handler's: when it looks, when it sleeps, what it does when it fails; and what gets a handler out of its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import StreamInterrupted, clock, search_path
from streaming_runtime.clock import Clock
from streaming_runtime.interrupts import SIGNAL, Gently, Interrupter
from tests.runtime.neutral_api import RUNTIME_ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 10.0


class Stream:
    """Wants to be looked at each `pause` seconds, from `first` on."""

    def __init__(self, pause: float = 0.01, first: float = 3600.0) -> None:
        self.ticks = 0
        self._pause = pause
        self._first = first

    def first_tick_at(self) -> float:
        return monotonic() + self._first

    def tick(self) -> float:
        self.ticks += 1
        return monotonic() + self._pause


def wait(look: Callable[[], Any]) -> None:
    until = monotonic() + PATIENCE
    while not look():
        assert monotonic() < until
        sleep(0.002)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """A clock that ends with the test: a thread that fails, instead of a process that does."""
    ended: list[str] = []
    monkeypatch.setattr(clock, "end_process", ended.append)
    monkeypatch.setattr(clock, "log_exception", lambda error: None)
    monkeypatch.setattr(clock, "IDLE_SECONDS", 0.001)
    made = Clock(lambda: None)
    yield made
    made.watch(Broken())  # type: ignore[arg-type]
    made.wake()
    wait(lambda: ended)


class Broken(Stream):
    def tick(self) -> float:
        raise ValueError("a bug")


def test_a_stream_is_looked_at_when_it_is_due_and_no_more_once_it_is_released(running: Clock) -> None:
    stream: Any = Stream()
    running.watch(stream)
    wait(lambda: stream.ticks > 3)
    running.release()
    seen = stream.ticks
    other: Any = Stream()
    running.watch(other)
    wait(lambda: other.ticks > 3)
    assert stream.ticks <= seen + 1, "the look that was under way, and none after it"


def test_after_a_while_without_a_stream_it_sleeps_until_the_next_one(running: Clock) -> None:
    wait(lambda: running._asleep)
    stream: Any = Stream()
    running.watch(stream)
    wait(lambda: stream.ticks > 0)


def test_a_stream_that_is_due_before_it_looks_by_itself_wakes_it(running: Clock) -> None:
    late: Any = Stream(pause=3600.0)
    running.watch(late)
    wait(lambda: late.ticks == 1)
    running.wakes_at = monotonic() + 3600.0
    soon: Any = Stream(first=0.0)
    running.watch(soon)
    wait(lambda: soon.ticks > 0)


def test_waking_it_twice_is_waking_it_once(running: Clock) -> None:
    late: Any = Stream(pause=3600.0)
    running.watch(late)
    running.wake()
    running.wake()
    wait(lambda: late.ticks > 0)


PROCESS = """
import sys
sys.path.insert(0, {root!r})
from streaming_runtime import logs
from streaming_runtime.clock import Clock
import time
logs.setup()
class Stream:
    def first_tick_at(self): return 0.0
    def tick(self): {tick}
clock = Clock(lambda: print("last words", flush=True))
clock.watch(Stream())
clock.wake()
time.sleep(30)
"""


@pytest.mark.parametrize(
    ("tick", "said"),
    [("clock.end('it does not let go')", "it does not let go"), ("raise ValueError('a bug')", "the clock thread failed")],
)
def test_where_nothing_else_helps_or_it_fails_itself_the_process_ends_at_once(tick: str, said: str) -> None:
    code = PROCESS.format(root=str(RUNTIME_ROOT / "python"), tick=tick)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert f"RUNTIME_EXIT: {said}" in done.stdout
    assert ("last words" in done.stdout) is (said == "it does not let go")


@pytest.fixture
def interrupter() -> Iterator[Interrupter]:
    before = signal.getsignal(SIGNAL)
    yield Interrupter()
    signal.signal(SIGNAL, before)


def test_an_interrupt_gets_a_handler_out_of_its_sleep(interrupter: Interrupter) -> None:
    interrupter.armed = True
    threading.Timer(0.05, interrupter.fire).start()
    with pytest.raises(StreamInterrupted):
        sleep(PATIENCE)


def test_nothing_is_raised_where_no_handler_runs(interrupter: Interrupter) -> None:
    interrupter.fire()
    os.kill(os.getpid(), SIGNAL)
    sleep(0.01)


def test_a_handler_that_goes_when_it_is_asked_has_nothing_raised_in_it(
    interrupter: Interrupter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(Gently, "ask", lambda: asked.append(True) or True)
    interrupter.armed = True
    interrupter.fire()
    wait(lambda: asked)
    monkeypatch.setattr(Gently, "ask", lambda: False)
    with pytest.raises(StreamInterrupted):
        interrupter.fire()


def test_the_search_path_is_lambdas_and_has_each_place_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = RUNTIME_ROOT / "python"
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    monkeypatch.setenv("LAMBDA_RUNTIME_DIR", "/lent")
    monkeypatch.setattr(search_path, "__file__", str(package / "streaming_runtime" / "search_path.py"))
    monkeypatch.setattr(sys, "path", ["/first", str(tmp_path), str(package)])
    search_path.arrange()
    site = package / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    assert sys.path == [str(tmp_path), str(package), str(site), "/lent", "/first"]


def test_without_a_layer_around_it_the_task_root_alone_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LAMBDA_TASK_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(search_path, "__file__", str(tmp_path / "site" / "streaming_runtime" / "search_path.py"))
    monkeypatch.setattr(sys, "path", ["/first"])
    search_path.arrange()
    assert sys.path == [str(tmp_path), "/first"]


def test_a_stream_that_comes_just_as_it_goes_to_sleep_is_not_slept_over(monkeypatch: pytest.MonkeyPatch, running: Clock) -> None:
    stream: Any = Stream()

    def comes_now(clock_: Clock, value: bool) -> None:
        clock_.__dict__["_asleep"] = value
        if value:  # after its last look for a stream; its watcher saw it awake, and did not wake it
            clock_._watched = stream

    monkeypatch.setattr(Clock, "_asleep", property(lambda clock_: clock_.__dict__["_asleep"], comes_now), raising=False)
    wait(lambda: stream.ticks > 0)


def test_a_stream_that_is_overdue_is_looked_at_again_at_once(running: Clock) -> None:
    overdue: Any = Stream(pause=-1.0)
    running.watch(overdue)
    wait(lambda: overdue.ticks > 3)
