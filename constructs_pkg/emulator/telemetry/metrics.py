"""What CloudWatch would hold of this run: samples by metric, and statistics over any stretch of time. Pure but for a lock.

A metric is a namespace, a name and a set of dimensions; as in CloudWatch, each set of dimensions is a metric of its own and nothing is
summed up across them (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension).
"""

from __future__ import annotations

import math
import re
import threading
import time
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

FINE_SECONDS = 900
"""How long samples are kept second by second; after that, minute by minute, as CloudWatch keeps Lambda's metrics from the start."""

KEPT_SECONDS = 2 * 86_400
"""How long they are kept at all: twice the longest period that an alarm may have."""

MOST_VALUES = 1000
"""So many single values are kept for percentiles of a second; sums, counts and extremes know all of them."""

MOST_VALUES_LATER = 100
"""And so many of a minute, later: an emulator that runs for days must not grow."""

MOST_METRICS = 20_000
"""Beyond so many metrics new ones are not kept: a handler that writes a request id as a dimension must not fill the memory."""

_PERCENTILE = re.compile(r"^p(\d{1,2}(?:\.\d+)?|100)$")

MetricKey = tuple[str, str, frozenset[tuple[str, str]]]


@dataclass(slots=True)
class Samples:
    """Samples of one stretch of time.

    Attributes:
        values: Single values, as far as they are kept; None where all are the same: most metrics count ones and noughts.
    """

    count: float = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    values: array[float] | None = None

    def kept(self) -> Sequence[float]:
        """Single values, as far as they are kept."""
        return self.values if self.values is not None else [self.least] * min(int(self.count), MOST_VALUES)

    def add(self, value: float) -> None:
        """Takes one sample."""
        if self.values is None:
            if self.count and value != self.least:
                self._keep((value,))
        elif len(self.values) < MOST_VALUES:
            self.values.append(value)
        self.count += 1
        self.total += value
        if value < self.least:
            self.least = value
        if value > self.most:
            self.most = value

    def add_all(self, values: Sequence[float]) -> None:
        """Takes several samples, at least one."""
        least, most = min(values), max(values)
        if self.values is not None or least != most or (self.count and least != self.least):
            self._keep(values[:MOST_VALUES])
        self.count += len(values)
        self.total += sum(values)
        self.least = min(self.least, least)
        self.most = max(self.most, most)

    def merge(self, other: Samples) -> None:
        """Takes the samples of another stretch, and all single values that are kept of it."""
        if not other.count:
            return
        if self.values is not None or other.values is not None or (self.count and other.least != self.least):
            self._keep(other.kept(), most=None)
        self.count += other.count
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)

    def _keep(self, values: Sequence[float], most: int | None = MOST_VALUES) -> None:
        if self.values is None:
            self.values = array("d", self.kept())
        self.values.extend(values if most is None else values[: max(0, most - len(self.values))])

    def thin(self) -> None:
        """Lets go of single values beyond what is kept later, evenly from among the sorted ones, the extremes among them."""
        if self.values is not None and len(self.values) > MOST_VALUES_LATER:
            values, step = sorted(self.values), (len(self.values) - 1) / (MOST_VALUES_LATER - 1)
            self.values = array("d", [values[round(number * step)] for number in range(MOST_VALUES_LATER)])

    def statistic(self, name: str) -> float | None:
        """One statistic; None without samples.

        Args:
            name: `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p99` or `p99.9`.

        Raises:
            StatisticUnknown: another one.
        """
        percentile = _PERCENTILE.match(name)
        if percentile is None and name not in _STATISTICS:
            raise StatisticUnknown(
                f"STATISTIC_UNKNOWN: {name!r}; {', '.join(_STATISTICS)} and percentiles such as p99 are evaluated here"
            )
        if not self.count:
            return None
        if percentile is None:
            return _STATISTICS[name](self)
        # The nearest rank: a value that there was. How CloudWatch interpolates is documented nowhere.
        ranked = sorted(self.kept())
        return ranked[max(0, math.ceil(float(percentile[1]) / 100 * len(ranked)) - 1)]


_STATISTICS: dict[str, Callable[[Samples], float]] = {
    "Sum": lambda samples: samples.total,
    "Average": lambda samples: samples.total / samples.count,
    "Minimum": lambda samples: samples.least,
    "Maximum": lambda samples: samples.most,
    "SampleCount": lambda samples: float(samples.count),
}


class StatisticUnknown(ValueError):
    """A statistic that is not evaluated here."""


class Series:
    """The samples of one metric."""

    def __init__(self, lock: threading.Lock, clock: Callable[[], float]) -> None:
        self._lock = lock
        self._clock = clock
        self._seconds: dict[int, Samples] = {}
        self._minutes: dict[int, Samples] = {}

    def add(self, value: float, *, at: float | None = None) -> None:
        """Takes a sample.

        Args:
            value: The value.
            at: When, in seconds since 1970. Default: now.
        """
        second = int(self._clock() if at is None else at)
        with self._lock:
            self.add_at(second, value)

    def add_at(self, second: int, value: float) -> None:
        """Takes a sample of a second; for those who hold the lock."""
        self._samples(second).add(value)

    def add_all_at(self, second: int, values: Sequence[float]) -> None:
        """Takes several samples of a second, at least one; for those who hold the lock."""
        self._samples(second).add_all(values)

    def _samples(self, second: int) -> Samples:
        samples = self._seconds.get(second)
        if samples is None:
            if len(self._seconds) >= FINE_SECONDS:
                self._gather(second)
            samples = self._seconds[second] = Samples()
        return samples

    def between(self, start: int, end: int) -> Samples:
        """The samples from second `start` on and before second `end`."""
        found = Samples()
        with self._lock:
            for width, held in ((1, self._seconds), (60, self._minutes)):
                # Whichever is shorter: the stretch, or all that there is.
                wanted = range(start - start % width, end, width)
                keys: Iterable[int] = wanted if len(wanted) < len(held) else (key for key in held if start <= key < end)
                for key in keys:
                    samples = held.get(key)
                    if samples is not None and key >= start:
                        found.merge(samples)
        return found

    def _gather(self, now: int) -> None:
        """Puts the seconds of long ago together into minutes, and forgets the minutes of too long ago."""
        for second in sorted(self._seconds)[: FINE_SECONDS // 2]:
            minute = self._minutes.setdefault(second - second % 60, Samples())
            minute.merge(self._seconds.pop(second))
            minute.thin()
        for key in [key for key in self._minutes if key < now - KEPT_SECONDS]:
            del self._minutes[key]


class Group:
    """Metrics that always get the same samples: those of a second are put down once, and handed to each when it is over.

    An invocation writes some forty samples; one by one they would cost more than handing it to its function.
    """

    __slots__ = ("_store", "series", "values")

    def __init__(self, store: MetricStore, series: Sequence[Series]) -> None:
        self.series = series
        self.values: list[float] = []
        self._store = store

    def add(self, value: float) -> None:
        """Takes a sample of now for each."""
        self._store.put_down([(self, value)])


class MetricStore:
    """All metrics of a run. Safe to ask from another thread than the one that writes."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """
        Args:
            clock: The time in seconds since 1970; can be set, so that tests need not wait.
        """
        self.clock = clock
        self._lock = threading.Lock()
        self._series: dict[MetricKey, Series] = {}
        self._second = 0
        self._put_down: list[Group] = []

    def group(self, series: Sequence[Series]) -> Group:
        """Several metrics that always get the same samples."""
        return Group(self, series)

    def put_down(self, samples: Iterable[tuple[Group, float]]) -> None:
        """Takes samples of now, each for a group."""
        second = int(self.clock())
        with self._lock:
            if second != self._second:
                self._hand_over()
                self._second = second
            for group, value in samples:
                if not group.values:
                    self._put_down.append(group)
                group.values.append(value)

    def _hand_over(self) -> None:
        """Hands what was put down in a second to the metrics; for those who hold the lock."""
        groups, self._put_down = self._put_down, []
        for group in groups:
            values, group.values = group.values, []
            for series in group.series:
                series.add_all_at(self._second, values)

    def series(self, namespace: str, name: str, dimensions: Mapping[str, str] | None = None) -> Series:
        """The metric, made at the first call."""
        return self._of((namespace, name, frozenset((dimensions or {}).items())))

    def _of(self, key: MetricKey) -> Series:
        series = self._series.get(key)
        if series is None:
            series = Series(self._lock, self.clock)
            if len(self._series) < MOST_METRICS:
                self._series[key] = series
        return series

    def put(
        self, namespace: str, name: str, value: float, dimensions: Mapping[str, str] | None = None, *, at: float | None = None
    ) -> None:
        """Takes a sample of a metric."""
        self.put_all(namespace, [(name, value)], dimensions, at=at)

    def put_all(
        self,
        namespace: str,
        samples: Iterable[tuple[str, float]],
        dimensions: Mapping[str, str] | None = None,
        *,
        at: float | None = None,
    ) -> None:
        """Takes samples of several metrics with the same dimensions, each with its metric's name."""
        second = int(self.clock() if at is None else at)
        of = frozenset((dimensions or {}).items())
        with self._lock:
            for name, value in samples:
                self._of((namespace, name, of)).add_at(second, value)

    def known(self) -> list[tuple[str, str, dict[str, str]]]:
        """Namespace, name and dimensions of every metric that was ever written or asked for."""
        return [(namespace, name, dict(dimensions)) for namespace, name, dimensions in list(self._series)]

    def samples(self, namespace: str, name: str, dimensions: Mapping[str, str] | None, start: int, end: int) -> Samples:
        """The samples from second `start` on and before second `end`."""
        series = self._series.get((namespace, name, frozenset((dimensions or {}).items())))
        if series is None:
            return Samples()
        with self._lock:
            self._hand_over()
        return series.between(start, end)

    def statistic(
        self, name: str, statistic: str = "Sum", *, namespace: str = "AWS/Lambda", seconds: float | None = None, **dimensions: str
    ) -> float | None:
        """One statistic of one metric, such as `statistic("Invocations", FunctionName="f", Resource="f:live")`.

        Args:
            name: The metric.
            statistic: `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount` or a percentile such as `p99`.
            namespace: Its namespace.
            seconds: Over the last so many seconds. Default: over all that is kept.
            **dimensions: Exactly the metric's dimensions.

        Returns:
            The value, or None where there is no sample.

        Raises:
            StatisticUnknown: a statistic that is not evaluated here.
        """
        end = int(self.clock()) + 1
        start = end - int(seconds if seconds is not None else KEPT_SECONDS)
        return self.samples(namespace, name, dimensions, start, end).statistic(statistic)
