"""The metrics that Lambda itself writes, each with every set of dimensions that it has.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html (names, what counts),
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html (dimensions),
https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html (Function URLs). An alias has its metrics under `FunctionName` and
`Resource` together. That Errors and Throttles are also written as 0 makes their averages shares, as on AWS.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs_pkg.emulator.telemetry.metrics import Group, MetricStore

NAMESPACE = "AWS/Lambda"


class _Several:
    """One metric with several sets of dimensions: a sample goes to each."""

    def __init__(self, store: MetricStore, name: str, sets: list[dict[str, str]]) -> None:
        self._store = store
        self._name = name
        self._sets = sets

    @functools.cached_property
    def group(self) -> Group:
        """What takes its samples. Made at the first one, from which on the metric is known."""
        return self._store.group([self._store.series(NAMESPACE, self._name, dimensions) for dimensions in self._sets])


class AliasSeries:
    """The metrics of a function as called by one qualifier: an alias, a version, or none."""

    def __init__(self, store: MetricStore, name: str, qualifier: str | None, version: str) -> None:
        """
        Args:
            store: Who keeps them.
            name: The function's name.
            qualifier: The alias or version, or None.
            version: The version behind it.
        """
        self._store = store
        resource = {"FunctionName": name, "Resource": f"{name}:{qualifier}" if qualifier else name}
        own = [resource]
        if qualifier not in (None, version):
            own.append({**resource, "ExecutedVersion": version})
        everywhere = [{}, {"FunctionName": name}, *own]
        self._invocations = _Several(store, "Invocations", everywhere)
        self._errors = _Several(store, "Errors", everywhere)
        self._throttles = _Several(store, "Throttles", everywhere)
        self._duration = _Several(store, "Duration", everywhere)
        self._concurrent_here = _Several(store, "ConcurrentExecutions", own)
        self._concurrent_function = _Several(store, "ConcurrentExecutions", [{"FunctionName": name}])
        self._concurrent_account = _Several(store, "ConcurrentExecutions", [{}])
        self._provisioned_busy = _Several(store, "ProvisionedConcurrentExecutions", [{"FunctionName": name}, *own])
        self._provisioned_calls = _Several(store, "ProvisionedConcurrencyInvocations", [{"FunctionName": name}, *own])
        self._spilled = _Several(store, "ProvisionedConcurrencySpilloverInvocations", [{"FunctionName": name}, *own])
        self._utilization = _Several(store, "ProvisionedConcurrencyUtilization", own)

    def invoked(self, *, seconds: float | None, failed: bool) -> None:
        """An invocation is over. `seconds` is None where it never reached an environment."""
        samples = [(self._invocations.group, 1.0), (self._errors.group, float(failed)), (self._throttles.group, 0.0)]
        if seconds is not None:
            samples.append((self._duration.group, seconds * 1000))
        self._store.put_down(samples)

    def throttled(self) -> None:
        """An invocation was refused, which is neither an invocation nor an error."""
        self._throttles.group.add(1)

    def concurrent(self, here: int, function: int, account: int) -> None:
        """So many are under way, by this qualifier, of this function, of all."""
        self._store.put_down(
            (
                (self._concurrent_here.group, here),
                (self._concurrent_function.group, function),
                (self._concurrent_account.group, account),
            )
        )

    def provisioned(self, *, spilled: bool, busy: int, allocated: int) -> None:
        """An invocation of a version that has provisioned environments; whether none was free, and how many of them are busy."""
        calls = self._spilled if spilled else self._provisioned_calls
        self._store.put_down(
            ((calls.group, 1), (self._provisioned_busy.group, busy), (self._utilization.group, busy / allocated))
        )


class UrlSeries:
    """The metrics of a Function URL."""

    def __init__(self, store: MetricStore, name: str, qualifier: str | None) -> None:
        """
        Args:
            store: Who keeps them.
            name: The function's name.
            qualifier: The alias that the URL is on; None for $LATEST.
        """
        self._store = store
        resource = {"FunctionName": name, "Resource": f"{name}:{qualifier or '$LATEST'}"}
        sets = [{"FunctionName": name}, resource]
        if qualifier is None:
            sets.append({**resource, "ExecutedVersion": "$LATEST"})
        self._requests = _Several(store, "UrlRequestCount", sets)
        self._4xx = _Several(store, "Url4xxCount", sets)
        self._5xx = _Several(store, "Url5xxCount", sets)
        self._latency = _Several(store, "UrlRequestLatency", sets)

    def answered(self, status: int, seconds: float) -> None:
        """A request was answered, refused ones too. A caller that left before there was a status counts as a request alone."""
        self._store.put_down(
            (
                (self._requests.group, 1),
                (self._4xx.group, float(400 <= status < 500)),
                (self._5xx.group, float(status >= 500)),
                (self._latency.group, seconds * 1000),
            )
        )
