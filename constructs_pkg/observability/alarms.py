"""Alarms on a streaming alias. Each says why it rings, and where the runbook is."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from .metrics import StreamMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_lambda as lambda_

_RUNBOOK: Final = "docs/runbook.md"


@dataclass(frozen=True, kw_only=True)
class AlarmThresholds:
    """From which value on each alarm rings. `None` leaves that alarm out.

    Attributes:
        url_5xx_percent: Share of the URL's requests answered with 5xx, in percent of 5 minutes' requests. Default: 1.
        errors: Function errors in 5 minutes. Default: 1.
        throttles: Throttled invocations in 5 minutes. Default: 1.
        provisioned_spillover: Invocations in 5 minutes that found no warm environment free; only where there are
            provisioned ones. Default: 1.

    Raises:
        ValueError: `ALARM_THRESHOLD` when one is not a number above 0, or a share is above 100.
    """

    url_5xx_percent: float | None = 1
    errors: float | None = 1
    throttles: float | None = 1
    provisioned_spillover: float | None = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None or Token.is_unresolved(value):
                continue
            highest = 100 if field.name.endswith("_percent") else float("inf")
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= highest:
                raise ValueError(
                    f"ALARM_THRESHOLD: {field.name} is {value!r}; it takes a number above 0"
                    f"{', at most 100' if highest == 100 else ''}, or None for no such alarm."
                )

    @classmethod
    def disabled(cls) -> AlarmThresholds:
        """No alarm at all."""
        return cls(**{field.name: None for field in fields(cls)})


class StreamAlarms(Construct):
    """The alarms of one streaming alias and the Function URL on it.

    They look at the alias's own dimensions, and take missing data for good: an endpoint that nobody calls is well.

    Attributes:
        url_5xx: Or None where its threshold is None; so for each.
        errors: Function errors.
        throttles: Throttled invocations.
        provisioned_spillover: Also None where nothing is provisioned.
        all: Those that were made.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        alias: lambda_.IAlias,
        thresholds: AlarmThresholds | None = None,
        provisioned: bool = True,
        actions: Sequence[cloudwatch.IAlarmAction] = (),
    ) -> None:
        """Makes the alarms.

        Args:
            alias: The alias to watch, made here or imported.
            thresholds: When each rings. Default: `AlarmThresholds()`.
            provisioned: Whether the alias has provisioned environments; without, there is nothing to spill over from.
                Default: True.
            actions: What each alarm does when it rings and when it is over, such as `SnsAction(topic)`. Default: nothing.
        """
        super().__init__(scope, id)
        limits = thresholds or AlarmThresholds()
        metrics = StreamMetrics(alias, period=Duration.minutes(5))
        self._actions = tuple(actions)
        self.all: list[cloudwatch.Alarm] = []
        self.url_5xx = self._alarm(
            "Url5xx",
            metrics.url_5xx_rate(),
            limits.url_5xx_percent,
            "Callers of the Function URL get 5xx answers: the function fails before its first byte, times out, or cannot start.",
            "url-5xx",
        )
        self.errors = self._alarm(
            "Errors",
            metrics.errors(),
            limits.errors,
            "Invocations end in a function error, among them streams that broke off after their first byte with status 200.",
            "errors",
        )
        self.throttles = self._alarm(
            "Throttles",
            metrics.throttles(),
            limits.throttles,
            "Lambda refuses invocations (429): a concurrency limit of the function or of the account is reached.",
            "throttles",
        )
        self.provisioned_spillover = self._alarm(
            "ProvisionedSpillover",
            metrics.provisioned_spillover(),
            limits.provisioned_spillover if provisioned else None,
            "All warm environments are busy and callers wait for a cold start before their first token.",
            "provisioned-spillover",
        )

    def _alarm(
        self, id: str, metric: cloudwatch.IMetric, threshold: float | None, reason: str, anchor: str
    ) -> cloudwatch.Alarm | None:
        if threshold is None:
            return None
        alarm = cloudwatch.Alarm(
            self,
            id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{reason} Runbook: {_RUNBOOK}#{anchor}",
        )
        for action in self._actions:
            alarm.add_alarm_action(action)
            alarm.add_ok_action(action)
        self.all.append(alarm)
        return alarm
