"""Puts a process into a file system in which Lambda's paths are real: /var/task, /opt, /var/runtime and a /tmp of its own.

Linux alone, and without rights: a user namespace lets a process mount for itself
(https://man7.org/linux/man-pages/man7/user_namespaces.7.html). Run in the child between fork and exec, so: no imports there, no
threads, and what fails is an OSError. Loaded by the supervisor's program; the standard library alone.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLONE_NEWNS = 0x0002_0000
_CLONE_NEWUSER = 0x1000_0000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_NOATIME, _NODIRATIME, _RELATIME = 1024, 2048, 1 << 21

_KEPT = {os.ST_NOSUID: _NOSUID, os.ST_NODEV: _NODEV, os.ST_NOEXEC: _NOEXEC} if sys.platform == "linux" else {}
"""Flags of a mount that a user namespace may not take away: a remount has to name them again."""
_KEPT_TIMES = ((1024, _NOATIME), (2048, _NODIRATIME), (4096, _RELATIME))

_TMP = "/tmp"  # noqa: S108  # nosec B108 - Lambda's own path, on a file system of its own
_REPLACED = {"/": ("opt", "tmp", "var"), "/var": ("task", "runtime")}

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _call(name: str, *arguments: Any) -> None:
    assert _libc is not None
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    _call("mount", source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def enter(plan: Mapping[str, Any]) -> None:
    """Changes this process's view of the file system for good.

    Args:
        plan: `root`, an empty folder; `read_only` and `writable`, folders by the path at which they are to be; `tmp_mb`, the size of
            /tmp in MiB; `cwd`.

    Raises:
        OSError: the system does not let it.
    """
    uid, gid, root = os.getuid(), os.getgid(), str(plan["root"])
    _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNS)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")
    _mount("none", "/", "", _REC | _PRIVATE)
    _mount("streaming-lambda", root, "tmpfs", _NOSUID | _NODEV, "mode=755")
    for place, replaced in _REPLACED.items():
        _mirror(place, root, replaced)
    tmp = root + _TMP
    Path(tmp).mkdir()
    _mount("streaming-lambda-tmp", tmp, "tmpfs", _NOSUID | _NODEV, f"mode=1777,size={int(plan['tmp_mb'])}m")
    for target, source in plan["writable"].items():
        Path(root + target).mkdir(parents=True, exist_ok=True)
        _mount(source, root + target, "", _BIND | _REC)
    for target, source in plan["read_only"].items():
        Path(root + target).mkdir(parents=True, exist_ok=True)
        _mount(source, root + target, "", _BIND)
        _mount("none", root + target, "", _BIND | _REMOUNT | _RDONLY | _kept_flags(root + target))
    _mount("none", root, "", _REMOUNT | _RDONLY | _NOSUID | _NODEV)
    os.chroot(root)
    os.chdir(str(plan["cwd"]))


def _kept_flags(path: str) -> int:
    found = os.statvfs(path).f_flag
    flags = 0
    for seen, flag in (*_KEPT.items(), *_KEPT_TIMES):
        if found & seen:
            flags |= flag
    return flags


def _mirror(place: str, root: str, left_out: tuple[str, ...]) -> None:
    """Makes the entries of a folder appear under the new root."""
    Path(root + place).mkdir(parents=True, exist_ok=True)
    for source in Path(place).iterdir():
        if source.name in left_out:
            continue
        target = Path(f"{root}{source}")
        mode = source.lstat().st_mode
        if stat.S_ISLNK(mode):
            target.symlink_to(source.readlink())
        elif stat.S_ISDIR(mode):
            target.mkdir()
            _bind(str(source), str(target))
        elif stat.S_ISREG(mode):
            target.touch()
            _bind(str(source), str(target))


def _bind(source: str, target: str) -> None:
    """What cannot be bound (a folder that only its owner may see) stays an empty one."""
    try:
        _mount(source, target, "", _BIND | _REC)
    except PermissionError:
        return


def probe(root: str) -> str | None:
    """Tries it in a child of its own. None where it works, else why not, in one line.

    Args:
        root: An empty folder.
    """
    if _libc is None:
        return f"{sys.platform} has no mount namespaces"
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        said = b""
        try:
            enter(
                {
                    "root": root,
                    "read_only": {"/var/task": "/usr", "/opt": "/usr"},
                    "writable": {},
                    "tmp_mb": 1,
                    "cwd": "/var/task",
                }
            )
        except OSError as error:
            said = (error.strerror or str(error)).encode() or b"refused"
        os.write(writing, said)
        os._exit(0)
    os.close(writing)
    said = b""
    while data := os.read(reading, 4096):
        said += data
    os.close(reading)
    os.waitpid(pid, 0)
    return said.decode("utf-8", "replace") or None
