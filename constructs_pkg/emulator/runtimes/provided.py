"""Functions on provided.al2023 and provided.al2: their own `bootstrap`, where this machine can run it."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

from constructs_pkg.emulator.folders import CodeUnusable, is_executable
from constructs_pkg.emulator.runtimes.launch import Launch

if TYPE_CHECKING:
    from pathlib import Path

    from constructs_pkg.emulator.folders import FunctionFolders
    from constructs_pkg.emulator.functions import Function

_MACHINES = {"x86_64": ("x86_64", "AMD64"), "arm64": ("aarch64", "arm64")}


def launch_provided(function: Function, folders: FunctionFolders, folder: Path) -> Launch:
    """How to start a function that brings its own runtime. Lambda looks in /var/task, then in /opt, for `bootstrap`.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html

    Raises:
        CodeUnusable: there is no bootstrap, or it is a program for another machine.
    """
    places = {"/var/task/bootstrap": folders.task / "bootstrap", "/opt/bootstrap": folders.opt / "bootstrap"}
    found = next((name for name, path in places.items() if is_executable(str(path))), None)
    if found is None:
        raise CodeUnusable(
            f"BOOTSTRAP_MISSING: {function.runtime} runs a file called bootstrap, and none that may be run is in the function's code "
            "or layers; add it, and set its run bit"
        )
    with places[found].open("rb") as file:
        is_program = file.read(4) == b"\x7fELF"
    here = sys.platform == "linux" and platform.machine() in _MACHINES.get(function.architecture, ())
    if is_program and not here:
        raise CodeUnusable(
            f"BOOTSTRAP_FOREIGN: {found} is a program for Linux on {function.architecture}, and this machine is {sys.platform} on "
            f"{platform.machine()}; build it for this machine to run it here"
        )
    runtime = folder / "runtime"
    runtime.mkdir()
    return Launch(argv=(found,), runtime=runtime, description=f"its own {found}")
