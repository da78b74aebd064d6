"""A built page in the cloud: a private bucket, and CloudFront in front of it with the headers that keep a page to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from aws_cdk import Duration, Names, RemovalPolicy, Stack, Token
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from stacks.findings import acknowledge, acknowledge_newest_runtime
from stacks.page_policy import ENTRY, HEADERS, allow_to_connect, content_security_policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CONFIG: Final = "config.json"
_READ: Final = ("s3:GetBucket*", "s3:GetObject*", "s3:List*")
_WRITTEN: Final = ("s3:Abort*", "s3:DeleteObject*")


class WebPage(Construct):
    """A page of files that were built before, and beside them `config.json`, which says what is known only at deployment.

    Nobody reaches the bucket but this distribution. All files are looked up anew by their ETag each time, so that a deployment shows at
    once, without an invalidation. Nothing of it is left when the stack is deleted.

    Attributes:
        bucket: The L2 `Bucket`; empty but for the page.
        distribution: The L2 `Distribution`.
        deployment: The L2 `BucketDeployment`.
        url: The page's address, `https://<domain>/`. `config` and `connect_sources` may name what has to know it, such as a user pool
            client; nothing here but the deployment depends on them.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        folder: Path,
        config: Mapping[str, Any],
        connect_sources: Sequence[str],
    ) -> None:
        """Makes the bucket, the distribution and the deployment.

        Args:
            folder: The built page, with `index.html`.
            config: What `config.json` holds; values may be tokens.
            connect_sources: What the page may call beside itself, such as `https://abc.lambda-url.us-east-1.on.aws/`; may be tokens.

        Raises:
            ValueError: `PAGE_WITHOUT_POLICY` where `index.html` has no place for `connect_sources`.
        """
        super().__init__(scope, id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"The page {self.node.path}",
            default_root_object=ENTRY,
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(
                    self.bucket, origin_access_control=self._access_control()
                ),
                allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
                cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
                response_headers_policy=self._headers(),
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                compress=True,
            ),
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
        )
        html = allow_to_connect((folder / ENTRY).read_text(encoding="utf-8"), connect_sources)
        self.deployment = s3_deployment.BucketDeployment(
            self,
            "Deployment",
            destination_bucket=self.bucket,
            sources=[
                s3_deployment.Source.asset(str(folder), exclude=[ENTRY]),
                s3_deployment.Source.data(ENTRY, html),
                s3_deployment.Source.json_data(CONFIG, dict(config), escape=True),
            ],
            cache_control=[s3_deployment.CacheControl.no_cache()],
            retain_on_delete=False,  # a bucket with something in it cannot be deleted
            log_group=logs.LogGroup(
                self, "DeploymentLogs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
            ),
        )
        self.url = f"https://{self.distribution.distribution_domain_name}/"
        self._acknowledge_findings()

    def _access_control(self) -> cloudfront.S3OriginAccessControl:
        return cloudfront.S3OriginAccessControl(
            self, "OriginAccessControl", origin_access_control_name=self._global_name("OriginAccessControl", 64)
        )

    def _headers(self) -> cloudfront.ResponseHeadersPolicy:
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            response_headers_policy_name=self._global_name("Headers", 128),
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=content_security_policy(), override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(730), include_subdomains=True, override=True
                ),
            ),
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
                custom_headers=[
                    cloudfront.ResponseCustomHeader(header=name, value=value, override=True) for name, value in HEADERS.items()
                ]
            ),
        )

    def _global_name(self, suffix: str, longest: int) -> str:
        """CloudFront's names are one per account: without the region the same stack could stand in one region only."""
        region = Stack.of(self).region
        room = longest - len(suffix) - 2 - (20 if Token.is_unresolved(region) else len(region))
        return f"{Names.unique_resource_name(self, max_length=room)}-{suffix}-{region}"

    def _acknowledge_findings(self) -> None:
        acknowledge(self.bucket, "AwsSolutions-S1", "CloudFront alone reads it, and what it holds is the same for everybody")
        front = self.distribution
        acknowledge(front, "AwsSolutions-CFR1", "The page is the same for everybody and holds no data")
        acknowledge(front, "AwsSolutions-CFR2", "Files alone are served; what the page calls has its own protection")
        acknowledge(front, "AwsSolutions-CFR3", "Files alone are served; what the page calls writes its own log")
        acknowledge(front, "AwsSolutions-CFR4", "Without a domain of one's own CloudFront takes its own certificate")
        self._acknowledge_what_cdk_copies_with()

    def _acknowledge_what_cdk_copies_with(self) -> None:
        """CDK's own function, one in a stack, whatever number of pages it copies; it runs at deployments alone."""
        role = self.deployment.handler_role
        function = role.node.scope
        assert function is not None
        policy = "<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        acknowledge(role, f"AwsSolutions-IAM4[Policy::arn:{policy}]", "CDK gives its function the role that Lambda recommends")
        bucket = Stack.of(self).get_logical_id(cast("s3.CfnBucket", self.bucket.node.default_child))
        for action in (*_READ, *_WRITTEN):
            acknowledge(role, f"AwsSolutions-IAM5[Action::{action}]", "CDK's grants name families of actions")
        for objects in (f"<{bucket}.Arn>/*", f"{self._assets_as_nag_writes()}/*"):
            acknowledge(
                role, f"AwsSolutions-IAM5[Resource::{objects}]", "The page's files, from the bucket that CDK put them into"
            )
        acknowledge_newest_runtime(function)
        acknowledge(function, "Serverless-LambdaDLQ", "CloudFormation waits for it and says what went wrong")
        acknowledge(function, "Serverless-LambdaTracing", "It runs at deployments alone")

    def _assets_as_nag_writes(self) -> str:
        """The ARN of CDK's bucket, with CloudFormation's names of what only deployment knows."""
        stack = Stack.of(self)
        known = {"Partition": stack.partition, "Region": stack.region, "AccountId": stack.account}
        said = {name: f"<AWS::{name}>" if Token.is_unresolved(value) else value for name, value in known.items()}
        qualifier = stack.synthesizer.bootstrap_qualifier
        return f"arn:{said['Partition']}:s3:::cdk-{qualifier}-assets-{said['AccountId']}-{said['Region']}"
