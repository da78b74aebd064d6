"""The example stacks, deployed by the CDK CLI: what is there then, by the endpoint's own APIs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.deployed import ALARM, ALIAS, PERMISSION, ROLE, URL, Deployed, Resource, inventory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Stage
    from tests.e2e.endpoint import Endpoint

BOTH = {
    "lambda:InvokeFunctionUrl": {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}},
    "lambda:InvokeFunction": {"Bool": {"lambda:InvokedViaFunctionUrl": True}},
}


def streaming(stage: Stage) -> Iterator[tuple[Deployed, str, Resource, Resource]]:
    """Each function with an alias: its stack, its name, its own resource and the alias's."""
    for stack in stage.stacks.values():
        for name, function, alias in stack.streaming():
            yield stack, name, function, alias


def statements(endpoint: Endpoint, role: str) -> list[dict[str, Any]]:
    """What a role's own policies say."""
    iam = endpoint.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policies = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    return [statement for policy in policies for statement in policy["Statement"]]


def test_every_stack_of_the_app_is_deployed(first: Stage, endpoint: Endpoint) -> None:
    found = {stack["StackName"]: stack["StackStatus"] for stack in endpoint.all("cloudformation", "describe_stacks", "Stacks")}
    assert {name: found.get(name) for name in first.stacks} == dict.fromkeys(first.stacks, "CREATE_COMPLETE")
    assert len(first.stacks) >= 4


def test_listings_show_what_was_deployed(first: Stage, empty: dict[str, set[str]], endpoint: Endpoint) -> None:
    """Otherwise the last test, which finds nothing in them, would say nothing."""
    assert first.stacks
    grown = {listing.partition(" ")[0] for listing, names in inventory(endpoint).items() if names > empty[listing]}
    assert grown >= {"cloudformation", "lambda", "iam", "logs", "cloudwatch", "apigateway", "dynamodb", "kinesis", "sqs", "s3"}


def test_every_stack_streams(first: Stage) -> None:
    assert {name for name, stack in first.stacks.items() if not list(stack.streaming())} == set()


def test_functions_are_as_the_template_says_and_have_the_layer(first: Stage, endpoint: Endpoint) -> None:
    for stack, name, function, _ in streaming(first):
        properties = function.properties
        found = endpoint.client("lambda").get_function_configuration(FunctionName=name)
        same = ("Runtime", "Handler", "MemorySize", "Timeout", "Architectures")
        assert {key: found[key] for key in same} == {key: properties[key] for key in same}
        assert [layer["Arn"] for layer in found.get("Layers", [])] == [
            stack.physical(layer) for layer in properties.get("Layers", [])
        ]
        wanted = properties.get("Environment", {}).get("Variables", {})
        variables = found.get("Environment", {}).get("Variables", {})
        assert variables.items() >= {key: value for key, value in wanted.items() if isinstance(value, str)}.items()
        if properties["Runtime"].startswith("python"):
            assert variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/streaming-wrapper"
        assert found["SnapStart"]["ApplyOn"] == properties.get("SnapStart", {}).get("ApplyOn", "None")


def test_the_alias_leads_to_a_version_that_was_published(first: Stage, endpoint: Endpoint) -> None:
    for stack, name, _, alias in streaming(first):
        versions = endpoint.all("lambda", "list_versions_by_function", "Versions", FunctionName=name)
        assert stack.versions[alias.logical_id] in {version["Version"] for version in versions} - {"$LATEST"}


def test_as_many_environments_are_warm_as_the_alias_says(first: Stage, endpoint: Endpoint) -> None:
    counts = []
    for _, name, _, alias in streaming(first):
        wanted = alias.properties.get("ProvisionedConcurrencyConfig")
        if wanted is not None:
            found = endpoint.client("lambda").get_provisioned_concurrency_config(
                FunctionName=name, Qualifier=alias.properties["Name"]
            )
            assert found["RequestedProvisionedConcurrentExecutions"] == wanted["ProvisionedConcurrentExecutions"]
            assert found["Status"] == "READY"
            counts.append(found["AllocatedProvisionedConcurrentExecutions"])
    assert counts
    assert all(count > 0 for count in counts)


def test_the_url_streams_from_the_alias_and_asks_for_iam(first: Stage, endpoint: Endpoint) -> None:
    urls = 0
    for stack in first.stacks.values():
        for url in stack.of_type(URL):
            name, qualifier = stack.physical(url.properties["TargetFunctionArn"]), url.properties["Qualifier"]
            found = endpoint.client("lambda").get_function_url_config(FunctionName=name, Qualifier=qualifier)
            assert (found["InvokeMode"], found["AuthType"]) == ("RESPONSE_STREAM", "AWS_IAM")
            with pytest.raises(endpoint.client("lambda").exceptions.ClientError, match="ResourceNotFoundException"):
                endpoint.client("lambda").get_function_url_config(FunctionName=name)
            urls += 1
    assert urls >= 4


def test_a_caller_of_a_url_has_both_permissions_on_the_alias_alone(first: Stage, endpoint: Endpoint) -> None:
    callers = 0
    for stack in first.stacks.values():
        aliases = {alias.physical_id for alias in stack.of_type(ALIAS)}
        for role in stack.of_type(ROLE):
            given = [found for found in statements(endpoint, role.physical_id) if str(found["Action"]).startswith("lambda:")]
            if not given:
                continue
            assert {statement["Action"]: statement["Condition"] for statement in given} == BOTH
            assert {statement["Resource"] for statement in given} <= aliases
            callers += 1
    assert callers >= 3


def test_services_may_call_the_alias_as_the_template_says(first: Stage, endpoint: Endpoint) -> None:
    """API Gateway and CloudFront, where an example stands behind one."""
    services = set()
    for stack in first.stacks.values():
        for alias in stack.of_type(ALIAS):
            wanted = {
                (permission.properties["Action"], permission.properties["Principal"])
                for permission in stack.of_type(PERMISSION)
                if stack.physical(permission.properties["FunctionName"]) == alias.physical_id
            }
            if not wanted:
                continue
            name, _, qualifier = alias.physical_id.rpartition(":")
            policy = json.loads(endpoint.client("lambda").get_policy(FunctionName=name, Qualifier=qualifier)["Policy"])
            found = {(statement["Action"], statement["Principal"]["Service"]) for statement in policy["Statement"]}
            assert found == wanted
            assert {statement["Resource"] for statement in policy["Statement"]} == {alias.physical_id}
            assert all("Condition" in statement for statement in policy["Statement"]), "a service stands for all its customers"
            services |= {principal for _, principal in wanted}
    assert "apigateway.amazonaws.com" in services


def test_roles_are_assumed_by_whom_the_template_says(first: Stage, endpoint: Endpoint) -> None:
    for stack, name, function, _ in streaming(first):
        configured = endpoint.client("lambda").get_function_configuration(FunctionName=name)["Role"]
        role = stack.physical(function.properties["Role"])
        assert configured.endswith(f"/{role}")
        trust = endpoint.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        assert [statement["Principal"] for statement in trust] == [{"Service": "lambda.amazonaws.com"}]
        assert statements(endpoint, role)


def test_alarms_carry_the_dimensions_of_the_alias(first: Stage, endpoint: Endpoint) -> None:
    alarms = {alarm["AlarmName"]: alarm for alarm in endpoint.all("cloudwatch", "describe_alarms", "MetricAlarms")}
    for stack, name, _, alias in streaming(first):
        both = {"FunctionName": name, "Resource": f"{name}:{alias.properties['Name']}"}
        found = [alarms[alarm.physical_id] for alarm in stack.of_type(ALARM)]
        dimensions = {
            alarm["MetricName"]: {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
            for alarm in found
            if "Resource" in {each["Name"] for each in alarm["Dimensions"]}
        }
        assert dimensions.keys() >= {"Errors", "Throttles", "Duration"}
        assert all(value == both for value in dimensions.values())


def test_every_alarm_says_what_to_do(first: Stage, endpoint: Endpoint) -> None:
    alarms = {alarm["AlarmName"]: alarm for alarm in endpoint.all("cloudwatch", "describe_alarms", "MetricAlarms")}
    for stack in first.stacks.values():
        for alarm in stack.of_type(ALARM):
            assert alarms[alarm.physical_id]["AlarmDescription"] == alarm.properties["AlarmDescription"]
            assert alarms[alarm.physical_id]["TreatMissingData"] == "notBreaching"
