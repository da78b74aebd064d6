"""What a streaming function itself may do before anybody grants it something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Annotations, Match, Template

from constructs_pkg import StreamingCode, StreamingFunction

if TYPE_CHECKING:
    from pathlib import Path

    from aws_cdk import Stack


def allowed(template: Template) -> dict[str, Any]:
    """Resource to actions, of the role's own policies and of those that name it; the role has no managed one."""
    [role] = template.find_resources("AWS::IAM::Role").values()
    assert "ManagedPolicyArns" not in role["Properties"]
    documents = [inline["PolicyDocument"] for inline in role["Properties"]["Policies"]]
    documents += [policy["Properties"]["PolicyDocument"] for policy in template.find_resources("AWS::IAM::Policy").values()]
    found: dict[str, Any] = {}
    for document in documents:
        for statement in document["Statement"]:
            found.setdefault(str(statement["Resource"]), set()).update(statement["Action"])
    return found


TRACING = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_it_traces_and_writes_to_its_own_log_group_alone(stack: Stack, entry: Path) -> None:
    StreamingFunction(stack, "Chat", code=StreamingCode.python(entry))
    template = Template.from_stack(stack)
    found = allowed(template)
    assert found.pop("*") == TRACING
    [(log_group, actions)] = found.items()
    assert "ChatLogs" in log_group
    assert actions == LOGGING
    template.has_resource_properties("AWS::Lambda::Function", {"TracingConfig": {"Mode": "Active"}})


def test_in_a_vpc_it_makes_its_network_interfaces_and_gains_no_other_log_group(stack: Stack, entry: Path) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["eu-west-1a"],
        private_subnet_ids=["subnet-1"],
        private_subnet_route_table_ids=["rtb-1"],
    )
    StreamingFunction(stack, "Chat", code=StreamingCode.python(entry), vpc=vpc)
    found = allowed(Template.from_stack(stack))
    anything = found.pop("*")
    assert anything - TRACING == {
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    }
    assert list(found.values()) == [LOGGING]


@pytest.mark.parametrize("snap_start", [False, True])
def test_cdk_does_not_warn_of_versions_that_are_published(stack: Stack, entry: Path, snap_start: bool) -> None:
    StreamingFunction(stack, "Chat", code=StreamingCode.python(entry), snap_start=snap_start)
    Annotations.from_stack(stack).has_no_warning("*", Match.any_value())
