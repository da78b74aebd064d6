"""StreamAlarms: each looks at the right dimensions, rings at its threshold, and says why."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import CfnParameter, Duration, Environment, Stack, Token
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from constructs_pkg import AlarmThresholds, StreamAlarms, StreamingDefaults, StreamingUrl

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
EXISTING = "arn:aws:lambda:eu-west-1:123456789012:function:existing:3"
WHOLE_FUNCTION = {"TimeToFirstByte", "Truncation", "InitDuration", "ReservedConcurrency"}

# What each alarm watches, over how long, and when it rings, on a function of 1 GB with a timeout of 60 s, 50 reserved
# concurrent executions and 5 provisioned: metric or metrics, statistic, seconds, threshold, (data points of).
ALARMS: dict[str, tuple[list[str], str, int, float, tuple[int, int]]] = {
    "Url5xx": (["UrlRequestCount", "Url5xxCount"], "Sum", 300, 1, (1, 1)),
    "Url4xx": (["UrlRequestCount", "Url4xxCount"], "Sum", 300, 20, (2, 3)),
    "Errors": (["Errors"], "Sum", 300, 1, (1, 1)),
    "Throttles": (["Throttles"], "Sum", 300, 1, (1, 1)),
    "TimeToFirstByte": (["TimeToFirstByte/"], "p99", 300, 1000, (2, 3)),
    "Truncation": (["Invocations", "TruncatedStreams/"], "Sum", 300, 1, (1, 1)),
    "InitDuration": (["InitDuration/"], "Maximum", 300, 5000, (1, 1)),
    "Duration": (["Duration"], "Maximum", 300, 54_000, (1, 1)),
    "ProvisionedSpillover": (["ProvisionedConcurrencySpilloverInvocations"], "Sum", 300, 1, (1, 1)),
    "ProvisionedUtilization": (["ProvisionedConcurrencyUtilization"], "Maximum", 300, 0.9, (3, 3)),
    "ReservedConcurrency": (["ConcurrentExecutions"], "Maximum", 300, 40, (1, 1)),
    "DailyCost": (["Duration"], "Sum", 86_400, 500_000, (1, 1)),
}
EXPRESSIONS = {"Url5xx", "Url4xx", "Truncation", "DailyCost"}
ATTRIBUTES = {
    "Url5xx": "url_5xx",
    "Url4xx": "url_4xx",
    "Errors": "errors",
    "Throttles": "throttles",
    "TimeToFirstByte": "time_to_first_byte",
    "Truncation": "truncation",
    "InitDuration": "init_duration",
    "Duration": "duration",
    "ProvisionedSpillover": "provisioned_spillover",
    "ProvisionedUtilization": "provisioned_utilization",
    "ReservedConcurrency": "reserved_concurrency",
    "DailyCost": "daily_cost",
}
THRESHOLD_OF = {
    "Url5xx": "url_5xx_percent",
    "Url4xx": "url_4xx_percent",
    "Errors": "errors",
    "Throttles": "throttles",
    "TimeToFirstByte": "time_to_first_byte_ms",
    "Truncation": "truncation_percent",
    "InitDuration": "init_duration_ms",
    "Duration": "duration_timeout_percent",
    "ProvisionedSpillover": "provisioned_spillover",
    "ProvisionedUtilization": "provisioned_utilization_percent",
    "ReservedConcurrency": "reserved_concurrency_percent",
    "DailyCost": "daily_gb_seconds",
}


def node_function(stack: Stack, **parameters: Any) -> lambda_.Function:
    """A plain function that has nothing of ours."""
    return lambda_.Function(
        stack,
        "Plain",
        runtime=lambda_.Runtime.NODEJS_24_X,
        handler="index.handler",
        code=lambda_.Code.from_inline("exports.handler = awslambda.streamifyResponse(async (event, out) => out.end('hello'))"),
        **parameters,
    )


def node_alias(stack: Stack, *, warm: int | None = None, **parameters: Any) -> lambda_.Alias:
    version = node_function(stack, **parameters).current_version
    return lambda_.Alias(stack, "Live", alias_name="live", version=version, provisioned_concurrent_executions=warm)


def whole_alias(stack: Stack, **parameters: Any) -> lambda_.Alias:
    """Of a function about which everything is known."""
    known: dict[str, Any] = {
        "memory_size": 1024,
        "timeout": Duration.seconds(60),
        "reserved_concurrent_executions": 50,
        "warm": 5,
        "log_group": logs.LogGroup(stack, "Logs"),
        "logging_format": lambda_.LoggingFormat.JSON,
        "system_log_level_v2": lambda_.SystemLogLevel.DEBUG,
    }
    return node_alias(stack, **{**known, **parameters})


def imported_alias(stack: Stack) -> lambda_.IAlias:
    version = lambda_.Version.from_version_arn(stack, "V", EXISTING)
    return lambda_.Alias.from_alias_attributes(stack, "A", alias_name="prod", alias_version=version)


def made(alarms: StreamAlarms) -> set[str]:
    return {alarm.node.id for alarm in alarms.all}


def templates_alarms(stack: Stack) -> dict[str, dict[str, Any]]:
    """By construct id."""
    found = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm")
    by_id = {}
    for logical_id, resource in found.items():
        [id] = [id for id in ALARMS if re.fullmatch(rf".*Alarms{id}[0-9A-F]{{8}}", logical_id)]
        by_id[id] = resource["Properties"]
    return by_id


def metrics_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    if "MetricName" in alarm:
        return [alarm]
    return [
        {**entry["MetricStat"]["Metric"], "Period": entry["MetricStat"]["Period"], "Statistic": entry["MetricStat"]["Stat"]}
        for entry in alarm["Metrics"]
        if "MetricStat" in entry
    ]


def name_of(metric: dict[str, Any]) -> str:
    name = metric["MetricName"]
    return name if isinstance(name, str) else name["Fn::Join"][1][0]


def test_each_watches_its_metric_and_rings_at_its_threshold(stack: Stack) -> None:
    alarms = StreamAlarms(stack, "Alarms", alias=whole_alias(stack))
    assert made(alarms) == set(ALARMS)
    found = templates_alarms(stack)
    for id, (names, statistic, seconds, threshold, (breaching, evaluated)) in ALARMS.items():
        alarm = found[id]
        metrics = metrics_of(alarm)
        assert [name_of(metric) for metric in metrics] == names, id
        assert {metric.get("Statistic", metric.get("ExtendedStatistic")) for metric in metrics} == {statistic}, id
        assert {metric["Period"] for metric in metrics} == {seconds}, id
        assert alarm["Threshold"] == pytest.approx(threshold), id
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold", id
        assert (alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]), alarm["EvaluationPeriods"]) == (
            breaching,
            evaluated,
        ), id
        assert alarm["TreatMissingData"] == "notBreaching", id
        assert ("Metrics" in alarm) == (id in EXPRESSIONS), f"{id}: the form for expressions only where there is one"


def test_each_is_an_attribute(stack: Stack) -> None:
    alarms = StreamAlarms(stack, "Alarms", alias=whole_alias(stack))
    for id, attribute in ATTRIBUTES.items():
        assert getattr(alarms, attribute).node.id == id
    assert alarms.paging is None


def test_metrics_carry_the_aliass_two_dimensions_where_lambda_has_them(stack: Stack) -> None:
    StreamAlarms(stack, "Alarms", alias=whole_alias(stack))
    [function_id] = Template.from_stack(stack).find_resources("AWS::Lambda::Function")
    name = {"Name": "FunctionName", "Value": {"Ref": function_id}}
    both = [name, {"Name": "Resource", "Value": {"Fn::Join": ["", [{"Ref": function_id}, ":live"]]}}]
    for id, alarm in templates_alarms(stack).items():
        for metric in metrics_of(alarm):
            if metric["Namespace"] == "StreamingLambda":
                assert "Dimensions" not in metric
                assert metric["MetricName"]["Fn::Join"][1][1] == {"Ref": function_id}
            else:
                assert metric["Dimensions"] == ([name] if id in WHOLE_FUNCTION else both), id
        assert ("whole function" in alarm["AlarmDescription"]) == (id in WHOLE_FUNCTION)


def test_each_says_why_and_names_a_runbook_section_that_exists(stack: Stack) -> None:
    alarms = StreamAlarms(stack, "Alarms", alias=whole_alias(stack), paging_actions=[])
    assert alarms.paging is not None
    [paging] = Template.from_stack(stack).find_resources("AWS::CloudWatch::CompositeAlarm").values()
    descriptions = [found["AlarmDescription"] for found in [*templates_alarms(stack).values(), paging["Properties"]]]
    anchors = set()
    for description in descriptions:
        reason, _, anchor = description.partition(" Runbook: docs/runbook.md#")
        assert len(reason) > 40
        anchors.add(anchor)
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.M)
    assert anchors == set(headings), "each alarm has its section, and each section its alarm"


@pytest.mark.parametrize("parameter", ["actions", "paging_actions"])
def test_more_actions_than_cloudwatch_takes_are_refused(parameter: str, make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    many = [actions.SnsAction(sns.Topic(stack, f"Topic{number}")) for number in range(6)]
    with pytest.raises(ValueError, match="^ALARM_ACTIONS_TOO_MANY: there are 6 "):
        StreamAlarms(stack, "Alarms", alias=whole_alias(stack), **{parameter: many})


@pytest.mark.parametrize("by", ["parameter", "defaults"])
def test_each_names_the_runbook_where_an_organisation_publishes_it(by: str, make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    StreamingDefaults.set(stack, runbook="https://wiki.example.com/by-defaults")
    own = {"runbook": "https://wiki.example.com/by-parameter"} if by == "parameter" else {}
    StreamAlarms(stack, "Alarms", alias=whole_alias(stack), **own)
    descriptions = [found["AlarmDescription"] for found in templates_alarms(stack).values()]
    assert all(f" Runbook: https://wiki.example.com/by-{by}#" in description for description in descriptions)


@pytest.mark.parametrize("id", list(ALARMS))
def test_none_leaves_an_alarm_out_and_no_other(make_stack: Callable[..., Stack], id: str) -> None:
    stack = make_stack()
    thresholds = AlarmThresholds(**{THRESHOLD_OF[id]: None})
    alarms = StreamAlarms(stack, "Alarms", alias=whole_alias(stack), thresholds=thresholds)
    assert made(alarms) == set(ALARMS) - {id}
    assert getattr(alarms, ATTRIBUTES[id]) is None


def test_every_threshold_belongs_to_an_alarm() -> None:
    assert {field.name for field in fields(AlarmThresholds)} == set(THRESHOLD_OF.values())


def test_thresholds_are_parameters(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    given = AlarmThresholds(
        url_5xx_percent=5,
        url_4xx_percent=50,
        errors=7,
        throttles=8,
        time_to_first_byte_ms=2500,
        truncation_percent=3,
        init_duration_ms=9000,
        duration_timeout_percent=50,
        provisioned_spillover=4,
        provisioned_utilization_percent=80,
        reserved_concurrency_percent=60,
        daily_gb_seconds=1000,
    )
    StreamAlarms(stack, "Alarms", alias=whole_alias(stack), thresholds=given)
    assert {id: alarm["Threshold"] for id, alarm in templates_alarms(stack).items()} == {
        "Url5xx": 5,
        "Url4xx": 50,
        "Errors": 7,
        "Throttles": 8,
        "TimeToFirstByte": 2500,
        "Truncation": 3,
        "InitDuration": 9000,
        "Duration": 30_000,
        "ProvisionedSpillover": 4,
        "ProvisionedUtilization": 0.8,
        "ReservedConcurrency": 30,
        "DailyCost": 1000,
    }


def test_disabled_makes_nothing(stack: Stack) -> None:
    alarms = StreamAlarms(stack, "Alarms", alias=whole_alias(stack), thresholds=AlarmThresholds.disabled(), paging_actions=[])
    assert alarms.all == []
    assert (alarms.paging, alarms.log_metrics) == (None, None)
    template = Template.from_stack(stack)
    for type_ in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "AWS::Logs::MetricFilter"):
        template.resource_count_is(type_, 0)


# What has to be known for which alarm.

KNOWN_OF_ANY_ALIAS = {"Url5xx", "Url4xx", "Errors", "Throttles", "ProvisionedSpillover", "ProvisionedUtilization"}


def test_of_an_imported_alias_nothing_is_known(stack: Stack) -> None:
    assert made(StreamAlarms(stack, "Alarms", alias=imported_alias(stack))) == KNOWN_OF_ANY_ALIAS
    for alarm in templates_alarms(stack).values():
        for metric in metrics_of(alarm):
            assert metric["Dimensions"] == [
                {"Name": "FunctionName", "Value": "existing"},
                {"Name": "Resource", "Value": "existing:prod"},
            ]


def test_alarms_in_the_functions_own_account_need_not_name_it(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(env=Environment(account="123456789012", region="eu-west-1"))
    StreamAlarms(stack, "Alarms", alias=imported_alias(stack))
    assert templates_alarms(stack)["Errors"]["MetricName"] == "Errors"
    assert "AccountId" not in str(templates_alarms(stack))


def test_what_is_known_of_an_imported_alias_can_be_said(stack: Stack) -> None:
    alarms = StreamAlarms(
        stack,
        "Alarms",
        alias=imported_alias(stack),
        timeout=Duration.seconds(60),
        memory_size=1024,
        reserved_concurrent_executions=50,
        log_group=logs.LogGroup.from_log_group_name(stack, "Logs", "/aws/lambda/existing"),
    )
    assert made(alarms) == set(ALARMS)
    thresholds = {id: alarm["Threshold"] for id, alarm in templates_alarms(stack).items()}
    assert (thresholds["Duration"], thresholds["ReservedConcurrency"]) == (54_000, 40)
    assert len(Template.from_stack(stack).find_resources("AWS::Logs::MetricFilter")) == 5


def test_a_plain_function_is_watched_by_lambdas_defaults(stack: Stack) -> None:
    """Timeout 3 s and 128 MB; its log says nothing of streams and its concurrency has no limit of its own."""
    alarms = StreamAlarms(stack, "Alarms", alias=node_alias(stack), provisioned=False)
    assert made(alarms) == {"Url5xx", "Url4xx", "Errors", "Throttles", "Duration", "DailyCost"}
    found = templates_alarms(stack)
    assert found["Duration"]["Threshold"] == 2700
    assert found["DailyCost"]["Metrics"][0]["Expression"] == "duration / 1000 * 128 / 1024"
    Template.from_stack(stack).resource_count_is("AWS::Logs::MetricFilter", 0)


def test_without_provisioned_environments_there_is_nothing_to_spill_over_from(stack: Stack) -> None:
    alarms = StreamAlarms(stack, "Alarms", alias=whole_alias(stack, warm=None), provisioned=False)
    assert set(ALARMS) - made(alarms) == {"ProvisionedSpillover", "ProvisionedUtilization"}


def test_a_single_warm_environment_has_no_utilization_to_watch(stack: Stack) -> None:
    alarms = StreamAlarms(stack, "Alarms", alias=whole_alias(stack, warm=1))
    assert set(ALARMS) - made(alarms) == {"ProvisionedUtilization"}


def test_a_function_that_is_shut_has_no_concurrency_to_watch(stack: Stack) -> None:
    alarms = StreamAlarms(
        stack, "Alarms", alias=whole_alias(stack, reserved_concurrent_executions=0, warm=None), provisioned=False
    )
    assert alarms.reserved_concurrency is None


@pytest.mark.parametrize(
    "logging",
    [
        {"logging_format": lambda_.LoggingFormat.TEXT, "system_log_level_v2": None},
        {"system_log_level_v2": lambda_.SystemLogLevel.INFO},
        {"system_log_level_v2": None},
        {"log_group": None},
    ],
    ids=["text", "INFO", "INFO by default", "no log group of this app"],
)
def test_a_log_that_says_nothing_of_streams_is_not_watched(make_stack: Callable[..., Stack], logging: dict[str, Any]) -> None:
    stack = make_stack()
    alarms = StreamAlarms(stack, "Alarms", alias=whole_alias(stack, **logging))
    assert set(ALARMS) - made(alarms) == {"TimeToFirstByte", "Truncation", "InitDuration"}
    assert alarms.log_metrics is None


def test_log_alarms_on_a_log_that_cannot_have_the_records_are_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    group = logs.LogGroup(stack, "Logs")
    with pytest.raises(ValueError, match="^ALARM_LOGS_SILENT: .*TestStack/Plain.*logging_format=JSON"):
        StreamAlarms(stack, "Alarms", alias=node_alias(stack, log_group=group), log_group=group)


def test_a_given_log_group_is_the_one_that_is_read(stack: Stack) -> None:
    alias = whole_alias(stack)
    group = logs.LogGroup(stack, "Given")
    StreamAlarms(stack, "Alarms", alias=alias, log_group=group)
    filters = Template.from_stack(stack).find_resources("AWS::Logs::MetricFilter").values()
    assert {found["Properties"]["LogGroupName"]["Ref"] for found in filters} == {stack.get_logical_id(group.node.default_child)}


def test_two_sets_of_alarms_on_one_function_share_its_log_filters(stack: Stack) -> None:
    """Filters made twice would count each stream twice."""
    alias = whole_alias(stack)
    StreamAlarms(stack, "Alarms", alias=alias)
    StreamAlarms(stack, "More", alias=alias)
    assert len(Template.from_stack(stack).find_resources("AWS::Logs::MetricFilter")) == 5


def test_deploy_time_values_leave_out_what_cannot_be_computed_and_break_nothing(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    number = CfnParameter(stack, "Number", type="Number").value_as_number
    alias = whole_alias(
        stack,
        timeout=Duration.seconds(number),
        memory_size=number,
        reserved_concurrent_executions=number,
        warm=None,
    )
    thresholds = AlarmThresholds(errors=number, time_to_first_byte_ms=number, provisioned_utilization_percent=number)
    alarms = StreamAlarms(stack, "Alarms", alias=alias, thresholds=thresholds)
    assert set(ALARMS) - made(alarms) == {"Duration", "ReservedConcurrency", "DailyCost", "ProvisionedUtilization"}
    found = templates_alarms(stack)
    assert found["Errors"]["Threshold"] == found["TimeToFirstByte"]["Threshold"] == {"Ref": "Number"}


def test_deploy_time_values_given_by_hand_change_nothing(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    number = CfnParameter(stack, "Number", type="Number").value_as_number
    alarms = StreamAlarms(
        stack,
        "Alarms",
        alias=whole_alias(stack),
        timeout=Duration.seconds(number),
        memory_size=Token.as_number(number),
        reserved_concurrent_executions=Token.as_number(number),
    )
    assert made(alarms) == set(ALARMS)
    assert templates_alarms(stack)["Duration"]["Threshold"] == 54_000


def test_alarms_may_stand_in_another_stack_than_the_function(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(env=Environment(account="123456789012", region="eu-west-1"))
    alias = whole_alias(stack)
    other = Stack(stack.node.scope, "Other", env=Environment(account="123456789012", region="eu-west-1"))
    StreamAlarms(other, "Alarms", alias=alias)
    assert set(templates_alarms(other)) == set(ALARMS)
    for id, alarm in templates_alarms(other).items():
        assert ("Metrics" in alarm) == (id in EXPRESSIONS)
    Template.from_stack(other).resource_count_is("AWS::Logs::MetricFilter", 0)
    Template.from_stack(stack).resource_count_is("AWS::Logs::MetricFilter", 5)


@pytest.mark.parametrize("elsewhere", [{"region": "us-east-1"}, {"account": "999999999999"}], ids=["region", "account"])
def test_alarms_where_the_metrics_are_not_are_refused(make_stack: Callable[..., Stack], elsewhere: dict[str, str]) -> None:
    at = {"account": "123456789012", "region": "eu-west-1"}
    stack = make_stack(env=Environment(**at))
    alias = whole_alias(stack)
    other = Stack(stack.node.scope, "Other", env=Environment(**{**at, **elsewhere}))
    with pytest.raises(ValueError, match="^ALARM_ELSEWHERE: Other/Alarms"):
        StreamAlarms(other, "Alarms", alias=alias)


# Actions.


def test_actions_are_taken_when_an_alarm_rings_and_when_it_is_over(stack: Stack) -> None:
    topic = sns.Topic(stack, "Topic")
    StreamAlarms(stack, "Alarms", alias=whole_alias(stack), actions=[actions.SnsAction(topic)])
    [topic_id] = Template.from_stack(stack).find_resources("AWS::SNS::Topic")
    found = templates_alarms(stack)
    assert set(found) == set(ALARMS)
    for alarm in found.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic_id}]


def test_a_person_is_paged_by_what_callers_feel_alone(stack: Stack) -> None:
    pager = sns.Topic(stack, "Pager")
    alarms = StreamAlarms(stack, "Alarms", alias=whole_alias(stack), paging_actions=[actions.SnsAction(pager)])
    assert alarms.paging is not None
    assert alarms.paging not in alarms.all
    [topic_id] = Template.from_stack(stack).find_resources("AWS::SNS::Topic")
    [paging] = Template.from_stack(stack).find_resources("AWS::CloudWatch::CompositeAlarm").values()
    properties = paging["Properties"]
    assert properties["AlarmActions"] == properties["OKActions"] == [{"Ref": topic_id}]
    rule = properties["AlarmRule"]["Fn::Join"][1]
    referred = {part["Fn::GetAtt"][0] for part in rule if isinstance(part, dict)}
    assert {alarm.node.id for alarm in alarms.felt} == {"Url5xx", "Errors", "Throttles", "TimeToFirstByte", "Truncation"}
    assert referred == {stack.get_logical_id(alarm.node.default_child) for alarm in alarms.felt}
    assert [part for part in rule if isinstance(part, str)] == ['(ALARM("', *['") OR ALARM("'] * 4, '"))']
    assert all("AlarmActions" not in alarm for alarm in templates_alarms(stack).values())


def test_without_paging_actions_there_is_no_composite_alarm(stack: Stack) -> None:
    StreamAlarms(stack, "Alarms", alias=whole_alias(stack))
    Template.from_stack(stack).resource_count_is("AWS::CloudWatch::CompositeAlarm", 0)


# The URL.


def test_the_url_of_the_alias_is_accepted(stack: Stack) -> None:
    alias = node_alias(stack)
    alarms = StreamAlarms(stack, "Alarms", alias=alias, url=StreamingUrl(stack, "Url", alias=alias))
    assert alarms.url_5xx is not None
    assert alarms.url_4xx is not None


def test_the_url_of_another_alias_is_refused(stack: Stack) -> None:
    alias = node_alias(stack)
    other = lambda_.Alias(stack, "Other", alias_name="other", version=alias.version)
    url = StreamingUrl(stack, "Url", alias=other)
    with pytest.raises(
        ValueError, match="^ALARM_URL_ELSEWHERE: TestStack/Url is a URL on TestStack/Other, not on TestStack/Live"
    ):
        StreamAlarms(stack, "Alarms", alias=alias, url=url)


@pytest.mark.parametrize(
    "given",
    [
        {"errors": 0},
        {"throttles": -1},
        {"url_5xx_percent": 101},
        {"truncation_percent": 100.5},
        {"duration_timeout_percent": 0},
        {"daily_gb_seconds": float("nan")},
        {"daily_gb_seconds": float("inf")},
        {"errors": True},
        {"time_to_first_byte_ms": "1000"},
    ],
)
def test_a_threshold_that_means_nothing_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="^ALARM_THRESHOLD: "):
        AlarmThresholds(**given)


def test_a_misspelt_threshold_is_an_error() -> None:
    with pytest.raises(TypeError):
        AlarmThresholds(error=1)
