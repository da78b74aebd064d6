"""The observability example's logic, which is JavaScript: its own tests, run by Node's test runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

from constructs_pkg.emulator.runtimes.npm import find_node


def test_what_the_handlers_modules_promise() -> None:
    tests = Path(__file__).with_name("observability_handler.test.mjs")
    done = subprocess.run(
        [find_node(24).path, "--test", "--test-reporter=spec", str(tests)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 23" in done.stdout, done.stdout
