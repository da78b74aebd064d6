"""CloudFront, API Gateway and Cognito in front of streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3

from constructs_pkg import (
    BrowserIdentity,
    RestRoute,
    StreamingCode,
    StreamingDistribution,
    StreamingFunction,
    StreamingRestApi,
    WebAcl,
)

from .base import ACCOUNT, ANSWERS, CODE, ORIGIN, GalleryStack, plain_function

if TYPE_CHECKING:
    from aws_cdk import Environment
    from constructs import Construct


class Fronts(GalleryStack):
    """Each front twice: with what it makes by itself, and with what is given to it."""

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(scope, id, env=env)
        self.chat = StreamingFunction(
            self,
            "Chat",
            code=StreamingCode.python(CODE / "python", runtime=lambda_.Runtime.PYTHON_3_14),
            timeout=Duration.minutes(10),
            cors=BrowserIdentity.cors(ORIGIN),
        )
        self.zone = route53.HostedZone.from_hosted_zone_attributes(
            self, "Zone", hosted_zone_id="Z0123456789", zone_name="example.com"
        )
        self.identity = self._identity()
        self._distribution_with_its_own()
        self._distribution_with_what_is_given()
        self._api_by_iam()
        self._api_by_cognito()
        self._api_by_lambda()

    def _identity(self) -> BrowserIdentity:
        identity = BrowserIdentity(
            self,
            "Identity",
            self_sign_up=True,
            mfa=cognito.Mfa.REQUIRED,
            password_length=16,
            threat_protection=True,
            email=cognito.UserPoolEmail.with_cognito("help@example.com"),
            refresh_token_validity=Duration.days(7),
            sign_in_prefix="gallery-chat",
            removal_policy=RemovalPolicy.RETAIN,
            guests=False,
        )
        identity.allow_to_call(self.chat.url)
        identity.allow_sign_in_from("https://chat.example.com/")
        second_page = BrowserIdentity(self, "SecondPage", user_pool=identity.user_pool)
        second_page.allow_to_call(self.chat.url)
        return identity

    def _distribution_with_its_own(self) -> None:
        StreamingDistribution(
            self,
            "Cdn",
            url=self.chat.url,
            response_timeout=Duration.seconds(90),
            response_completion_timeout=Duration.minutes(15),
            heartbeat_seconds=15,
            web_acl=WebAcl(rate_limit=500, rate_window_seconds=60, block_suspect_bodies=True, largest_body_kb=48),
            edge_signer=True,
            domain_names=["chat.example.com", "ask.example.com"],
            hosted_zone=self.zone,
            geo_restriction=cloudfront.GeoRestriction.denylist("KP"),
            access_logs=True,
            log_retention=Duration.days(30),
        )

    def _distribution_with_what_is_given(self) -> None:
        logs_of_cdn = s3.Bucket(
            self,
            "CdnLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
            enforce_ssl=True,
            server_access_logs_prefix="own/",
        )
        public_key = cloudfront.PublicKey.from_public_key_id(self, "PublicKey", "K0123456789ABC")
        StreamingDistribution(
            self,
            "GivenCdn",
            url=self.chat.url,
            web_acl=WebAcl.from_arn(f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/ours/0f0f0f0f-0000-0000-0000-000000000000"),
            edge_signer=lambda_.Version.from_version_arn(self, "Signer", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:signer:7"),
            domain_names=["given.example.com"],
            certificate=acm.Certificate.from_certificate_arn(
                self, "Certificate", f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0f0f0f0f-0000-0000-0000-000000000000"
            ),
            geo_restriction=cloudfront.GeoRestriction.allowlist("IE", "DE"),
            trusted_key_groups=[cloudfront.KeyGroup(self, "KeyGroup", items=[public_key])],
            response_headers_policy=cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS,
            log_bucket=logs_of_cdn,
        )

    def _api_by_iam(self) -> None:
        api = StreamingRestApi(
            self,
            "Api",
            alias=self.chat.alias,
            routes=[
                RestRoute(
                    path="/v1/chat/completions",
                    method="POST",
                    body=apigateway.JsonSchema(type=apigateway.JsonSchemaType.OBJECT, required=["messages"]),
                    required_query=["tenant"],
                    required_headers=["X-Tenant"],
                ),
                RestRoute(path="/v1/models", method="GET"),
            ],
            integration_timeout=Duration.minutes(10),
            heartbeat_seconds=15,
            throttling_rate_limit=20,
            throttling_burst_limit=40,
            stage_name="live",
            cors=apigateway.CorsOptions(allow_origins=[ORIGIN]),
            web_acl=WebAcl(largest_body_kb=64),
            domain_name="api.example.com",
            hosted_zone=self.zone,
            log_group_retention=logs.RetentionDays.THREE_MONTHS,
            cloud_watch_role=True,
            description="Chat, signed by IAM",
        )
        api.grant_invoke(self.identity)
        api.grant_invoke(iam.AccountPrincipal("999999999999"))
        api.grant_invoke(
            iam.ServicePrincipal("scheduler.amazonaws.com"),
            source_arn=f"arn:aws:scheduler:{self.region}:{ACCOUNT}:schedule-group/default",
            source_account=ACCOUNT,
        )

    def _api_by_cognito(self) -> None:
        StreamingRestApi(
            self,
            "CognitoApi",
            alias=self.chat.alias,
            authorizer=apigateway.CognitoUserPoolsAuthorizer(
                self, "CognitoAuthorizer", cognito_user_pools=[self.identity.user_pool]
            ),
            authorization_scopes=["chat/read"],
            domain_name="cognito.example.com",
            certificate=acm.Certificate.from_certificate_arn(
                self, "ApiCertificate", f"arn:aws:acm:{self.region}:{ACCOUNT}:certificate/0f0f0f0f-0000-0000-0000-000000000000"
            ),
            log_group=logs.LogGroup(
                self, "CognitoApiLogs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
            ),
        )

    def _api_by_lambda(self) -> None:
        authorize = plain_function(self, "Authorize", code=lambda_.Code.from_inline(ANSWERS))
        StreamingRestApi(
            self,
            "TokenApi",
            alias=self.chat.alias,
            authorizer=apigateway.TokenAuthorizer(self, "TokenAuthorizer", handler=authorize),
            endpoint_type=apigateway.EndpointType.EDGE,
            web_acl=WebAcl(rate_limit=None),
        )
