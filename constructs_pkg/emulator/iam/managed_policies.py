"""What some of AWS's own managed policies allow: those that streaming apps attach, cut down to their actions.

Source: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
A managed policy that is not here allows nothing in the emulator, and the log says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOGS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
_XRAY = (
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:GetSamplingStatisticSummaries",
)
_INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "AdministratorAccess": ("*",),
    "AmazonBedrockFullAccess": ("bedrock:*",),
    "AmazonDynamoDBFullAccess": ("dynamodb:*",),
    "AmazonS3FullAccess": ("s3:*", "s3-object-lambda:*"),
    "AmazonS3ReadOnlyAccess": ("s3:Get*", "s3:List*", "s3:Describe*"),
    "AWSLambda_FullAccess": ("lambda:*",),
    "AWSXRayDaemonWriteAccess": _XRAY,
    "CloudWatchLambdaInsightsExecutionRolePolicy": _LOGS,
    "service-role/AWSLambdaBasicExecutionRole": _LOGS,
    "service-role/AWSLambdaRole": ("lambda:InvokeFunction",),
    "service-role/AWSLambdaVPCAccessExecutionRole": _LOGS + _INTERFACES,
}
"""Actions on every resource, by the name after `:aws:policy/`."""
