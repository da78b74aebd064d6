"""Finds an interpreter for a function's runtime, and proves that it runs by running it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_pkg.emulator.supervisor import base_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBE_SECONDS = 5.0
"""How long a candidate may take to say its version."""

_PROBE = "import sys; print('%d.%d' % sys.version_info[:2]); print(getattr(sys, '_base_executable', None) or sys.executable)"


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python that runs.

    Attributes:
        path: The executable, outside of any virtual environment.
        version: `3.13`.
        exact: Whether it is the version that the function's runtime names.
    """

    path: str
    version: str
    exact: bool


def emulator_version() -> str:
    """The version of Python that runs the emulator."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


@cache
def find_interpreter(version: str) -> Interpreter:
    """The machine's Python of a version where it has one that runs, else the emulator's own.

    Looks on PATH (every entry, for a shim that fails may hide one that works), in pyenv's and in uv's folders.

    Args:
        version: `3.13`.
    """
    own = base_interpreter()
    if version != emulator_version():
        for candidate in _candidates(version):
            path = _probe(candidate, version)
            if path is not None:
                return Interpreter(path=path, version=version, exact=True)
    return Interpreter(path=own, version=emulator_version(), exact=version == emulator_version())


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    home = Path.home()
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if folder:
            yield Path(folder) / name
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"), reverse=True)
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", home / ".local/share/uv/python"))
    yield from sorted(uv.glob(f"cpython-{version}.*/bin/{name}"), reverse=True)


def _probe(candidate: Path, version: str) -> str | None:
    """The executable's real place if it runs and is of this version."""
    if not candidate.is_file() or not os.access(candidate, os.X_OK):
        return None
    try:
        answer = subprocess.run(
            [str(candidate), "-I", "-S", "-c", _PROBE], capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = answer.stdout.split()
    return lines[1] if answer.returncode == 0 and len(lines) == 2 and lines[0] == version else None
