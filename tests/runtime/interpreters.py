"""The Python interpreters of this machine that the runtime promises to work on, found by running them.

STREAMING_TEST_PYTHONS, a list separated as PATH is, adds further ones; STREAMING_TEST_ONLY_THIS_PYTHON leaves but the tests' own.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

SUPPORTED = ((3, 11), (3, 12), (3, 13), (3, 14))
ONLY_THIS = "STREAMING_TEST_ONLY_THIS_PYTHON"
_ASK = "import json, socket, sys; print(sys.version_info[0], sys.version_info[1], sys.implementation.name)"


@functools.cache
def interpreters() -> dict[str, str]:
    """Version to path; the interpreter of the tests first."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}
    for candidate in () if os.environ.get(ONLY_THIS) else _candidates():
        version = _version(candidate)
        if version is not None and version not in found:
            found[version] = candidate
    return found


def _candidates() -> list[str]:
    named = [path for path in os.environ.get("STREAMING_TEST_PYTHONS", "").split(os.pathsep) if path]
    for major, minor in SUPPORTED:
        on_path = shutil.which(f"python{major}.{minor}")
        named += [on_path] if on_path else []
        root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
        named += [str(path) for path in sorted(root.glob(f"versions/{major}.{minor}.*/bin/python{major}.{minor}"))]
    return named


def _version(path: str) -> str | None:
    """What it says it is; None where it does not run (a shim without a version behind it) or is none of ours."""
    try:
        said = subprocess.run([path, "-c", _ASK], capture_output=True, text=True, timeout=20, check=True).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{said[0]}.{said[1]}" if (int(said[0]), int(said[1])) in SUPPORTED and said[2] == "cpython" else None
