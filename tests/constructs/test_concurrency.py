"""ProvisionedConcurrency on any alias, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, CfnParameter, Environment, Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from constructs_pkg import ProvisionedConcurrency
from constructs_pkg.concurrency import WarmHours

if TYPE_CHECKING:
    from collections.abc import Callable

MORNING = appscaling.Schedule.cron(hour="7", minute="45", week_day="MON-FRI")
EVENING = appscaling.Schedule.cron(hour="18", minute="0", week_day="MON-FRI")


def make_function(stack: Stack, **parameters: Any) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Plain",
        code=lambda_.Code.from_inline("def handler(event, context): return 1"),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
        **parameters,
    )


def make_alias(function: lambda_.Function, id: str = "PlainAlias", **parameters: Any) -> lambda_.Alias:
    given = {"alias_name": id, "version": function.current_version, **parameters}
    return lambda_.Alias(Stack.of(function), id, **given)


def office_hours(**parameters: Any) -> WarmHours:
    return WarmHours(**{"start": MORNING, "end": EVENING, "min_capacity": 10, **parameters})


def only_resource(stack: Stack, kind: str) -> dict[str, Any]:
    [resource] = Template.from_stack(stack).find_resources(kind).values()
    return resource


# What it makes


def test_a_fixed_number_stands_on_the_alias_itself(stack: Stack) -> None:
    ProvisionedConcurrency.fixed(4).apply_to(make_alias(make_function(stack)))
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::Lambda::Alias", {"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 4}}
    )
    template.resource_count_is("AWS::ApplicationAutoScaling::ScalableTarget", 0)


def test_tracking_follows_the_busiest_moment_and_takes_silence_for_zero(stack: Stack) -> None:
    ProvisionedConcurrency.tracking(min_capacity=2, max_capacity=20).apply_to(make_alias(make_function(stack)))
    properties = only_resource(stack, "AWS::ApplicationAutoScaling::ScalingPolicy")["Properties"]
    assert properties["PolicyType"] == "TargetTrackingScaling"
    configuration = properties["TargetTrackingScalingPolicyConfiguration"]
    assert configuration["TargetValue"] == 0.7
    assert "PredefinedMetricSpecification" not in configuration
    measured, filled = configuration["CustomizedMetricSpecification"]["Metrics"]
    assert measured["MetricStat"]["Stat"] == "Maximum"
    assert measured["MetricStat"]["Metric"]["MetricName"] == "ProvisionedConcurrencyUtilization"
    assert measured["ReturnData"] is False
    assert (filled["Expression"], filled["ReturnData"]) == (f"FILL({measured['Id']},0)", True)


def test_tracking_looks_at_the_alias_and_not_at_the_whole_function(stack: Stack) -> None:
    ProvisionedConcurrency.tracking(2, 20).apply_to(make_alias(make_function(stack)))
    template = Template.from_stack(stack)
    [function] = template.find_resources("AWS::Lambda::Function")
    [policy] = template.find_resources("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    metrics = policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]["Metrics"]
    assert metrics[0]["MetricStat"]["Metric"]["Dimensions"] == [
        {"Name": "FunctionName", "Value": {"Ref": function}},
        {"Name": "Resource", "Value": {"Fn::Join": ["", [{"Ref": function}, ":PlainAlias"]]}},
    ]


def test_the_target_waits_for_the_alias_and_uses_the_service_linked_role(stack: Stack) -> None:
    ProvisionedConcurrency.tracking(2, 20, 0.5).apply_to(make_alias(make_function(stack)))
    template = Template.from_stack(stack)
    [alias] = template.find_resources("AWS::Lambda::Alias")
    [target] = template.find_resources("AWS::ApplicationAutoScaling::ScalableTarget").values()
    assert target["DependsOn"] == [alias]
    assert (target["Properties"]["MinCapacity"], target["Properties"]["MaxCapacity"]) == (2, 20)
    assert "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency" in str(target["Properties"]["RoleARN"])
    template.resource_count_is("AWS::IAM::Role", 1)  # the function's own


def test_nothing_static_stands_beside_autoscaling(stack: Stack) -> None:
    ProvisionedConcurrency.tracking(2, 20).apply_to(make_alias(make_function(stack)))
    Template.from_stack(stack).has_resource_properties("AWS::Lambda::Alias", {"ProvisionedConcurrencyConfig": Match.absent()})


def test_hours_raise_the_bounds_and_give_them_back(stack: Stack) -> None:
    hours = office_hours(max_capacity=50, time_zone=TimeZone.EUROPE_BERLIN)
    ProvisionedConcurrency.scheduled([hours], tracking=ProvisionedConcurrency.tracking(2, 20)).apply_to(
        make_alias(make_function(stack))
    )
    properties = only_resource(stack, "AWS::ApplicationAutoScaling::ScalableTarget")["Properties"]
    assert (properties["MinCapacity"], properties["MaxCapacity"]) == (2, 20)
    assert properties["ScheduledActions"] == [
        {
            "ScheduledActionName": "Hours1Start",
            "Schedule": "cron(45 7 ? * MON-FRI *)",
            "Timezone": "Europe/Berlin",
            "ScalableTargetAction": {"MinCapacity": 10, "MaxCapacity": 50},
        },
        {
            "ScheduledActionName": "Hours1End",
            "Schedule": "cron(0 18 ? * MON-FRI *)",
            "Timezone": "Europe/Berlin",
            "ScalableTargetAction": {"MinCapacity": 2, "MaxCapacity": 20},
        },
    ]


def test_hours_alone_move_between_two_numbers_in_utc_and_hold_them_at_once(stack: Stack) -> None:
    ProvisionedConcurrency.scheduled([office_hours()], otherwise=3).apply_to(make_alias(make_function(stack)))
    template = Template.from_stack(stack)
    [target] = template.find_resources("AWS::ApplicationAutoScaling::ScalableTarget").values()
    properties = target["Properties"]
    assert (properties["MinCapacity"], properties["MaxCapacity"]) == (3, 3)
    assert [action["ScalableTargetAction"] for action in properties["ScheduledActions"]] == [
        {"MinCapacity": 10, "MaxCapacity": 10},
        {"MinCapacity": 3, "MaxCapacity": 3},
    ]
    assert {action["Timezone"] for action in properties["ScheduledActions"]} == {"Etc/UTC"}
    # without a policy the bounds would hold only from the next scheduled hour on
    template.resource_count_is("AWS::ApplicationAutoScaling::ScalingPolicy", 1)


@pytest.mark.parametrize(("minimum", "expected"), [(10, 20), (30, 30)])
def test_hours_without_a_maximum_keep_the_larger_one(minimum: int, expected: int, make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    tracking = ProvisionedConcurrency.tracking(2, 20)
    ProvisionedConcurrency.scheduled([office_hours(min_capacity=minimum)], tracking=tracking).apply_to(
        make_alias(make_function(stack))
    )
    properties = only_resource(stack, "AWS::ApplicationAutoScaling::ScalableTarget")["Properties"]
    assert properties["ScheduledActions"][0]["ScalableTargetAction"] == {"MinCapacity": minimum, "MaxCapacity": expected}


def test_it_applies_across_stacks_and_in_an_explicit_environment(flags: dict[str, Any]) -> None:
    app = App(builtin_cloud_formation_validation=False, tree_metadata=False, context=flags)
    env = Environment(account="123456789012", region="eu-west-1")
    function = make_function(Stack(app, "Code", env=env))
    there = Stack(app, "Alias", env=env)
    alias = lambda_.Alias(there, "PlainAlias", alias_name="live", version=function.current_version)
    ProvisionedConcurrency.tracking(1, 5).apply_to(alias)
    Template.from_stack(there).resource_count_is("AWS::ApplicationAutoScaling::ScalingPolicy", 1)


def test_numbers_known_only_at_deployment_pass_the_checks(stack: Stack) -> None:
    number = CfnParameter(stack, "Number", type="Number").value_as_number
    share = CfnParameter(stack, "Share", type="Number").value_as_number
    alias = make_alias(make_function(stack, reserved_concurrent_executions=5))
    hours = office_hours(min_capacity=number, max_capacity=number)
    tracking = ProvisionedConcurrency.tracking(min_capacity=1, max_capacity=number, utilization=share)
    ProvisionedConcurrency.scheduled([hours], tracking=tracking).apply_to(alias)
    properties = only_resource(stack, "AWS::ApplicationAutoScaling::ScalableTarget")["Properties"]
    assert properties["MaxCapacity"] == {"Ref": "Number"}
    assert properties["ScheduledActions"][0]["ScalableTargetAction"]["MinCapacity"] == {"Ref": "Number"}
    assert only_resource(stack, "AWS::ApplicationAutoScaling::ScalingPolicy")["Properties"][
        "TargetTrackingScalingPolicyConfiguration"
    ]["TargetValue"] == {"Ref": "Share"}


def test_a_fixed_number_may_be_known_only_at_deployment(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    number = CfnParameter(stack, "Number", type="Number").value_as_number
    ProvisionedConcurrency.fixed(number).apply_to(make_alias(make_function(stack, reserved_concurrent_executions=1)))  # type: ignore[arg-type]
    assert only_resource(stack, "AWS::Lambda::Alias")["Properties"]["ProvisionedConcurrencyConfig"] == {
        "ProvisionedConcurrentExecutions": {"Ref": "Number"}
    }


# What it refuses before there is an alias


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_fewer_than_one_or_no_number_is_refused(count: Any) -> None:
    for make in (
        lambda: ProvisionedConcurrency.fixed(count),
        lambda: ProvisionedConcurrency.tracking(count, 20),
        lambda: ProvisionedConcurrency.scheduled([office_hours()], otherwise=count),
        lambda: office_hours(min_capacity=count),
    ):
        with pytest.raises(ValueError, match="^PC_BELOW_ONE: "):
            make()


def test_a_maximum_below_the_minimum_is_refused() -> None:
    with pytest.raises(ValueError, match="^PC_MAX_BELOW_MIN: "):
        ProvisionedConcurrency.tracking(3, 2)
    with pytest.raises(ValueError, match="^PC_MAX_BELOW_MIN: "):
        office_hours(min_capacity=3, max_capacity=2)


@pytest.mark.parametrize("utilization", [0, 0.09, 0.91, 70, True, "0.7"])
def test_a_utilization_that_autoscaling_does_not_take_is_refused(utilization: Any) -> None:
    with pytest.raises(ValueError, match="^PC_UTILIZATION: "):
        ProvisionedConcurrency.tracking(1, 2, utilization)


@pytest.mark.parametrize("utilization", [0.1, 0.9])
def test_the_bounds_of_the_utilization_are_allowed(utilization: float) -> None:
    assert ProvisionedConcurrency.tracking(1, 2, utilization).utilization == utilization


def test_no_hours_are_refused() -> None:
    with pytest.raises(ValueError, match="^PC_HOURS_NONE: "):
        ProvisionedConcurrency.scheduled([])


def test_hours_with_a_range_that_nothing_tracks_are_refused() -> None:
    with pytest.raises(ValueError, match="^PC_HOURS_RANGE: "):
        ProvisionedConcurrency.scheduled([office_hours(max_capacity=50)])


def test_a_tracking_that_does_not_track_is_refused() -> None:
    tracking = ProvisionedConcurrency.tracking(1, 5)
    for given in (
        {"tracking": ProvisionedConcurrency.fixed(3)},
        {"tracking": ProvisionedConcurrency.scheduled([office_hours()], tracking=tracking)},
        {"tracking": tracking, "otherwise": 2},
    ):
        with pytest.raises(ValueError, match="^PC_HOURS_TRACKING: "):
            ProvisionedConcurrency.scheduled([office_hours()], **given)


@pytest.mark.parametrize("end", ["rate(1 hour)", "cron(45 7 ? * MON-FRI *)"])
def test_hours_that_have_no_end_are_refused(end: str) -> None:
    with pytest.raises(ValueError, match="^PC_HOURS_SCHEDULE: "):
        office_hours(end=appscaling.Schedule.expression(end))


# What it refuses on an alias


def test_equal_to_the_reserved_concurrency_is_allowed(stack: Stack) -> None:
    ProvisionedConcurrency.fixed(3).apply_to(make_alias(make_function(stack, reserved_concurrent_executions=3)))


@pytest.mark.parametrize(
    ("function", "alias", "code"),
    [
        ({"reserved_concurrent_executions": 2}, {}, "PC_ABOVE_RESERVED"),
        ({"reserved_concurrent_executions": 0}, {}, "PC_ABOVE_RESERVED"),
        ({"snap_start": lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS}, {}, "PC_WITH_SNAPSTART"),
        ({"tenancy_config": lambda_.TenancyConfig.PER_TENANT}, {}, "PC_WITH_TENANCY"),
        ({}, {"provisioned_concurrent_executions": 1}, "PC_ALREADY_SET"),
    ],
)
@pytest.mark.parametrize(
    "concurrency",
    [
        ProvisionedConcurrency.fixed(3),
        ProvisionedConcurrency.tracking(1, 3),
        ProvisionedConcurrency.scheduled([office_hours(min_capacity=3)]),
    ],
    ids=["fixed", "tracking", "scheduled"],
)
def test_what_lambda_would_refuse_later_is_refused_now(
    concurrency: ProvisionedConcurrency,
    function: dict[str, Any],
    alias: dict[str, Any],
    code: str,
    make_stack: Callable[..., Stack],
) -> None:
    made = make_alias(make_function(make_stack(), **function), **alias)
    with pytest.raises(ValueError, match=f"^{code}: "):
        concurrency.apply_to(made)


def test_a_second_application_is_refused(make_stack: Callable[..., Stack]) -> None:
    alias = make_alias(make_function(make_stack()))
    ProvisionedConcurrency.tracking(1, 3).apply_to(alias)
    with pytest.raises(ValueError, match="^PC_ALREADY_SET: "):
        ProvisionedConcurrency.fixed(1).apply_to(alias)


def test_autoscaling_that_was_added_by_hand_is_refused(make_stack: Callable[..., Stack]) -> None:
    alias = make_alias(make_function(make_stack()))
    alias.add_auto_scaling(max_capacity=3)
    with pytest.raises(ValueError, match="^PC_ALREADY_SET: "):
        ProvisionedConcurrency.fixed(1).apply_to(alias)


def test_a_second_alias_of_the_same_version_is_refused(make_stack: Callable[..., Stack]) -> None:
    function = make_function(make_stack())
    ProvisionedConcurrency.fixed(1).apply_to(make_alias(function, "One"))
    with pytest.raises(ValueError, match="^PC_VERSION_TAKEN: "):
        ProvisionedConcurrency.tracking(1, 2).apply_to(make_alias(function, "Two"))


def test_a_second_alias_is_refused_beside_one_that_is_warm_by_hand(make_stack: Callable[..., Stack]) -> None:
    function = make_function(make_stack())
    make_alias(function, "One", provisioned_concurrent_executions=1)
    with pytest.raises(ValueError, match="^PC_VERSION_TAKEN: "):
        ProvisionedConcurrency.fixed(1).apply_to(make_alias(function, "Two"))


def test_a_version_that_is_warm_itself_is_refused(make_stack: Callable[..., Stack]) -> None:
    function = make_function(make_stack(), current_version_options=lambda_.VersionOptions(provisioned_concurrent_executions=1))
    with pytest.raises(ValueError, match="^PC_VERSION_TAKEN: "):
        ProvisionedConcurrency.fixed(1).apply_to(make_alias(function))


def test_a_warm_alias_of_another_version_does_not_disturb(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    function = make_function(stack)
    other = lambda_.Version(stack, "Other", lambda_=function)
    ProvisionedConcurrency.fixed(1).apply_to(make_alias(function, "One", version=other))
    ProvisionedConcurrency.fixed(1).apply_to(make_alias(function, "Two"))


def test_weighted_versions_are_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    function = make_function(stack)
    other = lambda_.Version(stack, "Other", lambda_=function)
    alias = make_alias(function, additional_versions=[lambda_.VersionWeight(version=other, weight=0.1)])
    with pytest.raises(ValueError, match="^PC_WITH_WEIGHTS: "):
        ProvisionedConcurrency.fixed(1).apply_to(alias)


def test_an_alias_that_codedeploy_moves_already_is_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    alias = make_alias(make_function(stack))
    codedeploy.LambdaDeploymentGroup(stack, "Group", alias=alias)
    with pytest.raises(ValueError, match="^PC_AFTER_ROLLOUT: "):
        ProvisionedConcurrency.fixed(1).apply_to(alias)


def test_latest_is_refused(make_stack: Callable[..., Stack]) -> None:
    function = make_function(make_stack())
    with pytest.raises(ValueError, match="^PC_ON_LATEST: "):
        ProvisionedConcurrency.fixed(1).apply_to(make_alias(function, version=function.latest_version))


def test_an_imported_alias_is_refused(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    version = lambda_.Version.from_version_arn(stack, "V", "arn:aws:lambda:eu-west-1:123456789012:function:f:3")
    alias = lambda_.Alias.from_alias_attributes(stack, "A", alias_name="live", alias_version=version)
    with pytest.raises(ValueError, match="^PC_ON_IMPORTED: "):
        ProvisionedConcurrency.fixed(1).apply_to(alias)
