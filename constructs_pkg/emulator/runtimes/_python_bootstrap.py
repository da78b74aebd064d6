"""What Lambda has as /var/runtime/bootstrap.py: AWS's own client for Python, with the search path that it gives a handler.

Order of the search path: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath. Where the
client's compiled part does not run (macOS), `_python_runtime_client` of the emulator, in plain Python, takes its place.
"""

from __future__ import annotations

import importlib
import os
import sys


def main() -> None:
    """Runs the handler that _HANDLER names."""
    task, runtime = os.environ["LAMBDA_TASK_ROOT"], os.environ["LAMBDA_RUNTIME_DIR"]
    opt = os.environ.pop("STREAMING_LAMBDA_OPT", "/opt")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    ours = [task, f"{opt}/python/lib/{version}/site-packages", f"{opt}/python", runtime]
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not to be loaded before a handler is
    rest = [entry for entry in sys.path if entry not in (here, *ours, *given)]
    sys.path[:] = list(dict.fromkeys([*ours, *given, *rest]))
    importlib.import_module("awslambdaric.__main__").main(["bootstrap", os.environ["_HANDLER"]])


main()
