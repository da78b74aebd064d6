"""Each block on functions that were there before, of several runtimes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs_pkg import (
    AlarmThresholds,
    BrowserIdentity,
    ProvisionedConcurrency,
    StreamAlarms,
    StreamingDashboard,
    StreamingRuntimeLayer,
    StreamingUrl,
    StreamLimits,
    StreamLogMetrics,
    StreamMetrics,
    StreamStore,
)

from .base import CODE, ORIGIN, RUNBOOK, GalleryStack, plain_function

if TYPE_CHECKING:
    from aws_cdk import Environment
    from constructs import Construct


class Blocks(GalleryStack):
    """A Python function that learns to stream, and a Node.js function that did already.

    Attributes:
        aliases: Of both.
        alarms: On both.
    """

    def __init__(self, scope: Construct, id: str, *, env: Environment | None = None) -> None:
        super().__init__(scope, id, env=env)
        python = plain_function(
            self,
            "Python",
            code=lambda_.Code.from_asset(str(CODE / "python"), exclude=["**/__pycache__"]),
            runtime=lambda_.Runtime.PYTHON_3_14,
        )
        StreamingRuntimeLayer(self, "Layer").attach_to(python, limits=StreamLimits(heartbeat_seconds=20))
        store = StreamStore(self, "Store")
        store.attach_to(python)
        store.grant_read_write(iam.Role(self, "Support", assumed_by=iam.AccountRootPrincipal()))
        self.aliases: dict[str, lambda_.IAlias] = {}
        self.alarms: list[StreamAlarms] = []
        for function in (python, plain_function(self, "Node")):
            name = function.node.id
            alias = lambda_.Alias(self, f"{name}Alias", alias_name="prod", version=function.current_version)
            ProvisionedConcurrency.tracking(1, 4).apply_to(alias)
            url = StreamingUrl(
                self, f"{name}Url", alias=alias, auth_type=lambda_.FunctionUrlAuthType.AWS_IAM, cors=BrowserIdentity.cors(ORIGIN)
            )
            self.aliases[name] = alias
            self.alarms.append(self._watch(name, alias, url))
        self._beside_the_alarms(python)

    def _watch(self, name: str, alias: lambda_.IAlias, url: StreamingUrl) -> StreamAlarms:
        return StreamAlarms(
            self,
            f"{name}Alarms",
            alias=alias,
            url=url,
            thresholds=AlarmThresholds(errors=3),
            provisioned=True,
            runbook=RUNBOOK,
            actions=[self.ring],
            paging_actions=[self.ring],
        )

    def _beside_the_alarms(self, function: lambda_.Function) -> None:
        """A metric filter of one's own log group, and an alarm that is not among ours."""
        other = plain_function(self, "Other")
        assert other.log_group is not None
        StreamLogMetrics(self, "OtherLogMetrics", function=other, log_group=other.log_group)
        metrics = StreamMetrics(self.aliases[function.node.id], period=Duration.minutes(1), id_suffix="_own")
        alarm = cloudwatch.Alarm(
            self, "TooLittleTokens", metric=metrics.runtime.tokens_per_second(), threshold=5, evaluation_periods=3
        )
        alarm.add_alarm_action(self.ring)


class Watch(GalleryStack):
    """Alarms and a dashboard away from what they watch: of other stacks of this app, and of no app at all."""

    def __init__(self, scope: Construct, id: str, *, blocks: Blocks, env: Environment | None = None) -> None:
        super().__init__(scope, id, env=env)
        function = lambda_.Function.from_function_arn(
            self, "Theirs", f"arn:aws:lambda:{self.region}:{self.account}:function:theirs"
        )
        version = lambda_.Version.from_version_attributes(self, "TheirVersion", lambda_=function, version="7")
        theirs = lambda_.Alias.from_alias_attributes(self, "TheirAlias", alias_name="prod", alias_version=version)
        alarms = StreamAlarms(
            self,
            "TheirAlarms",
            alias=theirs,
            provisioned=False,
            timeout=Duration.minutes(5),
            memory_size=1_024,
            reserved_concurrent_executions=10,
            log_group=logs.LogGroup.from_log_group_name(self, "TheirLogs", "/aws/lambda/theirs"),
            actions=[self.ring],
        )
        StreamingDashboard(
            self,
            "Dashboard",
            aliases={**blocks.aliases, "Theirs": theirs},
            alarms=[*blocks.alarms, alarms],
            price_per_gb_second=0.0000133334,
            period=Duration.minutes(1),
            default_interval=Duration.hours(12),
            period_override=cloudwatch.PeriodOverride.INHERIT,
        )
        StreamingDashboard(self, "Added", aliases={"Theirs": theirs}, dashboard=cloudwatch.Dashboard(self, "TheirDashboard"))
