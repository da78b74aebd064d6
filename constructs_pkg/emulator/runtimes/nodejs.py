"""Node.js functions on AWS's own client (aws-lambda-ric), which streams what `streamifyResponse` and `HttpResponseStream` write."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_pkg.emulator.cache import cache_folder
from constructs_pkg.emulator.runtimes.launch import Launch
from constructs_pkg.emulator.runtimes.npm import Node, fetch_package, find_node, install_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from constructs_pkg.emulator.folders import FunctionFolders
    from constructs_pkg.emulator.functions import Function

CLIENT_VERSION = "4.0.2"

_HERE = Path(__file__).parent
_SOURCES = (".js", ".mjs", ".cjs")
_SDK = re.compile(rb"""["'](@(?:aws-sdk|smithy|aws)/[a-z0-9._-]+)["'/]""")
MAX_SOURCE_BYTES = 16_000_000


def launch_nodejs(function: Function, folders: FunctionFolders, folder: Path, log: Callable[[str], None]) -> Launch:
    """How to start a Node.js function.

    Args:
        function: The function.
        folders: Its code and layers.
        folder: Its private folder.
        log: Told where something differs from Lambda, or takes long.

    Raises:
        CodeUnusable: there is no Node.js here, or npm cannot fetch AWS's client.
    """
    assert function.node is not None
    node = find_node(function.node)
    if node.major != function.node:
        log(f"Node.js {function.node} is not on this machine; the function runs on Node.js {node.version}")
    cached = cache_folder() / "nodejs"
    client = cached / f"aws-lambda-ric-{CLIENT_VERSION}"
    if not client.is_dir():
        log(f"fetching aws-lambda-ric {CLIENT_VERSION}, AWS's own client for Node.js (kept for next time)")
    package = fetch_package(node, "aws-lambda-ric", CLIENT_VERSION, client)
    runtime = folder / "runtime"
    runtime.mkdir()
    shutil.copyfile(package / "index.mjs", runtime / "index.mjs")
    shutil.copyfile(_HERE / "_nodejs_preload.cjs", runtime / "preload.cjs")
    _add_sdk(node, folders, runtime, cached, log)
    argv = (node.path, "--require", "/var/runtime/preload.cjs", "/var/runtime/index.mjs")
    wrapper = function.wrapper
    major = function.node
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    searched = f"/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
    return Launch(
        argv=(wrapper, *argv) if wrapper else argv,
        runtime=runtime,
        frames=True,
        description=f"Node.js {node.version}",
        variables={"NODE_PATH": searched},
        hidden=(Path(node.path).resolve(), *(link.resolve() for link in runtime.iterdir() if link.is_symlink())),
    )


def _add_sdk(node: Node, folders: FunctionFolders, runtime: Path, cached: Path, log: Callable[[str], None]) -> None:
    """The packages of AWS's SDK that the code imports and does not bring: Lambda ships them all, here npm fetches them."""
    wanted = sorted(set(_mentioned(folders.task)) - set(_brought(folders)))
    if not wanted:
        return
    key = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:24]
    folder = cached / f"aws-sdk-{key}"
    if not folder.is_dir():
        log(f"fetching {', '.join(wanted)}, which Lambda ships with Node.js (kept for next time)")
    (runtime / "node_modules").symlink_to(install_packages(node, wanted, folder))


def _mentioned(task: Path) -> Iterable[str]:
    for path in task.rglob("*"):
        if path.suffix in _SOURCES and "node_modules" not in path.relative_to(task).parts and path.is_file():
            with path.open("rb") as file:
                yield from (found.decode() for found in _SDK.findall(file.read(MAX_SOURCE_BYTES)))


def _brought(folders: FunctionFolders) -> Iterable[str]:
    roots = [folders.task / "node_modules", folders.opt / "nodejs" / "node_modules"]
    roots += folders.opt.glob("nodejs/node*/node_modules")
    for root in roots:
        for package in root.glob("@*/*"):
            yield f"{package.parent.name}/{package.name}"
