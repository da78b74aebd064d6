"""The only place that knows where our files lie on disk, what is left out of an asset, and how a folder is fingerprinted."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

RUNTIME_LAYER_DIRECTORY: Final = Path(__file__).parent / "runtime"
"""Root of the runtime's Lambda layer: what lies here appears under /opt."""

IMAGE_DIRECTORY: Final = Path(__file__).parent / "_image"
"""The minimal Dockerfile for our runtime."""

WRAPPER_NAME: Final = "streaming-wrapper"
WRAPPER_PATH: Final = f"/opt/{WRAPPER_NAME}"

NEVER_SHIPPED: Final = (
    "**/__pycache__",
    "**/.pytest_cache",
    "**/.mypy_cache",
    "**/.ruff_cache",
    "**/.venv",
    "**/.git",
    "**/.DS_Store",
    "**/cdk.out",
)
"""Globs left out of every asset. `**/*.pyc` alone would still let an empty `__pycache__` change the hash (measured on
aws-cdk-lib 2.275.0), hence the folders by name. An entry that is the app's own folder holds the assembly that it is copied into."""

_NEVER_SHIPPED_NAMES: Final = frozenset(glob.removeprefix("**/") for glob in NEVER_SHIPPED)


def cache_directory(kind: str) -> Path:
    """Where what was built once is kept: `$XDG_CACHE_HOME`, or `~/.cache`."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(root) / "streaming-lambda-constructs" / kind
    path.mkdir(parents=True, exist_ok=True)
    return path


def shipped_files(directory: Path, *, without: Collection[Path] = ()) -> Iterator[Path]:
    """The files of `directory` that become part of an asset, in a stable order.

    Links are followed, as CDK does when it makes the asset: code that several functions share is often linked into each. A link
    to nothing, such as an editor's lock, is no file.

    Args:
        directory: The folder.
        without: Folders below it that are left out too.
    """
    for entry in _files_of(str(directory), {str(path) for path in without}, ()):
        yield Path(entry.path)


def _files_of(folder: str, without: Collection[str], above: tuple[str, ...]) -> Iterator[os.DirEntry[str]]:
    # Every synthesis walks here, past all files of the layer: paths as text cost a fraction of Path objects.
    with os.scandir(folder) as found:
        entries = sorted((entry for entry in found if entry.name not in _NEVER_SHIPPED_NAMES), key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_file() and not entry.name.endswith(".pyc"):
            yield entry
    above = (*above, folder)
    for entry in entries:
        if not entry.is_dir() or entry.path in without:
            continue
        if entry.is_symlink() and any(os.path.samefile(entry.path, outer) for outer in above):  # noqa: PTH121
            continue  # it leads back to where it lies
        yield from _files_of(entry.path, without, above)


def fingerprint(directory: Path, *, without: Collection[Path] = ()) -> str:
    """A hash over names, contents and run bits of what `directory` ships.

    CDK's own asset hash ignores file modes: a wrapper script that lost its run bit would never be uploaded again.
    """
    root = str(directory)
    files = [(entry.path, entry.stat()) for entry in _files_of(root, {str(path) for path in without}, ())]
    seen = tuple((path, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ino) for path, found in files)
    known = _known.get(directory)
    if known is not None and known[0] == seen:
        return known[1]
    digest = hashlib.sha256()
    for path, found in files:
        executable = bool(found.st_mode & stat.S_IXUSR)
        content = Path(path).read_bytes()
        digest.update(f"{Path(path).relative_to(directory).as_posix()}\0{int(executable)}\0{len(content)}\0".encode())
        digest.update(content)
    _known[directory] = seen, digest.hexdigest()
    return digest.hexdigest()


_known: dict[Path, tuple[tuple[tuple[str, int, int, int, int], ...], str]] = {}
"""What was fingerprinted last of each folder, by what its files looked like: an app of many stacks ships the same layer in each."""
