"""How a new version takes over an alias: step by step, watched by alarms, and back again when one rings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aws_cdk import Acknowledgment, Annotations, Duration, Stack, Validations
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ._tokens import is_token
from .concurrency import is_warm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch

# Between the first and the last shift: https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
_LONGEST_MINUTES: Final = 48 * 60
# The stream alarms judge five minutes at a time.
_ALARM_PERIOD_MINUTES: Final = 5


@dataclass(frozen=True, kw_only=True)
class TrafficShift:
    """How traffic moves from the old version to the new one: `.canary(...)`, `.linear(...)` or `.all_at_once(...)`.

    A stream that runs when traffic moves stays where it is until it ends.

    Attributes:
        percent: Share that is moved at each step, in percent; 100 moves everything in one step.
        interval: Time between the steps; None for all at once.
        repeated: Whether the step is repeated until everything has moved (linear), or the rest moves in a second one (canary).
        pre_hook: Runs before any traffic moves; see `all_at_once`.
        post_hook: Runs after all traffic has moved.
    """

    percent: int
    interval: Duration | None
    repeated: bool
    pre_hook: lambda_.IFunction | None = None
    post_hook: lambda_.IFunction | None = None

    def __post_init__(self) -> None:
        if self.interval is not None:
            self._check_steps(self.interval)
        elif self.pre_hook is None:
            raise ValueError(
                "ROLLOUT_WITHOUT_HOOK: all traffic is to move in one step, with nothing that has tried the new version before. "
                "Pass pre_hook=<a function that tests it>."
            )

    def _check_steps(self, interval: Duration) -> None:
        if is_token(self.percent):
            raise ValueError(
                "ROLLOUT_PERCENT: percent is only known at deployment, but CodeDeploy's configuration is chosen at synthesis. "
                "Pass a literal from 1 to 99."
            )
        if isinstance(self.percent, bool) or not isinstance(self.percent, int) or not 1 <= self.percent <= 99:
            raise ValueError(
                f"ROLLOUT_PERCENT: percent is {self.percent!r}; it takes an integer from 1 to 99. "
                "To move everything in one step use TrafficShift.all_at_once(pre_hook=...)."
            )
        if interval.is_unresolved():
            raise ValueError(
                "ROLLOUT_INTERVAL: interval is only known at deployment, but CodeDeploy's configuration is chosen at synthesis. "
                "Pass a literal such as Duration.minutes(15)."
            )
        seconds = interval.to_milliseconds() / 1000
        if seconds % 60 or seconds < 60 or self.minutes > _LONGEST_MINUTES:
            raise ValueError(
                f"ROLLOUT_INTERVAL: interval is {seconds:g} s; CodeDeploy takes whole minutes from 1 on, and 48 hours for all steps "
                "together. Choose an interval such as Duration.minutes(15)."
            )

    @staticmethod
    def canary(
        *,
        percent: int = 10,
        interval: Duration | None = None,
        pre_hook: lambda_.IFunction | None = None,
        post_hook: lambda_.IFunction | None = None,
    ) -> TrafficShift:
        """Moves `percent` of the calls at first, and the rest after `interval`.

        Args:
            percent: Share of the calls that try the new version. Default: 10. Allowed: 1 to 99.
            interval: How long they try it. Default: 15 minutes. Allowed: whole minutes, up to 48 hours. The stream alarms judge
                five minutes at a time, so less than that rolls nothing back in time, and this warns.
            pre_hook: Tests the new version before any traffic reaches it. Default: no test.
            post_hook: Tests after all traffic has moved. Default: no test.

        Raises:
            ValueError: `ROLLOUT_PERCENT`, `ROLLOUT_INTERVAL`.
        """
        return TrafficShift(
            percent=percent, interval=interval or Duration.minutes(15), repeated=False, pre_hook=pre_hook, post_hook=post_hook
        )

    @staticmethod
    def linear(
        *,
        percent: int = 10,
        interval: Duration | None = None,
        pre_hook: lambda_.IFunction | None = None,
        post_hook: lambda_.IFunction | None = None,
    ) -> TrafficShift:
        """Moves another `percent` of the calls every `interval`, until all have moved.

        Args:
            percent: Share of the calls at each step. Default: 10. Allowed: 1 to 99.
            interval: Time between the steps. Default: 2 minutes. Allowed: whole minutes; all steps together up to 48 hours.
            pre_hook: Tests the new version before any traffic reaches it. Default: no test.
            post_hook: Tests after all traffic has moved. Default: no test.

        Raises:
            ValueError: `ROLLOUT_PERCENT`, `ROLLOUT_INTERVAL`.
        """
        return TrafficShift(
            percent=percent, interval=interval or Duration.minutes(2), repeated=True, pre_hook=pre_hook, post_hook=post_hook
        )

    @staticmethod
    def all_at_once(*, pre_hook: lambda_.IFunction, post_hook: lambda_.IFunction | None = None) -> TrafficShift:
        """Moves everything in one step, once `pre_hook` has found the new version well.

        It is the only way with provisioned concurrency, which Lambda does not combine with an alias that splits its traffic.

        Args:
            pre_hook: CodeDeploy calls it with `DeploymentId` and `LifecycleEventHookExecutionId`, and waits, up to an hour, until
                it has answered by `codedeploy:PutLifecycleEventHookExecutionStatus` (which it is allowed to). It calls the new
                version by its own ARN, `function.current_version.function_arn`. Its name may be anything.
            post_hook: The same, after the step. Default: none.
        """
        return TrafficShift(percent=100, interval=None, repeated=False, pre_hook=pre_hook, post_hook=post_hook)

    @property
    def minutes(self) -> int:
        """Time from the first shift to the last; 0 for all at once."""
        if self.interval is None:
            return 0
        steps = math.ceil(100 / self.percent) - 1 if self.repeated else 1
        return int(steps * self.interval.to_minutes())


class CanaryRollout(Construct):
    """A CodeDeploy deployment of each new version of an alias's function, rolled back when an alarm rings.

    CloudFormation hands each change of the alias's version to CodeDeploy and waits for its verdict; a rollback there fails the
    stack update, which CloudFormation then undoes (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html).
    The first deployment of a stack moves nothing, since there is no older version.

    Attributes:
        application: The CodeDeploy application, given or made.
        deployment_group: The `LambdaDeploymentGroup`; `deployment_group.role` is CodeDeploy's role.
        deployment_config: One of AWS's own where the shift is one of those, else one that was made.
        shift: How traffic moves.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        alias: lambda_.Alias,
        shift: TrafficShift | None = None,
        alarms: Sequence[cloudwatch.IAlarm | None] = (),
        application: codedeploy.ILambdaApplication | None = None,
    ) -> None:
        """Makes the deployment group and puts it on the alias.

        Args:
            alias: An alias of this app and of this stack, on a published version.
            shift: How traffic moves. Default: `TrafficShift.canary()`, 10 % for 15 minutes.
            alarms: Any of these rolls back. Name those that tell of a bad version, such as `fn.alarms.errors`: CodeDeploy does not
                start while one rings, and a daily cost that is reached would stop all deployments of the day. None is passed
                over, as an alarm without a threshold is None. At most 50, CodeDeploy's quota. Default: none, which only
                `all_at_once` takes.
            application: The CodeDeploy application to stand under. Default: one for all rollouts of the stack.

        Raises:
            ValueError: `ROLLOUT_ON_IMPORTED`, `ROLLOUT_ON_LATEST`, `ROLLOUT_ACROSS_STACKS`, `ROLLOUT_ALREADY_SET`,
                `ROLLOUT_WITH_WEIGHTS`, `ROLLOUT_WITH_PC`, `ROLLOUT_WITHOUT_ALARMS`.
        """
        super().__init__(scope, id)
        self.shift = shift or TrafficShift.canary()
        _check_alias(self, alias, self.shift)
        watched = [alarm for alarm in alarms if alarm is not None]
        if self.shift.interval is not None:
            self._check_watched(watched)
        self.application = application or _shared_application(self)
        self.deployment_config = self._config()
        self.deployment_group = codedeploy.LambdaDeploymentGroup(
            self,
            "DeploymentGroup",
            application=self.application,
            alias=alias,
            deployment_config=self.deployment_config,
            alarms=watched,
            pre_hook=self.shift.pre_hook,
            post_hook=self.shift.post_hook,
        )
        self._acknowledge_findings()

    def _acknowledge_findings(self) -> None:
        """What checkers say of CodeDeploy's role, which CDK makes."""
        policy = "arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"
        role = Validations.of(self.deployment_group.role)
        role.acknowledge(
            Acknowledgment(
                id=f"AwsSolutions::AwsSolutions-IAM4[Policy::{policy}]",
                reason="CodeDeploy asks for this managed policy, the narrower of the two that there are for Lambda",
            )
        )
        stack = Stack.of(self)
        for hook in {self.shift.pre_hook, self.shift.post_hook}:
            resource = None if hook is None else hook.node.default_child
            if isinstance(resource, lambda_.CfnFunction) and Stack.of(resource).node.addr == stack.node.addr:
                role.acknowledge(
                    Acknowledgment(
                        id=f"AwsSolutions::AwsSolutions-IAM5[Resource::<{stack.resolve(resource.logical_id)}.Arn>:*]",
                        reason="CodeDeploy calls the hook by whichever of its versions the deployment names",
                    )
                )

    def _check_watched(self, alarms: Sequence[cloudwatch.IAlarm]) -> None:
        if not alarms:
            raise ValueError(
                f"ROLLOUT_WITHOUT_ALARMS: {self.node.path} moves traffic step by step, but no alarm would stop it. "
                "Pass alarms=[...], such as alarms=[fn.alarms.errors, fn.alarms.url_5xx]."
            )
        if self.shift.minutes < _ALARM_PERIOD_MINUTES:
            Annotations.of(self).add_warning_v2(
                "streaming-lambda:rollout-outruns-alarms",
                f"All traffic has moved after {self.shift.minutes} minutes; the stream alarms judge {_ALARM_PERIOD_MINUTES} minutes at a "
                "time, so none can ring before. Give the shift a longer interval, or use alarms of a shorter period.",
            )

    def _config(self) -> codedeploy.ILambdaDeploymentConfig:
        interval = self.shift.interval
        if interval is None:
            return codedeploy.LambdaDeploymentConfig.ALL_AT_ONCE
        own = _aws_own_configs(repeated=self.shift.repeated).get(int(interval.to_minutes())) if self.shift.percent == 10 else None
        if own is not None:
            return own
        routing = (
            codedeploy.TrafficRouting.time_based_linear if self.shift.repeated else codedeploy.TrafficRouting.time_based_canary
        )
        return codedeploy.LambdaDeploymentConfig(
            self, "Config", traffic_routing=routing(interval=interval, percentage=self.shift.percent)
        )


def _aws_own_configs(*, repeated: bool) -> dict[int, codedeploy.ILambdaDeploymentConfig]:
    """Those of AWS that move 10 percent, by their interval in minutes. An account has room for 50 of its own."""
    aws = codedeploy.LambdaDeploymentConfig
    if repeated:
        return {
            1: aws.LINEAR_10_PERCENT_EVERY_1_MINUTE,
            2: aws.LINEAR_10_PERCENT_EVERY_2_MINUTES,
            3: aws.LINEAR_10_PERCENT_EVERY_3_MINUTES,
            10: aws.LINEAR_10_PERCENT_EVERY_10_MINUTES,
        }
    return {
        5: aws.CANARY_10_PERCENT_5_MINUTES,
        10: aws.CANARY_10_PERCENT_10_MINUTES,
        15: aws.CANARY_10_PERCENT_15_MINUTES,
        30: aws.CANARY_10_PERCENT_30_MINUTES,
    }


def _shared_application(scope: Construct) -> codedeploy.ILambdaApplication:
    """One application for a stack: it is only a name under which CodeDeploy lists the deployment groups."""
    stack = Stack.of(scope)
    found = stack.node.try_find_child("StreamingRollouts")
    if isinstance(found, codedeploy.LambdaApplication):
        return found
    return codedeploy.LambdaApplication(stack, "StreamingRollouts")


def _check_alias(scope: Construct, alias: lambda_.Alias, shift: TrafficShift) -> None:
    resource = alias.node.default_child
    path = alias.node.path
    if not isinstance(resource, lambda_.CfnAlias):
        raise ValueError(f"ROLLOUT_ON_IMPORTED: {path} is not an alias of this app. Roll out where the alias is defined.")
    if resource.function_version == "$LATEST":
        raise ValueError(
            f"ROLLOUT_ON_LATEST: {path} points to $LATEST, which never changes its version, so there would be nothing to roll out. "
            "Point it to a published version: version=function.current_version"
        )
    if Stack.of(alias).node.addr != Stack.of(scope).node.addr:
        raise ValueError(
            f"ROLLOUT_ACROSS_STACKS: {path} stands in another stack than {scope.node.path}; the alias names its deployment group and the "
            "group watches the alias, so each stack would need the other first. Make the rollout in the alias's stack."
        )
    policy = resource.cfn_options.update_policy
    if policy is not None and policy.code_deploy_lambda_alias_update is not None:
        raise ValueError(f"ROLLOUT_ALREADY_SET: a CodeDeploy deployment group stands on {path} already. Keep one of the two.")
    if resource.routing_config is not None:
        raise ValueError(
            f"ROLLOUT_WITH_WEIGHTS: {path} splits its traffic between versions by itself, which CodeDeploy would overwrite. "
            "Remove additional_versions: the rollout does the splitting."
        )
    if is_warm(alias) and shift.interval is not None:
        raise ValueError(
            f"ROLLOUT_WITH_PC: {path} has provisioned concurrency, and Lambda takes no change of it while traffic is split; the second "
            "deployment fails (aws/serverless-application-model#1296). Use TrafficShift.all_at_once(pre_hook=...), "
            "or leave the provisioned concurrency out."
        )
