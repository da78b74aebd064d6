"""The summarization stack's template: one reviewed snapshot, and what must hold whatever else changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacks import costs
from stacks.summarization import cost
from stacks.summarization.stack import SummarizationStack
from tests.stacks.conftest import synthesize
from tests.stacks.handlers import load
from tests.stacks.pages import assert_shows
from tests.stacks.snapshot import assert_matches_snapshot

if TYPE_CHECKING:
    from tests.stacks.conftest import Synthesized


def test_the_template_is_the_reviewed_one(summarization: Synthesized) -> None:
    assert_matches_snapshot("SummarizationStack", summarization.template)


def test_cfn_lint_finds_nothing(summarization: Synthesized) -> None:
    template = summarization.directory / "SummarizationStack.template.json"
    command = [str(Path(sys.executable).parent / "cfn-lint"), str(template)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout


def statements(synthesized: Synthesized, role: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in synthesized.of_type("AWS::IAM::Policy")
        if role in str(policy["Roles"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_the_one_route_streams_asks_for_iam_and_checks_the_body(summarization: Synthesized) -> None:
    [method] = summarization.of_type("AWS::ApiGateway::Method")
    assert (method["HttpMethod"], method["AuthorizationType"]) == ("POST", "AWS_IAM")
    assert method["Integration"]["ResponseTransferMode"] == "STREAM"
    assert method["Integration"]["TimeoutInMillis"] == 900_000
    [model] = summarization.of_type("AWS::ApiGateway::Model")
    assert model["Schema"]["additionalProperties"] is False
    assert set(model["Schema"]["properties"]) == {"text", "key", "cursor", "most_steps"}


def test_a_new_version_gets_a_tenth_of_the_calls_and_alarms_take_them_back(summarization: Synthesized) -> None:
    [group] = summarization.of_type("AWS::CodeDeploy::DeploymentGroup")
    assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent15Minutes"
    assert group["AlarmConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    [alias] = [found for found in summarization.template["Resources"].values() if found["Type"] == "AWS::Lambda::Alias"]
    assert "CodeDeployLambdaAliasUpdate" in alias["UpdatePolicy"]


def test_the_function_may_read_documents_and_stream_from_its_model(summarization: Synthesized) -> None:
    found = {str(statement["Action"]): statement for statement in statements(summarization, "SummariesRole")}
    assert "/documents/*" in str(found["s3:GetObject"]["Resource"])
    assert "foundation-model/amazon.nova-lite-v1:0" in str(found["bedrock:InvokeModelWithResponseStream"]["Resource"])


def test_the_caller_may_call_the_route_and_nothing_else(summarization: Synthesized) -> None:
    [statement] = statements(summarization, "Caller")
    assert statement["Action"] == "execute-api:Invoke"
    assert "/POST/summaries" in str(statement["Resource"])
    assert "*" not in str(statement["Resource"])


def test_an_answer_ends_before_the_alarm_takes_it_for_one_that_hit_the_timeout(summarization: Synthesized) -> None:
    [alarm] = [found for found in summarization.of_type("AWS::CloudWatch::Alarm") if found.get("MetricName") == "Duration"]
    [function] = summarization.of_type("AWS::Lambda::Function")
    assert (function["Timeout"] - load("summarization", "summarising").summarising.LEAVE_SECONDS) * 1000 < alarm["Threshold"]


def test_context_values_choose_the_model_the_section_and_the_log_role(tmp_path: Path) -> None:
    context = {
        "summarization:model-id": "us.amazon.nova-pro-v1:0",
        "summarization:section-characters": "2000",
        "summarization:summary-tokens": "99",
        "summarization:cloud-watch-role": "true",
    }
    changed = synthesize(tmp_path, SummarizationStack, context=context)
    [function] = changed.of_type("AWS::Lambda::Function")
    variables = function["Environment"]["Variables"]
    assert variables["MODEL_ID"] == "us.amazon.nova-pro-v1:0"
    assert (variables["SECTION_CHARACTERS"], variables["SUMMARY_TOKENS"]) == ("2000", "99")
    assert len(changed.of_type("AWS::ApiGateway::Account")) == 1


def test_the_page_shows_what_the_template_costs(summarization: Synthesized) -> None:
    assert_shows("summarization", "streams", costs.table(cost.thousand_streams(summarization.template)))
    assert_shows("summarization", "month", costs.table(cost.month(summarization.template)))
