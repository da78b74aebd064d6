"""A streaming function of another app: granted on, fronted, watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs_pkg import (
    ImportedStreamingFunction,
    StreamAlarms,
    StreamingDashboard,
    StreamingDistribution,
    StreamingFunction,
    StreamingUrl,
    StreamLimits,
    WebAcl,
)

from .base import ACCOUNT, GalleryStack

if TYPE_CHECKING:
    from aws_cdk import Environment
    from constructs import Construct


class Imports(GalleryStack):
    """Nothing of the function is made here; all that is, stands around it."""

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(scope, id, env=env)
        theirs: ImportedStreamingFunction = StreamingFunction.from_attributes(
            self,
            "Theirs",
            function_arn=f"arn:aws:lambda:{self.region}:{ACCOUNT}:function:theirs",
            url=f"https://abcdefghij.lambda-url.{self.region}.on.aws/",
            alias_name="live",
            auth_type=lambda_.FunctionUrlAuthType.AWS_IAM,
            role=iam.Role.from_role_name(self, "TheirRole", "theirs"),
            timeout=Duration.minutes(5),
            memory_size=1_024,
            reserved_concurrent_executions=20,
            limits=StreamLimits(),
            log_group=logs.LogGroup.from_log_group_name(self, "TheirLogs", "/aws/lambda/theirs"),
        )
        url = StreamingUrl.from_attributes(
            self,
            "TheirUrl",
            alias=theirs.alias,
            url="https://abcdefghij.lambda-url.eu-west-1.on.aws/",
            auth_type=lambda_.FunctionUrlAuthType.AWS_IAM,
        )
        url.grant_invoke_url(iam.Role(self, "Caller", assumed_by=iam.AccountRootPrincipal()))
        theirs.grant_invoke_url(
            iam.ServicePrincipal("events.amazonaws.com"),
            source_arn=f"arn:aws:events:{self.region}:{ACCOUNT}:rule/nightly",
            source_account=ACCOUNT,
        )
        StreamingDistribution(
            self,
            "Cdn",
            url=theirs.url,
            web_acl=WebAcl.from_arn(f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/ours/0f0f0f0f-0000-0000-0000-000000000000"),
            domain_names=["theirs.example.com"],
            certificate=acm.Certificate.from_certificate_arn(
                self, "Certificate", f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0f0f0f0f-0000-0000-0000-000000000000"
            ),
            geo_restriction=cloudfront.GeoRestriction.denylist("KP"),
        )
        alarms = StreamAlarms(self, "Alarms", alias=theirs.alias, url=theirs.url, provisioned=False, actions=[self.ring])
        StreamingDashboard(self, "Dashboard", aliases={"Theirs": theirs.alias}, alarms=[alarms])
        theirs.metrics(period=Duration.minutes(1)).errors().create_alarm(self, "OneError", threshold=1, evaluation_periods=1)
