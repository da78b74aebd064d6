"""The metric store: statistics over any stretch of time, and memory that stays flat."""

from __future__ import annotations

import tracemalloc

import pytest

from constructs_pkg.emulator.telemetry import MetricStore, StatisticUnknown
from constructs_pkg.emulator.telemetry.lambda_metrics import UrlSeries
from constructs_pkg.emulator.telemetry.metrics import (
    FINE_SECONDS,
    KEPT_SECONDS,
    MOST_METRICS,
    MOST_VALUES,
    MOST_VALUES_LATER,
    Samples,
)


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


def test_thinning_keeps_the_shape_and_the_extremes() -> None:
    samples = Samples()
    samples.add_all([float(number) for number in range(MOST_VALUES)])
    samples.thin()
    assert samples.values is not None
    assert len(samples.values) == MOST_VALUES_LATER
    assert samples.statistic("p50") == pytest.approx(MOST_VALUES / 2, rel=0.02)
    assert samples.statistic("p100") == MOST_VALUES - 1
    assert samples.statistic("p0") == 0


@pytest.mark.parametrize("values", [[1.0] * 5, [1.0, 1.0, 2.0], [2.0, 1.0], [0.0]])
def test_samples_are_the_same_however_they_came(values: list[float]) -> None:
    one, several, merged = Samples(), Samples(), Samples()
    several.add_all(values)
    for value in values:
        one.add(value)
        other = Samples()
        other.add(value)
        merged.merge(other)
    for samples in (one, several, merged):
        assert list(samples.kept()) == values
        assert (samples.count, samples.total, samples.least, samples.most) == (len(values), sum(values), min(values), max(values))


def test_metrics_that_always_get_the_same_samples_have_them_at_once(store, clock) -> None:
    group = store.group([store.series("N", "A"), store.series("N", "B")])
    group.add(1)
    group.add(3)
    assert [store.statistic(name, "Average", namespace="N") for name in "AB"] == [2, 2]
    clock.now += 1
    group.add(5)
    assert [store.statistic(name, seconds=1, namespace="N") for name in "AB"] == [5, 5]
    assert [store.statistic(name, namespace="N") for name in "AB"] == [9, 9]


def test_the_store_of_an_emulator_that_runs_for_hours_stays_as_large_as_it_is() -> None:
    """Once all seconds that are kept one by one are there, what further hours add is little beside them."""
    clock = Clock()
    store = MetricStore(clock)
    url = UrlSeries(store, "f", "live")
    tracemalloc.start()
    try:
        held = []
        for _ in range(3):
            for second in range(2 * FINE_SECONDS):
                clock.now += 1
                url.answered(200, second * 7 % 1000 / 1000)
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[0] < 4_000_000
    assert held[2] - held[0] < held[0] / 3


def test_a_dimension_that_is_always_new_does_not_fill_the_memory(store) -> None:
    for number in range(MOST_METRICS + 100):
        store.put("N", "M", 1, {"request": str(number)})
    assert len(store.known()) == MOST_METRICS
