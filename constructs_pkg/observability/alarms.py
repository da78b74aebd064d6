"""Alarms on a streaming alias. Each says why it rings, and where the runbook is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from constructs_pkg._lasting import function_of, made_in, minutes
from constructs_pkg._tokens import is_unresolved
from constructs_pkg.defaults import StreamingDefaults, first_given

from .facts import FunctionFacts
from .log_metrics import StreamLogMetrics
from .metrics import StreamMetrics
from .reach import out_of_reach
from .thresholds import AlarmThresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aws_cdk import Duration
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_logs as logs

    from constructs_pkg.url import StreamingUrl

__all__ = ["AlarmThresholds", "StreamAlarms"]

_RUNBOOK: Final = "docs/runbook.md"
_MOST_ACTIONS: Final = 5


class StreamAlarms(Construct):
    """The alarms of one streaming alias and the Function URL on it.

    They look at the alias's own dimensions where the metric has them; metrics of the log and of reserved concurrency count for
    the whole function, and their descriptions say so. Missing data counts as good: an endpoint that nobody calls is well.

    Attributes:
        url_5xx: Or None where its threshold is None; so for each.
        url_4xx: Requests refused, failed authentication among them.
        errors: Function errors.
        throttles: Throttled invocations.
        time_to_first_byte: Also None where the log group is not known.
        truncation: Also None where the log group is not known.
        provisioned_spillover: Also None where nothing is provisioned.
        provisioned_utilization: Also None where nothing is provisioned, or a single environment.
        duration: Also None where the timeout is not known.
        init_duration: Also None where the log group is not known.
        reserved_concurrency: Also None where no reserved concurrency is known.
        daily_cost: Also None where the memory size is not known.
        all: Those that were made.
        felt: Of these, what callers feel now: 5xx, errors, throttles, time to first byte, truncation. What a person is woken by,
            and what should roll back a deployment; capacity and cost can wait for the morning.
        paging: The composite alarm, where one was asked for.
        log_metrics: The metric filters on the function's log group, where it is known, an alarm needs them, and no other app
            has made them.
        alias: The alias watched.
        thresholds: When each rings.
        facts: What was known of the function.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        alias: lambda_.IAlias,
        url: StreamingUrl | None = None,
        thresholds: AlarmThresholds | None = None,
        provisioned: bool = True,
        timeout: Duration | None = None,
        memory_size: int | None = None,
        reserved_concurrent_executions: int | None = None,
        log_group: logs.ILogGroup | None = None,
        actions: Sequence[cloudwatch.IAlarmAction] | None = None,
        paging_actions: Sequence[cloudwatch.IAlarmAction] | None = None,
        runbook: str | None = None,
    ) -> None:
        """Makes the alarms.

        Args:
            alias: The alias to watch, made here or imported.
            url: The Function URL on it. Default: whichever it has; the alarms on URL metrics are made all the same, and on an
                alias without a URL their thresholds `url_4xx_percent=None, url_5xx_percent=None` leave them out.
            thresholds: When each rings. Default: those of `StreamingDefaults`, else `AlarmThresholds()`.
            provisioned: Whether the alias has provisioned environments; without, there is nothing to spill over from.
                Default: True.
            timeout: The function's timeout. Default: read from a function of this app as it is configured by now; of an
                imported one known only where `StreamingFunction.from_attributes` was told.
            memory_size: The function's memory in MB. Default: read, as `timeout` is.
            reserved_concurrent_executions: The function's reserved concurrency. Default: read, as `timeout` is.
            log_group: Where the function logs, and it alone. Default: read, as `timeout` is, where the function writes JSON
                logs at system log level DEBUG into a log group chosen in this app.
            actions: What each alarm does when it rings and when it is over, such as `SnsAction(topic)`. Default: what
                `StreamingDefaults` say, else nothing.
            paging_actions: What a person is woken by: makes one composite alarm over those that callers feel (5xx, errors,
                throttles, time to first byte, truncation) with these actions; an empty list makes it without any. Default:
                no composite alarm, which some local AWS endpoints refuse.
            runbook: Where the runbook is published for people on call; each description ends in it, `#` and the alarm's anchor.
                Default: what `StreamingDefaults` say, else `docs/runbook.md`, as it lies in this library's repository.

        Raises:
            ValueError: `ALARM_ELSEWHERE` in another region than the function, or in another account where its name is not known;
                `ALARM_URL_ELSEWHERE` when `url` is on another alias, `ALARM_LOGS_SILENT` when `log_group` is given but
                its function does not write the records that the alarms need, `ALARM_ACTIONS_TOO_MANY` for more than five.
        """
        super().__init__(scope, id)
        if url is not None:
            _refuse_other_alias(alias, url)
        made_in(scope, self)
        why = out_of_reach(self, alias, own_region_alone=True)
        if why is not None:
            raise ValueError(
                f"ALARM_ELSEWHERE: {why}. Make the alarms in a stack of the function's region and account; an SNS topic there can tell others."
            )
        self.alias = alias
        defaults = StreamingDefaults.of(scope)  # the nearest that there can be
        self.thresholds = thresholds or defaults.alarms or AlarmThresholds()
        self.facts = FunctionFacts.of(alias).corrected(
            timeout=timeout, memory_size=memory_size, reserved_concurrent_executions=reserved_concurrent_executions
        )
        self.log_metrics = self._log_metrics(log_group)
        self.all: list[cloudwatch.Alarm] = []
        self._actions = _few(first_given(actions, defaults.alarm_actions, default=()))
        self._runbook = first_given(runbook, defaults.runbook, default=_RUNBOOK)
        self._metrics = StreamMetrics(alias)
        self._watch_answers()
        self._watch_streams()
        self._watch_capacity(provisioned=provisioned)
        self._watch_cost()
        felt = (self.url_5xx, self.errors, self.throttles, self.time_to_first_byte, self.truncation)
        self.felt = [alarm for alarm in felt if alarm is not None]
        self.paging = None if paging_actions is None else self._page(paging_actions)

    def _watch_answers(self) -> None:
        """What callers see, by Lambda's own metrics of the alias."""
        limits, metrics = self.thresholds, self._metrics
        self.url_5xx = self._alarm(
            "Url5xx",
            metrics.url_5xx_rate,
            limits.url_5xx_percent,
            "Callers of the Function URL get 5xx answers: the function fails before its first byte, times out, or cannot start.",
            "url-5xx",
        )
        self.url_4xx = self._alarm(
            "Url4xx",
            metrics.url_4xx_rate,
            limits.url_4xx_percent,
            "Callers of the Function URL get 4xx answers: authentication fails (403), Lambda throttles (429), or the handler "
            "refuses what it is asked.",
            "url-4xx",
            periods=(2, 3),
        )
        self.errors = self._alarm(
            "Errors",
            metrics.errors,
            limits.errors,
            "Invocations end in a function error, among them streams that broke off after their first byte with status 200.",
            "errors",
        )
        self.throttles = self._alarm(
            "Throttles",
            metrics.throttles,
            limits.throttles,
            "Lambda refuses invocations (429): a concurrency limit of the function or of the account is reached.",
            "throttles",
        )

    def _watch_streams(self) -> None:
        """What only the function's log tells; it counts for the whole function."""
        limits, metrics = self.thresholds, self._metrics
        logged = self.log_metrics is not None or self.facts.logged_elsewhere
        self.time_to_first_byte = self._alarm(
            "TimeToFirstByte",
            lambda: metrics.time_to_first_byte("p99"),
            limits.time_to_first_byte_ms if logged else None,
            "One caller in a hundred waits too long for the first byte, cold starts not counted (whole function, from its log).",
            "time-to-first-byte",
            periods=(2, 3),
        )
        self.truncation = self._alarm(
            "Truncation",
            metrics.truncation_rate,
            limits.truncation_percent if logged else None,
            "Answers that had begun break off without an end: a timeout, out of memory, or a dead process (whole function, from "
            "its log).",
            "truncation",
        )
        self.init_duration = self._alarm(
            "InitDuration",
            metrics.init_duration,
            limits.init_duration_ms if logged else None,
            "Cold starts are slow, and the time to first byte leaves them out (whole function, from its log).",
            "init-duration",
        )
        self.duration = self._alarm(
            "Duration",
            metrics.duration,
            _part(self.facts.timeout_ms, limits.duration_timeout_percent),
            "Streams last almost as long as the function's timeout, where Lambda cuts them off.",
            "duration",
        )

    def _watch_capacity(self, *, provisioned: bool) -> None:
        """How near the limits of concurrency are."""
        limits, metrics = self.thresholds, self._metrics
        self.provisioned_spillover = self._alarm(
            "ProvisionedSpillover",
            metrics.provisioned_spillover,
            limits.provisioned_spillover if provisioned else None,
            "All warm environments are busy and callers wait for a cold start before their first token.",
            "provisioned-spillover",
        )
        # A single environment is either idle or fully used, so its utilization says nothing that spill-over does not.
        several = provisioned and self.facts.provisioned_concurrency != 1
        self.provisioned_utilization = self._alarm(
            "ProvisionedUtilization",
            metrics.provisioned_utilization,
            _part(1, limits.provisioned_utilization_percent) if several else None,
            "Almost all warm environments are busy for a quarter of an hour: the next peak starts cold.",
            "provisioned-utilization",
            periods=(3, 3),
        )
        self.reserved_concurrency = self._alarm(
            "ReservedConcurrency",
            metrics.function_concurrency,
            _part(self.facts.reserved_concurrency, limits.reserved_concurrency_percent),
            "Concurrent streams near the function's reserved concurrency, above which Lambda refuses them (whole function).",
            "reserved-concurrency",
        )

    def _watch_cost(self) -> None:
        memory = self.facts.memory_size_mb
        limit = self.thresholds.daily_gb_seconds
        self.daily_cost = None
        if memory is not None and limit is not None:
            self.daily_cost = self._alarm(
                "DailyCost",
                lambda: self._metrics._over(minutes(24 * 60)).gb_seconds(memory),
                limit,
                "The last 24 hours cost more GB-seconds than planned: more traffic, longer streams, or callers that leave while "
                "their streams run on.",
                "daily-cost",
            )

    def _alarm(
        self,
        id: str,
        metric: Callable[[], cloudwatch.IMetric],
        threshold: float | None,
        reason: str,
        anchor: str,
        *,
        periods: tuple[int, int] = (1, 1),
    ) -> cloudwatch.Alarm | None:
        """One alarm, ringing at `threshold` or above in so many `periods` of so many; none without a threshold."""
        if threshold is None:
            return None
        breaching, evaluated = periods
        alarm = cloudwatch.Alarm(
            self,
            id,
            metric=metric(),
            threshold=threshold,
            evaluation_periods=evaluated,
            datapoints_to_alarm=breaching if breaching != evaluated else None,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{reason} Runbook: {self._runbook}#{anchor}",
        )
        _act(alarm, self._actions)
        self.all.append(alarm)
        return alarm

    def _page(self, actions: Sequence[cloudwatch.IAlarmAction]) -> cloudwatch.CompositeAlarm | None:
        """One alarm over those that callers feel."""
        if not self.felt:
            return None
        rules = [cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM) for alarm in self.felt]
        paging = cloudwatch.CompositeAlarm(
            self,
            "Paging",
            alarm_rule=cloudwatch.AlarmRule.any_of(*rules),
            alarm_description="Callers of the streaming endpoint feel trouble now: at least one of the alarms on answers or on streams "
            f"rings. Runbook: {self._runbook}#paging",
        )
        _act(paging, _few(actions))
        return paging

    def _log_metrics(self, log_group: logs.ILogGroup | None) -> StreamLogMetrics | None:
        limits, facts = self.thresholds, self.facts
        if all(limit is None for limit in (limits.time_to_first_byte_ms, limits.truncation_percent, limits.init_duration_ms)):
            return None
        function = function_of(self.alias)
        if log_group is not None:
            if facts.writes_stream_records is False:
                raise ValueError(
                    f"ALARM_LOGS_SILENT: log_group is given, but {function.node.path} does not write JSON logs at system log level "
                    "DEBUG, so the log never carries platform.runtimeDone and alarms on it would never ring. Set logging_format=JSON "
                    "and system_log_level_v2=DEBUG on the function, or leave log_group out."
                )
            return StreamLogMetrics.shared(function, log_group)
        if facts.writes_stream_records and facts.log_group_name is not None:
            return StreamLogMetrics.shared(function, facts.log_group_name)
        return None


def _few(actions: Sequence[cloudwatch.IAlarmAction]) -> tuple[cloudwatch.IAlarmAction, ...]:
    """The actions themselves, where an alarm takes so many.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    if len(actions) > _MOST_ACTIONS:
        raise ValueError(
            f"ALARM_ACTIONS_TOO_MANY: there are {len(actions)} alarm actions; CloudWatch takes {_MOST_ACTIONS} for each state. Let one SNS "
            "topic tell the others."
        )
    return tuple(actions)


def _act(alarm: cloudwatch.AlarmBase, actions: Sequence[cloudwatch.IAlarmAction]) -> None:
    for action in actions:
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)


def _part(whole: float | None, percent: float | None) -> float | None:
    """So many percent of `whole`; None where either is not known, or where there is no `whole` to be near to."""
    if not whole or percent is None or is_unresolved(percent):
        return None
    return whole * percent / 100


def _refuse_other_alias(alias: lambda_.IAlias, url: StreamingUrl) -> None:
    if url.alias is not alias and url.alias.node.path != alias.node.path:
        raise ValueError(
            f"ALARM_URL_ELSEWHERE: {url.node.path} is a URL on {url.alias.node.path}, not on {alias.node.path}, so alarms on the "
            "latter would never see its requests. Give the alias that the URL is on."
        )
