"""Every setting has a default, a range, and a clear refusal."""

from __future__ import annotations

import pytest

from constructs_pkg.limits import _RANGES, REDACTIONS, StreamLimits
from streaming_runtime.errors import InitError
from streaming_runtime.redaction_patterns import PATTERNS
from streaming_runtime.settings import ALL, CHOICES, COMPRESSION, REDACT, Setting, Settings

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


def test_what_is_chosen_by_word() -> None:
    assert (Settings({}).compression, Settings({}).redact) == (True, ())
    chosen = Settings({"STREAM_COMPRESSION": " off ", "STREAM_REDACT": "email, us-ssn"})
    assert (chosen.compression, chosen.redact) == (False, ("email", "us-ssn"))
    assert Settings({"STREAM_COMPRESSION": "auto", "STREAM_REDACT": " "}).compression


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("STREAM_COMPRESSION", "gzip", "auto, off; unset it for auto"),
        ("STREAM_COMPRESSION", "auto,off", "auto, off; unset it for auto"),
        ("STREAM_REDACT", "mail", "email, phone, .*, several with commas between them; unset it for none"),
        ("STREAM_REDACT", "email,,phone", "email, phone, .*; unset it for none"),
    ],
)
def test_a_word_that_is_not_allowed_is_refused(variable: str, value: str, allowed: str) -> None:
    with pytest.raises(InitError, match=f"SETTING_INVALID: found {variable}='{value}'; allowed: {allowed}"):
        Settings({variable: value})


def test_what_can_be_redacted_is_named_alike_everywhere() -> None:
    assert REDACT.allowed == tuple(PATTERNS) == REDACTIONS


def test_the_constructs_set_what_the_runtime_reads_with_its_defaults_and_ranges() -> None:
    """`StreamLimits` is read here without the CDK: it imports none."""
    numbers = {setting.name: setting for setting in ALL}
    for field, (variable, low, high) in _RANGES.items():
        setting = numbers[variable]
        assert (min(low, setting.low), high) == (setting.low if setting.also is None else setting.also, setting.high)
        assert getattr(StreamLimits(), field) == setting.default
    assert StreamLimits().compression == COMPRESSION.default
    everything = StreamLimits(max_duration_seconds=1, compression="off", redact=REDACTIONS).to_environment()
    store = {name for name in numbers if name.startswith("STREAM_STORE_")}
    assert set(everything) == (set(numbers) | {choice.name for choice in CHOICES}) - store, "the rest is the StreamStore's to set"
    read = Settings(everything)
    assert (read.max_duration, read.compression, read.redact) == (1.0, False, REDACTIONS)
