"""The observability example's logic, which is JavaScript and TypeScript: tests of their own, run by Node's test runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from constructs_pkg.emulator.runtimes.npm import find_node


@pytest.mark.parametrize(("file", "promises"), [("observability_handler.test.mjs", 23), ("observability_page.test.mjs", 13)])
def test_what_the_modules_promise(file: str, promises: int) -> None:
    tests = Path(__file__).with_name(file)
    done = subprocess.run(
        [find_node(24).path, "--test", "--test-reporter=spec", str(tests)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"pass {promises}\n" in done.stdout, done.stdout
