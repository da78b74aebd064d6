"""StreamLimits: ranges, and the variables by which the runtime learns them."""

from __future__ import annotations

from typing import Any

import pytest

from constructs_pkg import StreamLimits


def test_the_defaults_reach_the_runtime_by_name() -> None:
    assert StreamLimits().to_environment() == {
        "STREAM_MAX_CHUNK_BYTES": "65536",
        "STREAM_FLUSH_INTERVAL_MICROSECONDS": "500",
        "STREAM_HEARTBEAT_SECONDS": "15",
        "STREAM_DEADLINE_MARGIN_MS": "1000",
    }


@pytest.mark.parametrize(
    "given",
    [
        {"max_chunk_bytes": 1023},
        {"max_chunk_bytes": 1_048_577},
        {"flush_interval_microseconds": -1},
        {"heartbeat_seconds": 301},
        {"deadline_margin_ms": 49},
        {"max_duration_seconds": 0},
        {"max_duration_seconds": 901},
        {"heartbeat_seconds": 1.5},
        {"heartbeat_seconds": True},
        {"max_chunk_bytes": None},
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(given: dict[str, Any]) -> None:
    [field] = given
    with pytest.raises(ValueError, match=f"^LIMIT_OUT_OF_RANGE: {field} is "):
        StreamLimits(**given)


@pytest.mark.parametrize("given", [{"heartbeat_seconds": 0}, {"max_duration_seconds": 900}, {"deadline_margin_ms": 60_000}])
def test_the_ends_of_a_range_are_allowed(given: dict[str, Any]) -> None:
    StreamLimits(**given)
