"""The template's alarms: states by data points, by expressions, and by other alarms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from constructs_pkg.assembly import CloudAssembly
from constructs_pkg.emulator.telemetry.alarms import Alarms, CompositeAlarm, MetricAlarm, Query, judge, read_alarms
from constructs_pkg.emulator.telemetry.metrics import MetricStore
from tests.emulator.telemetry.test_metrics import Clock

# The two tables of https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: data points (0 good, X bad,
# - missing; the newest at the right), then the state by how missing data is treated: missing, ignore, breaching, notBreaching.
THREE_OF_THREE = [
    ("0-X-X", "OK", "OK", "OK", "OK"),
    ("----0", "OK", "OK", "OK", "OK"),
    ("-----", "INSUFFICIENT_DATA", "retain", "ALARM", "OK"),
    ("0XX-X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("--X--", "ALARM", "retain", "ALARM", "OK"),
]
TWO_OF_THREE = [
    ("0-X-X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("00X0X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0-X--", "OK", "OK", "ALARM", "OK"),
    ("----0", "OK", "OK", "ALARM", "OK"),
    ("----X", "ALARM", "retain", "ALARM", "OK"),
]
ROWS = [(needed, *row) for needed, rows in ((3, THREE_OF_THREE), (2, TWO_OF_THREE)) for row in rows]


@pytest.mark.parametrize(("needed", "points", "missing", "ignore", "breaching", "not_breaching"), ROWS)
def test_missing_data_counts_as_in_the_tables_of_the_document(needed, points, missing, ignore, breaching, not_breaching) -> None:
    values = [({"0": 0.0, "X": 9.0, "-": None}[one], number * 60) for number, one in enumerate(points)]
    expected = {"missing": missing, "ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    for treat, state in expected.items():
        alarm = MetricAlarm(
            path="p", name="n", arn="a", threshold=5, evaluation_periods=3, datapoints_to_alarm=needed, missing=treat
        )
        for before in ("OK", "ALARM", "INSUFFICIENT_DATA"):
            assert judge(alarm, values, before)[0] == (before if state == "retain" else state), (treat, before)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock) -> MetricStore:
    return MetricStore(clock)


def errors(**settings) -> MetricAlarm:
    query = Query(id="m", namespace="AWS/Lambda", metric="Errors", dimensions={}, statistic="Sum", period=300)
    base = MetricAlarm(
        path="Test/Errors",
        name="errors",
        arn="arn:errors",
        threshold=2,
        missing="notBreaching",
        queries=(query,),
        watched="m",
        period=300,
    )
    return replace(base, **settings)


def state(store, *alarms, **options):
    metric = [one for one in alarms if isinstance(one, MetricAlarm)]
    return Alarms(metric, [one for one in alarms if isinstance(one, CompositeAlarm)], store, **options)


def test_an_alarm_rings_while_its_periods_breach_and_says_so_in_cloudwatchs_words(store, clock) -> None:
    alarms = state(store, errors())
    quiet = alarms.evaluate()["Test/Errors"]
    assert (quiet.value, quiet.name) == ("OK", "errors")
    assert (
        quiet.reason
        == "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching]."
    )
    store.put("AWS/Lambda", "Errors", 1)
    fine = alarms.evaluate()["Test/Errors"]
    assert fine.value == "OK"
    assert "1 datapoint [1.0 (" in fine.reason
    assert "was not greater than or equal to the threshold (2.0)." in fine.reason
    assert fine.since == quiet.since
    clock.now += 10
    store.put("AWS/Lambda", "Errors", 1)
    rings = alarms.evaluate()["Test/Errors"]
    assert rings.value == "ALARM"
    assert "1 datapoint [2.0 (" in rings.reason
    assert "was greater than or equal to the threshold (2.0)." in rings.reason
    assert rings.since == clock.now


def test_an_alarm_is_over_when_its_data_is_out_of_sight(store, clock) -> None:
    alarms = state(store, errors())
    store.put("AWS/Lambda", "Errors", 5)
    assert alarms.evaluate()["Test/Errors"].value == "ALARM"
    clock.now += 600
    # The only data point that there is counts for as long as CloudWatch looks back for late ones.
    assert alarms.evaluate()["Test/Errors"].value == "ALARM"
    clock.now += 301
    assert alarms.evaluate()["Test/Errors"].value == "OK"


def test_periods_can_be_shortened(store, clock) -> None:
    two_of_three = errors(evaluation_periods=3, datapoints_to_alarm=2)
    real, quick = state(store, two_of_three), state(store, two_of_three, longest_period=5)
    for _ in range(2):
        store.put("AWS/Lambda", "Errors", 5)
        clock.now += 5
    assert real.evaluate()["Test/Errors"].value == "OK"
    rings = quick.evaluate()["Test/Errors"]
    assert rings.value == "ALARM"
    assert "2 out of the last 2 datapoints [5.0" in rings.reason
    assert rings.reason.endswith(
        "were greater than or equal to the threshold (2.0) and 1 missing datapoint was treated as [NonBreaching]."
    )


def test_an_expression_is_compared_with_the_threshold(store) -> None:
    queries = tuple(
        Query(id=id, namespace="AWS/Lambda", metric=metric, dimensions={"FunctionName": "f"}, statistic="Sum", period=300)
        for id, metric in (("requests", "UrlRequestCount"), ("failed", "Url5xxCount"))
    )
    share = "IF(FILL(requests, 0) > 0, 100 * FILL(failed, 0) / FILL(requests, 1), 0)"
    alarms = state(store, errors(queries=queries, expressions=(("expr_1", share),), watched="expr_1", threshold=50))
    assert alarms.evaluate()["Test/Errors"].value == "OK"
    for failed in (1, 0, 1):
        store.put("AWS/Lambda", "UrlRequestCount", 1, {"FunctionName": "f"})
        store.put("AWS/Lambda", "Url5xxCount", failed, {"FunctionName": "f"})
    rings = alarms.evaluate()["Test/Errors"]
    assert rings.value == "ALARM"
    assert "[66.66" in rings.reason


def test_an_alarm_that_cannot_be_evaluated_says_why_and_the_others_are_evaluated(store) -> None:
    band = errors(path="Test/Band", expressions=(("e", "ANOMALY_DETECTION_BAND(m, 2)"),), watched="e")
    trimmed = errors(path="Test/Trimmed", queries=(replace(errors().queries[0], statistic="tm99"),))
    store.put("AWS/Lambda", "Errors", 5)
    states = state(store, band, trimmed, errors()).evaluate()
    assert states["Test/Errors"].value == "ALARM"
    assert states["Test/Band"].value == states["Test/Trimmed"].value == "INSUFFICIENT_DATA"
    assert states["Test/Band"].reason.startswith("not evaluated here: EXPRESSION_UNKNOWN: ")
    assert states["Test/Trimmed"].reason.startswith("not evaluated here: STATISTIC_UNKNOWN: ")


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ('ALARM("errors")', "ALARM"),
        ("ALARM(arn:errors)", "ALARM"),
        ('OK("errors")', "OK"),
        ('OK("errors") OR ALARM("errors")', "ALARM"),
        ('NOT OK("errors") AND NOT FALSE', "ALARM"),
        ('(ALARM("errors") AND FALSE) OR (TRUE AND INSUFFICIENT_DATA("errors"))', "OK"),
    ],
)
def test_a_composite_alarm_follows_its_rule(store, rule, value) -> None:
    store.put("AWS/Lambda", "Errors", 5)
    composite = CompositeAlarm(path="Test/Paging", name="paging", arn="arn:paging", rule=rule)
    # One on the composite, and declared before it: the order does not matter.
    outer = CompositeAlarm(path="Test/Outer", name="outer", arn="arn:outer", rule='ALARM("paging")')
    states = state(store, outer, composite, errors()).evaluate()
    assert states["Test/Paging"].value == states["Test/Outer"].value == value
    assert "errors" in states["Test/Paging"].reason


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ('ALARM("other")', "ALARM_NOT_HERE"),
        ("ALARM(errors) OR", "RULE_UNKNOWN"),
        ("x", "RULE_UNKNOWN"),
        ("(TRUE", "RULE_UNKNOWN"),
    ],
)
def test_a_rule_that_cannot_be_followed_says_why(store, rule, why) -> None:
    composite = CompositeAlarm(path="Test/Paging", name="paging", arn="arn:paging", rule=rule)
    found = state(store, composite, errors()).evaluate()["Test/Paging"]
    assert found.value == "INSUFFICIENT_DATA"
    assert found.reason.startswith(f"not evaluated here: {why}")


def test_alarms_are_read_from_a_template(app) -> None:
    base = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 3, "Threshold": "7"}
    plain = {"Namespace": "N", "MetricName": "M", "Period": 60}
    app.add("Fn", "AWS::SNS::Topic", {})
    dimensions = [{"Name": "Resource", "Value": {"Fn::Join": ["", [{"Fn::GetAtt": ["Fn", "TopicName"]}, ":live"]]}}]
    app.add(
        "Plain", "AWS::CloudWatch::Alarm", {**base, **plain, "Statistic": "Sum", "AlarmName": "plain", "Dimensions": dimensions}
    )
    app.add(
        "Percentile",
        "AWS::CloudWatch::Alarm",
        {**base, **plain, "ExtendedStatistic": "p99", "DatapointsToAlarm": 2, "TreatMissingData": "ignore"},
    )
    math = [
        {"Id": "e", "Expression": "d + 1"},
        {"Id": "d", "Expression": "m * 2", "ReturnData": False},
        {
            "Id": "m",
            "ReturnData": False,
            "MetricStat": {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 300, "Stat": "Sum"},
        },
    ]
    app.add("Math", "AWS::CloudWatch::Alarm", {**base, "Metrics": math})
    app.add(
        "Anomaly",
        "AWS::CloudWatch::Alarm",
        {"ComparisonOperator": "GreaterThanUpperThreshold", "EvaluationPeriods": 1, "ThresholdMetricId": "x"},
    )
    rule = {"Fn::Join": ["", ['ALARM("', {"Fn::GetAtt": ["Plain", "Arn"]}, '")']]}
    app.add("Paging", "AWS::CloudWatch::CompositeAlarm", {"AlarmRule": rule})
    (plain_alarm, percentile, math_alarm, anomaly), (paging,) = read_alarms(CloudAssembly.load(app.write()))
    assert (plain_alarm.name, plain_alarm.threshold, plain_alarm.missing, plain_alarm.datapoints_to_alarm) == (
        "plain",
        7,
        "missing",
        3,
    )
    assert plain_alarm.queries[0].dimensions["Resource"].endswith(":live")
    assert (percentile.queries[0].statistic, percentile.datapoints_to_alarm, percentile.missing) == ("p99", 2, "ignore")
    assert math_alarm.expressions == (("d", "m * 2"), ("e", "d + 1"))
    assert (math_alarm.watched, math_alarm.period) == ("e", 300)
    assert anomaly.why_not is not None
    assert anomaly.why_not.startswith("ALARM_KIND: ")
    assert paging.rule == f'ALARM("{plain_alarm.arn}")'
