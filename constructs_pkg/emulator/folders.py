"""What a function finds at /var/task and /opt: made once per function, and shared by its environments.

On Lambda both are read-only, so sharing cannot be seen. Where environments have them mounted, a plain folder asset is used in place;
elsewhere it is copied, so that nothing that a function writes reaches the assembly. Zips are unpacked, layers merged, under the
emulator's private folder.
"""

from __future__ import annotations

import importlib.machinery
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

_NODE_SUFFIXES = (".js", ".mjs", ".cjs")


class CodeUnusable(Exception):
    """A function's code or layers cannot be laid out. The text is one line."""


@dataclass(frozen=True, kw_only=True)
class FunctionFolders:
    """The folders of one function."""

    task: Path
    opt: Path


def lay_out(function: Function, folder: Path, *, in_place: bool, resolve: Callable[[Path], Path | None]) -> FunctionFolders:
    """Makes a function's /var/task and /opt.

    Args:
        function: The function.
        folder: Its private folder, which exists.
        in_place: Whether assets may be used where they are, since nobody can write to them there.
        resolve: Gives, for a code folder, packages resolved anew for this machine, which take the place of its own; None where its own do.

    Raises:
        CodeUnusable: an asset is missing or is not a zip, or the handler is not in it.
    """
    folders = FunctionFolders(task=_task(function, folder, in_place, resolve), opt=_opt(function.layers, folder, in_place))
    _require_handler(function, folders)
    if not in_place:
        for own in (folders.task, folders.opt):
            _forbid_writing(own)
    return folders


def _require_handler(function: Function, folders: FunctionFolders) -> None:
    """On Lambda a handler that is not there is an error at each init; here it can be said at once."""
    handler = function.handler
    if function.behind_web_adapter:
        if not (folders.task / handler).is_file():
            raise CodeUnusable(
                f"HANDLER_MISSING: the start script {handler} is not in the function's code; behind the web adapter the handler names it"
            )
        return
    if function.version is None and function.node is None:
        return
    module, dot, name = handler.rpartition(".")
    if not dot or not module or not name:
        raise CodeUnusable(f"HANDLER_UNREADABLE: {handler!r} is no handler; write it as module.function, such as index.handler")
    if function.node is not None:
        suffixes: tuple[str, ...] = _NODE_SUFFIXES
        relative = Path(module)
        roots = [folders.task]
        if relative.is_absolute():
            return  # a module of a layer, by its whole path
    else:
        suffixes = tuple(importlib.machinery.all_suffixes())
        relative = Path(*module.replace("/", ".").split("."))
        roots = [folders.task, folders.opt / "python", *folders.opt.glob("python/lib/python3.*/site-packages")]
    for root in roots:
        if any((root / relative).with_name(relative.name + suffix).is_file() for suffix in suffixes):
            return
        if (root / relative).is_dir():
            return
    raise CodeUnusable(
        f"HANDLER_MISSING: {relative}{suffixes[0] if function.node else '.py'} is not in the function's code, and its handler is "
        f"{handler}; correct one of them"
    )


def _task(function: Function, folder: Path, in_place: bool, resolve: Callable[[Path], Path | None]) -> Path:
    task = folder / "task"
    if function.code is None:
        task.mkdir()
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html: `index`
        task.joinpath("index.js" if function.node else "index.py").write_text(function.inline_code or "", encoding="utf-8")
        return task
    code = _unpacked(function.code, folder / "code")
    dependencies = resolve(code)
    if dependencies is None and (in_place or code.is_relative_to(folder)):
        return code
    for source in (code, dependencies):  # what was resolved for this machine takes the place of the asset's own
        if source is not None:
            shutil.copytree(source, task, symlinks=True, dirs_exist_ok=True)
    return task


def _opt(layers: Sequence[Path], folder: Path, in_place: bool) -> Path:
    """Layers merged in order, a later one's files over an earlier one's.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/adding-layers.html.
    """
    opt = folder / "opt"
    unpacked = [_unpacked(layer, folder / f"layer-{number}") for number, layer in enumerate(layers)]
    if len(unpacked) == 1 and in_place:
        return unpacked[0]
    opt.mkdir()
    for layer in unpacked:
        shutil.copytree(layer, opt, symlinks=True, dirs_exist_ok=True)
    return opt


def _forbid_writing(folder: Path) -> None:
    """As near to a read-only file system as modes come. The folder's owner may still change them; root is not held back."""
    for place, _, files in os.walk(folder):
        for name in files:
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
        Path(place).chmod(0o555)


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


def is_executable(path: str) -> bool:
    """Whether a file is there and may be run."""
    return Path(path).is_file() and os.access(path, os.X_OK)
