"""Python functions: on our streaming runtime, which a layer brings, or on AWS's own client (awslambdaric), unmodified."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_pkg.emulator.cache import cache_folder
from constructs_pkg.emulator.dependencies import install_packages
from constructs_pkg.emulator.folders import CodeUnusable
from constructs_pkg.emulator.interpreters import emulator_version, find_interpreter
from constructs_pkg.emulator.runtimes.launch import Launch

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.functions import Function
    from constructs_pkg.emulator.interpreters import Interpreter

STOCK_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "snapshot_restore_py", "urllib3")
"""What Lambda ships beside its Python runtimes; pure Python, so the emulator's own copies serve any interpreter."""

CLIENT_VERSION = "4.2.2"
"""Of awslambdaric, where it has to be installed for another Python than the emulator's own."""

CLIENT_PACKAGES = ("awslambdaric", "runtime_client", "simplejson")

BOOTSTRAP = "/var/runtime/bootstrap.py"

_HERE = Path(__file__).parent
_OWN_WRAPPER = "streaming-wrapper"


def launch_python(function: Function, folder: Path, log: Callable[[str], None]) -> Launch:
    """How to start a Python function.

    Args:
        function: The function.
        folder: Its private folder.
        log: Told where something differs from Lambda, or takes long.

    Raises:
        CodeUnusable: AWS's client is needed and cannot be had.
    """
    assert function.version is not None
    interpreter = find_interpreter(function.version)
    if not interpreter.exact:
        log(f"Python {function.version} is not on this machine; the function runs on Python {interpreter.version}")
    runtime = folder / "runtime"
    runtime.mkdir()
    link_packages(STOCK_PACKAGES, runtime)
    wrapper = function.wrapper
    if Path(wrapper).name != _OWN_WRAPPER:
        _add_client(runtime, interpreter, log)
    # -S -s: nothing that happens to be installed on this machine can stand in for what the asset lacks.
    argv = (interpreter.path, "-S", "-s", BOOTSTRAP)
    return Launch(
        argv=(wrapper, *argv) if wrapper else argv,
        runtime=runtime,
        frames=True,
        description=f"Python {interpreter.version}",
        variables={"STREAMING_LAMBDA_OPT": "/opt"},
        hidden=(
            Path(interpreter.path).resolve(),
            Path(sys.prefix).resolve(),
            *(link.resolve() for link in runtime.iterdir() if link.is_symlink()),
        ),
    )


def link_packages(names: tuple[str, ...], folder: Path) -> None:
    """Links to packages of the emulator's own interpreter. Those that are not installed are left out."""
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        origin = Path(spec.origin)
        source = origin.parent if spec.submodule_search_locations else origin
        (folder / source.name).symlink_to(source)


def _add_client(runtime: Path, interpreter: Interpreter, log: Callable[[str], None]) -> None:
    """Puts AWS's client into a /var/runtime."""
    shutil.copyfile(_HERE / "_python_bootstrap.py", runtime / "bootstrap.py")
    compiled = sys.platform == "linux"
    if interpreter.version == emulator_version() and importlib.util.find_spec("awslambdaric") is not None:
        link_packages(CLIENT_PACKAGES, runtime)
        compiled = importlib.util.find_spec("runtime_client") is not None
    else:
        for entry in _installed(interpreter, log).iterdir():
            if not entry.name.endswith(".dist-info") and entry.name != "bin" and not (runtime / entry.name).exists():
                (runtime / entry.name).symlink_to(entry)
    if not compiled:
        for stray in runtime.glob("runtime_client*"):
            stray.unlink()
        shutil.copyfile(_HERE / "_python_runtime_client.py", runtime / "runtime_client.py")


def _installed(interpreter: Interpreter, log: Callable[[str], None]) -> Path:
    """AWS's client for an interpreter, installed into the cache at first use."""
    version = _own_client_version()
    folder = cache_folder() / "awslambdaric" / f"{version}-python{interpreter.version}-{sys.platform}"
    if not folder.is_dir():
        log(f"installing awslambdaric {version}, AWS's own client, for Python {interpreter.version} (kept for next time)")
        try:
            # Its compiled part exists for Linux alone. Elsewhere what is for Linux is taken, and that part left aside.
            install_packages([f"awslambdaric=={version}"], interpreter, folder, for_linux=sys.platform != "linux")
        except CodeUnusable as unusable:
            raise CodeUnusable(
                f"STOCK_CLIENT: the function runs on AWS's own client for Python, which is not here for Python {interpreter.version} "
                f'({unusable}); run: pip install "streaming-lambda-constructs[emulator]", or give the function the streaming '
                "runtime: StreamingRuntimeLayer(self, id).attach_to(function)"
            ) from unusable
    return folder


def _own_client_version() -> str:
    try:
        return importlib.metadata.version("awslambdaric")
    except importlib.metadata.PackageNotFoundError:
        return CLIENT_VERSION
