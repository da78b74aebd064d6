"""What a construct made is an attribute that its docstring lists, and what the docstring lists is there."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import TYPE_CHECKING, Any, Final

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_applicationautoscaling import Schedule

import constructs_pkg
from constructs_pkg import (
    AlarmThresholds,
    BedrockModelAccess,
    BrowserIdentity,
    ProvisionedConcurrency,
    RestRoute,
    StreamingCode,
    StreamingDashboard,
    StreamingDefaults,
    StreamingDistribution,
    StreamingFunction,
    StreamingRestApi,
    StreamingRuntimeLayer,
    StreamLimits,
    StreamLogMetrics,
    StreamMetrics,
    StreamStore,
    TrafficShift,
    WarmHours,
    WebAcl,
)

if TYPE_CHECKING:
    from pathlib import Path

# Not made of parts: a plugin, and a recipe.
WITHOUT_ATTRIBUTES: Final = ("StreamingChecks", "StreamingCode")
# Private by a convention of jsii's Python, or a construct's own.
FOREIGN: Final = ("node",)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One of each exported class, by name."""
    entry: Path = tmp_path_factory.mktemp("handler")
    (entry / "index.py").write_text("def handler(event, context):\n    yield 'hello'\n")
    app = App(builtin_cloud_formation_validation=False, tree_metadata=False, outdir=str(tmp_path_factory.mktemp("out")))
    stack = Stack(app, "Stack", env=Environment(account="123456789012", region="us-east-1"))
    chat = StreamingFunction(
        stack, "Chat", code=StreamingCode.python(entry), dashboard=True, rollout=TrafficShift.canary(), paging_actions=[]
    )
    assert chat.rollout is not None
    instances = [
        chat,
        chat.url,
        chat.alarms,
        chat.alarms.log_metrics,
        chat.rollout,
        StreamingFunction.from_attributes(
            stack,
            "Imported",
            function_arn="arn:aws:lambda:us-east-1:123456789012:function:chat",
            url="https://abc123.lambda-url.us-east-1.on.aws/",
        ),
        StreamingRuntimeLayer.shared(stack),
        StreamStore(stack, "Store"),
        BedrockModelAccess(stack, "Models", model_ids=["amazon.nova-lite-v1:0"]),
        BrowserIdentity(stack, "Identity"),
        StreamingDistribution(stack, "Front", url=chat.url),
        StreamingRestApi(stack, "Api", alias=chat.alias),
        StreamingDashboard(stack, "Dashboard", aliases={"Chat": chat.alias}),
        StreamMetrics(chat.alias),
        AlarmThresholds(),
        ProvisionedConcurrency.fixed(1),
        RestRoute(path="/"),
        StreamingDefaults.set(stack),
        StreamLimits(),
        TrafficShift.canary(),
        WarmHours(start=Schedule.cron(hour="8"), end=Schedule.cron(hour="9"), min_capacity=2),
        WebAcl(),
    ]
    assert isinstance(instances[3], StreamLogMetrics)
    assert isinstance(chat.alias, lambda_.Alias)
    return {type(instance).__name__: instance for instance in instances}


def listed(kind: type) -> list[str]:
    block = re.search(r"^Attributes:\n((?:^ +.*\n?|^\n)*)", inspect.getdoc(kind) or "", re.M)
    return re.findall(r"^ {4}(\w+): ", block[1], re.M) if block else []


def public(instance: object) -> set[str]:
    if dataclasses.is_dataclass(instance):
        return {field.name for field in dataclasses.fields(instance)}
    return {name for name in vars(instance) if not name.startswith("_") and name not in FOREIGN}


def test_one_of_each_is_looked_at(made: dict[str, Any]) -> None:
    assert sorted([*made, *WITHOUT_ATTRIBUTES]) == sorted(constructs_pkg.__all__)


@pytest.mark.parametrize("name", sorted(set(constructs_pkg.__all__) - set(WITHOUT_ATTRIBUTES)))
def test_the_docstring_lists_what_is_there_and_nothing_else(made: dict[str, Any], name: str) -> None:
    instance = made[name]
    attributes = listed(type(instance))
    assert [attribute for attribute in attributes if not hasattr(instance, attribute)] == []
    assert public(instance) - set(attributes) == set()
