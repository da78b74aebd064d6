"""A Lambda function that streams its response, with everything around it that production asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import jsii
from aws_cdk import Annotations, Duration, RemovalPolicy, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from .limits import StreamLimits
from .observability.alarms import AlarmThresholds, StreamAlarms
from .observability.metrics import StreamMetrics
from .runtime_layer import StreamingRuntimeLayer
from .url import StreamingUrl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms

    from .code import StreamingCode
    from .concurrency import ProvisionedConcurrency

_ALIAS: Final = "live"
_LONGEST_SECONDS: Final = 900


@jsii.implements(iam.IGrantable, ec2.IConnectable)
class StreamingFunction(Construct):
    """A function, its published version, the alias `live`, and a Function URL on that alias that streams.

    The alias is what callers reach, what is kept warm and what the alarms watch; nothing reaches $LATEST. A new version is
    published whenever the code, the configuration or the runtime layer changes.

    Attributes:
        function: The L2 `Function`.
        role: Its execution role: it may write to its log group and to X-Ray, and what you grant.
        version: The published `Version` of this deployment.
        alias: The `Alias` named `live`.
        url: The `StreamingUrl`; its address is `url.url`.
        log_group: The function's `LogGroup`.
        alarms: The `StreamAlarms`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        code: StreamingCode,
        memory_size: int = 1024,
        timeout: Duration | None = None,
        architecture: lambda_.Architecture = lambda_.Architecture.ARM_64,
        environment: Mapping[str, str] | None = None,
        description: str | None = None,
        auth_type: lambda_.FunctionUrlAuthType = lambda_.FunctionUrlAuthType.AWS_IAM,
        cors: lambda_.FunctionUrlCorsOptions | None = None,
        concurrency: ProvisionedConcurrency | None = None,
        reserved_concurrent_executions: int | None = None,
        limits: StreamLimits | None = None,
        alarms: AlarmThresholds | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] = (),
        log_group: logs.ILogGroup | None = None,
        log_group_retention: logs.RetentionDays | None = None,
        encryption_key: kms.IKey | None = None,
        vpc: ec2.IVpc | None = None,
    ) -> None:
        """Makes the function and what belongs to it.

        Args:
            code: What runs, and how it streams: `StreamingCode.python(...)`.
            memory_size: In MB, 128 to 10240; CPU grows with it (1769 MB is one core). Default: 1024.
            timeout: Longest invocation, and so the longest stream. Default: 5 minutes. Allowed: up to 15 minutes.
            architecture: Default: arm64, which costs 20 % less for the same time.
            environment: The handler's own variables. Default: none.
            description: Shown in the console. Default: none.
            auth_type: Who may call the URL. Default: AWS_IAM, that is, nobody before `grant_invoke_url`.
            cors: What browsers of other origins may do with the URL. Default: nothing.
            concurrency: Environments kept warm on the alias. Default: none; the first request after a pause starts cold.
            reserved_concurrent_executions: Most environments at a time, taken out of the account's share. Default: no limit
                of its own.
            limits: Chunk size, heartbeat, deadline margin, longest stream. Default: `StreamLimits()`.
            alarms: When each alarm rings. Default: `AlarmThresholds()`; `AlarmThresholds.disabled()` for none.
            alarm_actions: What the alarms do, such as `SnsAction(topic)`. Default: nothing.
            log_group: Where the logs go. Default: a log group of its own, deleted with the stack.
            log_group_retention: How long the log group of its own keeps them. Default: one month.
            encryption_key: Encrypts the environment variables at rest, and the log group of its own. Default: AWS-owned keys.
                The key's policy has to let CloudWatch Logs use it; CDK adds that to a key of this app.
            vpc: Puts the function into a VPC. AWS documents that Function URLs then do not stream, so this warns. Default: none.

        Raises:
            ValueError: `TIMEOUT_OUT_OF_RANGE`, `MEMORY_OUT_OF_RANGE`, `DEADLINE_MARGIN_TOO_LONG`, `STREAM_LONGER_THAN_TIMEOUT`,
                `LOG_GROUP_GIVEN_TWICE`, or what `code`, `concurrency` and `cors` refuse (see `docs/errors.md`).
        """
        super().__init__(scope, id)
        timeout = timeout or Duration.minutes(5)
        limits = limits or StreamLimits()
        _check_memory(memory_size)
        _check_times(timeout, limits)
        self.limits = limits
        self.timeout = timeout
        self.log_group = log_group or self._own_log_group(log_group_retention, encryption_key)
        if log_group is not None and log_group_retention is not None:
            raise ValueError(
                "LOG_GROUP_GIVEN_TWICE: log_group and log_group_retention are both set; the retention of a log group that is given "
                "belongs to that log group. Leave one of them out."
            )
        bound = code.bind(self, architecture)
        self.role = self._execution_role(vpc)
        self.function = lambda_.Function(
            self,
            "Function",
            role=self.role,
            code=bound.code,
            handler=bound.handler,
            runtime=bound.runtime,
            architecture=architecture,
            memory_size=memory_size,
            timeout=timeout,
            environment=dict(environment or {}),
            environment_encryption=encryption_key,
            description=description,
            reserved_concurrent_executions=reserved_concurrent_executions,
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            # platform.runtimeDone, which carries the time to the first byte, is written at DEBUG only.
            system_log_level_v2=lambda_.SystemLogLevel.DEBUG,
            tracing=lambda_.Tracing.ACTIVE,
            vpc=vpc,
            # A rollback of the alias needs the version it rolls back to; CDK would delete it at each deployment.
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        if bound.needs_runtime_layer:
            StreamingRuntimeLayer.shared(self).attach_to(self.function, limits=limits)
        if vpc is not None:
            _warn_of_vpc(self)
        self.version = self.function.current_version
        self.alias = lambda_.Alias(self, "Alias", alias_name=_ALIAS, version=self.version)
        self.concurrency = concurrency
        if concurrency is not None:
            concurrency.apply_to(self.alias)
        self.url = StreamingUrl(self, "Url", alias=self.alias, auth_type=auth_type, cors=cors)
        self.alarms = StreamAlarms(
            self,
            "Alarms",
            alias=self.alias,
            thresholds=alarms,
            provisioned=concurrency is not None,
            actions=alarm_actions,
        )

    def _own_log_group(self, retention: logs.RetentionDays | None, key: kms.IKey | None) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "Logs",
            retention=retention or logs.RetentionDays.ONE_MONTH,
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _execution_role(self, vpc: ec2.IVpc | None) -> iam.Role:
        """A role that may write to this one log group; CDK's own would carry a managed policy for every log group there is."""
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(role)
        if vpc is not None:
            role.add_managed_policy(
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWSLambdaVPCAccessExecutionRole")
            )
        return role

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """The execution role, so that `bucket.grant_read(fn)` works."""
        return self.function.grant_principal

    @property
    def connections(self) -> ec2.Connections:
        """The function's security groups; raises when it is in no VPC."""
        return self.function.connections

    def add_environment(self, name: str, value: str) -> None:
        """Sets one more variable for the handler."""
        self.function.add_environment(name, value)

    def grant_invoke_url(
        self, grantee: iam.IGrantable, *, source_arn: str | None = None, source_account: str | None = None
    ) -> iam.Grant:
        """Lets `grantee` call the URL, with both permissions that a call needs. See `StreamingUrl.grant_invoke_url`."""
        return self.url.grant_invoke_url(grantee, source_arn=source_arn, source_account=source_account)

    def metrics(self, *, period: Duration | None = None) -> StreamMetrics:
        """The metrics of the alias and its URL, over `period` (default: 5 minutes) a data point."""
        return StreamMetrics(self.alias, period=period)


def _check_memory(memory_size: int) -> None:
    if not Token.is_unresolved(memory_size) and not 128 <= memory_size <= 10_240:
        raise ValueError(
            f"MEMORY_OUT_OF_RANGE: memory_size is {memory_size} MB; Lambda takes 128 to 10240. Choose a size within that range."
        )


def _check_times(timeout: Duration, limits: StreamLimits) -> None:
    if timeout.is_unresolved():
        return
    seconds = timeout.to_milliseconds() / 1000
    if seconds != int(seconds) or not 1 <= seconds <= _LONGEST_SECONDS:
        raise ValueError(
            f"TIMEOUT_OUT_OF_RANGE: timeout is {seconds:g} s; Lambda takes whole seconds from 1 to {_LONGEST_SECONDS} (15 minutes). "
            "For a longer answer let the caller come back and resume."
        )
    if limits.deadline_margin_ms >= seconds * 1000:
        raise ValueError(
            f"DEADLINE_MARGIN_TOO_LONG: deadline_margin_ms is {limits.deadline_margin_ms}, the timeout {seconds * 1000:g} ms: every stream "
            "would end before it begins. Lower the margin or raise the timeout."
        )
    if limits.max_duration_seconds is not None and limits.max_duration_seconds > seconds:
        raise ValueError(
            f"STREAM_LONGER_THAN_TIMEOUT: max_duration_seconds is {limits.max_duration_seconds}, the function's timeout {seconds:g} s, so the "
            "limit could never be reached. Raise the timeout, or lower the limit."
        )


def _warn_of_vpc(scope: Construct) -> None:
    Annotations.of(scope).add_warning_v2(
        "streaming-lambda:url-in-vpc",
        "AWS documents that Function URLs do not stream for functions in a VPC "
        "(https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html). Reach this function by "
        "InvokeWithResponseStream, or leave the VPC out.",
    )
