"""Functions behind the Lambda Web Adapter: any web server, with a proxy of ours in the adapter's place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_pkg.emulator.interpreters import find_interpreter
from constructs_pkg.emulator.runtimes.launch import Launch
from constructs_pkg.emulator.runtimes.python import STOCK_PACKAGES, link_packages
from constructs_pkg.emulator.supervisor import base_interpreter

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.functions import Function

_PROGRAM = Path(__file__).with_name("_web_adapter_process.py")


def launch_web_adapter(function: Function, folder: Path, log: Callable[[str], None]) -> Launch:
    """How to start a function behind the adapter.

    Args:
        function: The function.
        folder: Its private folder.
        log: Told where something differs from Lambda.
    """
    runtime = folder / "runtime"
    runtime.mkdir()
    (runtime / "web_adapter.py").write_bytes(_PROGRAM.read_bytes())
    search = "/usr/local/bin:/usr/bin:/bin:/opt/bin"
    description = "the web server's own interpreter"
    hidden = [Path(sys.prefix).resolve()]
    if function.version is not None:
        interpreter = find_interpreter(function.version)
        if not interpreter.exact:
            log(f"Python {function.version} is not on this machine; the function runs on Python {interpreter.version}")
        link_packages(STOCK_PACKAGES, runtime)
        search = _with_python(interpreter.path, runtime) + ":" + search
        description = f"Python {interpreter.version}"
        hidden.append(Path(interpreter.path).resolve())
    elif function.node is not None:
        # Imported here: functions of other kinds need no Node.js.
        from constructs_pkg.emulator.runtimes.npm import find_node

        node = find_node(function.node)
        search = f"{Path(node.path).parent}:{search}"
        description = f"Node.js {node.version}"
        hidden.append(Path(node.path).resolve())
    return Launch(
        argv=(base_interpreter(), "-I", "-S", "/var/runtime/web_adapter.py"),
        runtime=runtime,
        description=f"{description}, behind a stand-in for the Lambda Web Adapter",
        variables={"PATH": search},
        hidden=tuple(hidden),
    )


def _with_python(path: str, runtime: Path) -> str:
    """A folder in which `python`, `python3` and `pythonX.Y` are the interpreter of the function's runtime, as on Lambda."""
    bin = runtime / "bin"
    bin.mkdir()
    for name in ("python", "python3", Path(path).name):
        link = bin / name
        if not link.is_symlink():
            # A script, not a link: an interpreter finds its library from where it is. Without this machine's own packages.
            link.write_text(f'#!/bin/sh\nexec {path} -S -s "$@"\n', encoding="utf-8")
            link.chmod(0o755)
    return "/var/runtime/bin"
