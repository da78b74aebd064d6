"""Synthesis for assertions: once per distinct template, without the parts that cost time and say nothing here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Environment, Stack

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
FLAGS: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]

HANDLER = """
def handler(event, context):
    yield "hello"
"""


@pytest.fixture(params=["recommended flags", "no flags"])
def flags(request: pytest.FixtureRequest) -> dict[str, Any]:
    """`App()` does not read cdk.json: its flags are given here, or none of them."""
    return FLAGS if request.param == "recommended flags" else {}


@pytest.fixture
def make_stack(tmp_path: Path) -> Callable[..., Stack]:
    def make(*, context: dict[str, Any] = FLAGS, env: Environment | None = None, outdir: str | None = None) -> Stack:
        app = App(
            builtin_cloud_formation_validation=False,
            tree_metadata=False,
            context=context,
            outdir=outdir or str(tmp_path / "cdk.out"),
        )
        return Stack(app, "TestStack", env=env)

    return make


@pytest.fixture
def stack(make_stack: Callable[..., Stack], flags: dict[str, Any]) -> Stack:
    return make_stack(context=flags)


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    folder = tmp_path / "handler"
    folder.mkdir()
    (folder / "index.py").write_text(HANDLER)
    return folder
