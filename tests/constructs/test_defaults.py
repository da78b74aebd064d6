"""StreamingDefaults: an organisation's defaults, hung on a scope."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration, Stack, Stage
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from constructs_pkg import AlarmThresholds, StreamLimits
from constructs_pkg.defaults import CONTEXT_KEY, StreamingDefaults, first_given

if TYPE_CHECKING:
    from collections.abc import Callable


def app_with(value: Any) -> App:
    return App(builtin_cloud_formation_validation=False, tree_metadata=False, context={CONTEXT_KEY: value})


def test_without_any_nothing_is_said(stack: Stack) -> None:
    assert StreamingDefaults.of(stack) == StreamingDefaults()


def test_every_field_reaches_what_is_below(stack: Stack) -> None:
    key, topic = kms.Key(stack, "Key"), sns.Topic(stack, "Topic")
    said: dict[str, Any] = {
        "memory_size": 2048,
        "timeout": Duration.minutes(10),
        "architecture": lambda_.Architecture.X86_64,
        "log_group_retention": logs.RetentionDays.ONE_YEAR,
        "limits": StreamLimits(heartbeat_seconds=10),
        "alarms": AlarmThresholds(errors=5),
        "alarm_actions": (actions.SnsAction(topic),),
        "encryption_key": key,
        "runbook": "https://wiki.example.com/streaming",
    }
    returned = StreamingDefaults.set(stack, **said)
    found = StreamingDefaults.of(Construct(Construct(stack, "Outer"), "Inner"))
    assert {name: getattr(found, name) for name in said} == said
    assert found == returned


def test_what_stands_beside_or_above_is_not_reached(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    StreamingDefaults.set(Construct(stack, "One"), memory_size=2048)
    assert StreamingDefaults.of(Construct(stack, "Two")).memory_size is None
    assert StreamingDefaults.of(stack).memory_size is None


def test_the_nearest_scope_wins_field_by_field() -> None:
    app = App(builtin_cloud_formation_validation=False, tree_metadata=False)
    stage = Stage(app, "Production")
    stack = Stack(stage, "Chat")
    StreamingDefaults.set(app, memory_size=512, timeout=Duration.minutes(1), architecture=lambda_.Architecture.X86_64)
    StreamingDefaults.set(stack, memory_size=2048)
    StreamingDefaults.set(stage, memory_size=1536, timeout=Duration.minutes(2))
    found = StreamingDefaults.of(Construct(stack, "Part"))
    assert found.memory_size == 2048
    assert found.timeout is not None
    assert found.timeout.to_minutes() == 2
    assert found.architecture is not None
    assert found.architecture.name == "x86_64"


def test_they_outlive_the_callers_own_reference_to_the_scope() -> None:
    app = App(builtin_cloud_formation_validation=False, tree_metadata=False)

    def organisation() -> Construct:
        outer = Construct(Stack(app, "Chat"), "Outer")
        StreamingDefaults.set(outer, memory_size=2048)
        return Construct(outer, "Inner")

    assert StreamingDefaults.of(organisation()).memory_size == 2048


def test_no_alarm_actions_overrides_those_further_out(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    StreamingDefaults.set(stack, alarm_actions=[actions.SnsAction(sns.Topic(stack, "Topic"))])
    quiet = Construct(stack, "Quiet")
    StreamingDefaults.set(quiet, alarm_actions=())
    assert StreamingDefaults.of(quiet).alarm_actions == ()


def test_a_second_set_on_a_scope_is_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    StreamingDefaults.set(stack, memory_size=2048)
    with pytest.raises(ValueError, match="^DEFAULTS_ALREADY_SET: "):
        StreamingDefaults.set(stack, timeout=Duration.minutes(1))


def test_a_misspelt_field_is_an_error() -> None:
    with pytest.raises(TypeError, match="memory"):
        StreamingDefaults.set(App(), memory=2048)  # type: ignore[call-arg]


# The context

FULL: dict[str, Any] = {
    "memory_size": 2048,
    "timeout_seconds": 600,
    "architecture": "x86_64",
    "log_group_retention": "ONE_YEAR",
    "limits": {"heartbeat_seconds": 10},
    "alarms": {"errors": 5},
}


@pytest.mark.parametrize("value", [FULL, json.dumps(FULL)], ids=["cdk.json", "command line"])
def test_the_context_is_the_last_resort(value: Any) -> None:
    stack = Stack(app_with(value), "Chat")
    StreamingDefaults.set(stack, memory_size=512)
    found = StreamingDefaults.of(stack)
    assert found.memory_size == 512
    assert found.timeout is not None
    assert found.timeout.to_seconds() == 600
    assert found.architecture is not None
    assert found.architecture.name == "x86_64"
    assert found.log_group_retention is logs.RetentionDays.ONE_YEAR
    assert found.limits == StreamLimits(heartbeat_seconds=10)
    assert found.alarms == AlarmThresholds(errors=5)


def test_the_context_can_say_no_alarms() -> None:
    assert StreamingDefaults.of(app_with({"alarms": False})).alarms == AlarmThresholds.disabled()


@pytest.mark.parametrize("value", [[], 7, "{", "[]", '"text"'])
def test_a_context_that_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="^DEFAULTS_CONTEXT: "):
        StreamingDefaults.of(app_with(value))


@pytest.mark.parametrize("name", ["memory", "timeout", "encryption_key", "alarm_actions"])
def test_a_field_that_the_context_does_not_know_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"^DEFAULTS_FIELD: .*'{name}'.*memory_size, timeout_seconds"):
        StreamingDefaults.of(app_with({name: 1}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory_size", "2048"),
        ("memory_size", True),
        ("timeout_seconds", 1.5),
        ("timeout_seconds", -1),
        ("architecture", "arm"),
        ("architecture", ["arm64"]),
        ("log_group_retention", 30),
        ("log_group_retention", "30 days"),
        ("limits", {"heartbeat": 10}),
        ("limits", {"heartbeat_seconds": 301}),
        ("limits", [10]),
        ("alarms", True),
        ("alarms", {"errors": -1}),
    ],
)
def test_a_value_that_the_field_does_not_take_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^DEFAULTS_VALUE: .*{name} is "):
        StreamingDefaults.of(app_with({name: value}))


def test_the_first_that_is_given_counts_even_when_it_is_nothing() -> None:
    assert first_given(None, 2, default=3) == 2
    assert first_given(None, None, default=3) == 3
    assert first_given((), (1,), default=(2,)) == ()
    assert first_given(0, 2, default=3) == 0
