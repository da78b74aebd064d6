"""What is around a function may stand in another stack than it, with and without the recommended flags, in an explicit
environment and in an agnostic one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
from aws_cdk import App, Duration, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from constructs_pkg import (
    BedrockModelAccess,
    BrowserIdentity,
    CanaryRollout,
    ProvisionedConcurrency,
    StreamAlarms,
    StreamingCode,
    StreamingDashboard,
    StreamingDistribution,
    StreamingFunction,
    StreamingRestApi,
    StreamingRuntimeLayer,
    StreamingUrl,
    StreamLogMetrics,
    StreamMetrics,
    StreamStore,
    TrafficShift,
    WebAcl,
)
from constructs_pkg._checks import check
from constructs_pkg.assembly import CloudAssembly

from .conftest import FLAGS, HANDLER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXPLICIT: Final = Environment(account="123456789012", region="us-east-1")
NODE: Final = "exports.handler = awslambda.streamifyResponse(async (event, stream) => stream.end('hello'));"


@dataclass(frozen=True)
class Assembly:
    directory: Path
    explicit: bool

    def resources(self, stack: str, kind: str) -> list[dict[str, Any]]:
        found = json.loads((self.directory / f"{stack}.template.json").read_text())["Resources"]
        return [resource["Properties"] for resource in found.values() if resource["Type"] == kind]

    @property
    def templates(self) -> dict[str, str]:
        return {path.name.partition(".")[0]: path.read_text() for path in self.directory.glob("*.template.json")}


def streaming_functions(stack: Stack, entry: Path) -> dict[str, StreamingFunction]:
    code = StreamingCode.python(entry)
    return {
        "warm": StreamingFunction(
            stack,
            "Warm",
            code=code,
            concurrency=ProvisionedConcurrency.tracking(1, 4),
            cors=BrowserIdentity.cors("https://a.example"),
        ),
        "shifting": StreamingFunction(stack, "Shifting", code=code, rollout=TrafficShift.canary(), dashboard=True),
        "snapshot": StreamingFunction(stack, "Snapshot", code=code, snap_start=True),
    }


def plain_function(stack: Stack) -> tuple[lambda_.Function, lambda_.Alias]:
    function = lambda_.Function(
        stack,
        "Plain",
        code=lambda_.Code.from_inline("def handler(event, context): yield 'hello'"),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
        memory_size=512,
        timeout=Duration.minutes(1),
    )
    return function, lambda_.Alias(stack, "PlainAlias", alias_name="prod", version=function.current_version)


def around(stack: Stack, functions: dict[str, StreamingFunction]) -> None:
    """Everything that stands around a function, away from it."""
    warm = functions["warm"]
    StreamingDistribution(stack, "Cdn", url=warm.url, web_acl=None if stack.region == "us-east-1" else WebAcl.disabled())
    StreamingRestApi(stack, "Api", alias=warm.alias)
    BrowserIdentity(stack, "Identity").allow_to_call(warm.url)
    warm.grant_invoke_url(iam.Role(stack, "Backend", assumed_by=iam.AccountRootPrincipal()))
    warm.grant_invoke_url(iam.User(stack, "User"))
    StreamAlarms(stack, "Alarms", alias=warm.alias, url=warm.url)
    StreamingDashboard(stack, "Dashboard", aliases={name: function.alias for name, function in functions.items()})
    StreamMetrics(warm.alias).url_5xx_rate().create_alarm(stack, "Failed", threshold=1, evaluation_periods=1)


def given_to_functions(stack: Stack) -> tuple[StreamStore, BedrockModelAccess, StreamingRuntimeLayer]:
    """What functions are given, from a stack that stands before theirs."""
    return (
        StreamStore(stack, "Store"),
        BedrockModelAccess(stack, "Models", model_ids=["amazon.nova-lite-v1:0"]),
        StreamingRuntimeLayer(stack, "Layer"),
    )


def on_a_plain_function(stack: Stack, function: lambda_.Function, alias: lambda_.Alias) -> None:
    StreamingUrl(stack, "PlainUrl", alias=alias)
    StreamingDashboard(stack, "PlainDashboard", aliases={"Plain": alias}, dashboard=cloudwatch.Dashboard(stack, "Given"))
    StreamLogMetrics(stack, "PlainLog", function=function, log_group=function.log_group)


@pytest.fixture(
    scope="module",
    params=[(flags, explicit) for flags in (True, False) for explicit in (True, False)],
    ids=lambda given: f"{'recommended' if given[0] else 'no'} flags, {'explicit' if given[1] else 'agnostic'}",
)
def assembly(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """Three stacks, each with references to the ones before, past CloudFormation's own validator."""
    flags, explicit = request.param
    folder = tmp_path_factory.mktemp("environments")
    entry = folder / "handler"
    entry.mkdir()
    (entry / "index.py").write_text(HANDLER)
    strict = {"@aws-cdk/core:validateAgainstDefaultRules": True}
    app = App(context={**(FLAGS if flags else {}), **strict}, outdir=str(folder / "cdk.out"), tree_metadata=False)
    env = EXPLICIT if explicit else None
    store, models, layer = given_to_functions(Stack(app, "Before", env=env))
    code = Stack(app, "Functions", env=env)
    functions = streaming_functions(code, entry)
    function, alias = plain_function(code)
    layer.attach_to(function)
    store.attach_to(functions["warm"].function)
    models.grant_stream(functions["warm"])
    models.grant_stream(function)
    ProvisionedConcurrency.fixed(2).apply_to(alias)
    after = Stack(app, "Around", env=env)
    around(after, functions)
    on_a_plain_function(after, function, alias)
    app.synth()
    return Assembly(folder / "cdk.out", explicit)


def test_the_checks_find_nothing(assembly: Assembly) -> None:
    found = check(CloudAssembly.load(assembly.directory))
    assert [str(finding) for finding in found.findings] == []


def references(value: Any) -> Iterator[str]:
    """Logical ids that a template's value names, parameters and pseudo parameters among them."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        if isinstance(value.get("Ref"), str):
            yield value["Ref"]
        if "Fn::GetAtt" in value:
            target = value["Fn::GetAtt"]
            yield target[0] if isinstance(target, list) else target.partition(".")[0]
        for text in (value.get("Fn::Sub"),) if isinstance(value.get("Fn::Sub"), str) else ():
            yield from (name.partition(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text))
        for item in value.values():
            yield from references(item)


def test_no_template_names_what_stands_in_another(assembly: Assembly) -> None:
    for name, text in assembly.templates.items():
        template = json.loads(text)
        known = {*template["Resources"], *template.get("Parameters", {})}
        assert {ref for ref in references(template) if not ref.startswith("AWS::")} <= known, name


def test_both_permissions_are_on_the_alias_wherever_the_caller_stands(assembly: Assembly) -> None:
    [policy] = [
        found for found in assembly.resources("Around", "AWS::IAM::Policy") if "Backend" in json.dumps(found.get("Roles"))
    ]
    statements = policy["PolicyDocument"]["Statement"]
    assert {statement["Action"] for statement in statements} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    assert len({json.dumps(statement["Resource"]) for statement in statements}) == 1


def test_alarms_elsewhere_watch_the_alias_by_both_dimensions(assembly: Assembly) -> None:
    alarms = [
        alarm
        for alarm in assembly.resources("Around", "AWS::CloudWatch::Alarm")
        if alarm.get("MetricName") in ("Errors", "Throttles", "ProvisionedConcurrencySpilloverInvocations")
    ]
    assert alarms
    for alarm in alarms:
        assert sorted(dimension["Name"] for dimension in alarm["Dimensions"]) == ["FunctionName", "Resource"]
        assert ":live" in json.dumps(alarm["Dimensions"])


def test_metric_filters_stand_where_the_log_group_is_made(assembly: Assembly) -> None:
    """One set a function: alarms and a dashboard in another stack share those of the function."""
    filters = assembly.resources("Functions", "AWS::Logs::MetricFilter")
    names = [transformation["MetricName"] for found in filters for transformation in found["MetricTransformations"]]
    assert len(filters) == 3 * 5
    assert len({json.dumps(name) for name in names}) == 3 * 4  # a cold start and a restore are one metric


def test_the_table_and_the_layer_reach_the_functions_of_the_next_stack(assembly: Assembly) -> None:
    functions = assembly.resources("Functions", "AWS::Lambda::Function")
    tables = [found["Environment"]["Variables"].get("STREAM_STORE_TABLE") for found in functions if "Environment" in found]
    [table] = [found for found in tables if found is not None]
    assert isinstance(table, dict)
    wrapped = [found for found in functions if "AWS_LAMBDA_EXEC_WRAPPER" in found.get("Environment", {}).get("Variables", {})]
    assert len(wrapped) == 4


def test_a_rollout_elsewhere_is_refused_and_not_written_as_a_circle(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "cdk.out"), builtin_cloud_formation_validation=False)
    _, alias = plain_function(Stack(app, "Functions"))
    other = Stack(app, "Other")
    alarm = alias.metric_errors().create_alarm(other, "Alarm", threshold=1, evaluation_periods=1)
    with pytest.raises(ValueError, match="^ROLLOUT_ACROSS_STACKS: "):
        CanaryRollout(other, "Rollout", alias=alias, alarms=[alarm])


def test_nothing_that_changes_with_each_version_crosses_stacks(assembly: Assembly) -> None:
    """CloudFormation refuses to change what another stack imports: the next deployment of new code would fail."""
    outputs = json.loads(assembly.templates["Functions"])["Outputs"]
    assert outputs
    assert [name for name in outputs if "CurrentVersion" in name] == []


def test_no_token_is_left_in_a_template(assembly: Assembly) -> None:
    assert "${Token" not in "".join(assembly.templates.values())
