"""The metric store: statistics over any stretch of time, and memory that stays flat."""

from __future__ import annotations

import pytest

from constructs_pkg.emulator.telemetry import MetricStore, StatisticUnknown
from constructs_pkg.emulator.telemetry.metrics import FINE_SECONDS, KEPT_SECONDS, MOST_METRICS, MOST_VALUES, Samples


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock) -> MetricStore:
    return MetricStore(clock)


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ("Sum", 5050),
        ("Average", 50.5),
        ("Minimum", 1),
        ("Maximum", 100),
        ("SampleCount", 100),
        ("p50", 50),
        ("p99", 99),
        ("p99.9", 100),
        ("p100", 100),
        ("p0", 1),
    ],
)
def test_a_statistic_is_taken_over_all_samples(store, statistic, value) -> None:
    for number in range(100, 0, -1):
        store.put("N", "M", number)
    assert store.statistic("M", statistic, namespace="N") == value


def test_each_set_of_dimensions_is_a_metric_of_its_own(store) -> None:
    store.put("AWS/Lambda", "Errors", 1, {"FunctionName": "f", "Resource": "f:live"})
    assert store.statistic("Errors", FunctionName="f", Resource="f:live") == 1
    assert store.statistic("Errors", FunctionName="f") is None
    assert store.statistic("Errors", "SampleCount") is None


def test_a_statistic_looks_back_as_far_as_it_is_told(store, clock) -> None:
    store.put("AWS/Lambda", "Errors", 1)
    clock.now += 30
    store.put("AWS/Lambda", "Errors", 1)
    assert store.statistic("Errors", seconds=10) == 1
    assert store.statistic("Errors", seconds=60) == 2
    assert store.statistic("Errors") == 2


def test_a_statistic_that_is_not_evaluated_says_so_even_without_samples(store) -> None:
    for statistic in ("tm99", "IQM", "p101", "sum"):
        with pytest.raises(StatisticUnknown, match=f"^STATISTIC_UNKNOWN: '{statistic}'"):
            store.statistic("Errors", statistic)


def test_a_day_of_samples_stays_small_and_its_sums_stay_exact(store, clock) -> None:
    series = store.series("N", "M")
    seconds = 4 * FINE_SECONDS
    for number in range(seconds):
        clock.now += 1
        series.add(number % 10)
    assert len(series._seconds) <= FINE_SECONDS
    assert len(series._minutes) <= seconds / 60
    assert store.statistic("M", "SampleCount", namespace="N") == seconds
    assert store.statistic("M", "Sum", namespace="N") == seconds * 4.5


def test_samples_of_too_long_ago_are_forgotten(store, clock) -> None:
    series = store.series("N", "M")
    for _ in range(3):
        for _ in range(FINE_SECONDS):
            clock.now += 1
            series.add(1)
        clock.now += KEPT_SECONDS
    series.add(1)
    assert len(series._minutes) <= FINE_SECONDS / 60
    assert store.statistic("M", namespace="N") == 1


def test_percentiles_of_a_busy_second_are_those_of_its_first_values_and_sums_those_of_all(store) -> None:
    for _ in range(3 * MOST_VALUES):
        store.put("N", "M", 1)
    assert store.statistic("M", "SampleCount", namespace="N") == 3 * MOST_VALUES
    assert store.statistic("M", "p99", namespace="N") == 1


def test_thinning_keeps_the_shape() -> None:
    samples = Samples()
    samples.values = [float(number) for number in range(10 * MOST_VALUES)]
    samples.count = len(samples.values)
    samples.thin()
    assert len(samples.values) == MOST_VALUES
    assert samples.statistic("p50") == pytest.approx(5 * MOST_VALUES, rel=0.01)


def test_a_dimension_that_is_always_new_does_not_fill_the_memory(store) -> None:
    for number in range(MOST_METRICS + 100):
        store.put("N", "M", 1, {"request": str(number)})
    assert len(store.known()) == MOST_METRICS
