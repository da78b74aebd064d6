"""Metric math: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html."""

from __future__ import annotations

import pytest

from constructs_pkg.emulator.telemetry.expressions import ExpressionUnknown, evaluate

SERIES = {"a": [1.0, None, 3.0], "b": [0.0, 2.0, 4.0], "none": [None, None, None]}


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("a", [1, None, 3]),
        ("a + b * 2", [1, None, 11]),
        ("(a + b) * 2", [2, None, 14]),
        ("-a", [-1, None, -3]),
        ("8 / 2 / 2 - 1 - 1", [0, 0, 0]),
        ("2 ^ 3", [8, 8, 8]),
        ("a / b", [None, None, 0.75]),
        ("FILL(a, 0)", [1, 0, 3]),
        ("FILL(a, b)", [1, 2, 3]),
        ("FILL(a, REPEAT)", [1, 1, 3]),
        ("FILL(none, REPEAT)", [None, None, None]),
        ("IF(b > 1, 10, 20)", [20, 10, 10]),
        ("IF(a > 1, 10, 20)", [20, None, 10]),
        ("IF(b > 0 && b < 3 || b == 4, 1, 0)", [0, 1, 1]),
        ("b >= 2 AND b != 4", [0, 1, 0]),
        ("SUM(a)", [4, 4, 4]),
        ("AVG(a)", [2, 2, 2]),
        ("MAX(b) - MIN(b)", [4, 4, 4]),
        ("SUM(none)", [None, None, None]),
        ("CEIL(a / 2) + FLOOR(a / 2) + ABS(-1)", [2, None, 4]),
        ("duration / 1000 * 1024 / 1024", [2, 2, 2]),
        # The library's own form of a share: 0 where nobody called, and never a division by zero.
        ("IF(FILL(none, 0) > 0, 100 * FILL(b, 0) / FILL(none, 1), 0)", [0, 0, 0]),
        ("IF(FILL(b, 0) > 0, 100 * FILL(a, 0) / FILL(b, 1), 0)", [0, 0, 75]),
    ],
)
def test_an_expression_is_evaluated_period_by_period(expression, result) -> None:
    assert evaluate(expression, {**SERIES, "duration": [2000.0] * 3}, 3) == result


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "there is no metric with the id"),
        ("c + 1", "the id 'c'"),
        ("a +", "the id ''"),
        ("(a", "')' is missing"),
        ("a b", "from 'b' on"),
        ("a ? 1", "cannot be read from '? 1'"),
        ("ANOMALY_DETECTION_BAND(a, 2)", "ANOMALY_DETECTION_BAND of 2"),
        ("FILL(a, LINEAR)", "LINEAR"),
        ("SEARCH('{AWS/Lambda}', 'Sum')", "cannot be read from"),
    ],
)
def test_an_expression_that_is_not_evaluated_says_why_in_one_line(expression, why) -> None:
    with pytest.raises(ExpressionUnknown, match="^EXPRESSION_UNKNOWN: ") as raised:
        evaluate(expression, SERIES, 3)
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)
