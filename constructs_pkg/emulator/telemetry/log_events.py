"""What metrics a log line gives rise to: by the template's metric filters, and by records in CloudWatch's embedded metric format.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from constructs_pkg.assembly import AssemblyError
from constructs_pkg.emulator.telemetry.filter_patterns import FilterPattern, PatternUnknown, select

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from constructs_pkg.assembly import CloudAssembly

MOST_DIMENSIONS = 30
"""A metric's dimensions, at most; a record with more is no metric."""

Sample = tuple[str, str, float, dict[str, str]]
"""Namespace, name, value and dimensions."""

EMBEDDED = "_aws"
"""What every record in embedded metric format has."""

_WITH_NUMBERS = (int, float, str)


class EmbeddedSamples(NamedTuple):
    """Samples of a record in embedded metric format that share a namespace and dimensions.

    Attributes:
        samples: Name and value of each.
        at: In seconds since 1970; None for now.
    """

    namespace: str
    dimensions: dict[str, str]
    samples: list[tuple[str, float]]
    at: float | None


@dataclass(frozen=True, kw_only=True)
class MetricFilter:
    """One metric filter of the template, with one of its transformations.

    Attributes:
        log_group: The log group's name.
        value: A number, or a selector such as `$.record.metrics.durationMs`.
        dimensions: Selectors by name.
    """

    log_group: str
    pattern: FilterPattern
    namespace: str
    metric: str
    value: str
    dimensions: Mapping[str, str]

    def samples(self, line: str, document: Any) -> Iterator[Sample]:
        """What a log event adds to the metric; nothing where a number or a dimension is not to be found."""
        if not self.pattern.matches(line, document):
            return
        dimensions: dict[str, str] = {}
        for name, selector in self.dimensions.items():
            found = select(selector, document) if document is not None else []
            if not found:
                return
            dimensions[name] = str(found[0])
        values = [self.value] if not self.value.startswith("$") else select(self.value, document) if document is not None else []
        for value in values:
            number = _number(value)
            if number is not None:
                yield self.namespace, self.metric, number, dimensions


class LogGroupFilters:
    """The metric filters of one log group, by the `type` of the events that they can match: most ask for one of Lambda's own."""

    def __init__(self, filters: Iterable[MetricFilter]) -> None:
        self._for_all: list[MetricFilter] = []
        self._by_type: dict[str, list[MetricFilter]] = {}
        for one in filters:
            (self._for_all if one.pattern.type is None else self._by_type.setdefault(one.pattern.type, [])).append(one)

    def samples(self, line: str, document: Any) -> Iterator[Sample]:
        """What a log event adds to metrics."""
        kind = document.get("type") if isinstance(document, dict) else None
        found = self._by_type.get(kind, ()) if isinstance(kind, str) else ()
        for one in (*self._for_all, *found):
            yield from one.samples(line, document)


def read_metric_filters(assembly: CloudAssembly) -> tuple[list[MetricFilter], list[str]]:
    """The metric filters of an assembly, and a line for each that is not evaluated here."""
    filters: list[MetricFilter] = []
    refused: list[str] = []
    for resource in assembly.of_type("AWS::Logs::MetricFilter"):
        try:
            pattern = FilterPattern(str(resource.property("FilterPattern", default="")))
            for transformation in resource.property("MetricTransformations", default=[]):
                dimensions = {str(one["Key"]): str(one["Value"]) for one in transformation.get("Dimensions", [])}
                for selector in (*dimensions.values(), str(transformation["MetricValue"])):
                    if selector.startswith("$"):
                        select(selector, {})
                filters.append(
                    MetricFilter(
                        log_group=str(resource.property("LogGroupName")),
                        pattern=pattern,
                        namespace=str(transformation["MetricNamespace"]),
                        metric=str(transformation["MetricName"]),
                        value=str(transformation["MetricValue"]),
                        dimensions=dimensions,
                    )
                )
        except (PatternUnknown, AssemblyError) as error:
            refused.append(f"metric filter {resource.path} is not evaluated here: {error}")
    return filters, refused


def embedded_samples(document: Any) -> Iterator[EmbeddedSamples]:
    """The metrics of a record in embedded metric format; nothing for any other document.

    A record that breaks the format gives what of it can be understood: CloudWatch drops the rest in silence, too.
    """
    head = document.get(EMBEDDED) if isinstance(document, dict) else None
    if not isinstance(head, dict):
        return
    time_ms = _number(head.get("Timestamp"))
    at = None if time_ms is None or not math.isfinite(time_ms) else time_ms / 1000
    for directive in _dicts(head.get("CloudWatchMetrics")):
        namespace = directive.get("Namespace")
        if not isinstance(namespace, str):
            continue
        samples = _samples(directive, document)
        sets = directive.get("Dimensions", [[]])
        for names in sets if isinstance(sets, list) else [[]]:
            if not isinstance(names, list) or len(names) > MOST_DIMENSIONS or any(name not in document for name in names):
                continue
            if samples:
                yield EmbeddedSamples(namespace, {str(name): str(document[name]) for name in names}, samples, at)


def _samples(directive: Mapping[str, Any], document: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Name and value of each metric that a directive tells of."""
    found: list[tuple[str, float]] = []
    for metric in _dicts(directive.get("Metrics")):
        name = str(metric.get("Name"))
        values = document.get(name)
        for value in values if isinstance(values, list) else (values,):
            number = _number(value)
            if number is not None:
                found.append((name, number))
    return found


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, _WITH_NUMBERS):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
