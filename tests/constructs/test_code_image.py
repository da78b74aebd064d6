"""The minimal Dockerfile that ships with the package. Building it needs Docker, which no test here has: its content is what is held."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from constructs_pkg._assets import IMAGE_DIRECTORY, RUNTIME_LAYER_DIRECTORY, shipped_files

if TYPE_CHECKING:
    from pathlib import Path

DOCKERFILE = (IMAGE_DIRECTORY / "Dockerfile").read_text()
INSTRUCTIONS = [line for line in re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines() if line and not line.startswith("#")]
MOST_BYTES_OF_OURS = 1024 * 1024


def test_the_dockerfile_holds_an_interpreter_the_runtime_and_the_code_and_runs_nothing() -> None:
    assert [line.split()[0] for line in INSTRUCTIONS] == [
        *("ARG", "FROM", "ENV", "COPY", "COPY", "WORKDIR", "USER", "ENTRYPOINT", "CMD"),
    ]


def test_the_base_is_the_small_one_of_the_asked_version() -> None:
    assert INSTRUCTIONS[1] == "FROM public.ecr.aws/docker/library/python:${PYTHON_VERSION}-slim-bookworm"


def test_what_we_add_to_an_image_stays_below_its_budget() -> None:
    assert sum(path.stat().st_size for path in shipped_files(RUNTIME_LAYER_DIRECTORY / "python")) < MOST_BYTES_OF_OURS


def test_the_entrypoint_starts_the_runtime_with_the_command_as_its_handler(tmp_path: Path) -> None:
    """Run as Docker would: the words of ENTRYPOINT, then those of CMD."""
    import json

    entrypoint = json.loads(INSTRUCTIONS[7].removeprefix("ENTRYPOINT "))
    command = json.loads(INSTRUCTIONS[8].removeprefix("CMD "))
    (tmp_path / "python").write_text('#!/bin/sh\necho "$_HANDLER" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    done = subprocess.run(
        [*entrypoint, *command], env={"PATH": f"{tmp_path}:/bin:/usr/bin"}, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "index.handler -m streaming_runtime\n"


def test_the_runtime_starts_from_where_the_image_has_it(tmp_path: Path) -> None:
    """With PYTHONPATH alone, as in the image; without a Runtime API it says so and ends."""
    done = subprocess.run(
        [sys.executable, "-m", "streaming_runtime"],
        env={
            "PYTHONPATH": str(RUNTIME_LAYER_DIRECTORY / "python"),
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "_HANDLER": "index.handler",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "AWS_LAMBDA_RUNTIME_API is not set" in done.stdout + done.stderr
