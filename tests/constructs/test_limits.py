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
        "STREAM_COMPRESSION": "auto",
    }


def test_everything_that_is_set_reaches_the_runtime() -> None:
    limits = StreamLimits(
        max_chunk_bytes=1024,
        flush_interval_microseconds=0,
        heartbeat_seconds=0,
        deadline_margin_ms=50,
        max_duration_seconds=60,
        compression="off",
        redact=("email", "us-ssn"),
    )
    assert limits.to_environment() == {
        "STREAM_MAX_CHUNK_BYTES": "1024",
        "STREAM_FLUSH_INTERVAL_MICROSECONDS": "0",
        "STREAM_HEARTBEAT_SECONDS": "0",
        "STREAM_DEADLINE_MARGIN_MS": "50",
        "STREAM_MAX_DURATION_SECONDS": "60",
        "STREAM_COMPRESSION": "off",
        "STREAM_REDACT": "email,us-ssn",
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


@pytest.mark.parametrize(
    "given",
    [
        {"compression": "gzip"},
        {"compression": None},
        {"compression": True},
        {"redact": "email"},
        {"redact": ("email", "e-mail")},
        {"redact": (7,)},
    ],
)
def test_a_word_that_is_not_allowed_is_refused_with_those_that_are(given: dict[str, Any]) -> None:
    [field] = given
    with pytest.raises(ValueError, match=f"^LIMIT_CHOICE: {field} is .*; it takes .*, .* Set StreamLimits"):
        StreamLimits(**given)


def test_a_list_of_redactions_as_json_has_it_is_a_tuple_of_them() -> None:
    assert StreamLimits(redact=["email"]) == StreamLimits(redact=("email",))  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{"heartbeat_seconds": 0}, {"max_duration_seconds": 900}, {"deadline_margin_ms": 60_000}])
def test_the_ends_of_a_range_are_allowed(given: dict[str, Any]) -> None:
    StreamLimits(**given)
