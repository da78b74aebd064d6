"""From which value on each alarm rings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite

from constructs_pkg._tokens import is_unresolved


@dataclass(frozen=True, kw_only=True)
class AlarmThresholds:
    """From which value on each alarm rings. `None` leaves that alarm out.

    Attributes:
        url_5xx_percent: Share of the URL's requests answered with 5xx, in percent of 5 minutes' requests. Default: 1.
        url_4xx_percent: Share answered with 4xx (failed authentication among them), in percent of 5 minutes' requests, in two
            of three such periods. Default: 20.
        errors: Function errors in 5 minutes. Default: 1.
        throttles: Throttled invocations in 5 minutes. Default: 1.
        time_to_first_byte_ms: 99th percentile of the time to the first byte, in milliseconds, in two of three periods of
            5 minutes; only where the function's log group is known. Default: 1000.
        truncation_percent: Share of the function's invocations whose answer broke off, in percent of 5 minutes' invocations;
            only where the function's log group is known. Default: 1.
        provisioned_spillover: Invocations in 5 minutes that found no warm environment free; only where there are
            provisioned ones. Default: 1.
        provisioned_utilization_percent: Highest busy share of the provisioned environments, in percent, in each of three
            periods of 5 minutes; only where there are provisioned ones, and not where it is a single one. Default: 90.
        duration_timeout_percent: Longest invocation in 5 minutes, in percent of the function's timeout; only where the
            timeout is known. Default: 90.
        init_duration_ms: Slowest cold start in 5 minutes, in milliseconds; only where the function's log group is known.
            Default: 5000, half of what Lambda allows before it starts over.
        reserved_concurrency_percent: Most invocations at a time, in percent of the function's reserved concurrency; only where
            that is known. Default: 80.
        daily_gb_seconds: Duration times memory over 24 hours; only where the memory size is known. Default: 500000, six
            environments of 1 GB that stream around the clock.

    Raises:
        ValueError: `ALARM_THRESHOLD` when one is not a number above 0, or a share is above 100.
    """

    url_5xx_percent: float | None = 1
    url_4xx_percent: float | None = 20
    errors: float | None = 1
    throttles: float | None = 1
    time_to_first_byte_ms: float | None = 1_000
    truncation_percent: float | None = 1
    provisioned_spillover: float | None = 1
    provisioned_utilization_percent: float | None = 90
    duration_timeout_percent: float | None = 90
    init_duration_ms: float | None = 5_000
    reserved_concurrency_percent: float | None = 80
    daily_gb_seconds: float | None = 500_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            highest = 100 if field.name.endswith("_percent") else float("inf")
            if value is not None and not _means_something(value, highest):
                raise ValueError(
                    f"ALARM_THRESHOLD: {field.name} is {value!r}; it takes a number above 0"
                    f"{', at most 100' if highest == 100 else ''}, or None for no such alarm."
                )

    @classmethod
    def disabled(cls) -> AlarmThresholds:
        """No alarm at all."""
        return cls(**{field.name: None for field in fields(cls)})


def _means_something(value: object, highest: float) -> bool:
    # Before the token guard: a number that JSON does not have ends jsii's process.
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return False
    return is_unresolved(value) or 0 < value <= highest
