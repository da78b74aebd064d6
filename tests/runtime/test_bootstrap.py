"""The layer's bootstrap, which provided.al2023 starts."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.runtime.neutral_api import RUNTIME_ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime.conftest import Start

BOOTSTRAP = RUNTIME_ROOT / "bootstrap"


def test_it_runs_the_function_with_the_python_that_the_function_brings(interpreter: str, start: Start, tmp_path: Path) -> None:
    binaries = tmp_path / "task" / "bin"
    binaries.mkdir(parents=True)
    python = binaries / "python3"
    python.write_text(f'#!/bin/sh\nexec "{interpreter}" "$@"\n')
    python.chmod(0o755)
    source = "def handler(event, context):\n    return sys.argv[0].endswith('__main__.py') and event"
    assert start(source, interpreter=interpreter, wrapper=BOOTSTRAP).invoke({"a": 1}).json == {"a": 1}


def test_without_a_python_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    environment = {"PATH": str(tmp_path), "LAMBDA_TASK_ROOT": str(tmp_path)}
    ended = subprocess.run(["/bin/sh", str(BOOTSTRAP)], env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, ended.stderr.startswith("bootstrap: NO_PYTHON: found no python3 in ")) == (1, True)


def test_it_may_be_run() -> None:
    assert os.access(BOOTSTRAP, os.X_OK)
