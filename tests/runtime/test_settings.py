"""Every setting has a default, a range, and a clear refusal."""

from __future__ import annotations

import pytest

from streaming_runtime.errors import InitError
from streaming_runtime.settings import ALL, Setting, Settings

CONTRACT = {
    "STREAM_MAX_CHUNK_BYTES": (65536, 1024, 1048576, None),
    "STREAM_FLUSH_INTERVAL_MICROSECONDS": (500, 0, 100000, None),
    "STREAM_HEARTBEAT_SECONDS": (15, 1, 300, 0),
    "STREAM_DEADLINE_MARGIN_MS": (1000, 50, 60000, None),
    "STREAM_MAX_DURATION_SECONDS": (None, 1, 900, None),
    "STREAM_STORE_RETENTION_SECONDS": (3600, 60, 604800, None),
    "STREAM_STORE_STREAMS_PER_CALLER": (None, 1, 1000, None),
}


def test_names_defaults_and_ranges_are_the_contract() -> None:
    assert {s.name: (s.default, s.low, s.high, s.also) for s in ALL} == CONTRACT


def test_defaults_in_seconds() -> None:
    settings = Settings({})
    assert settings.max_chunk_bytes == 65536
    assert settings.flush_interval == pytest.approx(0.0005)
    assert (settings.heartbeat, settings.deadline_margin, settings.max_duration) == (15.0, 1.0, None)


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.name)
def test_the_range_is_inclusive_and_guarded(setting: Setting) -> None:
    for good in (setting.low, setting.high, *([setting.also] if setting.also is not None else [])):
        assert setting.read({setting.name: f" {good} "}) == good
    for bad in (str(setting.low - 1), str(setting.high + 1), "x", "1.5", "-5", "1e3", "²", "9" * 5000):
        if bad == str(setting.also):
            continue
        with pytest.raises(InitError, match="SETTING_INVALID: found .*; allowed: a whole number, .*; unset it"):
            setting.read({setting.name: bad})


def test_an_empty_value_is_an_unset_one() -> None:
    assert Settings(dict.fromkeys(CONTRACT, "")).max_chunk_bytes == 65536
