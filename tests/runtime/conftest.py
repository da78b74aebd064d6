from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.interpreters import interpreters
from tests.runtime.neutral_api import Runtime, running

if TYPE_CHECKING:
    from pathlib import Path

PRELUDE = "from streaming_runtime import *\nimport sys, time, os, json\n"

Start = Callable[..., Runtime]


@pytest.fixture(params=sorted(interpreters()))
def interpreter(request: pytest.FixtureRequest) -> str:
    return interpreters()[request.param]


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts a runtime with this source as index.py; on every interpreter of the machine where the test also asks for `interpreter`."""
    chosen = request.getfixturevalue("interpreter") if "interpreter" in request.fixturenames else sys.executable
    with ExitStack() as stack:

        def begin(source: str, handler: str = "index.handler", **how: Any) -> Runtime:
            task_root = tmp_path / "task"
            task_root.mkdir(exist_ok=True)
            (task_root / "index.py").write_text(PRELUDE + textwrap.dedent(source), encoding="utf-8")
            how.setdefault("interpreter", chosen)
            return stack.enter_context(running(task_root, handler, **how))

        yield begin
