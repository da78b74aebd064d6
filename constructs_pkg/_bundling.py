"""Puts a Python function's dependencies beside its code, for Lambda's platform, without Docker.

What is built lies in a cache under a name made of everything that went into it, so it is built once and is never half there:
it is made beside its place and moved into it in one step.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ._assets import fingerprint, shipped_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
_GLIBC: Final = {"3.11": 26}
_NEWEST_GLIBC: Final = 34
_LARGEST: Final = 250 * 1024 * 1024
_TIME_LIMIT_SECONDS: Final = 600
_RECIPE: Final = 1  # raise it when the way of building changes: old cache entries are then left alone


@dataclass(frozen=True, kw_only=True)
class Target:
    """What dependencies are resolved for.

    Attributes:
        python: `3.13`.
        architecture: Lambda's name, `x86_64` or `arm64`.
    """

    python: str
    architecture: str

    @property
    def machine(self) -> str:
        """The architecture as wheels name it."""
        return _MACHINES[self.architecture]

    @property
    def glibc(self) -> int:
        """Minor version of glibc 2: Amazon Linux 2 up to python3.11, Amazon Linux 2023 from python3.12 on.

        Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
        """
        return _GLIBC.get(self.python, _NEWEST_GLIBC)


def bundle(source: Path, target: Target) -> Path:
    """A folder with the code of `source` and its dependencies; `source` itself when it asks for none.

    Raises:
        ValueError: `BUNDLE_NO_WHEEL` when a package has no wheel for the target, `BUNDLE_FAILED` for any other failure of the
            resolver, `BUNDLE_TIMEOUT`, `BUNDLE_TOO_LARGE` above the 250 MB that Lambda takes unzipped.
    """
    requirements = source / "requirements.txt"
    wanted = _meaningful(requirements)
    if not wanted:
        _require_size(source)
        return source
    installer = _Uv() if _Uv.available() else _Pip()
    name = _name(target, installer.version, fingerprint(source))
    finished = _cache() / name
    if not finished.is_dir():
        _build(finished, lambda work: _fill(work, source, requirements, target, installer))
    _require_size(finished)
    return finished


def _meaningful(requirements: Path) -> list[str]:
    if not requirements.is_file():
        return []
    lines = (line.split("#", 1)[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(root) / "streaming-lambda-constructs" / "bundles"
    path.mkdir(parents=True, exist_ok=True)
    return path


def _name(target: Target, tool: str, content: str) -> str:
    parts = (str(_RECIPE), target.python, target.machine, str(target.glibc), tool, content)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _build(finished: Path, fill: Callable[[Path], None]) -> None:
    work = Path(tempfile.mkdtemp(prefix=f".{finished.name[:8]}-", dir=finished.parent))
    try:
        work.chmod(0o755)
        fill(work)
        try:
            work.rename(finished)
        except OSError:
            if not finished.is_dir():  # not simply another synthesis that was faster
                raise
    finally:
        if work.is_dir():
            shutil.rmtree(work)


def _fill(work: Path, source: Path, requirements: Path, target: Target, installer: _Uv | _Pip) -> None:
    installer.install(requirements, target, work)
    for folder in [path for path in work.rglob("__pycache__") if path.is_dir()]:
        shutil.rmtree(folder)
    shutil.rmtree(
        work / "bin", ignore_errors=True
    )  # console scripts: they name this machine's interpreter, and Lambda never calls them
    record = work / ".streaming-lambda"
    record.mkdir()
    (record / "requirements.txt").write_text("".join(f"{line}\n" for line in _installed(work)), encoding="utf-8")
    platform = {"python": target.python, "platform": f"{target.machine}-manylinux_2_{target.glibc}"}
    (record / "platform.json").write_text(json.dumps(platform) + "\n", encoding="utf-8")
    for path in shipped_files(source):
        place = work / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place)


def _installed(folder: Path) -> list[str]:
    """`name==version` of what was installed, from the metadata folders: what the emulator resolves again for its own host."""
    found = []
    for metadata in sorted(folder.glob("*.dist-info/METADATA")):
        headers = dict(
            re.findall(r"^(Name|Version): (.+)$", metadata.read_text(encoding="utf-8", errors="replace").split("\n\n")[0], re.M)
        )
        found.append(f"{headers['Name']}=={headers['Version']}")
        for volatile in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"):
            (metadata.parent / volatile).unlink(missing_ok=True)
    return found


def _require_size(folder: Path) -> None:
    sizes: dict[str, int] = {}
    for path in shipped_files(folder):
        top = path.relative_to(folder).parts[0]
        sizes[top] = sizes.get(top, 0) + path.stat().st_size
    total = sum(sizes.values())
    if total > _LARGEST:
        largest = sorted(sizes.items(), key=lambda item: -item[1])[:10]
        listed = ", ".join(f"{name} {size / 1024 / 1024:.1f} MB" for name, size in largest)
        raise ValueError(
            f"BUNDLE_TOO_LARGE: the code and its dependencies are {total / 1024 / 1024:.0f} MB unzipped; Lambda takes 250 MB, layers "
            f"included. The largest: {listed}. Drop a dependency, or use a container image."
        )


class _Uv:
    """Resolves with uv, which needs no Python of the target's version."""

    @staticmethod
    def _command() -> list[str] | None:
        if importlib.util.find_spec("uv") is not None:
            return [sys.executable, "-m", "uv"]
        path = shutil.which("uv")
        return [path] if path else None

    @classmethod
    def available(cls) -> bool:
        return cls._command() is not None

    @property
    def version(self) -> str:
        return "uv"

    def install(self, requirements: Path, target: Target, folder: Path) -> None:
        platform = f"{target.machine}-manylinux_2_{target.glibc}" if target.glibc != 26 else f"{target.machine}-manylinux2014"
        _run(
            [
                *(self._command() or []),
                "pip",
                "install",
                "--quiet",
                "--no-progress",
                "--python-platform",
                platform,
                "--python-version",
                target.python,
                "--only-binary",
                ":all:",
                "--link-mode",
                "copy",
                "--target",
                str(folder),
                "--requirements",
                str(requirements),
            ],
            target,
        )


class _Pip:
    """Resolves with the pip of this interpreter."""

    @property
    def version(self) -> str:
        return "pip"

    def install(self, requirements: Path, target: Target, folder: Path) -> None:
        platforms = [f"manylinux_2_{minor}_{target.machine}" for minor in range(target.glibc, 16, -1)]
        platforms.append(f"manylinux2014_{target.machine}")
        _run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-input",
                "--disable-pip-version-check",
                "--no-compile",
                "--implementation",
                "cp",
                "--python-version",
                target.python,
                "--only-binary=:all:",
                *(f"--platform={platform}" for platform in platforms),
                "--target",
                str(folder),
                "--requirement",
                str(requirements),
            ],
            target,
        )


def _run(command: Sequence[str], target: Target) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIME_LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ValueError(
            f"BUNDLE_TIMEOUT: resolving the requirements took longer than {_TIME_LIMIT_SECONDS} s. Check the network and try again; "
            "what was downloaded is kept."
        ) from error
    if done.returncode == 0:
        return
    said = " ".join((done.stderr or done.stdout).split())
    package = _package_without_wheel(said)
    where = f"python{target.python} on Linux {target.machine} (glibc 2.{target.glibc})"
    if package is not None:
        raise ValueError(
            f"BUNDLE_NO_WHEEL: {package} has no wheel for {where}, and nothing is compiled here. Choose a version that has one, or "
            f"another architecture or runtime. The resolver said: {said[-600:]}"
        )
    raise ValueError(
        f"BUNDLE_FAILED: the requirements could not be resolved for {where}. Mend requirements.txt. The resolver said: {said[-900:]}"
    )


def _package_without_wheel(said: str) -> str | None:
    patterns = (
        r"Because ([A-Za-z0-9._-]+)\S* has no (?:usable )?wheels",
        r"([A-Za-z0-9._-]+)==\S+ has no wheels with a matching",
        r"No matching distribution found for ([A-Za-z0-9._-]+)",
        r"no wheels with a matching (?:platform|Python)[^.]*?`?([A-Za-z0-9_-]+)`?",
    )
    for pattern in patterns:
        found = re.search(pattern, said)
        if found:
            return found.group(1)
    return None
