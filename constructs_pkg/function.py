"""A Lambda function that streams its response, with everything around it that production asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import jsii
from aws_cdk import Annotations, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from ._behind import remember_heartbeat
from ._execution_role import acknowledge_findings, execution_role, trace
from ._lasting import arm_64, made_in, made_on, minutes
from ._log_group import own_log_group
from ._really_streams import known_to_stream
from ._tokens import is_unresolved
from .defaults import defaults_of_new, first_given
from .limits import StreamLimits
from .observability.alarms import StreamAlarms
from .observability.facts import FunctionFacts, known, provisioned_on, while_made
from .observability.metrics import StreamMetrics
from .runtime_layer import StreamingRuntimeLayer, note_layer, with_layer_variables
from .url import StreamingUrl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import Duration
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kms as kms

    from .code import BoundCode, StreamingCode
    from .concurrency import ProvisionedConcurrency
    from .imported_function import ImportedStreamingFunction
    from .observability.dashboard import StreamingDashboard
    from .observability.thresholds import AlarmThresholds
    from .rollout import CanaryRollout, TrafficShift
    from .stream_store import StreamStore

_ALIAS: Final = "live"
_DEFAULT_MINUTES: Final = 5
_LONGEST_SECONDS: Final = 900
_LARGEST_ENVIRONMENT_BYTES: Final = 4096  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html


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
        timeout: The function's timeout, and so the longest stream.
        limits: The stream's bounds.
        concurrency: The environments kept warm, or None.
        alarms: The `StreamAlarms`.
        rollout: The `CanaryRollout`, or None.
        dashboard: The `StreamingDashboard`, or None.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        code: StreamingCode,
        memory_size: int | None = None,
        timeout: Duration | None = None,
        architecture: lambda_.Architecture | None = None,
        environment: Mapping[str, str] | None = None,
        description: str | None = None,
        auth_type: lambda_.FunctionUrlAuthType = lambda_.FunctionUrlAuthType.AWS_IAM,
        cors: lambda_.FunctionUrlCorsOptions | None = None,
        concurrency: ProvisionedConcurrency | None = None,
        reserved_concurrent_executions: int | None = None,
        snap_start: bool = False,
        limits: StreamLimits | None = None,
        alarms: AlarmThresholds | None = None,
        alarm_actions: Sequence[cloudwatch.IAlarmAction] | None = None,
        paging_actions: Sequence[cloudwatch.IAlarmAction] | None = None,
        dashboard: bool | cloudwatch.Dashboard = False,
        rollout: TrafficShift | None = None,
        stream_store: StreamStore | None = None,
        log_group: logs.ILogGroup | None = None,
        log_group_retention: logs.RetentionDays | None = None,
        encryption_key: kms.IKey | None = None,
        vpc: ec2.IVpc | None = None,
    ) -> None:
        """Makes the function and what belongs to it.

        Where a parameter says "Default", an organisation's `StreamingDefaults` on a scope around it come first.

        Args:
            code: What runs, and how it streams: `StreamingCode.python(...)` and its siblings.
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
            snap_start: Starts environments from a picture taken at publication, the other way to short cold starts; not beside
                `concurrency`. Default: no.
            limits: Chunk size, heartbeat, deadline margin, longest stream. Default: `StreamLimits()`.
            alarms: When each alarm rings. Default: `AlarmThresholds()`; `AlarmThresholds.disabled()` for none.
            alarm_actions: What the alarms do, such as `SnsAction(topic)`. Default: nothing.
            paging_actions: What a person is woken by: one composite alarm over what callers feel. Default: no such alarm.
            dashboard: True for a `StreamingDashboard` of its own, or an existing dashboard to add to. Default: none.
            rollout: How traffic moves to a new version, such as `TrafficShift.canary()`: by CodeDeploy, rolled back when one of
                the alarms rings. Default: all at once, without CodeDeploy.
            stream_store: Where streams are kept for cancel and resume: gives the function the table's name and rights.
                Default: nowhere.
            log_group: Where the logs go. Default: a log group of its own, deleted with the stack.
            log_group_retention: How long the log group of its own keeps them. Default: one month.
            encryption_key: Encrypts the environment variables at rest, and the log group of its own. Default: AWS-owned keys.
                The key's policy has to let CloudWatch Logs use it; CDK adds that to a key of this app.
            vpc: Puts the function into a VPC. AWS documents that Function URLs then do not stream, so this warns. Default: none.

        Raises:
            ValueError: `TIMEOUT_OUT_OF_RANGE`, `MEMORY_OUT_OF_RANGE`, `RESERVED_OUT_OF_RANGE`, `ENVIRONMENT_TOO_LARGE`,
                `DEADLINE_MARGIN_TOO_LONG`, `STREAM_LONGER_THAN_TIMEOUT`,
                `LOG_GROUP_GIVEN_TWICE`, `SNAPSTART_RUNTIME`, `STORE_WITHOUT_RUNTIME`, `REDACT_UNSEEN`, or what `code`, `concurrency`, `cors`,
                `rollout` and `stream_store` refuse (see `docs/errors.md`).
        """
        super().__init__(scope, id)
        defaults = defaults_of_new(self)
        memory_size = first_given(memory_size, defaults.memory_size, default=1024)
        architecture = first_given(architecture, defaults.architecture, default=arm_64())
        encryption_key = encryption_key or defaults.encryption_key
        self.timeout = timeout or defaults.timeout or minutes(_DEFAULT_MINUTES)
        self.limits = limits or defaults.limits or StreamLimits()
        _check_memory(memory_size)
        _check_reserved(reserved_concurrent_executions)
        _check_environment(environment)
        seconds = _seconds(self.timeout)
        if seconds is not None:
            _check_times(seconds, self.limits)
        if log_group is not None and log_group_retention is not None:
            raise ValueError(
                "LOG_GROUP_GIVEN_TWICE: log_group and log_group_retention are both set; the retention of a log group that is given "
                "belongs to that log group. Leave one of them out."
            )
        self.log_group = log_group or own_log_group(
            self, "Logs", retention=log_group_retention or defaults.log_group_retention, key=encryption_key
        )
        bound = code.bind(self, architecture)
        if snap_start:
            _check_snap_start(bound)
        self.role = execution_role(self, in_vpc=vpc is not None)
        self.log_group.grant_write(self.role)
        variables = bound.environment_with(environment)
        layers = list(bound.layers)
        layer = StreamingRuntimeLayer.shared(self) if bound.needs_runtime_layer else None
        if layer is not None:
            variables = with_layer_variables(variables, self.limits, self)
            layers.append(layer.layer)
        self.function = lambda_.Function(
            self,
            "Function",
            role=self.role,
            code=bound.code,
            handler=bound.handler,
            runtime=bound.runtime,
            layers=layers or None,
            architecture=architecture,
            memory_size=memory_size,
            timeout=self.timeout,
            environment=variables,
            environment_encryption=encryption_key,
            description=description,
            reserved_concurrent_executions=reserved_concurrent_executions,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if snap_start else None,
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            # platform.runtimeDone, which carries the time to the first byte, is written at DEBUG only.
            system_log_level_v2=lambda_.SystemLogLevel.DEBUG,
            vpc=vpc,
            # A rollback of the alias needs the version it rolls back to; CDK would delete it at each deployment.
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        made_in(self, self.function)
        trace(self.function)
        acknowledge_findings(self.function, snap_start=snap_start)
        if layer is not None:
            note_layer(layer, self.function, variables)
        self._teach_to_stream(bound, stream_store)
        if vpc is not None:
            _warn_of_vpc(self)
        self.version = self.function.current_version
        self.alias = lambda_.Alias(self, "Alias", alias_name=_ALIAS, version=self.version)
        made_on(self.alias, self.function, _ALIAS)
        known_to_stream(self.alias)
        self.concurrency = concurrency
        if concurrency is not None:
            concurrency.apply_to(self.alias)
        self.url = StreamingUrl(self, "Url", alias=self.alias, auth_type=auth_type, cors=cors)
        facts = FunctionFacts(
            timeout_ms=None if seconds is None else seconds * 1000,
            memory_size_mb=known(memory_size),
            reserved_concurrency=known(reserved_concurrent_executions),
            provisioned_concurrency=None if concurrency is None else provisioned_on(self.alias),
            writes_stream_records=True,
            log_group_name=self.log_group.log_group_name,
        )
        with while_made(self.alias, facts):
            self.alarms = StreamAlarms(
                self,
                "Alarms",
                alias=self.alias,
                url=self.url,
                thresholds=alarms,
                provisioned=concurrency is not None,
                log_group=self.log_group,
                actions=alarm_actions,
                paging_actions=paging_actions,
            )
        self.rollout = None if rollout is None else self._roll_out(rollout)
        self.dashboard = self._show(dashboard) if dashboard is not False else None

    @staticmethod
    def from_attributes(
        scope: Construct,
        id: str,
        *,
        function_arn: str,
        url: str,
        alias_name: str = _ALIAS,
        auth_type: lambda_.FunctionUrlAuthType = lambda_.FunctionUrlAuthType.AWS_IAM,
        role: iam.IRole | None = None,
        timeout: Duration | None = None,
        memory_size: int | None = None,
        reserved_concurrent_executions: int | None = None,
        limits: StreamLimits | None = None,
        log_group: logs.ILogGroup | None = None,
    ) -> ImportedStreamingFunction:
        """Imports a streaming function that another app made, to grant on it, to front it and to watch it. Makes no resource.

        What is not told here is not known: alarms that would need it are left out.

        Args:
            scope: Where it stands in the tree.
            id: Its name there.
            function_arn: The function's ARN, without version or alias.
            url: The address of its Function URL, `https://<id>.lambda-url.<region>.on.aws/`.
            alias_name: The alias that the URL is on. Default: "live".
            auth_type: Of the URL. Default: AWS_IAM.
            role: Its execution role, so that `bucket.grant_read(fn)` works. Default: not known.
            timeout: Its timeout, for the duration alarm and for the checks of what is put in front. Default: not known.
            memory_size: In MB, for the daily cost. Default: not known.
            reserved_concurrent_executions: For the alarm near it. Default: not known, or none.
            limits: As it was made with; of these, the fronts look at the heartbeat. Default: not known, and they warn.
            log_group: Its log group, where the app that made it put no metric filters on it (`AlarmThresholds.disabled()`
                and no dashboard): they are then made here. Default: that app has made them, as `StreamingFunction` does, and
                a second set would count each stream twice.

        Raises:
            ValueError: `IMPORT_ARN` for an ARN that is not a function's, or carries a version or alias; `IMPORT_ALIAS` for
                `$LATEST` or a version; `URL_MALFORMED` for an address that is not a Function URL's.
        """
        from .imported_function import ImportedStreamingFunction  # loaded by those alone who import a function

        return ImportedStreamingFunction(
            scope,
            id,
            function_arn=function_arn,
            url=url,
            alias_name=alias_name,
            auth_type=auth_type,
            role=role,
            timeout=timeout,
            memory_size=memory_size,
            reserved_concurrent_executions=reserved_concurrent_executions,
            limits=limits,
            log_group=log_group,
        )

    def _teach_to_stream(self, bound: BoundCode, stream_store: StreamStore | None) -> None:
        if self.limits.redact and not bound.redactable:
            raise ValueError(
                f"REDACT_UNSEEN: limits.redact is {', '.join(self.limits.redact)}, but our runtime does not see the text that {self.node.path} "
                "sends: nothing would be taken out. Use StreamingCode.python with a dialect of text, or redact in your own code and "
                "give the function StreamLimits without redact."
            )
        if bound.takes_limits:
            for name, value in self.limits.to_environment().items():
                self.function.add_environment(name, value)
            remember_heartbeat(self.function, self.limits.heartbeat_seconds)
        if stream_store is None:
            return
        if not bound.needs_runtime_layer and not bound.takes_limits:
            raise ValueError(
                f"STORE_WITHOUT_RUNTIME: {self.node.path} does not run our runtime, which is what keeps streams in a store. Leave "
                "stream_store out, or use StreamingCode.python, .asgi or .image."
            )
        stream_store.attach_to(self.function)

    def _roll_out(self, shift: TrafficShift) -> CanaryRollout:
        from .rollout import CanaryRollout  # CodeDeploy's module is loaded by those alone who use it

        return CanaryRollout(self, "Rollout", alias=self.alias, shift=shift, alarms=self.alarms.felt)

    def _show(self, dashboard: bool | cloudwatch.Dashboard) -> StreamingDashboard:
        from .observability.dashboard import StreamingDashboard

        return StreamingDashboard(
            self,
            "Dashboard",
            aliases={self.node.id: self.alias},
            alarms=[self.alarms],
            dashboard=None if dashboard is True else cast("cloudwatch.Dashboard", dashboard),
        )

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
    if not is_unresolved(memory_size) and not (_is_whole(memory_size) and 128 <= memory_size <= 10_240):
        raise ValueError(
            f"MEMORY_OUT_OF_RANGE: memory_size is {memory_size} MB; Lambda takes whole numbers from 128 to 10240. Choose a size within "
            "that range."
        )


def _check_reserved(reserved: int | None) -> None:
    if reserved is not None and not is_unresolved(reserved) and not (_is_whole(reserved) and reserved >= 0):
        raise ValueError(
            f"RESERVED_OUT_OF_RANGE: reserved_concurrent_executions is {reserved!r}; Lambda takes whole numbers from 0, which stops every "
            "invocation, up to the account's unreserved concurrency. Choose one, or leave it out."
        )


def _check_environment(environment: Mapping[str, str] | None) -> None:
    size = sum(len(text.encode()) for pair in (environment or {}).items() for text in pair if not is_unresolved(text))
    if size > _LARGEST_ENVIRONMENT_BYTES:
        raise ValueError(
            f"ENVIRONMENT_TOO_LARGE: the names and values of environment have {size} bytes; Lambda takes {_LARGEST_ENVIRONMENT_BYTES} for all "
            "of a function's variables. Put large values into a file beside the handler, SSM or S3."
        )


def _is_whole(number: float) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _seconds(timeout: Duration) -> float | None:
    """None where only deployment knows."""
    if timeout is minutes(_DEFAULT_MINUTES):
        return _DEFAULT_MINUTES * 60
    return None if timeout.is_unresolved() else timeout.to_milliseconds() / 1000


def _check_times(seconds: float, limits: StreamLimits) -> None:
    if seconds != int(seconds) or not 1 <= seconds <= _LONGEST_SECONDS:
        raise ValueError(
            f"TIMEOUT_OUT_OF_RANGE: timeout is {seconds:g} s; Lambda takes whole seconds from 1 to {_LONGEST_SECONDS} (15 minutes). "
            "For a longer answer let the caller come back and resume."
        )
    margin, longest = limits.deadline_margin_ms, limits.max_duration_seconds
    if not is_unresolved(margin) and margin >= seconds * 1000:
        raise ValueError(
            f"DEADLINE_MARGIN_TOO_LONG: deadline_margin_ms is {margin}, the timeout {seconds * 1000:g} ms: every stream "
            "would end before it begins. Lower the margin or raise the timeout."
        )
    if longest is not None and not is_unresolved(longest) and longest > seconds:
        raise ValueError(
            f"STREAM_LONGER_THAN_TIMEOUT: max_duration_seconds is {longest}, the function's timeout {seconds:g} s, so the "
            "limit could never be reached. Raise the timeout, or lower the limit."
        )


def _check_snap_start(bound: BoundCode) -> None:
    if not bound.runtime.supports_snap_start:
        raise ValueError(
            f"SNAPSTART_RUNTIME: Lambda offers no SnapStart on {bound.runtime.name}; it does for Python from 3.12 on, Java and .NET. "
            "Choose another runtime, or keep environments warm with concurrency=ProvisionedConcurrency.fixed(n)."
        )


def _warn_of_vpc(scope: Construct) -> None:
    Annotations.of(scope).add_warning_v2(
        "streaming-lambda:url-in-vpc",
        "AWS documents that Function URLs do not stream for functions in a VPC "
        "(https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html). Reach this function by "
        "InvokeWithResponseStream, or leave the VPC out.",
    )
