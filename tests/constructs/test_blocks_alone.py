"""An app may use one block and nothing else: what that adds to its template, and what it loads."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from typing import Any, Final

import pytest

import constructs_pkg
from tests.constructs import blocks_alone

from .conftest import ROOT

LAMBDA, CLOUDFRONT, GATEWAY = "AWS::Lambda::", "AWS::CloudFront::", "AWS::ApiGateway::"
FRONT: Final = {"aws_certificatemanager", "aws_route53", "aws_route53_targets", "aws_wafv2"}

ADDED: Final[dict[str, tuple[dict[str, int], set[str]]]] = {
    # block: (types of resources that it adds, AWS modules of CDK that it loads beside those of a plain function)
    "StreamingRuntimeLayer": ({f"{LAMBDA}LayerVersion": 1}, set()),
    "StreamingUrl": ({f"{LAMBDA}Url": 1}, set()),
    "ProvisionedConcurrency.fixed": ({}, set()),
    "ProvisionedConcurrency.tracking": (
        {"AWS::ApplicationAutoScaling::ScalableTarget": 1, "AWS::ApplicationAutoScaling::ScalingPolicy": 1},
        set(),
    ),
    "StreamMetrics": ({"AWS::CloudWatch::Alarm": 1}, {"aws_cloudwatch"}),
    "StreamLogMetrics": ({"AWS::Logs::MetricFilter": 5}, {"aws_cloudwatch"}),
    "StreamAlarms": ({"AWS::CloudWatch::Alarm": 11, "AWS::Logs::MetricFilter": 5}, {"aws_cloudwatch"}),
    "StreamingDashboard": ({"AWS::CloudWatch::Dashboard": 1, "AWS::Logs::MetricFilter": 5}, {"aws_cloudwatch"}),
    "StreamingDistribution": (
        {
            f"{CLOUDFRONT}Distribution": 1,
            f"{CLOUDFRONT}OriginAccessControl": 1,
            f"{CLOUDFRONT}OriginRequestPolicy": 1,
            f"{CLOUDFRONT}ResponseHeadersPolicy": 1,
            f"{LAMBDA}Permission": 2,
            "AWS::S3::Bucket": 1,
            "AWS::S3::BucketPolicy": 1,
            "AWS::WAFv2::WebACL": 1,
        },
        {*FRONT, "aws_cloudfront", "aws_cloudfront_origins", "aws_events", "aws_kms", "aws_s3"},
    ),
    "StreamingRestApi": (
        {
            f"{GATEWAY}Deployment": 1,
            f"{GATEWAY}GatewayResponse": 2,
            f"{GATEWAY}Method": 2,
            f"{GATEWAY}RequestValidator": 1,
            f"{GATEWAY}Resource": 1,
            f"{GATEWAY}RestApi": 1,
            f"{GATEWAY}Stage": 1,
            f"{LAMBDA}Permission": 2,
            "AWS::Logs::LogGroup": 1,
            "AWS::WAFv2::WebACL": 1,
            "AWS::WAFv2::WebACLAssociation": 1,
        },
        {*FRONT, "aws_apigateway"},
    ),
    "CanaryRollout": (
        {
            "AWS::CloudWatch::Alarm": 1,
            "AWS::CodeDeploy::Application": 1,
            "AWS::CodeDeploy::DeploymentGroup": 1,
            "AWS::IAM::Role": 1,
        },
        {"aws_cloudwatch", "aws_codedeploy"},
    ),
    "BedrockModelAccess": ({"AWS::IAM::Policy": 1}, set()),
    "StreamStore": (
        {"AWS::DynamoDB::Table": 1, "AWS::IAM::Policy": 1},
        {"aws_dynamodb", "aws_cloudwatch", "aws_kinesis", "aws_kms"},  # DynamoDB's own module loads the other three
    ),
    "BrowserIdentity": (
        {
            "AWS::Cognito::IdentityPool": 1,
            "AWS::Cognito::IdentityPoolRoleAttachment": 1,
            "AWS::Cognito::UserPool": 1,
            "AWS::Cognito::UserPoolClient": 1,
            "AWS::IAM::Policy": 1,
            "AWS::IAM::Role": 1,
        },
        {"aws_cognito"},
    ),
    "WebAcl": ({"AWS::WAFv2::WebACL": 1}, {"aws_wafv2"}),
    "StreamingChecks": ({}, set()),
    "StreamingDefaults": ({}, set()),
    "StreamingFunction.from_attributes": ({"AWS::IAM::Policy": 1, "AWS::IAM::User": 1}, {"aws_cloudwatch"}),
    "StreamingFunction": (
        {
            "AWS::CloudWatch::Alarm": 9,
            "AWS::IAM::Policy": 1,
            "AWS::IAM::Role": 1,
            f"{LAMBDA}Alias": 1,
            f"{LAMBDA}Function": 1,
            f"{LAMBDA}LayerVersion": 1,
            f"{LAMBDA}Url": 1,
            f"{LAMBDA}Version": 1,
            "AWS::Logs::LogGroup": 1,
            "AWS::Logs::MetricFilter": 5,
        },
        {"aws_cloudwatch"},
    ),
}

NOT_BLOCKS: Final = {
    "AlarmThresholds",  # parameters of blocks
    "RestRoute",
    "StreamLimits",
    "StreamingCode",
    "TrafficShift",
    "WarmHours",
    "ImportedStreamingFunction",  # what from_attributes returns
}


@pytest.fixture(scope="module")
def apps() -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "tests.constructs.blocks_alone"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def test_every_block_is_here() -> None:
    assert set(ADDED) == set(blocks_alone.APPS)
    assert {name.partition(".")[0] for name in ADDED} | NOT_BLOCKS == set(constructs_pkg.__all__)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("block", ADDED)
def test_it_adds_what_it_says_to_a_plain_function_and_no_more(block: str, apps: dict[str, dict[str, Any]]) -> None:
    assert apps[block]["error"] is None
    assert apps[block]["added"] == ADDED[block][0]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("block", ADDED)
def test_it_loads_the_aws_modules_that_it_uses_alone(block: str, apps: dict[str, dict[str, Any]]) -> None:
    assert set(apps[block]["loaded"]) - ADDED[block][1] == set()


def test_each_app_imports_one_block_alone() -> None:
    tree = ast.parse((ROOT / "tests" / "constructs" / "blocks_alone.py").read_text())
    for function in tree.body:
        if isinstance(function, ast.FunctionDef):
            imported = {
                name.name
                for node in ast.walk(function)
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("constructs_pkg")
                for name in node.names
            }
            allowed = {"streaming_function": {"StreamingCode", "StreamingFunction"}, "web_acl": {"ManagedWebAcl", "WebAcl"}}
            assert len(imported) <= 1 or imported == allowed.get(function.name), function.name
