"""Only what the endpoint cannot take is changed in a template, and nothing in it names what is gone."""

from __future__ import annotations

from typing import Any

from tests.e2e.templates import deployable

QUERY = {
    "Id": "m1",
    "MetricStat": {"Metric": {"Namespace": "N", "MetricName": "M", "Dimensions": []}, "Period": 60, "Stat": "Sum"},
}


def alarm(*queries: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": 1, "Metrics": list(queries)}}


def test_a_template_that_the_endpoint_takes_stays_as_it_is() -> None:
    template = {
        "Parameters": {"P": {"Type": "String"}},
        "Resources": {
            "A": {"Type": "AWS::S3::Bucket", "Properties": {}, "DeletionPolicy": "Delete"},
            "B": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::GetAtt": ["A", "Arn"]}}, "DependsOn": ["A"]},
        },
        "Outputs": {"O": {"Value": {"Ref": "A"}}},
    }
    assert deployable(template) == template


def test_what_is_unknown_is_gone_and_so_is_its_name() -> None:
    alias = {
        "Type": "AWS::Lambda::Alias",
        "Properties": {"Description": {"Fn::Join": ["", ["of ", {"Ref": "Group"}]]}, "Name": {"Fn::GetAtt": ["Group", "Arn"]}},
        "DependsOn": ["Group", "Other"],
        "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": {"DeploymentGroupName": {"Ref": "Group"}}},
    }
    group = {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": {}}
    found = deployable({"Resources": {"Alias": alias, "Group": group}, "Outputs": {"O": {"Value": {"Ref": "Group"}}}})
    assert found == {
        "Resources": {
            "Alias": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {"Description": {"Fn::Join": ["", ["of ", "Group"]]}, "Name": "arn:aws:left-out:::Group"},
                "DependsOn": ["Other"],
            }
        },
        "Outputs": {"O": {"Value": "Group"}},
    }


def test_an_alarm_on_an_expression_watches_the_first_metric_in_it() -> None:
    found = deployable({"Resources": {"A": alarm({"Id": "e1", "Expression": "m1 * 2"}, QUERY)}})
    assert found["Resources"]["A"]["Properties"] == {
        "Threshold": 1,
        "Namespace": "N",
        "MetricName": "M",
        "Dimensions": [],
        "Period": 60,
        "Statistic": "Sum",
    }
