"""The supervisor's own program. It is run by path, by a bare interpreter, and imports the standard library alone.

It starts every process of the emulator, each in a group of its own, and holds one end of a socket. When that socket ends, for
whatever reason (Ctrl-C, SIGKILL, a crash), it kills the groups, removes the folders and leaves. Nothing survives the emulator.

Requests, one JSON document a line: {"spawn": id, "argv", "env", "cwd", "mounts", "telemetry", "memory_mb"} with two or three file
descriptors (stdout, stderr, telemetry) as ancillary data; {"kill": id}; {"own": folder}; {"remove": folder}; {"probe": folder}, whether
mounts can be made. Answers: {"started": id, "pid"}, {"failed": id, "reason"}, {"exited": id, "status"}, {"memory": id} before the exit of
a process that has used more than it may, {"mounts": null or why not}.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import Any

sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - a bare interpreter has no path to this folder
import _memory  # type: ignore[import-not-found]
import _mounts  # type: ignore[import-not-found]

READ_BYTES = 65_536
FDS_PER_MESSAGE = 16
LOOK_SECONDS = 0.1  # how often memory is looked at,
IDLE_LOOK_SECONDS = 0.5  # while all are frozen,
LOOK_SHARE = 50  # and for how small a part of the time at most, where there is much to look at: a fiftieth
TELEMETRY = "_LAMBDA_TELEMETRY_LOG_FD"


class Supervisor:
    """The processes and folders of one emulator."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.children: dict[int, subprocess.Popen[bytes]] = {}  # id -> process
        self.limits: dict[int, int] = {}  # id -> most bytes of memory
        self.look_again_at = 0.0
        self.folders: list[str] = []
        self.descriptors: list[int] = []
        self.buffer = b""
        self.wake: socket.socket | None = None  # kept, so that it stays open as long as signals may come

    def run(self) -> None:
        """Serves until the emulator is gone."""
        wake_read, wake_write = socket.socketpair()
        wake_write.setblocking(False)
        self.wake = wake_write
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        stopping = []
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: stopping.append(True))
        selector = selectors.DefaultSelector()
        selector.register(self.control, selectors.EVENT_READ, "control")
        selector.register(wake_read, selectors.EVENT_READ, "wake")
        while not stopping:
            for key, _ in selector.select(max(0.0, self.look_again_at - time.monotonic()) if self.limits else None):
                if key.data == "wake":
                    wake_read.recv(READ_BYTES)
                    self.reap()
                elif not self.read():
                    return
            if self.limits and time.monotonic() >= self.look_again_at:
                self.look_at_memory()

    def read(self) -> bool:
        """Takes what the emulator sent; False once it is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self.control, READ_BYTES, FDS_PER_MESSAGE)
        except ConnectionError:
            return False
        self.descriptors += descriptors
        if not data:
            return False
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            self.obey(json.loads(line))
        return True

    def obey(self, message: dict[str, Any]) -> None:
        """One request of the emulator."""
        if "spawn" in message:
            self.spawn(message)
        elif "kill" in message:
            child = self.children.get(message["kill"])
            if child is not None:
                kill_group(child.pid)
        elif "own" in message:
            self.folders.append(message["own"])
        elif "remove" in message:
            remove(message["remove"])
        elif "probe" in message:
            self.say({"mounts": _mounts.probe(message["probe"])})

    def spawn(self, message: dict[str, Any]) -> None:
        """Starts a process in a session, and so in a group, of its own; with `mounts` in a file system of its own too."""
        name, argv, environment, mounts = message["spawn"], message["argv"], message["env"], message.get("mounts")
        given = 3 if message.get("telemetry") else 2
        stdout, stderr, *telemetry = self.descriptors[:given]
        del self.descriptors[:given]
        if telemetry:
            environment = {**environment, TELEMETRY: str(telemetry[0])}
        try:
            child = subprocess.Popen(
                argv,
                env=environment,
                cwd=None if mounts else message["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                pass_fds=telemetry,
                start_new_session=True,
                preexec_fn=(lambda: _mounts.enter(mounts)) if mounts else None,
            )
        except OSError as error:
            self.say({"failed": name, "reason": f"{argv[0]}: {error.strerror or error}"})
        except subprocess.SubprocessError:
            self.say({"failed": name, "reason": f"{argv[0]}: its file system could not be made; try --mounts off"})
        else:
            self.children[name] = child
            if message.get("memory_mb") and _memory.CAN_LOOK:
                self.limits[name] = message["memory_mb"] * 1_048_576
            self.say({"started": name, "pid": child.pid})
        finally:
            for descriptor in (stdout, stderr, *telemetry):
                os.close(descriptor)

    def look_at_memory(self) -> None:
        """Kills the groups that hold more memory than they may, as Lambda's kernel does at once."""
        started, active = time.monotonic(), False
        for name, most in self.limits.copy().items():
            used = _memory.used_bytes(self.children[name].pid)
            active |= used > 0
            if used > most:
                self.say({"memory": name})
                del self.limits[name]
                kill_group(self.children[name].pid)
        ended = time.monotonic()
        self.look_again_at = ended + max(LOOK_SECONDS if active else IDLE_LOOK_SECONDS, LOOK_SHARE * (ended - started))

    def reap(self) -> None:
        """Tells of the processes that ended, and ends what they left in their groups."""
        for name, child in list(self.children.items()):
            status = child.poll()
            if status is not None:
                del self.children[name]
                self.limits.pop(name, None)
                kill_group(child.pid)
                self.say({"exited": name, "status": status})

    def say(self, message: dict[str, Any]) -> None:
        """Tells the emulator; when it is gone, the loop will notice by itself."""
        try:
            self.control.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return

    def clean(self) -> None:
        """Ends everything."""
        for child in self.children.values():
            kill_group(child.pid)
        deadline = time.monotonic() + 5
        for child in self.children.values():
            try:
                child.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
        for folder in self.folders:
            remove(folder)


def remove(folder: str) -> None:
    """Removes a folder, read-only ones in it too."""

    def allow(function: Any, path: str, _: Any) -> None:
        try:
            os.chmod(os.path.dirname(path), 0o700)  # noqa: PTH101, PTH120 - rmtree gives text
            os.chmod(path, 0o700)  # noqa: PTH101
            function(path)
        except OSError:
            return

    shutil.rmtree(folder, onerror=allow)


def kill_group(pid: int) -> None:
    """Kills a process group, if anything of it is left."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def main() -> int:
    """Runs on the socket that is standard input."""
    supervisor = Supervisor(socket.socket(fileno=os.dup(0)))
    try:
        supervisor.run()
    finally:
        signal.set_wakeup_fd(-1)
        supervisor.clean()
    return 0


if __name__ == "__main__":
    sys.exit(main())
