"""Metrics of a function's streams read from its system log, with nothing asked of the handler."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, cast

from aws_cdk import Annotations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_pkg._lasting import name_of, node_of
from constructs_pkg._log_group import is_own

from . import metric_names as names

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

_SHARED_ID: Final = "StreamLogMetrics"
_MARK: Final = "_streaming_log_metrics_of"
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html
_WITHOUT_FILTERS: Final = ("INFREQUENT_ACCESS", "DELIVERY")


@dataclass(frozen=True, kw_only=True)
class _Filter:
    id: str
    metric: str
    pattern: str
    value: str
    unit: cloudwatch.Unit


# The records: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html. A runtimeDone has spans only when
# the runtime had begun to answer, and responseLatency is the first of them (aws-lambda-runtime-interface-emulator,
# internal/lambda/telemetry/events_api.go); its name in the pattern keeps the index honest.
_BEGUN: Final = '$.type = "platform.runtimeDone" && $.record.spans[0].name = "responseLatency"'
_FILTERS: Final = (
    _Filter(
        id="TimeToFirstByte",
        metric=names.LOG_TIME_TO_FIRST_BYTE,
        pattern=f"{{ {_BEGUN} }}",
        value="$.record.spans[0].durationMs",
        unit=cloudwatch.Unit.MILLISECONDS,
    ),
    _Filter(
        # An exception that the runtime reports leaves the status at success (aws-samples/aws-lambda-extensions#85) and counts
        # as an error of the function; what is left here are answers that nobody could end: timeouts and dead processes.
        id="TruncatedStreams",
        metric=names.LOG_TRUNCATED_STREAMS,
        pattern=f'{{ {_BEGUN} && $.record.status != "success" }}',
        value="1",
        unit=cloudwatch.Unit.COUNT,
    ),
    _Filter(
        id="ProducedBytes",
        metric=names.LOG_PRODUCED_BYTES,
        pattern=f"{{ {_BEGUN} }}",
        value="$.record.metrics.producedBytes",
        unit=cloudwatch.Unit.BYTES,
    ),
    _Filter(
        # Nobody waits for the init of a provisioned environment, nor for the one that SnapStart takes its picture of.
        id="InitDuration",
        metric=names.LOG_INIT_DURATION,
        pattern='{ $.type = "platform.initReport" && $.record.initializationType = "on-demand" }',
        value="$.record.metrics.durationMs",
        unit=cloudwatch.Unit.MILLISECONDS,
    ),
    _Filter(
        id="RestoreDuration",
        metric=names.LOG_INIT_DURATION,
        pattern='{ $.type = "platform.restoreReport" }',
        value="$.record.metrics.durationMs",
        unit=cloudwatch.Unit.MILLISECONDS,
    ),
)


class StreamLogMetrics(Construct):
    """Metric filters on a function's log group: time to first byte, init duration, truncated streams, bytes.

    They work for code of every kind, as long as the function writes JSON logs at system log level DEBUG, which
    `StreamingFunction` sets. `StreamMetrics` reads them. A metric filter sees a whole log group and its records name no
    function, so the log group has to be the function's alone.

    Attributes:
        filters: The `MetricFilter` of each metric, by construct id.
    """

    def __init__(self, scope: Construct, id: str, *, function: lambda_.IFunction, log_group: logs.ILogGroup) -> None:
        """Makes the filters.

        One per function: a second one would count every stream twice. `StreamLogMetrics.shared` sees to that.

        Args:
            function: The function that writes the log, made here or imported.
            log_group: Its log group, of the log class STANDARD.

        Raises:
            ValueError: `LOG_GROUP_CLASS` for a log group of this app that is of another class, which takes no metric filters.
        """
        super().__init__(scope, id)
        _refuse_other_class(log_group)
        _warn_when_shared(self, function, log_group)
        function_name = name_of(function)
        self.filters = {
            wanted.id: logs.MetricFilter(
                self,
                wanted.id,
                log_group=log_group,
                filter_pattern=_literal(wanted.pattern),
                metric_namespace=names.NAMESPACE,
                metric_name=names.of_function(wanted.metric, function_name),
                metric_value=wanted.value,
                unit=wanted.unit,
            )
            for wanted in _FILTERS
        }

    @staticmethod
    def shared(function: lambda_.IFunction, log_group: logs.ILogGroup | str) -> StreamLogMetrics:
        """The one of `function`, made below it at the first call.

        Args:
            function: The function that writes the log.
            log_group: Its log group, or that one's name.
        """
        found = node_of(function).try_find_child(_SHARED_ID)
        if found is not None:
            return cast("StreamLogMetrics", found)
        scope = cast("Construct", function)
        if isinstance(log_group, str):
            log_group = logs.LogGroup.from_log_group_name(scope, f"{_SHARED_ID}Group", log_group)
        return StreamLogMetrics(scope, _SHARED_ID, function=function, log_group=log_group)


@cache
def _literal(pattern: str) -> logs.IFilterPattern:
    """Patterns never change, and each is a trip to jsii's Node."""
    return logs.FilterPattern.literal(pattern)


def _refuse_other_class(log_group: logs.ILogGroup) -> None:
    if is_own(log_group):
        return
    resource = log_group.node.default_child
    chosen = resource.log_group_class if isinstance(resource, logs.CfnLogGroup) else None
    if chosen in _WITHOUT_FILTERS:
        raise ValueError(
            f"LOG_GROUP_CLASS: {log_group.node.path} is of the log class {chosen}, which takes no metric filters, and the time to first "
            "byte, init duration and truncated streams are read by these. Use LogGroupClass.STANDARD, or leave the alarms on them and "
            "the dashboard out: AlarmThresholds(time_to_first_byte_ms=None, truncation_percent=None, init_duration_ms=None)."
        )


def _warn_when_shared(scope: Construct, function: lambda_.IFunction, log_group: logs.ILogGroup) -> None:
    # jsii keeps every Python construct it has seen, so the attribute lives as long as the log group.
    users: list[lambda_.IFunction] = vars(log_group).setdefault(_MARK, [])
    users.append(function)
    others = {user.node.path for user in users} - {function.node.path} if len(users) > 1 else set()
    if others:
        Annotations.of(scope).add_warning_v2(
            "streaming-lambda:log-group-shared",
            f"{function.node.path} shares the log group {log_group.node.path} with {', '.join(sorted(others))}. Its records name no "
            "function, so the metrics read from it (time to first byte, init duration, truncated streams, bytes) mix them. Give "
            "each function a log group of its own.",
        )
