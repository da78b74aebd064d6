"""What a front leaves to its stack. All fronts in their fullest form are in the gallery: see test_gallery.py."""

from __future__ import annotations

import re

import pytest
from aws_cdk import Acknowledgment, App, Duration, Environment, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from constructs_pkg import StreamingUrl
from constructs_pkg._behind import remember_heartbeat
from constructs_pkg.distribution import StreamingDistribution

from .conftest import FLAGS

ORIGIN = "https://app.example.com"


def plain_alias(stack: Stack) -> lambda_.Alias:
    """A function of which the checkers find nothing to say, so that what they find is the fronts'."""
    role = iam.Role(stack, "PlainRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    function = lambda_.Function(
        stack,
        "Plain",
        code=lambda_.Code.from_inline("exports.handler = awslambda.streamifyResponse(async (e, s) => s.end('x'))"),
        handler="index.handler",
        runtime=lambda_.Runtime.NODEJS_24_X,
        memory_size=1024,
        timeout=Duration.minutes(5),
        tracing=lambda_.Tracing.ACTIVE,
        role=role,
    )
    remember_heartbeat(function, 15)
    Validations.of(stack).acknowledge(
        Acknowledgment(id="Serverless::Serverless-LambdaDLQ", reason="not what is tested"),
        Acknowledgment(id="AwsSolutions::AwsSolutions-IAM5[Resource::*]", reason="not what is tested"),
    )
    return lambda_.Alias(stack, "PlainAlias", alias_name="prod", version=function.current_version)


def test_what_is_the_stacks_to_decide_is_left_to_it() -> None:
    """Countries and a certificate of one's own: without them the packs speak up, and the construct does not hush them."""
    app = App(context=FLAGS, tree_metadata=False)
    stack = Stack(app, "Fronts", env=Environment(account="123456789012", region="us-east-1"))
    StreamingDistribution(stack, "Cdn", url=StreamingUrl(stack, "Url", alias=plain_alias(stack)))
    Validations.of(app).add_plugins(AwsSolutionsChecks(), ServerlessChecks())
    with pytest.raises(RuntimeError) as failed:
        app.synth()
    assert set(re.findall(r"Acknowledge with '[^:]+::([^']+)'", str(failed.value))) == {"AwsSolutions-CFR1", "AwsSolutions-CFR4"}
