"""Provisioned concurrency: environments that are initialised before the first request comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from aws_cdk import Names, Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ._tokens import is_unresolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import IConstruct

_DEFAULT_UTILIZATION: Final = 0.7
_WARM_MARK: Final = "ProvisionedConcurrency"


@dataclass(frozen=True, kw_only=True)
class WarmHours:
    """Known hours in which more environments are kept warm. At their end the bounds from outside the hours hold again.

    Hours of one alias must not overlap: at each start and each end the bounds are set anew, whatever other hours are running.

    Attributes:
        start: When they begin, each time: `Schedule.cron(...)`, or `Schedule.at(...)` for a single occasion. Environments take
            some minutes to start; begin a quarter of an hour before they are needed.
        end: When they end, each time.
        min_capacity: Environments that are warm during these hours, at least; from 1 on.
        max_capacity: Most environments during these hours; only with tracking. Default: `max_capacity` outside the hours, or
            `min_capacity` where that is larger.
        time_zone: In which `start` and `end` are meant, daylight saving time included. Default: UTC.

    Raises:
        ValueError: `PC_BELOW_ONE`, `PC_MAX_BELOW_MIN`, or `PC_HOURS_SCHEDULE` for a rate, which names no time of day, and for a
            start that is the end.
    """

    start: appscaling.Schedule
    end: appscaling.Schedule
    min_capacity: int
    max_capacity: int | None = None
    time_zone: TimeZone | None = None

    def __post_init__(self) -> None:
        _check_capacity(self.min_capacity)
        if self.max_capacity is not None:
            _check_capacity(self.max_capacity)
            _check_order(self.min_capacity, self.max_capacity)
        start, end = self.start.expression_string, self.end.expression_string
        if start.startswith("rate(") or end.startswith("rate(") or start == end:
            raise ValueError(
                f"PC_HOURS_SCHEDULE: hours run from {start} to {end}; a rate names no time of day, and a start that is the end leaves "
                "no hours between. Use Schedule.cron(hour=..., minute=...) for both, or Schedule.at(...) for a single occasion."
            )


@dataclass(frozen=True, kw_only=True)
class ProvisionedConcurrency:
    """How many execution environments of an alias are kept warm: `.fixed(n)`, `.tracking(...)` or `.scheduled([...])`.

    It sits on the alias, because a Function URL uses it only when the URL points to that same alias
    (https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html). It is either a fixed number on the alias or
    moved by Application Auto Scaling, never both: each would undo what the other has set.

    Attributes:
        minimum: Environments that are warm at least, outside the hours.
        maximum: Most environments that can be warm, outside the hours; equal to `minimum` when nothing tracks.
        utilization: Share of the warm environments that tracking keeps busy at most; None when nothing tracks.
        hours: Known hours with bounds of their own.
    """

    minimum: int
    maximum: int
    utilization: float | None = None
    hours: tuple[WarmHours, ...] = ()

    def __post_init__(self) -> None:
        _check_capacity(self.minimum)
        _check_capacity(self.maximum)
        _check_order(self.minimum, self.maximum)
        _check_utilization(self.utilization)
        for hours in self.hours:
            if self.utilization is None and hours.max_capacity not in (None, hours.min_capacity):
                raise ValueError(
                    f"PC_HOURS_RANGE: hours from {hours.start.expression_string} have min_capacity {hours.min_capacity} and max_capacity "
                    f"{hours.max_capacity}, but nothing tracks the load, so nothing would move between the two. Leave max_capacity out, or "
                    "pass tracking=ProvisionedConcurrency.tracking(...)."
                )

    @staticmethod
    def fixed(environments: int) -> ProvisionedConcurrency:
        """Keeps `environments` warm at all times, and bills for them at all times.

        Args:
            environments: How many; at least 1. One environment serves one stream at a time, so this is the number of
                streams that start without a cold start.

        Raises:
            ValueError: `PC_BELOW_ONE` when it is not an integer from 1 on.
        """
        return ProvisionedConcurrency(minimum=environments, maximum=environments)

    @staticmethod
    def tracking(min_capacity: int, max_capacity: int, utilization: float = _DEFAULT_UTILIZATION) -> ProvisionedConcurrency:
        """Follows the load: adds warm environments when the busiest moment comes near what is warm, removes them when it is far.

        It looks at the maximum of the utilization, once a minute. Lambda's predefined metric looks at the average, which a
        short burst hardly moves (aws/aws-cdk#23088). No traffic counts as 0, so that it scales in at night too; Lambda itself
        reports nothing then, and an alarm without data does nothing.

        Args:
            min_capacity: Environments that are warm however small the load; at least 1. From 0 the next deployment would fail
                (aws/aws-cdk#29992). With 1 or 2 a single stream is most of them, and tracking swings: 3 or more is calm.
            max_capacity: Most environments, at least `min_capacity` and at most the function's reserved concurrency.
            utilization: Share of the warm environments that may be busy. Default: 0.7. Allowed: 0.1 to 0.9.

        Raises:
            ValueError: `PC_BELOW_ONE`, `PC_MAX_BELOW_MIN`, `PC_UTILIZATION`.
        """
        return ProvisionedConcurrency(minimum=min_capacity, maximum=max_capacity, utilization=utilization)

    @staticmethod
    def scheduled(
        hours: Sequence[WarmHours], *, otherwise: int = 1, tracking: ProvisionedConcurrency | None = None
    ) -> ProvisionedConcurrency:
        """Keeps more warm in known hours.

        Args:
            hours: When, and how many. They must not overlap.
            otherwise: Environments that are warm outside the hours; at least 1. Default: 1. With `tracking`, that says it.
            tracking: Follows the load, within its own bounds outside the hours and within the hours' bounds in them. Default: none;
                the number stays as the hours and `otherwise` say.

        Raises:
            ValueError: `PC_HOURS_NONE` for an empty list, `PC_HOURS_TRACKING` when `tracking` does not track or `otherwise` is given
                beside it, `PC_HOURS_RANGE` for hours with a range although nothing tracks, `PC_BELOW_ONE`.
        """
        if not hours:
            raise ValueError(
                "PC_HOURS_NONE: scheduled() was given no hours. Name at least one WarmHours, or use fixed() or tracking()."
            )
        if tracking is None:
            return ProvisionedConcurrency(minimum=otherwise, maximum=otherwise, hours=tuple(hours))
        if tracking.utilization is None or tracking.hours or otherwise != 1:
            raise ValueError(
                "PC_HOURS_TRACKING: beside tracking=... stands otherwise, or something that does not track the load alone; the bounds "
                "outside the hours come from there. Pass tracking=ProvisionedConcurrency.tracking(...), and leave otherwise out."
            )
        return ProvisionedConcurrency(
            minimum=tracking.minimum, maximum=tracking.maximum, utilization=tracking.utilization, hours=tuple(hours)
        )

    @property
    def highest(self) -> int:
        """Most environments that can be warm at any time, in or outside the hours."""
        bounds = [self.maximum, *(self._bounds(hours)[1] for hours in self.hours)]
        known = [bound for bound in bounds if not is_unresolved(bound)]
        return max(known) if known else self.maximum

    @property
    def is_fixed(self) -> bool:
        """Whether the number never moves, so that it stands on the alias itself."""
        return self.utilization is None and not self.hours

    def apply_to(self, alias: lambda_.Alias) -> None:
        """Puts the warm environments on `alias`, whatever its function runs.

        Args:
            alias: An alias of this app. It must point to a published version.

        Raises:
            ValueError: `PC_ON_IMPORTED` for an imported alias, `PC_ON_LATEST` for one that points to $LATEST,
                `PC_ALREADY_SET` when it carries provisioned concurrency already, `PC_VERSION_TAKEN` when its version or
                another alias of that version does, `PC_WITH_WEIGHTS` when it splits its traffic between versions,
                `PC_AFTER_ROLLOUT` when a rollout stands on it already, `PC_WITH_SNAPSTART` when its function uses SnapStart,
                `PC_WITH_TENANCY` when its function isolates tenants, `PC_ABOVE_RESERVED` when the function's reserved
                concurrency is smaller. Each of these Lambda refuses at deployment, or serves cold.
        """
        resource = _require_plain_alias(alias)
        _require_free_version(alias, resource)
        self._check_function(alias.lambda_)
        # The mark lets a second alias of the same version see this one, wherever in the app it stands.
        Construct(cast("Construct", alias.version), _WARM_MARK)
        if self.is_fixed:
            resource.provisioned_concurrency_config = lambda_.CfnAlias.ProvisionedConcurrencyConfigurationProperty(
                provisioned_concurrent_executions=self.minimum
            )
        else:
            self._add_autoscaling(alias, resource)

    def _add_autoscaling(self, alias: lambda_.Alias, resource: lambda_.CfnAlias) -> None:
        scaling = alias.add_auto_scaling(min_capacity=self.minimum, max_capacity=self.maximum)
        for number, hours in enumerate(self.hours, 1):
            zone = hours.time_zone or TimeZone.ETC_UTC
            lowest, most = self._bounds(hours)
            scaling.scale_on_schedule(
                f"Hours{number}Start", schedule=hours.start, min_capacity=lowest, max_capacity=most, time_zone=zone
            )
            scaling.scale_on_schedule(
                f"Hours{number}End", schedule=hours.end, min_capacity=self.minimum, max_capacity=self.maximum, time_zone=zone
            )
        target = cast("appscaling.ScalableTarget", scaling.node.find_child("Target"))
        # Application Auto Scaling looks the alias up when the target is registered (aws/aws-cdk#7903).
        cast("appscaling.CfnScalableTarget", target.node.default_child).add_resource_dependency(resource)
        self._add_policy(alias, target)

    def _add_policy(self, alias: lambda_.Alias, target: appscaling.ScalableTarget) -> None:
        """Stands beside schedules too: a target without a policy holds its bounds only from the next scheduled hour on."""
        function_name = alias.version.lambda_.function_name
        dimensions = {"FunctionName": function_name, "Resource": f"{function_name}:{alias.alias_name}"}
        policy = appscaling.CfnScalingPolicy
        policy(
            alias,
            "UtilizationTracking",
            policy_name=f"{Names.unique_id(alias)}Utilization",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.scalable_target_id,
            target_tracking_scaling_policy_configuration=policy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=self.utilization or _DEFAULT_UTILIZATION,
                # The L2 policy takes neither metric math nor, with the predefined metric, another statistic than the average.
                customized_metric_specification=policy.CustomizedMetricSpecificationProperty(
                    metrics=[
                        policy.TargetTrackingMetricDataQueryProperty(
                            id="m1",
                            metric_stat=policy.TargetTrackingMetricStatProperty(
                                metric=policy.TargetTrackingMetricProperty(
                                    namespace="AWS/Lambda",
                                    metric_name="ProvisionedConcurrencyUtilization",
                                    dimensions=[
                                        policy.TargetTrackingMetricDimensionProperty(name=name, value=value)
                                        for name, value in dimensions.items()
                                    ],
                                ),
                                stat="Maximum",
                            ),
                            return_data=False,
                        ),
                        policy.TargetTrackingMetricDataQueryProperty(
                            id="e1", expression="FILL(m1,0)", label="Busiest moment, 0 without traffic", return_data=True
                        ),
                    ]
                ),
            ),
        )

    def _bounds(self, hours: WarmHours) -> tuple[int, int]:
        if hours.max_capacity is not None:
            return hours.min_capacity, hours.max_capacity
        if self.utilization is None or is_unresolved(self.maximum) or is_unresolved(hours.min_capacity):
            return hours.min_capacity, hours.min_capacity
        return hours.min_capacity, max(hours.min_capacity, self.maximum)

    def _check_function(self, function: lambda_.IFunction) -> None:
        resource = function.node.default_child
        if not isinstance(resource, lambda_.CfnFunction):
            return  # imported: its configuration is not known here
        if resource.snap_start is not None:
            raise ValueError(
                f"PC_WITH_SNAPSTART: {function.node.path} uses SnapStart, which Lambda does not combine with provisioned concurrency. "
                "Choose one of the two."
            )
        if resource.tenancy_config is not None:
            raise ValueError(
                f"PC_WITH_TENANCY: {function.node.path} isolates tenants, which Lambda does not combine with provisioned concurrency. "
                "Leave tenancy_config or the provisioned concurrency out."
            )
        reserved = resource.reserved_concurrent_executions
        highest = self.highest
        if reserved is None or is_unresolved(reserved) or is_unresolved(highest):
            return
        if highest > reserved:
            raise ValueError(
                f"PC_ABOVE_RESERVED: provisioned concurrency {highest} is above the function's reserved concurrency {reserved:g}; "
                f"Lambda refuses this at deployment. Raise reserved_concurrent_executions to at least {highest}, or lower the "
                "provisioned concurrency."
            )


def _require_plain_alias(alias: lambda_.Alias) -> lambda_.CfnAlias:
    """The alias's resource, when it may carry provisioned concurrency and carries none yet."""
    resource = alias.node.default_child
    if not isinstance(resource, lambda_.CfnAlias):
        raise ValueError(
            f"PC_ON_IMPORTED: {alias.node.path} is not an alias of this app. Apply provisioned concurrency where the alias is defined."
        )
    if resource.function_version == "$LATEST":
        raise ValueError(
            f"PC_ON_LATEST: {alias.node.path} points to $LATEST, which cannot be kept warm. "
            "Point it to a published version: version=function.current_version"
        )
    if is_warm(alias):
        raise ValueError(
            f"PC_ALREADY_SET: {alias.node.path} carries provisioned concurrency already. Remove provisioned_concurrent_executions "
            "or add_auto_scaling from the alias, or do not apply a second ProvisionedConcurrency."
        )
    if resource.routing_config is not None:
        raise ValueError(
            f"PC_WITH_WEIGHTS: {alias.node.path} splits its traffic between versions; Lambda takes no change of provisioned "
            "concurrency meanwhile. Remove additional_versions, or the provisioned concurrency."
        )
    policy = resource.cfn_options.update_policy
    if policy is not None and policy.code_deploy_lambda_alias_update is not None:
        raise ValueError(
            f"PC_AFTER_ROLLOUT: a CodeDeploy rollout stands on {alias.node.path} already, and could not take the provisioned "
            "concurrency into account. Apply the provisioned concurrency first, then the rollout."
        )
    return resource


def is_warm(alias: lambda_.IAlias) -> bool:
    """Whether provisioned concurrency is seen on `alias`, fixed or moved by Application Auto Scaling."""
    resource = alias.node.default_child
    fixed = isinstance(resource, lambda_.CfnAlias) and resource.provisioned_concurrency_config is not None
    return fixed or alias.node.try_find_child("AliasScaling") is not None


def _require_free_version(alias: lambda_.Alias, resource: lambda_.CfnAlias) -> None:
    """Lambda keeps the environments of a version warm for one alias, or for the version itself, and refuses a second."""
    version = alias.version
    own = version.node.default_child
    taken: str | None = None
    if version.node.try_find_child(_WARM_MARK) is not None or (
        isinstance(own, lambda_.CfnVersion) and own.provisioned_concurrency_config is not None
    ):
        taken = version.node.path
    for sibling in _siblings(alias):
        other = sibling.node.default_child
        if isinstance(other, lambda_.CfnAlias) and is_warm(cast("lambda_.IAlias", sibling)) and _same_version(resource, other):
            taken = sibling.node.path
    if taken is not None:
        raise ValueError(
            f"PC_VERSION_TAKEN: {alias.node.path} points to a version for which {taken} has provisioned concurrency already; Lambda takes "
            "it once for a version. Keep one alias warm, or point this one to another version."
        )


def _siblings(alias: lambda_.Alias) -> list[IConstruct]:
    scope = alias.node.scope
    return [child for child in scope.node.children if isinstance(child, lambda_.Alias) and child is not alias] if scope else []


def _same_version(one: lambda_.CfnAlias, other: lambda_.CfnAlias) -> bool:
    resolve = Stack.of(one).resolve
    named = (resolve(one.function_name), resolve(one.function_version))
    return bool(named == (resolve(other.function_name), resolve(other.function_version)))


def _check_capacity(environments: int) -> None:
    if not is_unresolved(environments) and (
        isinstance(environments, bool) or not isinstance(environments, int) or environments < 1
    ):
        raise ValueError(
            f"PC_BELOW_ONE: provisioned concurrency is {environments!r}; Lambda takes an integer from 1 on, and a deployment fails while "
            "an alias is scaled to 0. Leave `concurrency` out for a function without warm environments."
        )


def _check_order(minimum: int, maximum: int) -> None:
    if not is_unresolved(minimum) and not is_unresolved(maximum) and maximum < minimum:
        raise ValueError(
            f"PC_MAX_BELOW_MIN: max_capacity {maximum} is below min_capacity {minimum}. Raise max_capacity to at least {minimum}."
        )


def _check_utilization(utilization: float | None) -> None:
    if utilization is None or is_unresolved(utilization):
        return
    if isinstance(utilization, bool) or not isinstance(utilization, int | float) or not 0.1 <= utilization <= 0.9:
        raise ValueError(
            f"PC_UTILIZATION: utilization is {utilization!r}; it is the share of warm environments that may be busy, from 0.1 to 0.9. "
            "0.7 leaves room for the minutes until new ones are ready."
        )
