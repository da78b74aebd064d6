"""CloudFront in front of a streaming function, set up so that it does not get in the stream's way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Acknowledgment, Annotations, Duration, Names, RemovalPolicy, Stack, TreeInspector, Validations
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53_targets as targets
from aws_cdk import aws_s3 as s3
from constructs import Construct

from ._behind import require_heartbeat_within, timeout_seconds
from ._edge_signer import EdgeSigner
from ._own_domain import OwnDomain
from ._tokens import is_unresolved
from ._us_east_1 import US_EAST_1, scope_in_us_east_1
from .web_acl import ManagedWebAcl, WebAcl, require_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_certificatemanager as acm
    from aws_cdk import aws_route53 as route53
    from aws_cdk import aws_wafv2 as wafv2

    from .url import StreamingUrl

_RESPONSE_TIMEOUT: Final = Duration.seconds(60)
_LONGEST_RESPONSE_TIMEOUT_SECONDS: Final = 120
_LONGEST_COMPLETION_SECONDS: Final = 3600
_KEEPALIVE: Final = Duration.seconds(60)
_LOG_RETENTION: Final = Duration.days(90)

_NO_STANDARD_LOGS: Final = frozenset(
    # Regions whose buckets take no standard logs (legacy):
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
    {
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-south-1",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
    }
)


class StreamingDistribution(Construct):
    """A CloudFront distribution whose only origin is a streaming Function URL, reached by origin access control.

    Nothing is cached and nothing is compressed on the way: both would hold tokens back. All methods pass, over HTTPS alone. The
    caller's Host and Accept-Encoding stay behind: the URL answers to its own host name, and a compressed stream came back as
    502 (https://github.com/opennextjs/opennextjs-aws/issues/1127).

    CloudFront signs for the caller, so its own `Authorization` header does not arrive: a JWT travels in another one, and the
    handler checks it. Who may reach the distribution is for the handler, `trusted_key_groups` and the web ACL to say.

    A request with a body needs its SHA-256 in the header `x-amz-content-sha256`, from the caller or from `edge_signer`
    (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html).

    Attributes:
        distribution: The L2 `Distribution`.
        url: Its address, `https://<domain>/`.
        origin_access_control: The L2 `FunctionUrlOriginAccessControl`, which signs for the callers.
        permissions: Both Lambda permissions of this distribution, on the alias.
        origin_request_policy: What of a request reaches the function.
        response_headers_policy: The security headers.
        web_acl: The L1 `CfnWebACL` that was made; None where one was given or there is none.
        log_bucket: Where the access logs go; None where there are none.
        edge_signer: The L2 `Function` that was made; None where a version was given or there is none.
        certificate: Of the domain of one's own; None without one.
        records: The L2 `ARecord`s and `AaaaRecord`s that were made.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        url: StreamingUrl,
        response_timeout: Duration | None = None,
        response_completion_timeout: Duration | None = None,
        heartbeat_seconds: int | None = None,
        web_acl: WebAcl | None = None,
        edge_signer: bool | lambda_.IVersion = False,
        domain_names: Sequence[str] = (),
        certificate: acm.ICertificate | None = None,
        hosted_zone: route53.IHostedZone | None = None,
        trusted_key_groups: Sequence[cloudfront.IKeyGroup] = (),
        geo_restriction: cloudfront.GeoRestriction | None = None,
        response_headers_policy: cloudfront.IResponseHeadersPolicy | None = None,
        access_logs: bool = True,
        log_bucket: s3.IBucket | None = None,
        log_retention: Duration | None = None,
    ) -> None:
        """Makes the distribution and what belongs to it.

        Args:
            url: The URL to front. It must ask for IAM auth, which CloudFront then signs for, and its function must be in the
                same account and region as this stack.
            response_timeout: Longest silence that CloudFront accepts, before the first byte and between any two packets after
                it. Default: 60 seconds. Allowed: whole seconds, 1 to 120, which is CloudFront's quota.
            response_completion_timeout: Longest answer as a whole. Default: none. Allowed: whole seconds from `response_timeout` to an
                hour.
            heartbeat_seconds: Longest silence of the function's own streams. Default: what `StreamLimits` set on the function;
                where nothing is known, a warning.
            web_acl: Firewall in front. Default: `WebAcl()`, that is, AWS managed rules and 300 requests in 5 minutes per
                address.
            edge_signer: Whether Lambda@Edge computes the hash of each body, for callers that cannot; or the version of a function
                that does. It reads bodies up to 1 MB; a larger one needs the caller's own hash, else it is answered with 413.
                Default: False.
            domain_names: Names of one's own, such as `chat.example.com`. Default: CloudFront's own, `*.cloudfront.net`.
            certificate: The certificate of `domain_names`, from us-east-1. Default: one that `hosted_zone` validates.
            hosted_zone: The zone of `domain_names`; address records are made in it. Default: no records.
            trusted_key_groups: Only requests with a signed URL or signed cookies of these keys pass. Default: all pass.
            geo_restriction: Countries. Default: all.
            response_headers_policy: Headers added to each answer. Default: HSTS, nosniff, no referrer, and, unless the function says
                otherwise, no framing and a policy that loads nothing.
            access_logs: Whether each request is logged. Default: True.
            log_bucket: Where to. It must take ACLs (`ObjectOwnership.BUCKET_OWNER_PREFERRED`), by which CloudFront delivers.
                Default: a bucket of its own, kept when the stack is deleted.
            log_retention: How long the bucket of its own keeps them. Default: 90 days.

        Raises:
            ValueError: `OAC_NEEDS_IAM`, `DISTRIBUTION_ELSEWHERE`, `RESPONSE_TIMEOUT_OUT_OF_RANGE`,
                `COMPLETION_TIMEOUT_OUT_OF_RANGE`, `HEARTBEAT_TOO_SLOW`, `WAF_REGION`, `WEB_ACL_SCOPE`, `DOMAIN_WITHOUT_CERTIFICATE`,
                `CERTIFICATE_UNUSED`, `CERTIFICATE_REGION`, `ZONE_IN_SAME_STACK`, `LOG_BUCKET_ACL`, `LOG_BUCKET_UNUSED`,
                `LOG_REGION` (see `docs/errors.md`).
        """
        super().__init__(scope, id)
        timeout = response_timeout or _RESPONSE_TIMEOUT
        _require_iam(url)
        _require_same_environment(self, url.alias)
        _check_response_timeout(timeout)
        _check_completion_timeout(self, url.alias, response_completion_timeout, timeout)
        require_heartbeat_within(
            self,
            url.alias,
            stated=heartbeat_seconds,
            limit_seconds=timeout.to_seconds(),
            front="CloudFront's response timeout",
            mend=f"raise response_timeout (at most {_LONGEST_RESPONSE_TIMEOUT_SECONDS} s)",
        )
        domain = OwnDomain(self, names=domain_names, certificate=certificate, hosted_zone=hosted_zone, in_us_east_1=True)
        self.certificate = domain.certificate
        self.web_acl, web_acl_arn = self._firewall(web_acl or WebAcl())
        self.edge_signer, signer_version = self._signer(edge_signer)
        self.log_bucket = self._logs(access_logs, log_bucket, log_retention)
        self.origin_access_control = self._origin_access_control()
        self.origin_request_policy = self._origin_request_policy()
        self.response_headers_policy = response_headers_policy or self._security_headers()
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Streams from {url.node.path}",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.FunctionUrlOrigin.with_origin_access_control(
                    url.function_url,
                    origin_access_control=self.origin_access_control,
                    read_timeout=_literal(timeout),
                    response_completion_timeout=_literal(response_completion_timeout),
                    keepalive_timeout=_KEEPALIVE,  # a new connection costs each first token a TLS handshake
                    # CloudFront repeats a GET that has timed out, while the first one still runs and is billed.
                    connection_attempts=1,
                ),
                allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                origin_request_policy=self.origin_request_policy,
                response_headers_policy=self.response_headers_policy,
                compress=False,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                trusted_key_groups=list(trusted_key_groups) or None,
                edge_lambdas=[
                    cloudfront.EdgeLambda(
                        event_type=cloudfront.LambdaEdgeEventType.ORIGIN_REQUEST,  # up to 1 MB; a viewer request shows 40 KB
                        function_version=signer_version,
                        include_body=True,
                    )
                ]
                if signer_version is not None
                else None,
            ),
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            certificate=self.certificate,
            domain_names=list(domain_names) or None,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if self.certificate is not None else None,
            web_acl_id=web_acl_arn,
            geo_restriction=geo_restriction,
            enable_logging=access_logs,
            log_bucket=self.log_bucket,
        )
        self._pass_tokens(timeout, response_completion_timeout)
        self.permissions = self._permissions_on(url.alias)
        self.records = domain.point_to(targets.CloudFrontTarget(self.distribution))
        host = domain_names[0] if domain_names else self.distribution.distribution_domain_name
        self.url = f"https://{host}/"

    def _firewall(self, acl: WebAcl) -> tuple[wafv2.CfnWebACL | None, str | None]:
        if not acl.enabled:
            return None, None
        if acl.arn is not None:
            require_scope(acl.arn, "CLOUDFRONT")
            return None, acl.arn
        scope = scope_in_us_east_1(self, what="a web ACL", instead="give web_acl=WebAcl.from_arn(...), or WebAcl.disabled()")
        made = ManagedWebAcl(scope, "WebAcl", rules=acl, front="CLOUDFRONT")
        return made.resource, made.arn

    def _signer(self, wanted: bool | lambda_.IVersion) -> tuple[lambda_.Function | None, lambda_.IVersion | None]:
        if not isinstance(wanted, bool):
            return None, wanted
        if not wanted:
            return None, None
        scope = scope_in_us_east_1(self, what="an edge function", instead="give edge_signer=Version.from_version_arn(...)")
        made = EdgeSigner(scope, "EdgeSigner")
        return made.function, made.version

    def _logs(self, wanted: bool, given: s3.IBucket | None, retention: Duration | None) -> s3.IBucket | None:
        if not wanted or given is not None:
            _refuse_unused_log_settings(wanted, given, retention)
            if given is not None:
                _refuse_without_acls(given)
            return given
        region = Stack.of(self).region
        if region in _NO_STANDARD_LOGS:
            raise ValueError(
                f"LOG_REGION: CloudFront delivers no standard logs to buckets in {region}. Give log_bucket, a bucket in another region, or "
                "access_logs=False and set up logging of another kind."
            )
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,  # CloudFront writes by ACL
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=retention or _LOG_RETENTION)],
            removal_policy=RemovalPolicy.RETAIN,
        )
        Validations.of(bucket).acknowledge(
            Acknowledgment(id="AwsSolutions::AwsSolutions-S1", reason="This bucket holds access logs; logging it would never end")
        )
        return bucket

    def _origin_access_control(self) -> cloudfront.FunctionUrlOriginAccessControl:
        return cloudfront.FunctionUrlOriginAccessControl(
            self, "OriginAccessControl", origin_access_control_name=self._global_name("OriginAccessControl", 64)
        )

    def _origin_request_policy(self) -> cloudfront.OriginRequestPolicy:
        return cloudfront.OriginRequestPolicy(
            self,
            "OriginRequestPolicy",
            origin_request_policy_name=self._global_name("OriginRequestPolicy", 128),
            comment="All of the request but the host name and the encodings",
            header_behavior=cloudfront.OriginRequestHeaderBehavior.deny_list("host", "accept-encoding"),
            query_string_behavior=cloudfront.OriginRequestQueryStringBehavior.all(),
            cookie_behavior=cloudfront.OriginRequestCookieBehavior.all(),
        )

    def _security_headers(self) -> cloudfront.ResponseHeadersPolicy:
        return cloudfront.ResponseHeadersPolicy(
            self,
            "SecurityHeaders",
            response_headers_policy_name=self._global_name("SecurityHeaders", 128),
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(365), include_subdomains=True, override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
                # A function that serves a page of its own sets these two itself.
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=False
                ),
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy="default-src 'none'; frame-ancestors 'none'", override=False
                ),
            ),
        )

    def _global_name(self, suffix: str, longest: int) -> str:
        """CloudFront's names are one per account: without the region the same stack could stand in one region only."""
        region = Stack.of(self).region
        room = longest - len(suffix) - 2 - (20 if is_unresolved(region) else len(region))
        return f"{Names.unique_resource_name(self, max_length=room)}-{suffix}-{region}"

    def _pass_tokens(self, response: Duration, completion: Duration | None) -> None:
        """CDK compares the numbers as they are, and a token stands for itself by a number far below zero."""
        resource = self.distribution.node.default_child
        assert isinstance(resource, cloudfront.CfnDistribution)
        origin = "DistributionConfig.Origins.0"
        if response.is_unresolved():
            resource.add_property_override(f"{origin}.CustomOriginConfig.OriginReadTimeout", response.to_seconds())
        if completion is not None and completion.is_unresolved():
            resource.add_property_override(f"{origin}.ResponseCompletionTimeout", completion.to_seconds())

    def _permissions_on(self, alias: lambda_.IAlias) -> list[lambda_.CfnPermission]:
        """CDK names the function as the URL's resource returns it; the alias's own ARN is sure to be the qualified one."""
        found = [child for child in self.distribution.node.find_all() if isinstance(child, lambda_.CfnPermission)]
        for permission in found:
            permission.function_name = alias.function_arn
            if permission.action == "lambda:InvokeFunctionUrl":
                permission.function_url_auth_type = "AWS_IAM"
        return found


def _literal(duration: Duration | None) -> Duration | None:
    return None if duration is None or duration.is_unresolved() else duration


def _require_iam(url: StreamingUrl) -> None:
    if url.auth_type != lambda_.FunctionUrlAuthType.AWS_IAM:
        raise ValueError(
            f"OAC_NEEDS_IAM: {url.node.path} has auth type {url.auth_type.name}: everyone could pass by CloudFront and its firewall. "
            "Use auth_type=FunctionUrlAuthType.AWS_IAM; CloudFront then signs for its callers."
        )


def _require_same_environment(scope: Construct, alias: lambda_.IAlias) -> None:
    stack = Stack.of(scope)
    there = alias.version.lambda_.env  # of an imported alias CDK says the importing stack's own
    for what, mine, its in (("region", stack.region, there.region), ("account", stack.account, there.account)):
        if not is_unresolved(mine) and not is_unresolved(its) and mine != its:
            raise ValueError(
                f"DISTRIBUTION_ELSEWHERE: the function is in {what} {its}, this stack in {mine}. The function's permission for CloudFront "
                f"has to be made where the function is. Put the distribution into a stack of the function's {what}; what CloudFront needs "
                f"in {US_EAST_1} is made there by itself."
            )


def _check_response_timeout(timeout: Duration) -> None:
    if timeout.is_unresolved():
        return
    seconds = timeout.to_milliseconds() / 1000
    if seconds != int(seconds) or not 1 <= seconds <= _LONGEST_RESPONSE_TIMEOUT_SECONDS:
        raise ValueError(
            f"RESPONSE_TIMEOUT_OUT_OF_RANGE: response_timeout is {seconds:g} s; CloudFront takes whole seconds from 1 to "
            f"{_LONGEST_RESPONSE_TIMEOUT_SECONDS}. It bounds the silence, not the stream: let the function send heartbeats."
        )


def _check_completion_timeout(scope: Construct, alias: lambda_.IAlias, completion: Duration | None, response: Duration) -> None:
    if completion is None or completion.is_unresolved():
        return
    seconds = completion.to_milliseconds() / 1000
    shortest = 1 if response.is_unresolved() else response.to_milliseconds() / 1000
    if seconds != int(seconds) or not shortest <= seconds <= _LONGEST_COMPLETION_SECONDS:
        raise ValueError(
            f"COMPLETION_TIMEOUT_OUT_OF_RANGE: response_completion_timeout is {seconds:g} s; CloudFront takes whole seconds from the response "
            f"timeout ({shortest:g} s) to {_LONGEST_COMPLETION_SECONDS}. Choose one within that range, or leave it out."
        )
    longest = timeout_seconds(alias)
    if longest is not None and seconds < longest:
        Annotations.of(scope).add_warning_v2(
            "streaming-lambda:completion-below-function-timeout",
            f"CloudFront ends each answer after {seconds:g} s, the function only after {longest:g} s: a longer stream is cut off without its "
            "end, and the function runs on and is billed. Set StreamLimits(max_duration_seconds=...) below it.",
        )


def _refuse_unused_log_settings(wanted: bool, given: s3.IBucket | None, retention: Duration | None) -> None:
    unused = "log_retention" if retention is not None else "log_bucket" if given is not None and not wanted else None
    if unused is not None:
        raise ValueError(
            f"LOG_BUCKET_UNUSED: {unused} is set, but {'a bucket with rules of its own is given' if wanted else 'access_logs is False'}. "
            f"Leave {unused} out."
        )


def _refuse_without_acls(bucket: s3.IBucket) -> None:
    """Buckets are made without ACLs unless they say otherwise, and CloudFront's legacy logs come by ACL."""
    resource = bucket.node.default_child
    if not isinstance(resource, s3.CfnBucket):
        return  # imported: what it takes is not known here
    inspector = TreeInspector()  # the property itself is a lazy value, which cannot be read through jsii
    resource.inspect(inspector)
    properties = Stack.of(bucket).resolve(inspector.attributes["aws:cdk:cloudformation:props"])
    controls = properties.get("ownershipControls") or {}
    if all(rule.get("objectOwnership") == "BucketOwnerEnforced" for rule in controls.get("rules", [])):
        raise ValueError(
            f"LOG_BUCKET_ACL: {bucket.node.path} takes no ACLs, by which CloudFront delivers its logs "
            "(https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html). Give it "
            "object_ownership=ObjectOwnership.BUCKET_OWNER_PREFERRED."
        )
