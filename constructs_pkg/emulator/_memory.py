"""How much memory a process and its descendants hold. Imported by the supervisor's program, so the standard library alone.

Linux alone: its /proc tells. What they hold is their resident memory, less the pages that come from files, which the kernel can drop
at need, and which functions of one machine share here.
Source: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html, proc_pid_stat.5.html, proc_tid_children.5.html.
"""

from __future__ import annotations

import os

CAN_LOOK = os.path.exists("/proc/self/statm")  # noqa: PTH110 - pathlib takes ten times as long to load as all of this

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def used_bytes(pid: int) -> int:
    """What a process and its descendants hold now; 0 for one that is stopped, since it cannot take more, or gone."""
    try:
        if _read(f"/proc/{pid}/stat").rpartition(b")")[2].split(None, 1)[0] in (b"T", b"t", b"Z"):
            return 0
        return _held(pid)
    except (OSError, IndexError, ValueError):  # it ended in between
        return 0


def _held(pid: int) -> int:
    _, resident, from_files, *_ = _read(f"/proc/{pid}/statm").split()
    total = (int(resident) - int(from_files)) * _PAGE_BYTES
    for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
        try:
            children = _read(f"/proc/{pid}/task/{thread}/children").split()
        except OSError:  # the thread ended, or this kernel was built without the list
            continue
        for child in children:
            try:
                total += _held(int(child))
            except (OSError, ValueError):
                continue
    return total


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 65_536)
    finally:
        os.close(descriptor)
