# ruff: noqa: PTH100, PTH109, PTH110, PTH118, PTH120 - pathlib would cost every cold start some milliseconds
"""Where Python looks for the function's modules, in the order in which the stock client has it.

Source: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath
"""

from __future__ import annotations

import os
import sys


def arrange() -> None:
    """Puts task root, layer and Lambda's own packages in front, in this order, each once; leaves the rest as it is.

    Without a layer around this package (a container image) the task root alone is put in front.
    """
    task_root = os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd()
    front = [task_root]
    package = os.path.dirname(os.path.abspath(__file__))
    layer = os.path.dirname(os.path.dirname(package))
    if os.path.exists(os.path.join(layer, "streaming-wrapper")):
        python = os.path.join(layer, "python")
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        front += [python, os.path.join(python, "lib", version, "site-packages")]
        front.append(os.environ.get("LAMBDA_RUNTIME_DIR") or "/var/runtime")
    sys.path[:] = front + [entry for entry in sys.path if entry and entry not in front]  # "" is wherever the process is
