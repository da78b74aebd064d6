"""The example stacks, each synthesized once as the CDK CLI would: with cdk.json's context and strict validation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from aws_cdk import App, Environment

from stacks.chat.stack import ChatStack

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


class Synthesized(NamedTuple):
    directory: Path
    template: dict[str, Any]


@pytest.fixture(scope="session")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The chat stack in us-east-1 of an agnostic account, as `app.py` makes it, with CloudFormation's validation on."""
    context: Mapping[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    outdir = tmp_path_factory.mktemp("assembly") / "cdk.out"
    app = App(context=dict(context), outdir=str(outdir), builtin_cloud_formation_validation=True)
    ChatStack(app, "ChatStack", env=Environment(region="us-east-1"))
    app.synth()
    return Synthesized(outdir, json.loads((outdir / "ChatStack.template.json").read_text()))
