"""The recommendations stack's template: one reviewed snapshot, and what must hold whatever else changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stacks import costs
from stacks.recommendations import cost
from stacks.recommendations.stack import RecommendationsStack
from tests.stacks.conftest import synthesize
from tests.stacks.pages import assert_shows
from tests.stacks.snapshot import assert_matches_snapshot

if TYPE_CHECKING:
    from tests.stacks.conftest import Synthesized

ROOT = Path(__file__).parents[2]


def test_the_template_is_the_reviewed_one(recommendations: Synthesized) -> None:
    assert_matches_snapshot("RecommendationsStack", recommendations.template)


def test_cfn_lint_finds_nothing(recommendations: Synthesized) -> None:
    template = recommendations.directory / "RecommendationsStack.template.json"
    command = [str(Path(sys.executable).parent / "cfn-lint"), str(template)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_the_app_starts_from_a_picture_and_nothing_is_kept_warm(recommendations: Synthesized) -> None:
    [function] = recommendations.of_type("AWS::Lambda::Function")
    assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    [alias] = recommendations.of_type("AWS::Lambda::Alias")
    assert "ProvisionedConcurrencyConfig" not in alias


def test_the_app_may_read_and_write_readers_and_nothing_else(recommendations: Synthesized) -> None:
    [policy] = [found for found in recommendations.of_type("AWS::IAM::Policy") if "RecommendationsRole" in str(found["Roles"])]
    actions = {action for statement in policy["PolicyDocument"]["Statement"] for action in statement["Action"]}
    assert {action for action in actions if action.startswith("dynamodb:")} == {"dynamodb:Query", "dynamodb:PutItem"}


def test_the_asset_holds_the_pinned_packages_and_no_web_server(recommendations: Synthesized) -> None:
    assets = json.loads((recommendations.directory / "RecommendationsStack.assets.json").read_text())["files"]
    folders = [recommendations.directory / asset["source"]["path"] for asset in assets.values()]
    [code] = [folder for folder in folders if (folder / "main.py").is_file()]
    assert (code / "fastapi").is_dir()
    assert not list(code.glob("uvicorn*"))
    pins = (code / ".streaming-lambda" / "requirements.txt").read_text().split()
    asked = (ROOT / "stacks" / "recommendations" / "handler" / "requirements.txt").read_text().split()
    assert set(pins) == set(asked)


def test_readers_outlive_the_stack_where_that_is_asked_for(tmp_path: Path) -> None:
    kept = synthesize(tmp_path, RecommendationsStack, context={"recommendations:keep-readers": "true"})
    [table] = [found for found in kept.template["Resources"].values() if found["Type"] == "AWS::DynamoDB::GlobalTable"]
    assert table["DeletionPolicy"] == "Retain"


def test_the_page_shows_what_the_template_costs(recommendations: Synthesized) -> None:
    assert_shows("recommendations", "streams", costs.table(cost.thousand_streams(recommendations.template)))
    assert_shows("recommendations", "month", costs.table(cost.month(recommendations.template)))
    assert_shows("recommendations", "warm", costs.table(cost.month_kept_warm(recommendations.template)))
