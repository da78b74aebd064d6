"""The runtime is small: the standard library alone, and of that only what every function needs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.runtime.neutral_api import RUNTIME_ROOT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = RUNTIME_ROOT / "python" / "streaming_runtime"
FILES = sorted(PACKAGE.rglob("*.py"))
LENT_BY_LAMBDA = {"boto3", "botocore", "urllib3", "snapshot_restore_py"}
BORROWERS = ("models", "store", "snapstart.py")
HEAVY = (
    "asyncio", "concurrent", "dataclasses", "email", "http", "inspect", "logging", "pathlib", "ssl", "threading", "traceback",
    "typing", "unittest", "urllib", "boto3", "botocore", "subprocess", "random", "hashlib", "tempfile", "shutil",
)  # fmt: skip


def modules_after(interpreter: str, code: str) -> set[str]:
    """What is loaded on top of a bare interpreter."""
    report = f"import sys; sys.path.insert(0, {str(RUNTIME_ROOT / 'python')!r}); before = set(sys.modules)\n{code}\n"
    report += "print('\\n' + __import__('json').dumps(sorted(set(sys.modules) - before)))"
    command = [interpreter, "-S", "-E", "-c", report]  # without site, whose .pth files import what they like
    output = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    return set(json.loads(output.splitlines()[-1]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_outside_the_standard_library_is_imported(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    in_functions = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            top = name.partition(".")[0]
            if top in LENT_BY_LAMBDA:
                assert {path.name, path.parent.name}.intersection(BORROWERS), f"{path.name}:{node.lineno} imports {name}"
                assert id(node) in in_functions, f"{path.name}:{node.lineno} imports {name} at import time"
            else:
                assert top in sys.stdlib_module_names or top == "streaming_runtime", f"{path.name}:{node.lineno} imports {name}"


@pytest.mark.parametrize(
    "module",
    [
        "streaming_runtime", "streaming_runtime.__main__", "streaming_runtime.models.bedrock", "streaming_runtime.aws",
        "streaming_runtime.snapstart", "streaming_runtime.workers",
    ],
)  # fmt: skip
def test_importing_it_loads_nothing_heavy(interpreter: str, module: str) -> None:
    loaded = modules_after(interpreter, f"import {module}")
    assert not {name for name in loaded if name.partition(".")[0] in HEAVY}
    assert not {name for name in loaded if name == "importlib.metadata"}


SPARED = {"json", "re", "enum", "signal", "functools", "collections", "importlib"}


def test_a_start_is_spared_what_json_and_signal_would_load(interpreter: str) -> None:
    code = "from streaming_runtime import *\n@streaming_handler(dialect='sse')\ndef handler(request, context): ...\n"
    code += f"import streaming_runtime.__main__\nassert not (set(sys.modules) - before) & {SPARED}"
    assert "streaming_runtime.__main__" in modules_after(interpreter, code)


def test_the_authors_package_does_not_load_the_servers_half(interpreter: str) -> None:
    loaded = modules_after(interpreter, "import streaming_runtime")
    assert not loaded & {"socket", "_socket", "signal", "select", "streaming_runtime.transport", "streaming_runtime.serve"}


def test_a_dialect_loads_itself_alone(interpreter: str) -> None:
    code = "from streaming_runtime import *\n@streaming_handler(dialect='sse')\ndef handler(request, context): ..."
    loaded = modules_after(interpreter, code)
    assert {name for name in loaded if name.startswith("streaming_runtime.dialects.")} == {
        "streaming_runtime.dialects.base",
        "streaming_runtime.dialects.sse",
    }


def test_import_time_budget(interpreter: str) -> None:
    """Less than asyncio alone costs, which many a function loads besides; measured side by side, so that a busy machine slows both."""
    path = f"import sys; sys.path.insert(0, {str(RUNTIME_ROOT / 'python')!r})"
    codes = {"bare": path, "ours": f"{path}; import streaming_runtime.__main__", "asyncio": f"{path}; import asyncio"}
    taken = dict.fromkeys(codes, float("inf"))
    for _ in range(5):
        for name, code in codes.items():
            begin = time.perf_counter()
            subprocess.run([interpreter, "-S", "-E", "-c", code], check=True, timeout=30)
            taken[name] = min(taken[name], time.perf_counter() - begin)
    assert taken["ours"] - taken["bare"] < taken["asyncio"] - taken["bare"], taken


def test_every_public_name_is_there_and_named() -> None:
    import streaming_runtime

    assert sorted(streaming_runtime.__all__) == list(streaming_runtime.__all__)
    assert all(getattr(streaming_runtime, name).__doc__ for name in streaming_runtime.__all__)
    assert (PACKAGE / "py.typed").exists()
