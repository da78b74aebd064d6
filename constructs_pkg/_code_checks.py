"""What every kind of code checks of its folder and its names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ._lasting import runtime_name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_lambda as lambda_


def folder(entry: str | Path) -> Path:
    """`entry` as CDK takes paths: absolute, or from the working directory.

    Raises:
        ValueError: `CODE_ENTRY_MISSING`.
    """
    directory = Path(entry).absolute()
    if not directory.is_dir():
        raise ValueError(
            f"CODE_ENTRY_MISSING: {directory} is not a folder. `entry` names the folder that holds the code, absolute or from the "
            'working directory; beside a stack, pass Path(__file__).parent / "handler".'
        )
    return directory


def split_handler(handler: str) -> tuple[str, str]:
    """Module and function of `module.function`.

    Raises:
        ValueError: `CODE_HANDLER_FORM`.
    """
    module, dot, function = handler.rpartition(".")
    if not dot or not module or not function.isidentifier() or any(not part for part in module.replace("/", ".").split(".")):
        raise ValueError(
            f"CODE_HANDLER_FORM: handler is {handler!r}; it has to be module.function, such as index.handler for a function "
            "`handler` in the module index."
        )
    return module, function


def find_module(directory: Path, candidates: Sequence[str], name: str, handler: str) -> Path:
    """The file among `candidates` that is there, and that mentions `name` at all.

    Raises:
        ValueError: `CODE_HANDLER_MISSING`.
    """
    found = next((directory / candidate for candidate in candidates if (directory / candidate).is_file()), None)
    if found is None:
        raise ValueError(
            f"CODE_HANDLER_MISSING: {handler!r} asks for {candidates[0]}, which is not in {directory}. Add the module, or name the one "
            "that is there."
        )
    if not re.search(rf"\b{re.escape(name)}\b|import \*|export \*", found.read_text(encoding="utf-8", errors="replace")):
        raise ValueError(
            f"CODE_HANDLER_MISSING: {handler!r} asks for {name!r} in {found.relative_to(directory)}, where no such name stands. "
            "Define it there, or name the one that is there."
        )
    return found


def require_runtime(runtime: lambda_.Runtime, served: Sequence[str], how: str) -> None:
    """Refuses a runtime on which this kind of code does not stream.

    Raises:
        ValueError: `CODE_RUNTIME`.
    """
    name = runtime_name_of(runtime)
    if name not in served:
        raise ValueError(f"CODE_RUNTIME: {name} cannot stream {how}; it serves {', '.join(served)}. Choose one of these.")
