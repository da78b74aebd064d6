"""Who fetches the packages: uv where there is one, else pip. Neither compiles anything."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .requirements import Requirements
    from .target import Target

_TIME_LIMIT_SECONDS: Final = 600
_NO_WHEEL: Final = (
    r"Because ([A-Za-z0-9._-]+?)(?:==\S+)? has no (?:usable )?wheels",
    r"([A-Za-z0-9._-]+)==\S+ has no wheels with a matching",
    r"No matching distribution found for ([A-Za-z0-9._-]+)",
    r"no wheels with a matching (?:platform|Python)[^.]*?`?([A-Za-z0-9_-]+)`?",
)


# pip asks the interpreter that runs it which markers hold (pypa/pip#11664): `; platform_machine == "aarch64"` would be left out
# of what an x86_64 machine builds for arm64.
_PIP_FOR_ANOTHER: Final = """
import json, sys
from pip._vendor.packaging import markers
here, there = markers.default_environment, json.loads(sys.argv.pop(1))
markers.default_environment = lambda: {**here(), **there}
from pip._internal.cli.main import main
sys.exit(main())
"""


class Installer(Protocol):
    """A tool that puts packages into a folder."""

    @property
    def name(self) -> str:
        """The tool and its version: part of the name of what it built."""

    def install(self, requirements: Requirements, target: Target, folder: Path) -> None:
        """Puts what is asked for into `folder`."""


def choose() -> Installer:
    """The uv beside this interpreter, the one on PATH, or pip.

    Raises:
        ValueError: `BUNDLE_TOOL_MISSING`.
    """
    command = _uv_command()
    if command:
        return Uv(command)
    if importlib.util.find_spec("pip") is None:
        raise ValueError(
            f"BUNDLE_TOOL_MISSING: packages are fetched by uv or pip, and {sys.executable} has neither, nor is there a uv on PATH. "
            "Run: pip install uv, or see https://docs.astral.sh/uv/getting-started/installation/"
        )
    return Pip()


def _uv_command() -> tuple[str, ...] | None:
    if importlib.util.find_spec("uv") is not None:
        return (sys.executable, "-m", "uv")
    path = shutil.which("uv")
    return (path,) if path else None


class Uv:
    """Resolves with uv, which needs no Python of the target's version."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command

    @property
    def name(self) -> str:
        """`uv 0.13.9`."""
        return _uv_version(self._command)

    def install(self, requirements: Requirements, target: Target, folder: Path) -> None:
        """Puts what is asked for into `folder`.

        Raises:
            ValueError: `BUNDLE_LOCK_STALE` when uv.lock does not fit its pyproject.toml, or one of `_run`.
        """
        # Amazon Linux 2's glibc 2.26 lies between the tags that uv knows by number.
        platform = f"{target.machine}-manylinux2014" if target.glibc == 26 else target.platform
        with tempfile.TemporaryDirectory() as scratch:
            options = _files(requirements, Path(scratch), self._lock)
            _run(
                [
                    *self._command,
                    *("pip", "install", "--quiet", "--no-progress", "--link-mode", "copy"),
                    *("--python-platform", platform, "--python-version", target.python, "--only-binary", ":all:"),
                    *("--target", str(folder)),
                    *options,
                ],
                requirements,
                str(target),
            )

    def _lock(self, lock: Path, scratch: Path) -> Path:
        """A file that `uv pip install -r` takes, with all that the lock pins."""
        if lock.name == "pylock.toml":
            return lock
        exported = scratch / "requirements.txt"
        command = [
            *self._command,
            *("export", "--quiet", "--locked", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate"),
            *("--format", "requirements-txt", "--project", str(lock.parent), "--output-file", str(exported)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIME_LIMIT_SECONDS, check=False)
        if done.returncode != 0:
            raise ValueError(
                f"BUNDLE_LOCK_STALE: {lock} does not fit the pyproject.toml beside it. Run `uv lock` there. "
                f"uv said: {_said(done)[-600:]}"
            )
        return exported


class Pip:
    """Resolves with the pip of this interpreter."""

    @property
    def name(self) -> str:
        """`pip 25.3`."""
        return f"pip {importlib.metadata.version('pip')}" if importlib.util.find_spec("pip") else "pip"

    def install(self, requirements: Requirements, target: Target, folder: Path) -> None:
        """Puts what is asked for into `folder`.

        Raises:
            ValueError: `BUNDLE_LOCK_NEEDS_UV` for a lock file, or one of `_run`.
        """
        platforms = [f"manylinux_2_{minor}_{target.machine}" for minor in range(target.glibc, 16, -1)]
        platforms.append(f"manylinux2014_{target.machine}")
        with tempfile.TemporaryDirectory() as scratch:
            options = _files(requirements, Path(scratch), self._lock)
            _run(
                [
                    *(
                        sys.executable,
                        "-c",
                        _PIP_FOR_ANOTHER,
                        json.dumps(_markers(target)),
                        "install",
                        "--quiet",
                        "--no-input",
                        "--disable-pip-version-check",
                    ),
                    *("--no-compile", "--implementation", "cp", "--python-version", target.python, "--only-binary=:all:"),
                    *(f"--platform={platform}" for platform in platforms),
                    *("--target", str(folder)),
                    *options,
                ],
                requirements,
                str(target),
            )

    def _lock(self, lock: Path, _: Path) -> Path:
        raise ValueError(
            f"BUNDLE_LOCK_NEEDS_UV: {lock} is read by uv, and there is none beside this Python or on PATH. Install it "
            "(pip install uv), or export the lock to a requirements.txt."
        )


def _markers(target: Target) -> dict[str, str]:
    """What requirements may be bound to, of Lambda's Python: https://packaging.python.org/en/latest/specifications/dependency-specifiers/."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{target.python}.0",
        "os_name": "posix",
        "platform_machine": target.machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{target.python}.0",
        "python_version": target.python,
        "sys_platform": "linux",
    }


@functools.cache
def _uv_version(command: tuple[str, ...]) -> str:
    if len(command) > 1:
        return f"uv {importlib.metadata.version('uv')}"
    return subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout.strip()


class _LockReader(Protocol):
    def __call__(self, lock: Path, scratch: Path, /) -> Path: ...


def _files(requirements: Requirements, scratch: Path, read_lock: _LockReader) -> list[str]:
    """The command line's end: which files to install from, and which bind."""
    if requirements.lock is not None:
        wanted = read_lock(requirements.lock, scratch)
    else:
        wanted = scratch / "wanted.txt"
        wanted.write_text("".join(f"{line}\n" for line in requirements.lines), encoding="utf-8")
    options = ["--requirement", str(wanted)]
    if requirements.constraints:
        bound = scratch / "bound.txt"
        bound.write_text("".join(f"{line}\n" for line in requirements.constraints), encoding="utf-8")
        options += ["--constraint", str(bound)]
    return options


def _run(command: Sequence[str], requirements: Requirements, where: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIME_LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ValueError(
            f"BUNDLE_TIMEOUT: resolving {requirements.source} took longer than {_TIME_LIMIT_SECONDS} s. Check the network and try again; "
            "what was downloaded is kept."
        ) from error
    if done.returncode == 0:
        return
    said = _said(done)
    package = _package_without_wheel(said)
    if package is not None:
        raise ValueError(
            f"BUNDLE_NO_WHEEL: {package} has no wheel for {where}, and nothing is compiled here. Choose a version that has one, or "
            f"another architecture or runtime. The resolver said: {said[-600:]}"
        )
    raise ValueError(
        f"BUNDLE_FAILED: the packages of {requirements.source} could not be resolved for {where}. Mend {requirements.source}. "
        f"The resolver said: {said[-900:]}"
    )


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stderr or done.stdout).split())


def _package_without_wheel(said: str) -> str | None:
    found = (re.search(pattern, said) for pattern in _NO_WHEEL)
    return next((match[1] for match in found if match), None)
