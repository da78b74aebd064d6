"""Metrics from log lines: metric filters, and records in embedded metric format."""

from __future__ import annotations

import json

import pytest

from constructs_pkg.assembly import CloudAssembly
from constructs_pkg.emulator.telemetry.log_events import embedded_samples, read_metric_filters


def transformation(**settings):
    return [{"MetricNamespace": "N", "MetricName": "M", "MetricValue": "1", **settings}]


def test_a_filter_takes_its_value_and_dimensions_from_the_event(app) -> None:
    dimensions = [{"Key": "Kind", "Value": "$.kind"}]
    app.add(
        "Filter",
        "AWS::Logs::MetricFilter",
        {
            "LogGroupName": "/g",
            "FilterPattern": "{ $.kind EXISTS }",
            "MetricTransformations": transformation(MetricValue="$.ms", Dimensions=dimensions),
        },
    )
    ((found,), refused) = read_metric_filters(CloudAssembly.load(app.write()))
    assert (found.log_group, refused) == ("/g", [])

    def samples(document):
        return list(found.samples(json.dumps(document), document))

    assert samples({"kind": "a", "ms": 2.5}) == [("N", "M", 2.5, {"Kind": "a"})]
    assert samples({"kind": "a", "ms": "2.5"}) == [("N", "M", 2.5, {"Kind": "a"})]
    assert samples({"kind": "a", "ms": "slow"}) == samples({"kind": "a"}) == samples({"ms": 2.5}) == []


def test_a_filter_that_is_not_evaluated_is_told_and_the_others_work(app) -> None:
    app.add(
        "Bad",
        "AWS::Logs::MetricFilter",
        {"LogGroupName": "/g", "FilterPattern": "[a, b]", "MetricTransformations": transformation()},
    )
    app.add(
        "Good",
        "AWS::Logs::MetricFilter",
        {"LogGroupName": "/g", "FilterPattern": "ERROR", "MetricTransformations": transformation()},
    )
    filters, refused = read_metric_filters(CloudAssembly.load(app.write()))
    assert [list(one.samples("ERROR here", None)) for one in filters] == [[("N", "M", 1.0, {})]]
    assert len(refused) == 1
    assert refused[0].startswith("metric filter Test/Bad is not evaluated here: PATTERN_UNKNOWN: ")


def record(**changes):
    directive = {
        "Namespace": "Mine",
        "Dimensions": [["FunctionName"], ["FunctionName", "Kind"]],
        "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}, {"Name": "Sizes"}],
    }
    head = {"Timestamp": 1_700_000_000_500, "CloudWatchMetrics": [{**directive, **changes}]}
    return {"_aws": head, "FunctionName": "f", "Kind": "chat", "Latency": 12, "Sizes": [1, 2], "requestId": "r"}


def test_a_record_gives_each_metric_for_each_set_of_dimensions() -> None:
    found = list(embedded_samples(record()))
    samples, at = [("Latency", 12.0), ("Sizes", 1.0), ("Sizes", 2.0)], 1_700_000_000.5
    assert found == [("Mine", {"FunctionName": "f"}, samples, at), ("Mine", {"FunctionName": "f", "Kind": "chat"}, samples, at)]


@pytest.mark.parametrize(
    "document",
    [
        None,
        1,
        {},
        {"_aws": 1},
        {"_aws": {"CloudWatchMetrics": 3}},
        {"_aws": {"CloudWatchMetrics": [{}]}},
        record(Namespace=5),
        record(Dimensions=[["Absent"]]),
        record(Metrics=[{"Name": "Absent"}, {"Name": "Kind"}]),
        record(Dimensions=[[str(number) for number in range(31)]]),
    ],
)
def test_what_is_no_record_gives_nothing(document) -> None:
    assert list(embedded_samples(document)) == []


def test_a_record_without_dimensions_is_a_metric_without_any() -> None:
    (found,) = embedded_samples(record(Dimensions=[[]]))
    assert found.dimensions == {}


@pytest.mark.parametrize("timestamp", ["nan", "inf", 10**400, "yesterday", None])
def test_a_record_whose_time_is_none_is_of_now(timestamp) -> None:
    document = record(Dimensions=[[]])
    document["_aws"]["Timestamp"] = timestamp
    (found,) = embedded_samples(document)
    assert found.at is None
