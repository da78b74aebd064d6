"""Filter patterns: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html."""

from __future__ import annotations

import json

import pytest

from constructs_pkg.emulator.telemetry.filter_patterns import FilterPattern, PatternUnknown, select

EVENT = {
    "type": "platform.runtimeDone",
    "level": "INFO",
    "record": {
        "status": "success",
        "spans": [{"name": "responseLatency", "durationMs": 12.5}, {"name": "responseDuration", "durationMs": 100}],
        "metrics": {"producedBytes": 0},
    },
    "nothing": None,
    "yes": True,
    "key with spaces": 1,
}


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        '{ $.type = "platform.runtimeDone" }',
        '{$.type="platform.runtimeDone"}',
        '{ $.type = "platform.*" }',
        "{ $.type = platform* }",
        '{ $.type != "platform.start" }',
        '{ $.type = "platform.runtimeDone" && $.record.spans[0].name = "responseLatency" }',
        '{ $.type = "x" || ($.level = INFO && $.record.status = "success") }',
        "{ $.record.spans[0].durationMs > 12 && $.record.spans[0].durationMs <= 12.5 }",
        "{ $.record.metrics.producedBytes = 0 }",
        '{ $.record.spans[*].name = "responseDuration" }',
        "{ $.nothing IS NULL }",
        "{ $.yes IS TRUE }",
        "{ $.absent NOT EXISTS }",
        "{ $.level EXISTS }",
        "{ $['key with spaces'] = 1 }",
        "runtimeDone",
        '"responseLatency" INFO -ERROR',
        "?ERROR ?INFO",
    ],
)
def test_a_pattern_matches(pattern) -> None:
    assert FilterPattern(pattern).matches(json.dumps(EVENT), EVENT)


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.type = "platform.start" }',
        '{ $.record.status != "success" }',
        "{ $.absent != 1 }",
        "{ $.absent = 1 }",
        "{ $.type > 1 }",
        '{ $.record.spans[7].name = "responseLatency" }',
        "{ $.level IS NULL }",
        "{ $.yes IS FALSE }",
        "{ $.level NOT EXISTS }",
        "{ $.record.metrics.producedBytes = 1 }",
        "ERROR",
        "INFO -runtimeDone",
        "?ERROR ?FATAL",
        "runtimedone",
    ],
)
def test_a_pattern_does_not_match(pattern) -> None:
    assert not FilterPattern(pattern).matches(json.dumps(EVENT), EVENT)


def test_a_json_pattern_matches_no_text() -> None:
    assert not FilterPattern("{ $.a NOT EXISTS }").matches("START RequestId: 1", None)


@pytest.mark.parametrize(
    "pattern", ["{ $.a", "{ $.a = }", "{ a = 1 }", "{ $.a = 1 ) }", "{ $.a > x }", "[ip, user]", "%ERR%", "{ ($.a = 1 }"]
)
def test_a_pattern_that_is_not_evaluated_says_so_in_one_line(pattern) -> None:
    with pytest.raises(PatternUnknown, match="^PATTERN_UNKNOWN: [^\n]*$"):
        FilterPattern(pattern)


def test_a_selector_finds_what_it_names() -> None:
    assert select("$.record.spans[0].durationMs", EVENT) == [12.5]
    assert select("$.record.spans[*].durationMs", EVENT) == [12.5, 100]
    assert select("$.record.absent", EVENT) == []
    with pytest.raises(PatternUnknown):
        select("$.record..x", EVENT)
