"""How each kind of function is started: Python, Node.js, behind the web adapter, with a runtime of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_pkg.emulator.folders import CodeUnusable, is_executable
from constructs_pkg.emulator.runtimes.launch import Launch
from constructs_pkg.emulator.runtimes.nodejs import launch_nodejs
from constructs_pkg.emulator.runtimes.provided import launch_provided
from constructs_pkg.emulator.runtimes.python import launch_python
from constructs_pkg.emulator.runtimes.web_adapter import launch_web_adapter
from constructs_pkg.emulator.variables import Places

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from constructs_pkg.emulator.folders import FunctionFolders
    from constructs_pkg.emulator.functions import Function

__all__ = ["Launch", "plan_launch"]


def plan_launch(function: Function, folders: FunctionFolders, folder: Path, log: Callable[[str], None]) -> Launch:
    """How to start an environment of a function.

    Args:
        function: The function, which is not broken.
        folders: Its code and layers, laid out.
        folder: Its private folder.
        log: Told where something differs from Lambda, or takes long.

    Raises:
        CodeUnusable: this machine cannot run it.
    """
    if function.behind_web_adapter:
        launch = launch_web_adapter(function, folder, log)
    elif function.version is not None:
        launch = launch_python(function, folder, log)
    elif function.node is not None:
        launch = launch_nodejs(function, folders, folder, log)
    else:
        launch = launch_provided(function, folders, folder)
    wrapper = function.wrapper
    if wrapper and launch.argv[0] == wrapper:
        places = Places(task=folders.task, opt=folders.opt, runtime=launch.runtime, tmp=folder, home=folder)
        if not is_executable(places.real(wrapper)):
            raise CodeUnusable(f"WRAPPER_MISSING: AWS_LAMBDA_EXEC_WRAPPER names {wrapper}, which is not there or may not be run")
    return launch
