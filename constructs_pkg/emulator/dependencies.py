"""Packages of an asset that were resolved for Lambda's platform, resolved again for this machine where the two differ.

The constructs record in the asset what they bundled: `.streaming-lambda/requirements.txt`, pinned, and
`.streaming-lambda/platform.json`, such as `{"python": "3.13", "platform": "x86_64-manylinux_2_34"}`. Results are kept in the cache.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_pkg.emulator.cache import cache_folder
from constructs_pkg.emulator.folders import CodeUnusable
from constructs_pkg.emulator.guard import GuardLost, building

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from constructs_pkg.emulator.interpreters import Interpreter

RESOLVE_SECONDS = 600.0
"""How long a resolution may take."""

_MANYLINUX = re.compile(r"^(?P<machine>.+)-manylinux_?(?P<major>\d+)_(?P<minor>\d+)$")


def resolve_dependencies(code: Path, interpreter: Interpreter, say: Callable[[str], None]) -> Path | None:
    """Packages for this machine, or None where the asset's own will do or nothing is recorded.

    Args:
        code: The unpacked asset.
        interpreter: Who will import them.
        say: Told before something takes long.

    Raises:
        CodeUnusable: they cannot be had here.
    """
    record = code / ".streaming-lambda"
    requirements, built_for = record / "requirements.txt", record / "platform.json"
    if not requirements.is_file() or not built_for.is_file():
        return None
    pins = "\n".join(
        line for line in requirements.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")
    )
    target = json.loads(built_for.read_text(encoding="utf-8"))
    if not pins or (str(target.get("python")) == interpreter.version and _runs_here(str(target.get("platform", "")))):
        return None
    key = hashlib.sha256(f"{pins}\n{interpreter.version}\n{sys.platform}-{platform.machine()}".encode()).hexdigest()[:24]
    folder = cache_folder() / "dependencies" / key
    if not folder.is_dir():
        say(f"resolving the function's dependencies for Python {interpreter.version} on this machine (kept for next time)")
        install_packages(["-r", str(requirements)], interpreter, folder)
    return folder


def _runs_here(target: str) -> bool:
    """Whether packages for a platform, such as `x86_64-manylinux_2_34`, load on this machine."""
    found = _MANYLINUX.match(target)
    if found is None or sys.platform != "linux" or platform.machine() != found["machine"]:
        return False
    library, version = platform.libc_ver()
    if library != "glibc":
        return False
    major, minor = (int(part) for part in version.split(".")[:2])
    return (major, minor) >= (int(found["major"]), int(found["minor"]))


def install_packages(what: Sequence[str], interpreter: Interpreter, folder: Path, *, for_linux: bool = False) -> None:
    """Installs packages for an interpreter into a folder: into one beside it, which is moved in place when it is whole.

    Args:
        what: Requirements, or `-r` and a file of them.
        interpreter: Who will import them.
        folder: Where they go; it is not there yet.
        for_linux: Whether to take what is built for Linux, whatever this machine is. Needs uv.

    Raises:
        CodeUnusable: they cannot be had here.
    """
    platform_options = ["--python-platform", "x86_64-manylinux_2_28"] if for_linux else []
    with building(folder) as (beside, guard):
        command = [*_installer(interpreter), *platform_options, "--only-binary=:all:", "--target", str(beside), *what]
        said: list[str] = []
        try:
            status = guard.run(command, env=os.environ, cwd=beside.parent, seconds=RESOLVE_SECONDS, on_line=said.append)
        except TimeoutError as error:
            reason = f"it took longer than {RESOLVE_SECONDS:.0f} s"
            raise CodeUnusable(
                f"DEPENDENCIES_NOT_RESOLVED: {command[0]}: {reason}; install them by hand, or try again"
            ) from error
        except (OSError, GuardLost) as error:
            raise CodeUnusable(f"DEPENDENCIES_NOT_RESOLVED: {command[0]}: {error}; install them by hand, or try again") from error
        if status != 0:
            last = next((line.strip() for line in reversed(said) if line.strip()), "no reason given")
            raise CodeUnusable(
                f"DEPENDENCIES_NOT_RESOLVED: the requirements cannot be installed for Python {interpreter.version} here: {last}"
            )


def _installer(interpreter: Interpreter) -> list[str]:
    """The command of uv where there is one, beside this interpreter or on PATH, else pip."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", interpreter.path]
    if importlib.util.find_spec("pip") is None:
        raise CodeUnusable("DEPENDENCIES_NOT_RESOLVED: neither uv nor pip is here to resolve them again; install uv")
    return [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--python-version",
        interpreter.version,
    ]
