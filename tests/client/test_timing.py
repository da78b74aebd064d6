"""Times, of arrivals that the test hands in."""

from __future__ import annotations

import pytest

from constructs_pkg.client import Data, Finish, StreamTiming, Text, Usage


def timing_of(*arrivals: tuple[float, object]) -> StreamTiming:
    timing = StreamTiming(100.0)
    for offset, event in arrivals:
        timing.record_bytes(100.0 + offset, 10)
        timing.record_events(100.0 + offset, [event])
    return timing


def test_times_count_from_the_start_of_the_call() -> None:
    timing = timing_of(
        (0.5, Data(1)), (1.0, Text("a")), (1.5, Text("b")), (3.0, Text("c")), (3.0, Finish("stop", Usage(1, 9, 10)))
    )
    assert (timing.first_byte, timing.first_event, timing.first_text, timing.last_event) == (0.5, 0.5, 1.0, 3.0)
    assert list(timing.offsets) == [0.5, 1.0, 1.5, 3.0, 3.0]
    assert timing.longest_gap == 1.5
    assert timing.events_per_second == pytest.approx(4 / 2.5)
    assert timing.tokens == 9
    assert timing.tokens_per_second == pytest.approx(8 / 2)
    assert timing.bytes_received == 50


def test_without_usage_the_pieces_of_text_are_counted() -> None:
    timing = timing_of((1.0, Text("a")), (2.0, Text("b")), (2.0, Finish("stop")))
    assert (timing.tokens, timing.tokens_per_second) == (2, 1.0)


@pytest.mark.parametrize("arrivals", [(), ((1.0, Text("a")),), ((1.0, Text("a")), (1.0, Text("b")))])
def test_a_rate_without_a_duration_is_none(arrivals: tuple[tuple[float, object], ...]) -> None:
    timing = timing_of(*arrivals)
    assert timing.events_per_second is None
    assert timing.tokens_per_second is None
