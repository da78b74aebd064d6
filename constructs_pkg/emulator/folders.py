"""What a function finds at /var/task, /opt and /var/runtime: made once per function, and shared by its environments.

On Lambda all three are read-only, so sharing cannot be seen. A plain folder asset is used in place; zips are unpacked, several
layers merged, under the emulator's private folder.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import shutil
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from constructs_pkg.emulator.functions import Function

STOCK_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What Lambda ships beside its Python runtimes; pure Python, so the emulator's own copies serve any interpreter."""

_SUFFIXES = {"python": ".py", "nodejs": ".js"}


class CodeUnusable(Exception):
    """A function's code or layers cannot be laid out. The text is one line."""


@dataclass(frozen=True, kw_only=True)
class FunctionFolders:
    """The folders of one function."""

    task: Path
    opt: Path


def lay_out(function: Function, folder: Path, *, resolve: Callable[[Path], Path | None]) -> FunctionFolders:
    """Makes a function's /var/task and /opt.

    Args:
        function: The function.
        folder: Its private folder, which exists.
        resolve: Gives, for a code folder, packages resolved anew for this machine, which take the place of its own; None where its own do.

    Raises:
        CodeUnusable: an asset is missing or is not a zip, or the handler is not in it.
    """
    folders = FunctionFolders(task=_task(function, folder, resolve), opt=_opt(function.layers, folder))
    _require_handler(function.handler, folders)
    return folders


def _require_handler(handler: str, folders: FunctionFolders) -> None:
    """On Lambda a handler that is not there is an error at each init; here it can be said at once."""
    module, dot, name = handler.rpartition(".")
    if not dot or not module or not name:
        raise CodeUnusable(f"HANDLER_UNREADABLE: {handler!r} is no handler; write it as module.function, such as index.handler")
    relative = Path(*module.replace("/", ".").split("."))
    roots = [folders.task, folders.opt / "python", *folders.opt.glob("python/lib/python3.*/site-packages")]
    for root in roots:
        if any((root / relative).with_name(relative.name + suffix).is_file() for suffix in importlib.machinery.all_suffixes()):
            return
        if (root / relative).is_dir():
            return
    raise CodeUnusable(
        f"HANDLER_MISSING: {relative}.py is not in the function's code, and its handler is {handler}; correct one of them"
    )


def _task(function: Function, folder: Path, resolve: Callable[[Path], Path | None]) -> Path:
    if function.code is None:
        task = folder / "task"
        task.mkdir()
        module = function.handler.rpartition(".")[0] or "index"
        task.joinpath(module + _SUFFIXES["python"]).write_text(function.inline_code or "", encoding="utf-8")
        return task
    code = _unpacked(function.code, folder / "code")
    dependencies = resolve(code)
    if dependencies is None:
        return code
    task = folder / "task"
    task.mkdir()
    for source in (dependencies, code):
        for entry in source.iterdir():
            link = task / entry.name
            if not link.is_symlink():
                link.symlink_to(entry)
    return task


def _opt(layers: Sequence[Path], folder: Path) -> Path:
    """Layers merged in order, a later one's files over an earlier one's.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/adding-layers.html.
    """
    opt = folder / "opt"
    if not layers:
        opt.mkdir()
        return opt
    unpacked = [_unpacked(layer, folder / f"layer-{number}") for number, layer in enumerate(layers)]
    if len(unpacked) == 1:
        return unpacked[0]
    opt.mkdir()
    for layer in unpacked:
        shutil.copytree(layer, opt, symlinks=True, dirs_exist_ok=True)
    return opt


def _unpacked(asset: Path, folder: Path) -> Path:
    if asset.is_dir():
        return asset.resolve()
    if not asset.is_file():
        raise CodeUnusable(f"ASSET_MISSING: {asset} is not there; synthesize the app again")
    try:
        with zipfile.ZipFile(asset) as archive:
            _extract(archive, folder)
    except zipfile.BadZipFile as error:
        raise CodeUnusable(f"ASSET_UNREADABLE: {asset} is not a zip file ({error}); synthesize the app again") from error
    return folder


def _extract(archive: zipfile.ZipFile, folder: Path) -> None:
    """Unpacks with file modes and links, which zipfile leaves out; without them a wrapper script would not run."""
    for entry in archive.infolist():
        mode = entry.external_attr >> 16
        target = Path(archive.extract(entry, folder))
        if stat.S_ISLNK(mode):
            destination = target.read_text(encoding="utf-8")
            target.unlink()
            target.symlink_to(destination)
        elif mode and not entry.is_dir():
            target.chmod(stat.S_IMODE(mode))


def make_runtime_folder(folder: Path) -> None:
    """Makes /var/runtime: links to the packages that Lambda ships. Those that are not installed here are left out."""
    folder.mkdir()
    for name in STOCK_PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        origin = Path(spec.origin)
        source = origin.parent if spec.submodule_search_locations else origin
        (folder / source.name).symlink_to(source)


def is_executable(path: str) -> bool:
    """Whether a file is there and may be run."""
    return Path(path).is_file() and os.access(path, os.X_OK)
