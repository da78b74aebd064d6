"""StreamAlarms: each looks at the alias's own dimensions and says why it rings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from constructs_pkg import AlarmThresholds, ProvisionedConcurrency, StreamAlarms, StreamingCode, StreamingFunction

if TYPE_CHECKING:
    from collections.abc import Callable

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


def build(stack: Stack, entry: Path, **parameters: Any) -> StreamingFunction:
    return StreamingFunction(stack, "Chat", code=StreamingCode.python(entry), **parameters)


def alarms(stack: Stack) -> list[dict[str, Any]]:
    return [found["Properties"] for found in Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()]


def metrics_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    if "MetricName" in alarm:
        return [{"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"]}]
    return [entry["MetricStat"]["Metric"] for entry in alarm["Metrics"] if "MetricStat" in entry]


def test_the_four_alarms_are_on_by_default(stack: Stack, entry: Path) -> None:
    build(stack, entry, concurrency=ProvisionedConcurrency.fixed(1))
    watched = sorted(metric["MetricName"] for alarm in alarms(stack) for metric in metrics_of(alarm))
    assert watched == [
        "Errors",
        "ProvisionedConcurrencySpilloverInvocations",
        "Throttles",
        "Url5xxCount",
        "UrlRequestCount",
    ]


def test_every_metric_carries_the_aliass_two_dimensions(stack: Stack, entry: Path) -> None:
    build(stack, entry, concurrency=ProvisionedConcurrency.fixed(1))
    [function_id] = Template.from_stack(stack).find_resources("AWS::Lambda::Function")
    expected = [
        {"Name": "FunctionName", "Value": {"Ref": function_id}},
        {"Name": "Resource", "Value": {"Fn::Join": ["", [{"Ref": function_id}, ":live"]]}},
    ]
    for alarm in alarms(stack):
        for metric in metrics_of(alarm):
            assert metric["Dimensions"] == expected


def test_missing_data_is_not_breaching(stack: Stack, entry: Path) -> None:
    build(stack, entry)
    assert {alarm["TreatMissingData"] for alarm in alarms(stack)} == {"notBreaching"}


def test_each_says_why_and_names_a_runbook_section_that_exists(stack: Stack, entry: Path) -> None:
    build(stack, entry, concurrency=ProvisionedConcurrency.fixed(1))
    headings = {
        line.removeprefix("## ").strip().lower().replace(" ", "-")
        for line in RUNBOOK.read_text().splitlines()
        if line.startswith("## ")
    }
    for alarm in alarms(stack):
        reason, _, anchor = alarm["AlarmDescription"].partition(" Runbook: docs/runbook.md#")
        assert len(reason) > 40
        assert anchor in headings


def test_without_provisioned_environments_there_is_no_spill_over_alarm(stack: Stack, entry: Path) -> None:
    function = build(stack, entry)
    assert function.alarms.provisioned_spillover is None
    assert len(alarms(stack)) == 3


def test_thresholds_are_parameters_and_none_leaves_an_alarm_out(stack: Stack, entry: Path) -> None:
    function = build(stack, entry, alarms=AlarmThresholds(errors=7, throttles=None))
    assert function.alarms.throttles is None
    [errors] = [alarm for alarm in alarms(stack) if alarm.get("MetricName") == "Errors"]
    assert errors["Threshold"] == 7


def test_disabled_makes_none(stack: Stack, entry: Path) -> None:
    assert build(stack, entry, alarms=AlarmThresholds.disabled()).alarms.all == []
    assert alarms(stack) == []


def test_actions_are_taken_when_an_alarm_rings_and_when_it_is_over(stack: Stack, entry: Path) -> None:
    topic = sns.Topic(stack, "Topic")
    build(stack, entry, alarm_actions=[actions.SnsAction(topic)])
    [topic_id] = Template.from_stack(stack).find_resources("AWS::SNS::Topic")
    for alarm in alarms(stack):
        assert alarm["AlarmActions"] == [{"Ref": topic_id}]
        assert alarm["OKActions"] == [{"Ref": topic_id}]


def test_they_watch_a_plain_alias_and_an_imported_one(stack: Stack) -> None:
    version = lambda_.Version.from_version_arn(stack, "V", "arn:aws:lambda:eu-west-1:123456789012:function:existing:3")
    alias = lambda_.Alias.from_alias_attributes(stack, "A", alias_name="prod", alias_version=version)
    StreamAlarms(stack, "Alarms", alias=alias, provisioned=False)
    for alarm in alarms(stack):
        for metric in metrics_of(alarm):
            assert metric["Dimensions"] == [
                {"Name": "FunctionName", "Value": "existing"},
                {"Name": "Resource", "Value": "existing:prod"},
            ]


@pytest.mark.parametrize("given", [{"errors": 0}, {"throttles": -1}, {"url_5xx_percent": 101}, {"errors": True}, {"errors": "3"}])
def test_a_threshold_that_means_nothing_is_refused(given: dict[str, Any], make_stack: Callable[..., Stack]) -> None:
    with pytest.raises(ValueError, match="^ALARM_THRESHOLD: "):
        AlarmThresholds(**given)
