"""All fronts in their fullest form, in one app: what the checkers of CDK, cdk-nag and CloudFormation say of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Acknowledgment, App, Duration, Environment, Stack, Validations
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from cfnlint.api import lint_file

from constructs_pkg import StreamingUrl
from constructs_pkg._behind import remember_heartbeat
from constructs_pkg.browser_identity import BrowserIdentity
from constructs_pkg.distribution import StreamingDistribution
from constructs_pkg.rest_api import StreamingRestApi
from constructs_pkg.rest_route import RestRoute
from constructs_pkg.web_acl import WebAcl

from .conftest import FLAGS

if TYPE_CHECKING:
    from pathlib import Path

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


def build(app: App, env: Environment) -> None:
    stack = Stack(app, "Fronts", env=env)
    alias = plain_alias(stack)
    url = StreamingUrl(stack, "Url", alias=alias, cors=BrowserIdentity.cors(ORIGIN))
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z0123456789", zone_name="example.com")
    StreamingDistribution(
        stack,
        "Cdn",
        url=url,
        response_timeout=Duration.seconds(90),
        response_completion_timeout=Duration.minutes(15),
        web_acl=WebAcl(rate_limit=500, largest_body_kb=48),
        edge_signer=True,
        domain_names=["chat.example.com", "ask.example.com"],
        hosted_zone=zone,
        geo_restriction=cloudfront.GeoRestriction.denylist("KP"),
        log_retention=Duration.days(30),
    )
    identity = BrowserIdentity(stack, "Identity", mfa=cognito.Mfa.REQUIRED, threat_protection=True)
    identity.allow_to_call(url)
    api = StreamingRestApi(
        stack,
        "Api",
        alias=alias,
        routes=[
            RestRoute(
                path="/v1/chat/completions",
                body=apigateway.JsonSchema(type=apigateway.JsonSchemaType.OBJECT, required=["messages"]),
                required_headers=["X-Tenant"],
            ),
            RestRoute(path="/v1/models", method="GET"),
        ],
        cors=apigateway.CorsOptions(allow_origins=[ORIGIN]),
        web_acl=WebAcl(largest_body_kb=64),
        domain_name="api.example.com",
        hosted_zone=zone,
        cloud_watch_role=True,
    )
    api.grant_invoke(identity)
    api.grant_invoke(iam.AccountPrincipal("999999999999"))


@pytest.fixture(params=["us-east-1", "eu-west-1"])
def assembly(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Synthesized strictly: CDK's own validator of CloudFormation and both packs are on, and a finding fails the synthesis."""
    app = App(context=FLAGS, outdir=str(tmp_path / "cdk.out"), tree_metadata=False)
    build(app, Environment(account="123456789012", region=request.param))
    Validations.of(app).add_plugins(AwsSolutionsChecks(), ServerlessChecks())
    app.synth()
    return tmp_path / "cdk.out"


@pytest.mark.timeout(240)
def test_no_checker_finds_anything(assembly: Path) -> None:
    templates = sorted(assembly.glob("*.template.json"))
    assert templates
    assert [match for template in templates for match in lint_file(template)] == []


def test_every_acknowledgement_has_a_reason() -> None:
    """cdk-nag itself takes an empty one."""
    app = App(context=FLAGS, tree_metadata=False)
    build(app, Environment(account="123456789012", region="us-east-1"))
    reasons: list[Any] = [
        entry.data for construct in app.node.find_all() for entry in construct.node.metadata if "acknowledg" in entry.type.lower()
    ]
    assert reasons
    assert all(len(str(reason)) > 20 for reason in reasons)


def test_what_is_the_stacks_to_decide_is_left_to_it() -> None:
    """Countries and a certificate of one's own: without them the packs speak up, and the construct does not hush them."""
    app = App(context=FLAGS, tree_metadata=False)
    stack = Stack(app, "Fronts", env=Environment(account="123456789012", region="us-east-1"))
    StreamingDistribution(stack, "Cdn", url=StreamingUrl(stack, "Url", alias=plain_alias(stack)))
    Validations.of(app).add_plugins(AwsSolutionsChecks(), ServerlessChecks())
    with pytest.raises(RuntimeError) as failed:
        app.synth()
    assert set(re.findall(r"Acknowledge with '[^:]+::([^']+)'", str(failed.value))) == {"AwsSolutions-CFR1", "AwsSolutions-CFR4"}
