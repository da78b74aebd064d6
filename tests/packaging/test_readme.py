"""What the README shows runs: its app, its handler in the emulator, its client against that."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from constructs_pkg.emulator import Emulator
from tests.packaging.readme import README, python_blocks

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ROOT = README.parent
APP, HANDLER, CLIENT = python_blocks()


def test_the_readmes_client_reads_what_the_readmes_handler_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "handler").mkdir()
    (tmp_path / "handler" / "index.py").write_text(HANDLER)
    environment = {**os.environ, "CDK_OUTDIR": str(tmp_path / "cdk.out"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    with Emulator(tmp_path / "cdk.out") as emulator:
        backend = emulator.principals["Chat/Backend"]
        for name in ("access_key_id", "secret_access_key", "session_token"):
            monkeypatch.setenv(f"AWS_{name.upper()}", backend[name] or "")
        monkeypatch.setenv("AWS_DEFAULT_REGION", emulator.region)
        [url] = emulator.urls.values()
        exec(compile(CLIENT, str(README), "exec"), {"url": url})
    text, *timing = capsys.readouterr().out.split("\n")[0].rsplit(" ", 2)
    assert text.split() == ["one", "two", "three"]
    assert len(timing) == 2


def test_every_file_that_the_readme_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target
