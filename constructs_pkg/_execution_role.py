"""What a streaming function itself may do before anybody grants it something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from aws_cdk import Acknowledgment, Annotations, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from ._lasting import resource_of

if TYPE_CHECKING:
    from constructs import Construct

_XRAY_ACTIONS: Final = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
_NETWORK_ACTIONS: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
_ANY_RESOURCE: Final = (
    "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
    "Serverless::Serverless-LambdaStarPermissions",
)
_WHY_ANY_RESOURCE: Final = (
    "X-Ray's actions take no resource; in a VPC, Lambda makes the interfaces, so that nobody knows them before"
)


def execution_role(scope: Construct, *, in_vpc: bool) -> iam.Role:
    """A role that may write to X-Ray and, in a VPC, make its network interfaces.

    CDK's own would carry managed policies for every log group there is. What takes no resource stands inside the role itself:
    a checker that is told so of it still finds what others grant too widely.
    """
    policies = {"Tracing": _XRAY_ACTIONS, "Network": _NETWORK_ACTIONS} if in_vpc else {"Tracing": _XRAY_ACTIONS}
    role = iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        inline_policies={
            name: iam.PolicyDocument(statements=[iam.PolicyStatement(actions=list(actions), resources=["*"])])
            for name, actions in policies.items()
        },
    )
    Validations.of(cast("Construct", resource_of(role))).acknowledge(
        *(Acknowledgment(id=finding, reason=_WHY_ANY_RESOURCE) for finding in _ANY_RESOURCE)
    )
    return role


def trace(function: lambda_.Function) -> None:
    """Active tracing. The L2's own parameter would add X-Ray's wildcard to the policy in which the others' grants stand."""
    resource = cast("lambda_.CfnFunction", resource_of(function))
    resource.tracing_config = lambda_.CfnFunction.TracingConfigProperty(mode="Active")


def acknowledge_findings(function: lambda_.Function, *, snap_start: bool) -> None:
    """What checkers say of every function, and what is no finding of a function that streams from a published version."""
    Validations.of(function).acknowledge(
        Acknowledgment(
            id="Serverless::Serverless-LambdaDLQ",
            reason="The function is called through its URL and waited for; a dead letter queue serves asynchronous calls alone",
        )
    )
    if snap_start:  # CDK warns with every SnapStart, and asks to pass over it where versions are published
        Annotations.of(function).acknowledge_warning("@aws-cdk/aws-lambda:snapStartRequirePublish")
