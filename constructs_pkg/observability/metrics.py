"""The metrics of a streaming alias, each built in one place."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from constructs_pkg._lasting import account_of, alias_name_of, function_of, minutes, name_of, region_of, resource_of, stack_of
from constructs_pkg._tokens import is_unresolved

from . import metric_names as names
from .runtime_metrics import RuntimeMetrics

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

_LAMBDA: Final = "AWS/Lambda"
_SUM: Final = cloudwatch.Stats.SUM
_SHORT_PERIODS: Final = (1, 5, 10, 30)
_MAXIMUM: Final = cloudwatch.Stats.MAXIMUM


class StreamMetrics:
    """Makes CloudWatch metrics of one alias, of the Function URL on it, and of the streams behind it. Makes no resource.

    Three sources, and who each counts for:

    - Lambda's own, for the alias. They carry two dimensions, `FunctionName` and `Resource` = `<function>:<alias>`
      (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html), written out here because CDK drops
      `Resource` for an imported alias (aws/aws-cdk#18952). Names that begin with `function_` count for the whole function.
    - The function's system log, for the whole function: its records name no alias. `StreamLogMetrics` has to read the log.
    - Our runtime's records, for the alias: `runtime`.

    Attributes:
        resource: `<function>:<alias>`, the value of the dimension `Resource`.
        function_name: The function's name.
        runtime: The metrics that our runtime writes.
    """

    def __init__(self, alias: lambda_.IAlias, *, period: Duration | None = None, id_suffix: str = "") -> None:
        """Prepares the metrics.

        Args:
            alias: The alias to watch, made here or imported, in whatever stack.
            period: Over which time each data point is taken. Default: 5 minutes. Allowed: 1, 5, 10 or 30 seconds, or whole minutes;
                Lambda's own metrics and those of the log have a point a minute.
            id_suffix: Put behind the ids in expressions, so that expressions of several aliases fit into one graph. Default:
                nothing. Allowed: letters, digits and underscores.

        Raises:
            ValueError: `METRIC_PERIOD` for a period that CloudWatch does not take, or that only deployment knows.
        """
        if period is not None:
            _check_period(period)
        function = function_of(alias)
        self.function_name = name_of(function)
        self.resource = f"{self.function_name}:{alias_name_of(alias)}"
        self._dimensions = {"FunctionName": self.function_name, "Resource": self.resource}
        self._period = period or minutes(5)
        self._suffix = id_suffix
        self._region, self._account = _whereabouts(function)
        self._made: dict[tuple[str, str, str, bool], cloudwatch.Metric] = {}
        self.runtime = RuntimeMetrics(
            dimensions=self._dimensions, period=self._period, region=self._region, account=self._account
        )

    def _over(self, period: Duration) -> StreamMetrics:
        """The same metrics with another period, which CloudWatch has to take."""
        other = copy(self)
        other._period = period
        other._made = {}
        other.runtime = RuntimeMetrics(dimensions=self._dimensions, period=period, region=self._region, account=self._account)
        return other

    # The alias, from Lambda.

    def invocations(self) -> cloudwatch.Metric:
        """Invocations that began; refused ones are not among them. Sum."""
        return self._of_alias("Invocations", _SUM)

    def errors(self) -> cloudwatch.Metric:
        """Invocations that ended in a function error: an exception, a crash, a timeout. Sum."""
        return self._of_alias("Errors", _SUM)

    def error_rate(self) -> cloudwatch.MathExpression:
        """Share of invocations that ended in a function error, in percent; 0 when there were none."""
        return self._share("Error rate (%)", invocations=self.invocations(), errors=self.errors())

    def throttles(self) -> cloudwatch.Metric:
        """Invocations that Lambda refused for want of concurrency. Sum."""
        return self._of_alias("Throttles", _SUM)

    def duration(self, statistic: str = _MAXIMUM) -> cloudwatch.Metric:
        """From the invocation's arrival in the environment to the end of its answer, in milliseconds; init is not in it."""
        return self._of_alias("Duration", statistic)

    def gb_seconds(self, memory_size_mb: float) -> cloudwatch.MathExpression:
        """Duration times memory, which is what Lambda bills for.

        Left out are what is billed beside it: the init phase, requests, and provisioned environments while they wait.

        Args:
            memory_size_mb: The function's memory in MB.
        """
        return self._billed("GB-seconds", f" / 1000 * {memory_size_mb:g} / 1024")

    def cost(self, memory_size_mb: float, price_per_gb_second: float) -> cloudwatch.MathExpression:
        """What the GB-seconds cost, in the currency of the price. See `gb_seconds` for what is left out."""
        return self._billed("Cost", f" / 1000 * {memory_size_mb:g} / 1024 * {price_per_gb_second:.12f}")

    def active_streams(self) -> cloudwatch.Metric:
        """Invocations under way at a time: one environment serves one stream at a time. Maximum."""
        return self._of_alias("ConcurrentExecutions", _MAXIMUM)

    def provisioned_active(self) -> cloudwatch.Metric:
        """Provisioned environments that were busy at a time; not how many there are. Maximum."""
        return self._of_alias("ProvisionedConcurrentExecutions", _MAXIMUM)

    def provisioned_utilization(self) -> cloudwatch.Metric:
        """Busy share of the provisioned environments, 0 to 1. Maximum."""
        return self._of_alias("ProvisionedConcurrencyUtilization", _MAXIMUM)

    def provisioned_spillover(self) -> cloudwatch.Metric:
        """Invocations that found every provisioned environment busy and had to start cold. Sum."""
        return self._of_alias("ProvisionedConcurrencySpilloverInvocations", _SUM)

    # The Function URL on the alias, from Lambda (https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html).

    def url_requests(self) -> cloudwatch.Metric:
        """Requests to the Function URL. Sum."""
        return self._of_alias("UrlRequestCount", _SUM)

    def url_4xx(self) -> cloudwatch.Metric:
        """Requests that the Function URL answered with a status from 400 to 499. Sum."""
        return self._of_alias("Url4xxCount", _SUM)

    def url_4xx_rate(self) -> cloudwatch.MathExpression:
        """Share of the URL's requests that were answered with a status from 400 to 499, in percent; 0 when there were none."""
        return self._share("URL 4xx rate (%)", requests=self.url_requests(), failed4xx=self.url_4xx())

    def url_5xx(self) -> cloudwatch.Metric:
        """Requests that the Function URL answered with a status from 500 on. Sum."""
        return self._of_alias("Url5xxCount", _SUM)

    def url_5xx_rate(self) -> cloudwatch.MathExpression:
        """Share of the URL's requests that were answered with a status from 500 on, in percent; 0 when there were none."""
        return self._share("URL 5xx rate (%)", requests=self.url_requests(), failed=self.url_5xx())

    # The whole function, from Lambda.

    def function_invocations(self) -> cloudwatch.Metric:
        """Invocations of the function by whatever version or alias. Sum."""
        return self._of_function("Invocations", _SUM)

    def function_concurrency(self) -> cloudwatch.Metric:
        """Invocations of the function under way at a time; reserved concurrency limits these. Maximum."""
        return self._of_function("ConcurrentExecutions", _MAXIMUM)

    # The whole function, from its system log.

    def time_to_first_byte(self, statistic: str = "p99") -> cloudwatch.Metric:
        """From the invocation's arrival in the environment to the beginning of its answer, in milliseconds.

        It is the span `responseLatency` of `platform.runtimeDone`, for code of every kind. Lambda's own emulator starts it
        after the init phase (aws-lambda-runtime-interface-emulator, `internal/lambda/rapid/handlers.go`), so cold starts
        are not in it: see `init_duration`.
        """
        return self._from_log(names.LOG_TIME_TO_FIRST_BYTE, statistic)

    def init_duration(self, statistic: str = _MAXIMUM) -> cloudwatch.Metric:
        """How long a cold environment took to start, or to be restored by SnapStart, in milliseconds."""
        return self._from_log(names.LOG_INIT_DURATION, statistic)

    def truncated_streams(self) -> cloudwatch.Metric:
        """Answers that had begun when their invocation timed out or its process died. Sum."""
        return self._from_log(names.LOG_TRUNCATED_STREAMS, _SUM)

    def truncation_rate(self) -> cloudwatch.MathExpression:
        """Share of the function's invocations whose answer broke off, in percent; 0 when there were none."""
        return self._share(
            "Truncated streams (%)", functionInvocations=self.function_invocations(), truncated=self.truncated_streams()
        )

    def produced_bytes(self, statistic: str = _SUM) -> cloudwatch.Metric:
        """Bytes that the function's answers had. Sum unless told otherwise."""
        return self._from_log(names.LOG_PRODUCED_BYTES, statistic)

    def _of_alias(self, name: str, statistic: str) -> cloudwatch.Metric:
        return self._metric(_LAMBDA, name, statistic, self._dimensions)

    def _of_function(self, name: str, statistic: str) -> cloudwatch.Metric:
        return self._metric(_LAMBDA, name, statistic, {"FunctionName": self.function_name})

    def _from_log(self, name: str, statistic: str) -> cloudwatch.Metric:
        return self._metric(names.NAMESPACE, names.of_function(name, self.function_name), statistic, None)

    def _metric(self, namespace: str, name: str, statistic: str, dimensions: dict[str, str] | None) -> cloudwatch.Metric:
        key = (namespace, name, statistic, dimensions is self._dimensions)
        if key not in self._made:
            # No label: an alarm on a metric with one is written in the form for expressions.
            self._made[key] = cloudwatch.Metric(
                namespace=namespace,
                metric_name=name,
                dimensions_map=dimensions,
                statistic=statistic,
                period=self._period,
                stack_region=self._region,
                stack_account=self._account,
            )
        return self._made[key]

    def _billed(self, label: str, factors: str) -> cloudwatch.MathExpression:
        key = self._id("duration")
        return cloudwatch.MathExpression(
            expression=f"{key}{factors}", using_metrics={key: self.duration(_SUM)}, label=label, period=self._period
        )

    def _share(self, label: str, **metrics: cloudwatch.Metric) -> cloudwatch.MathExpression:
        """`100 * second / first`, and 0 where there is nothing to divide by. The keywords become ids in the expression."""
        whole, part = (self._id(name) for name in metrics)
        return cloudwatch.MathExpression(
            expression=f"IF(FILL({whole}, 0) > 0, 100 * FILL({part}, 0) / FILL({whole}, 1), 0)",
            using_metrics={self._id(name): metric for name, metric in metrics.items()},
            label=label,
            period=self._period,
        )

    def _id(self, name: str) -> str:
        return f"{name}{self._suffix}"


def _check_period(period: Duration) -> None:
    if period.is_unresolved():
        raise ValueError(
            "METRIC_PERIOD: period is only known at deployment; CDK compares the periods of an expression's metrics at synthesis. Pass a "
            "literal such as Duration.minutes(5)."
        )
    seconds = period.to_milliseconds() / 1000
    if seconds not in _SHORT_PERIODS and (seconds < 60 or seconds % 60):
        raise ValueError(
            f"METRIC_PERIOD: period is {seconds:g} s; CloudWatch takes 1, 5, 10 or 30 seconds, or a multiple of 60. Choose one of these, such "
            "as Duration.minutes(5)."
        )


def _whereabouts(function: lambda_.IFunction) -> tuple[str | None, str | None]:
    """Region and account of `function`, as far as they are known; a dashboard elsewhere has to name them.

    In a stack without an explicit environment nothing is known, and naming the account of an imported function there would
    turn alarms on it into cross-account ones.
    """
    stack = stack_of(function)
    here = account_of(stack)
    # What a stack makes is where the stack is; an import may be elsewhere.
    region, account = (
        (region_of(stack), here) if resource_of(function) is not None else (function.env.region, function.env.account)
    )
    known = not is_unresolved(account) and not is_unresolved(here)
    return None if is_unresolved(region) else region, account if known else None
