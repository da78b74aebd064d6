"""An hour's worth of streams through one emulator, as fast as they go: what is more afterwards than halfway.

An hour: 200 streams at any time, each of a minute at 20 tokens a second, are 12,000 streams of 1,200 tokens.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import rows
from benchmarks.emulated import Caller
from benchmarks.server import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.emulated import Emulated

AT_ONCE = 4
LOOKS = 8


class Held(NamedTuple):
    """What an emulator holds at one moment.

    Attributes:
        kib: Resident memory of its process.
        descriptors: Open files of its process.
        threads: Of its process.
        children: Processes below it, of any depth.
        files: Below its temporary folder.
    """

    kib: int
    descriptors: int
    threads: int
    children: int
    files: int


def measure(emulated: Emulated, streams: int, tokens: int) -> dict[str, float | list[float]] | None:
    """What grew from halfway to the end; None where the system has no /proc to tell.

    Args:
        emulated: What is looked at.
        streams: How many, all in all.
        tokens: Of each, of 20 bytes.
    """
    if not Path("/proc/self/fd").is_dir():
        return None
    url = emulated.url("Open")
    looks = []
    _call(url, "/paced/20/20/50", 2 * AT_ONCE)  # all environments that are ever needed at the same time
    for _ in range(LOOKS):
        _call(url, f"/text/20/{tokens}", streams // LOOKS)
        looks.append(_settled(emulated))
    return grown(looks)


def grown(looks: Sequence[Held]) -> dict[str, float | list[float]]:
    """What is more at the last look than halfway. Pure."""
    half, last = looks[len(looks) // 2 - 1], looks[-1]
    things = sum(max(0, now - then) for then, now in zip(half[1:], last[1:], strict=True))
    kib: list[float] = [float(look.kib) for look in looks]
    return {rows.HOUR_MEMORY: float(last.kib - half.kib), rows.HOUR_FILES: float(things), "hour_looks_KiB": kib}


def _settled(emulated: Emulated) -> Held:
    """What it holds once the connections that were closed are closed at its end, too."""
    now = held(emulated)
    for _ in range(40):
        time.sleep(0.05)
        before, now = now, held(emulated)
        if now[1:] == before[1:]:
            break
    return now


def held(emulated: Emulated) -> Held:
    """What it holds now."""
    proc = Path(f"/proc/{emulated.process.pid}")
    status = dict(line.split(":", 1) for line in (proc / "status").read_text(encoding="utf-8").splitlines())
    return Held(
        kib=int(status["VmRSS"].split()[0]),
        descriptors=len(os.listdir(proc / "fd")),  # noqa: PTH208 - names alone; each is gone when it is looked at
        threads=int(status["Threads"]),
        children=len(_below(emulated.process.pid)),
        files=sum(len(files) for _, _, files in os.walk(emulated.folder)),
    )


def _below(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, timeout=10, check=True).stdout
    parents = {int(child): int(parent) for child, parent in (line.split() for line in listed.splitlines())}
    found: list[int] = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def _call(url: str, path: str, count: int) -> None:
    """So many calls, some of them at the same time, on connections that are closed at the end."""
    failed: list[Exception] = []

    def run() -> None:
        try:
            with Caller(url) as caller:
                request = caller.request(path)
                for _ in range(count // AT_ONCE):
                    caller.call(request)
        except (BenchmarkError, OSError) as error:
            failed.append(error)

    threads = [Thread(target=run) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
