"""The financial stack's template: one reviewed snapshot, and what must hold whatever else changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App

from stacks import costs
from stacks.financial import cost
from stacks.financial.stack import FinancialStack
from tests.stacks.conftest import synthesize
from tests.stacks.handlers import load
from tests.stacks.pages import assert_shows
from tests.stacks.snapshot import assert_matches_snapshot

if TYPE_CHECKING:
    from tests.stacks.conftest import Synthesized


def test_the_template_is_the_reviewed_one(financial: Synthesized) -> None:
    assert_matches_snapshot("FinancialStack", financial.template)


def test_cfn_lint_finds_nothing(financial: Synthesized) -> None:
    command = [str(Path(sys.executable).parent / "cfn-lint"), str(financial.directory / "FinancialStack.template.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout


def actions(synthesized: Synthesized, role: str) -> set[str]:
    """What the policies of a role allow, but for logs and traces."""
    found: set[str] = set()
    for policy in synthesized.of_type("AWS::IAM::Policy"):
        if role not in str(policy["Roles"]):
            continue
        for statement in policy["PolicyDocument"]["Statement"]:
            given = statement["Action"]
            found |= {given} if isinstance(given, str) else set(given)
    return {action for action in found if not action.startswith(("logs:", "xray:"))}


def test_viewers_may_look_at_the_board_and_may_not_read_the_stream(financial: Synthesized) -> None:
    assert actions(financial, "ViewersRole") == {"dynamodb:Query"}


def test_the_stream_has_one_reader_who_reports_what_it_could_not_store(financial: Synthesized) -> None:
    [mapping] = financial.of_type("AWS::Lambda::EventSourceMapping")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert "OnFailure" in mapping["DestinationConfig"]
    assert {action for action in actions(financial, "ReaderRole") if action.startswith("dynamodb:")} == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
    }


def test_more_viewers_are_warm_in_market_hours_of_new_york(financial: Synthesized) -> None:
    [target] = financial.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
    assert [
        (action["Schedule"], action["Timezone"], action["ScalableTargetAction"]) for action in target["ScheduledActions"]
    ] == [
        ("cron(15 9 ? * MON-FRI *)", "America/New_York", {"MinCapacity": 5, "MaxCapacity": 5}),
        ("cron(0 16 ? * MON-FRI *)", "America/New_York", {"MinCapacity": 1, "MaxCapacity": 1}),
    ]


def test_a_viewer_leaves_before_the_alarm_takes_its_stream_for_one_that_hit_the_timeout(financial: Synthesized) -> None:
    [alarm] = [found for found in financial.of_type("AWS::CloudWatch::Alarm") if found.get("MetricName") == "Duration"]
    assert alarm["Threshold"] > load("financial", "view").view.LONGEST_SECONDS * 1000


def test_a_replay_needs_neither_stream_nor_table(tmp_path: Path) -> None:
    replay = synthesize(tmp_path, FinancialStack, context={"financial:feed": "replay", "financial:warm-viewers": "2"})
    types = {resource["Type"] for resource in replay.template["Resources"].values()}
    assert not types & {"AWS::Kinesis::Stream", "AWS::DynamoDB::GlobalTable", "AWS::Lambda::EventSourceMapping"}
    [target] = replay.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
    assert target["ScheduledActions"][0]["ScalableTargetAction"]["MinCapacity"] == 2


def test_another_feed_is_refused() -> None:
    with pytest.raises(ValueError, match="^FEED: feed is 'kafka'; it is kinesis or replay"):
        FinancialStack(App(), "Refused", feed="kafka")


def test_the_page_shows_what_the_template_costs(financial: Synthesized) -> None:
    assert_shows("financial", "streams", costs.table(cost.thousand_streams(financial.template)))
    assert_shows("financial", "day", costs.table(cost.trading_day(financial.template)))


def test_the_cost_follows_the_template(financial: Synthesized) -> None:
    def dollars(**changes: Any) -> float:
        [[id, function]] = [
            (id, resource)
            for id, resource in financial.template["Resources"].items()
            if resource["Properties"].get("Handler") == "index.handler"
        ]
        changed = {**function, "Properties": {**function["Properties"], **changes}}
        template = {"Resources": {**financial.template["Resources"], id: changed}}
        return sum(line.dollars for line in cost.thousand_streams(template))

    assert dollars() == pytest.approx(1000 * 300 * 0.25 * 0.0000133334 + 1000 * 0.2e-6 + 450_000 * 0.125e-6)
    assert dollars(MemorySize=512) > 1.9 * dollars()
    assert dollars(Architectures=["x86_64"]) > dollars()
