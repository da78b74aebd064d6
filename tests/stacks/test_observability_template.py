"""The observability stack's template: one reviewed snapshot, and what must hold whatever else changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration, Environment

from constructs_pkg import StreamingFunction
from stacks import costs
from stacks.observability import cost
from stacks.observability.stack import ObservabilityStack, Watched
from stacks.recommendations.stack import RecommendationsStack
from tests.stacks.conftest import ROOT, synthesize
from tests.stacks.pages import assert_shows
from tests.stacks.snapshot import assert_matches_snapshot

if TYPE_CHECKING:
    from tests.stacks.conftest import Synthesized


def test_the_template_is_the_reviewed_one(observability: Synthesized) -> None:
    assert_matches_snapshot("ObservabilityStack", observability.template)


def test_cfn_lint_finds_nothing(observability: Synthesized) -> None:
    command = [str(Path(sys.executable).parent / "cfn-lint"), str(observability.directory / "ObservabilityStack.template.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def allowed(template: dict[str, Any]) -> dict[str, Any]:
    """What the function may do, and on what, but for writing logs and traces."""
    found: dict[str, Any] = {}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Policy" and "EventsRole" in str(resource["Properties"]["Roles"]):
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                given = statement["Action"]
                found |= dict.fromkeys([given] if isinstance(given, str) else given, statement["Resource"])
    return {action: resource for action, resource in found.items() if not action.startswith(("logs:Create", "logs:Put", "xray:"))}


def test_the_function_may_read_the_log_groups_that_are_watched_and_change_nothing(observability: Synthesized) -> None:
    found = allowed(observability.template)
    assert found.keys() == {"cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms", "logs:FilterLogEvents"}
    assert len(found["logs:FilterLogEvents"]) == 2
    assert all(
        f":log-group:{name}:*" in json.dumps(arn)
        for name, arn in zip(("chat-logs", "financial-logs"), found["logs:FilterLogEvents"], strict=True)
    )


def the_function(template: dict[str, Any]) -> dict[str, Any]:
    """The one that streams; another copies the page at deployments."""
    functions = [found["Properties"] for found in template["Resources"].values() if found["Type"] == "AWS::Lambda::Function"]
    [found] = [function for function in functions if "WATCHED" in function.get("Environment", {}).get("Variables", {})]
    return found


def test_nodes_own_streaming_needs_no_layer(observability: Synthesized) -> None:
    function = the_function(observability.template)
    assert function["Runtime"] == "nodejs24.x"
    assert "Layers" not in function
    [url] = observability.of_type("AWS::Lambda::Url")
    assert (url["InvokeMode"], url["AuthType"]) == ("RESPONSE_STREAM", "AWS_IAM")


def test_people_sign_in_and_come_back_to_the_page(observability: Synthesized) -> None:
    [client] = observability.of_type("AWS::Cognito::UserPoolClient")
    assert client["CallbackURLs"] == client["LogoutURLs"]
    assert "PageDistribution" in json.dumps(client["CallbackURLs"])
    assert (client["AllowedOAuthFlows"], client.get("GenerateSecret")) == (["code"], False)
    [style] = observability.of_type("AWS::Cognito::ManagedLoginBranding")
    assert style["UseCognitoProvidedValues"] is True
    assert style["ClientId"] == {
        "Ref": next(name for name in observability.template["Resources"] if name.startswith("PeopleClient"))
    }
    [url] = observability.of_type("AWS::Lambda::Url")
    assert url["Cors"]["AllowMethods"] == ["GET", "POST", "DELETE"]
    assert "last-event-id" in url["Cors"]["AllowHeaders"]


def test_functions_of_other_stacks_are_watched_by_reference(tmp_path: Path) -> None:
    app = App(context=json.loads((ROOT / "cdk.json").read_text())["context"], outdir=str(tmp_path))
    environment = Environment(region="us-east-1")
    other = RecommendationsStack(app, "RecommendationsStack", env=environment)
    [function] = [found for found in other.node.find_all() if isinstance(found, StreamingFunction)]
    ObservabilityStack(app, "ObservabilityStack", env=environment, watched=[function])
    app.synth()
    template = json.loads((tmp_path / "ObservabilityStack.template.json").read_text())
    outputs = json.loads((tmp_path / "RecommendationsStack.template.json").read_text())["Outputs"]
    read = {found["OutputName"] for found in _stack_outputs(template)}
    assert len(read) == 3
    for target in (json.dumps(outputs[name]["Value"]) for name in read):
        assert "RecommendationsFunction" in target or "RecommendationsLogs" in target
    assert '\\"label\\":\\"recommendations\\"' in json.dumps(the_function(template))
    assert "*" not in json.dumps(allowed(template)["logs:FilterLogEvents"])


def _stack_outputs(value: Any) -> list[dict[str, str]]:
    if isinstance(value, list):
        return [found for each in value for found in _stack_outputs(each)]
    if not isinstance(value, dict):
        return []
    if "Fn::GetStackOutput" in value:
        return [value["Fn::GetStackOutput"]]
    return [found for each in value.values() for found in _stack_outputs(each)]


def test_a_context_value_names_functions_of_other_apps(tmp_path: Path) -> None:
    context = {"observability:functions": "Orders-Api:prod@orders-logs,search"}
    made = synthesize(tmp_path, ObservabilityStack, context=context)
    function = the_function(made.template)
    assert json.loads(function["Environment"]["Variables"]["WATCHED"]) == [
        {"label": "Orders-Api", "function": "Orders-Api", "alias": "prod", "logGroup": "orders-logs", "alarms": "Orders-"},
        {"label": "search", "function": "search", "alias": "live", "logGroup": "/aws/lambda/search", "alarms": "search-"},
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "^WATCHED: the functions to watch are none"),
        ({"watched": [Watched.parse("a"), Watched.parse("a")]}, "^WATCHED: the functions to watch are a, a"),
        ({"watched": [Watched.parse("a")], "longest": Duration.minutes(15)}, "^LONGEST: longest is 900 seconds"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ObservabilityStack(App(), "Refused", **arguments)


def test_the_page_shows_what_the_template_costs(observability: Synthesized) -> None:
    lines = cost.thousand_streams(observability.template)
    assert_shows("observability", "streams", costs.table(lines))
    assert sum(line.dollars for line in lines) == pytest.approx(
        1000 * 10 * 2 * 18 * 0.00001 + 1000 * 300 * 0.25 * 0.0000133334 + 1000 * 0.2e-6
    )


def test_the_model_counts_the_numbers_that_the_handler_asks_for() -> None:
    handler = (ROOT / "stacks" / "observability" / "handler" / "metrics.mjs").read_text()
    tables = [handler.split(f"const {name} = {{")[1].split("};")[0] for name in ("OF_ALIAS", "OF_RUNTIME")]
    asked = sum(table.count("[") for table in tables) + handler.count("asked.push(")
    assert asked == cost.NUMBERS
