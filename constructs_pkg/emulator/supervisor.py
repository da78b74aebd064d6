"""Starts processes through a supervisor that outlives the emulator just long enough to clean up after it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_pkg.emulator.log_frames import FrameReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_LINE_BYTES = 262_144
"""Longest log line of a function that is kept in one piece; CloudWatch's limit on an event."""

READ_BYTES = 16_384
"""So much of a process's output is read at once."""

STOP_SECONDS = 10.0
"""How long the supervisor may take to end everything."""

_SIGNALS: Mapping[int, str] = {
    signal.SIGHUP: "hangup",
    signal.SIGINT: "interrupt",
    signal.SIGQUIT: "quit",
    signal.SIGILL: "illegal instruction",
    signal.SIGTRAP: "trace/breakpoint trap",
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGPIPE: "broken pipe",
    signal.SIGALRM: "alarm clock",
    signal.SIGTERM: "terminated",
}
"""Signals in the words of Go, in which Lambda's init is written: https://cs.opensource.google/go/go/+/master:src/syscall/zerrors_linux_amd64.go."""

_PROGRAM = Path(__file__).with_name("_supervisor_process.py")


class SpawnFailed(Exception):
    """A process could not be started. The text says which and why."""


def base_interpreter() -> str:
    """The interpreter under this one: itself, or the one that its virtual environment was made from."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


class SupervisedProcess:
    """One process, and with it its group."""

    def __init__(self, supervisor: Supervisor, number: int) -> None:
        self.pid = 0
        self.status: int | None = None
        self.out_of_memory = False
        self.exited = asyncio.Event()
        self._supervisor = supervisor
        self._number = number
        self.outputs: list[_Output] = []

    def kill(self) -> None:
        """Kills the whole group at once."""
        if self.status is None:
            self._supervisor.say({"kill": self._number})

    def freeze(self) -> None:
        """Stops the whole group where it is, as Lambda freezes an environment that has nothing to do."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.status is None and self.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def describe_exit(self) -> str:
        """How it ended, in the words that Lambda uses."""
        status = self.status or 0
        if status > 0:
            return f"Runtime exited with error: exit status {status}"
        if status < 0:
            return f"Runtime exited with error: signal: {_SIGNALS.get(-status, f'signal {-status}')}"
        return "Runtime exited without providing a reason"


class Supervisor:
    """The emulator's end of the supervisor, and the folder that everything private lives in."""

    def __init__(self, *, on_lost: Callable[[], None]) -> None:
        """
        Args:
            on_lost: Told when the supervisor itself is gone though it was not stopped.
        """
        self.folder = Path()
        self._on_lost = on_lost
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._processes: dict[int, SupervisedProcess] = {}
        self._started: dict[int, asyncio.Future[int]] = {}
        self._last = 0
        self._probe: asyncio.Future[str | None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._queue: list[tuple[bytes, list[int]]] = []

    async def start(self) -> None:
        """Starts the supervisor and gives it a folder to keep."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - before anything is served
                [base_interpreter(), "-I", "-S", str(_PROGRAM)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        ours.setblocking(False)
        self._control = ours
        # Owned before it is made, so that no moment is left in which it would stay. The real path: on macOS the temporary folder is
        # behind a link, and functions compare paths.
        self.folder = Path(tempfile.gettempdir()).resolve() / f"streaming-lambda-{secrets.token_hex(8)}"  # noqa: ASYNC240 - one look
        self.own(self.folder)
        self.folder.mkdir(mode=0o700)
        self._reader = asyncio.get_running_loop().create_task(self._read(ours))

    def own(self, folder: Path) -> None:
        """Has a folder removed at the end, however the end comes."""
        self.say({"own": str(folder)})

    async def stop(self) -> None:
        """Ends every process, removes the folder, and waits until that is done."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.wait([reader])
        self._give_up()
        for task in list(self._tasks):
            task.cancel()
        for process in list(self._processes.values()):
            for output in process.outputs:
                output.close()
        control, self._control = self._control, None
        if control is not None:
            loop = asyncio.get_running_loop()
            loop.remove_writer(control)
            control.close()
        program, self._process = self._process, None
        if program is not None:
            try:
                await asyncio.to_thread(program.wait, STOP_SECONDS)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
            await asyncio.to_thread(self._clean_after_it)

    def _clean_after_it(self) -> None:
        """Does what the supervisor would have done, where it was killed before it could."""
        for process in [one for one in self._processes.values() if one.pid]:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        on_line: Callable[[str], None],
        on_exit: Callable[[SupervisedProcess], None],
        mounts: Mapping[str, object] | None = None,
        on_frame: Callable[[str], None] | None = None,
        memory_mb: int | None = None,
    ) -> SupervisedProcess:
        """Starts a process whose output is handed over line by line.

        Args:
            argv: The program and its arguments.
            env: All of its environment variables.
            cwd: Its working directory, unless `mounts` names one.
            on_line: Takes lines of standard output and standard error.
            on_exit: Told when it has ended.
            mounts: A file system of its own, see `_mounts.enter`. Default: this machine's.
            on_frame: Takes log records of its telemetry descriptor; None for a process without one.
            memory_mb: The most memory that it and its descendants may hold, in MiB; above, they are killed and `out_of_memory` is true.
                Looked at ten times a second, on Linux. Default: as much as they like.

        Raises:
            SpawnFailed: it could not be started.
        """
        loop = asyncio.get_running_loop()
        self._last += 1
        number = self._last
        process = SupervisedProcess(self, number)
        read_out, write_out = os.pipe()
        read_err, write_err = os.pipe()
        self._processes[number] = process
        started: asyncio.Future[int] = loop.create_future()
        self._started[number] = started
        for descriptor in (read_out, read_err):
            lines = OutputLines(on_line)
            process.outputs.append(_Output(descriptor, lines.feed, lines.end))
        descriptors = [write_out, write_err]
        if on_frame is not None:
            read_frames, write_frames = os.pipe()
            process.outputs.append(_Output(read_frames, FrameReader(on_frame).feed))
            descriptors.append(write_frames)
        message = {
            "spawn": number,
            "argv": list(argv),
            "env": dict(env),
            "cwd": str(cwd),
            "mounts": mounts,
            "memory_mb": memory_mb,
        }
        self.say({**message, "telemetry": on_frame is not None}, descriptors)
        try:
            process.pid = await started
        except BaseException:
            self._processes.pop(number, None)
            for output in process.outputs:
                output.close()
            raise
        if process.status is None:
            task = loop.create_task(self._tell_exit(process, on_exit))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            on_exit(process)
        return process

    async def _tell_exit(self, process: SupervisedProcess, on_exit: Callable[[SupervisedProcess], None]) -> None:
        await process.exited.wait()
        on_exit(process)

    async def can_mount(self) -> str | None:
        """Whether processes can have a file system of their own: None where they can, else why not."""
        folder = self.folder / "probe"
        folder.mkdir()
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._probe = answer
        self.say({"probe": str(folder)})
        return await answer

    def remove(self, folder: Path) -> None:
        """Removes a private folder; the supervisor does it, aside from the emulator's loop."""
        self.say({"remove": str(folder)})

    def say(self, message: Mapping[str, object], descriptors: Sequence[int] = ()) -> None:
        """Sends a request. The descriptors are the supervisor's from here on."""
        if self._control is None:
            for descriptor in descriptors:
                os.close(descriptor)
            return
        self._queue.append((json.dumps(message).encode() + b"\n", list(descriptors)))
        self._send()

    def _send(self) -> None:
        control = self._control
        if control is None:
            return
        loop = asyncio.get_running_loop()
        while self._queue:
            data, descriptors = self._queue[0]
            try:
                sent = socket.send_fds(control, [data], descriptors) if descriptors else control.send(data)
            except BlockingIOError:
                loop.add_writer(control, self._send)
                return
            except OSError:
                self._queue.clear()
                return
            for descriptor in descriptors:
                os.close(descriptor)
            if sent < len(data):
                self._queue[0] = (data[sent:], [])
            else:
                self._queue.pop(0)
        loop.remove_writer(control)

    async def _read(self, control: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        buffer = b""
        try:
            while data := await loop.sock_recv(control, 65_536):
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    self._hear(json.loads(line))
        except ConnectionError:  # it was killed before it had read all that it was told
            buffer = b""
        self._give_up()
        self._on_lost()

    def _give_up(self) -> None:
        """Nobody waits for a process that will not come."""
        if self._probe is not None and not self._probe.done():
            self._probe.set_result("the supervisor is gone")
        for started in self._started.values():
            if not started.done():
                started.set_exception(SpawnFailed("SUPERVISOR_LOST: the emulator's supervisor is gone; start the emulator again"))

    def _hear(self, message: dict[str, object]) -> None:
        if "started" in message:
            number = _integer(message["started"])
            started = self._started.pop(number)
            if started.done():  # whoever asked for it has given up
                self.say({"kill": number})
            else:
                started.set_result(_integer(message["pid"]))
        elif "mounts" in message:
            if self._probe is not None and not self._probe.done():
                why = message["mounts"]
                self._probe.set_result(None if why is None else str(why))
        elif "memory" in message:
            self._processes[_integer(message["memory"])].out_of_memory = True
        elif "failed" in message:
            number = _integer(message["failed"])
            started = self._started.pop(number)
            if not started.done():
                started.set_exception(SpawnFailed(str(message["reason"])))
        else:
            process = self._processes.pop(_integer(message["exited"]), None)
            if process is not None:
                process.status = _integer(message["status"])
                process.exited.set()


def _integer(value: object) -> int:
    assert isinstance(value, int)
    return value


class _Output:
    """Reads a pipe as it is written to, until its end. asyncio's own reader has 256 KiB made ready for every line."""

    def __init__(self, descriptor: int, feed: Callable[[bytes], None], end: Callable[[], None] | None = None) -> None:
        """
        Args:
            descriptor: The pipe's end; it is closed here.
            feed: Takes what comes.
            end: Told once that nothing more comes.
        """
        self._descriptor = descriptor
        self._feed = feed
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._open = True
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._feed(data)
        else:
            self.close()

    def close(self) -> None:
        """Reads no more."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            if self._end is not None:
                self._end()


class OutputLines:
    """Cuts a process's output into lines; one that is too long is cut, too."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Takes what came."""
        *lines, rest = (self._rest + data).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            lines.append(rest)
            rest = b""
        self._rest = rest
        for line in lines:
            self._on_line(line.decode("utf-8", "replace"))

    def end(self) -> None:
        """What is left is a line, too."""
        if self._rest:
            self._on_line(self._rest.decode("utf-8", "replace"))
            self._rest = b""
