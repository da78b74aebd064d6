"""Runs a command so that nothing of it stays, whatever ends this process: its own folder and its whole process group go with it.

The supervisor's program does the work, as for functions; this is the plain end of it, for what is run before there is a loop (an app's
own command), or in a thread beside one (npm, uv).
"""

from __future__ import annotations

import json
import os
import secrets
import selectors
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Self

from constructs_pkg.emulator.supervisor import STOP_SECONDS, OutputLines, base_interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PROGRAM = Path(__file__).with_name("_supervisor_process.py")
_READ_BYTES = 65_536


class GuardLost(Exception):
    """The guard has ended, or was told to end, while a command ran."""


GUARDS: ContextVar[set[Guard] | None] = ContextVar("GUARDS", default=None)
"""Where `building` notes the guards that are at work, so that whoever started the work (in a thread, which a context is handed to) can
end them."""


class Guard:
    """One process that outlives this one just long enough to clean up after it."""

    def __init__(self) -> None:
        self._last = 0
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [base_interpreter(), "-I", "-S", str(_PROGRAM)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )

    def own(self, folder: Path) -> None:
        """Has a folder removed at the end, however the end comes. To be told before the folder is made."""
        self._say({"own": str(folder)})

    def run(self, argv: list[str], *, env: Mapping[str, str], cwd: Path, seconds: float, on_line: Callable[[str], None]) -> int:
        """Runs a program to its end, and then ends what it left in its process group.

        Args:
            argv: The program and its arguments.
            env: All of its environment variables.
            cwd: Its working directory.
            seconds: How long it may take.
            on_line: Takes the lines that it writes, on either output.

        Returns:
            Its exit status; negative is the signal that ended it.

        Raises:
            OSError: it cannot be started.
            TimeoutError: it takes longer; it is killed.
            GuardLost: `end` was called, or the guard itself was killed.
        """
        self._last += 1
        number = self._last
        output, theirs = os.pipe()
        try:
            message = {"spawn": number, "argv": argv, "env": dict(env), "cwd": str(cwd), "mounts": None, "telemetry": False}
            self._say(message, [theirs, theirs])
        except OSError as error:
            os.close(output)
            raise GuardLost("the process that guards it is gone") from error
        finally:
            os.close(theirs)
        lines = OutputLines(on_line)
        try:
            return self._wait(number, output, time.monotonic() + seconds, lines)
        finally:
            lines.end()
            os.close(output)

    def _wait(self, number: int, output: int, deadline: float, lines: OutputLines) -> int:
        os.set_blocking(output, False)
        heard = b""
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ, "output")
            selector.register(self._control, selectors.EVENT_READ, "control")
            while True:
                found = selector.select(deadline - time.monotonic())
                if not found and time.monotonic() >= deadline:
                    self._say({"kill": number})
                    raise TimeoutError
                for key, _ in found:
                    if key.data == "output":
                        data = _read(output)
                        if not data:
                            selector.unregister(output)
                        lines.feed(data)
                        continue
                    data = self._control.recv(_READ_BYTES)
                    if not data:
                        raise GuardLost("the process that guards it is gone")
                    *told, heard = (heard + data).split(b"\n")
                    for one in map(json.loads, told):
                        if one.get("failed") == number:
                            raise OSError(one["reason"])
                        if one.get("exited") == number:
                            while data := _read(output):
                                lines.feed(data)
                            return int(one["status"])

    def end(self) -> None:
        """Ends what runs, from any thread; `run` raises GuardLost then."""
        try:
            self._control.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is gone already

    def close(self) -> None:
        """Ends what runs, removes what is owned, and waits until that is done."""
        self.end()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _say(self, message: Mapping[str, object], descriptors: list[int] | None = None) -> None:
        data = json.dumps(message).encode() + b"\n"
        sent = socket.send_fds(self._control, [data], descriptors) if descriptors else 0
        self._control.sendall(data[sent:])


def _read(descriptor: int) -> bytes:
    """What is there now; empty at the end, and where nothing is there."""
    try:
        return os.read(descriptor, _READ_BYTES)
    except BlockingIOError:
        return b""


@contextmanager
def building(folder: Path) -> Iterator[tuple[Path, Guard]]:
    """A folder of the cache in the making: what is built beside it is moved in place when it is whole, and otherwise removed.

    Args:
        folder: Where it goes. Gives the folder to build in, and the guard to build by.

    Raises:
        OSError: it cannot be moved there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.parent / f"{folder.name}.{secrets.token_hex(8)}"
    at_work = GUARDS.get()
    with Guard() as guard:
        if at_work is not None:
            at_work.add(guard)
        try:
            guard.own(beside)
            beside.mkdir()
            yield beside, guard
            try:
                beside.rename(folder)
            except OSError:
                if not folder.is_dir():  # unless another emulator was quicker
                    raise
        finally:
            if at_work is not None:
                at_work.discard(guard)
            shutil.rmtree(beside, ignore_errors=True)
