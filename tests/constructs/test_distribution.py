"""StreamingDistribution: CloudFront that does not get in the stream's way, and who may pass it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, CfnParameter, Duration, Environment, NestedStack, Stack, Stage
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match, Template

from constructs_pkg import StreamingUrl
from constructs_pkg._behind import remember_heartbeat
from constructs_pkg.distribution import StreamingDistribution
from constructs_pkg.web_acl import WebAcl

from .conftest import FLAGS
from .reading import only

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT = "123456789012"
HERE = Environment(account=ACCOUNT, region="us-east-1")
ELSEWHERE = Environment(account=ACCOUNT, region="eu-west-1")
ACL_ARN = f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/existing/1234"
CERTIFICATE_ARN = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1234"


def make_url(stack: Stack, *, heartbeat: int | None = 15, timeout: int = 300, **parameters: Any) -> StreamingUrl:
    function = lambda_.Function(
        stack,
        "Plain",
        code=lambda_.Code.from_inline("exports.handler = awslambda.streamifyResponse(async (e, s) => s.end('x'))"),
        handler="index.handler",
        runtime=lambda_.Runtime.NODEJS_24_X,
        timeout=Duration.seconds(timeout),
    )
    if heartbeat is not None:
        remember_heartbeat(function, heartbeat)
    alias = lambda_.Alias(stack, "PlainAlias", alias_name="prod", version=function.current_version)
    return StreamingUrl(stack, "Url", alias=alias, **parameters)


def make(stack: Stack, *, url: StreamingUrl | None = None, **parameters: Any) -> StreamingDistribution:
    return StreamingDistribution(stack, "Front", url=url or make_url(stack), **parameters)


def config(stack: Stack) -> dict[str, Any]:
    return only(Template.from_stack(stack).find_resources("AWS::CloudFront::Distribution"))[1]["DistributionConfig"]


def behavior(stack: Stack) -> dict[str, Any]:
    return config(stack)["DefaultCacheBehavior"]


def imported_zone(stack: Stack) -> route53.IHostedZone:
    return route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z123", zone_name="example.com")


@pytest.fixture
def here(make_stack: Callable[..., Stack], flags: dict[str, Any]) -> Stack:
    return make_stack(context=flags, env=HERE)


@pytest.fixture
def elsewhere(make_stack: Callable[..., Stack], flags: dict[str, Any]) -> Stack:
    return make_stack(context=flags, env=ELSEWHERE)


@pytest.fixture
def agnostic(make_stack: Callable[..., Stack], flags: dict[str, Any]) -> Stack:
    return make_stack(context=flags)


class TestTheStreamsWay:
    def test_nothing_is_cached_or_compressed_and_all_methods_pass_over_https_alone(self, here: Stack) -> None:
        make(here)
        found = behavior(here)
        assert found["CachePolicyId"] == cloudfront.CachePolicy.CACHING_DISABLED.cache_policy_id
        assert found["Compress"] is False
        assert set(found["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
        assert found["ViewerProtocolPolicy"] == "https-only"

    def test_all_of_the_request_reaches_the_function_but_host_and_accept_encoding(self, here: Stack) -> None:
        make(here)
        _, policy = only(Template.from_stack(here).find_resources("AWS::CloudFront::OriginRequestPolicy"))
        found = policy["OriginRequestPolicyConfig"]
        assert found["HeadersConfig"] == {"HeaderBehavior": "allExcept", "Headers": ["host", "accept-encoding"]}
        assert found["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
        assert found["CookiesConfig"] == {"CookieBehavior": "all"}

    def test_silence_of_60_seconds_is_accepted_and_a_get_is_never_repeated(self, here: Stack) -> None:
        make(here)
        [origin] = config(here)["Origins"]
        assert origin["CustomOriginConfig"]["OriginReadTimeout"] == 60
        assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
        assert origin["ConnectionAttempts"] == 1
        assert "ResponseCompletionTimeout" not in origin

    def test_both_timeouts_are_parameters(self, here: Stack) -> None:
        make(here, response_timeout=Duration.seconds(120), response_completion_timeout=Duration.minutes(15))
        [origin] = config(here)["Origins"]
        assert origin["CustomOriginConfig"]["OriginReadTimeout"] == 120
        assert origin["ResponseCompletionTimeout"] == 900

    @pytest.mark.parametrize("timeout", [Duration.seconds(121), Duration.seconds(0), Duration.millis(1500)])
    def test_a_response_timeout_that_cloudfront_does_not_take_is_refused(
        self, timeout: Duration, make_stack: Callable[..., Stack]
    ) -> None:
        with pytest.raises(ValueError, match="^RESPONSE_TIMEOUT_OUT_OF_RANGE: "):
            make(make_stack(env=HERE), response_timeout=timeout)

    @pytest.mark.parametrize("timeout", [Duration.seconds(59), Duration.seconds(3601), Duration.millis(60_500)])
    def test_a_completion_timeout_below_the_response_timeout_or_above_an_hour_is_refused(
        self, timeout: Duration, make_stack: Callable[..., Stack]
    ) -> None:
        with pytest.raises(ValueError, match="^COMPLETION_TIMEOUT_OUT_OF_RANGE: .*60 s"):
            make(make_stack(env=HERE), response_completion_timeout=timeout)

    def test_a_completion_timeout_below_the_functions_timeout_is_doubted(self, here: Stack) -> None:
        make(here, response_completion_timeout=Duration.seconds(299))
        Annotations.from_stack(here).has_warning(
            "/TestStack/Front", Match.string_like_regexp("299 s, the function only after 300 s")
        )

    def test_both_timeouts_may_be_tokens(self, here: Stack) -> None:
        response = CfnParameter(here, "Response", type="Number").value_as_number
        completion = CfnParameter(here, "Completion", type="Number").value_as_number
        make(here, response_timeout=Duration.seconds(response), response_completion_timeout=Duration.seconds(completion))
        [origin] = config(here)["Origins"]
        assert origin["CustomOriginConfig"]["OriginReadTimeout"] == {"Ref": "Response"}
        assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
        assert origin["ResponseCompletionTimeout"] == {"Ref": "Completion"}


class TestHeartbeat:
    @pytest.mark.parametrize("beat", [60, 61])
    def test_a_heartbeat_that_is_not_shorter_than_the_response_timeout_is_refused(
        self, beat: int, make_stack: Callable[..., Stack]
    ) -> None:
        stack = make_stack(env=HERE)
        with pytest.raises(ValueError, match=f"^HEARTBEAT_TOO_SLOW: .*every {beat} s.*60 s"):
            make(stack, url=make_url(stack, heartbeat=beat))

    def test_a_stated_one_stands_above_what_is_noted(self, make_stack: Callable[..., Stack]) -> None:
        with pytest.raises(ValueError, match="^HEARTBEAT_TOO_SLOW: "):
            make(make_stack(env=HERE), heartbeat_seconds=60)

    def test_a_shorter_one_is_taken_without_a_word(self, here: Stack) -> None:
        make(here, url=make_url(here, heartbeat=59))
        Annotations.from_stack(here).has_no_warning("*", Match.string_like_regexp("heartbeat"))

    @pytest.mark.parametrize(("beat", "found"), [(0, "sends no heartbeat"), (None, "does not say how often")])
    def test_silence_without_an_end_is_doubted(self, beat: int | None, found: str, here: Stack) -> None:
        make(here, url=make_url(here, heartbeat=beat))
        Annotations.from_stack(here).has_warning("/TestStack/Front", Match.string_like_regexp(found))

    def test_a_function_that_ends_before_the_timeout_is_not_doubted(self, here: Stack) -> None:
        make(here, url=make_url(here, heartbeat=None, timeout=60))
        Annotations.from_stack(here).has_no_warning("*", Match.string_like_regexp("heartbeat"))


class TestAccess:
    def test_cloudfront_signs_and_holds_both_permissions_on_the_alias(self, here: Stack) -> None:
        front = make(here)
        template = Template.from_stack(here)
        template.has_resource_properties(
            "AWS::CloudFront::OriginAccessControl",
            {
                "OriginAccessControlConfig": {
                    "OriginAccessControlOriginType": "lambda",
                    "SigningBehavior": "always",
                    "SigningProtocol": "sigv4",
                }
            },
        )
        [alias_id] = template.find_resources("AWS::Lambda::Alias")
        [distribution_id] = template.find_resources("AWS::CloudFront::Distribution")
        found = {
            each["Properties"]["Action"]: each["Properties"]
            for each in template.find_resources("AWS::Lambda::Permission").values()
        }
        assert set(found) == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
        assert found["lambda:InvokeFunctionUrl"]["FunctionUrlAuthType"] == "AWS_IAM"
        assert found["lambda:InvokeFunction"]["InvokedViaFunctionUrl"] is True
        for permission in found.values():
            assert permission["FunctionName"] == {"Ref": alias_id}
            assert permission["Principal"] == "cloudfront.amazonaws.com"
            assert {"Ref": distribution_id} in permission["SourceArn"]["Fn::Join"][1]
        assert len(front.permissions) == 2

    def test_it_fronts_an_imported_alias(self, here: Stack) -> None:
        function = lambda_.Function.from_function_arn(here, "F", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:chat")
        version = lambda_.Version.from_version_attributes(here, "V", lambda_=function, version="7")
        alias = lambda_.Alias.from_alias_attributes(here, "A", alias_name="live", alias_version=version)
        make(here, url=StreamingUrl(here, "Url", alias=alias), heartbeat_seconds=15)
        found = Template.from_stack(here).find_resources("AWS::Lambda::Permission").values()
        assert {each["Properties"]["FunctionName"] for each in found} == {
            f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:chat:live"
        }

    def test_a_public_url_is_refused(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack(env=HERE)
        with pytest.raises(ValueError, match="^OAC_NEEDS_IAM: "):
            make(stack, url=make_url(stack, auth_type=lambda_.FunctionUrlAuthType.NONE))

    def test_only_signed_urls_and_cookies_pass_when_asked_for(self, here: Stack) -> None:
        key = cloudfront.PublicKey.from_public_key_id(here, "Key", "K123")
        make(here, trusted_key_groups=[cloudfront.KeyGroup(here, "Keys", items=[key])])
        [group] = Template.from_stack(here).find_resources("AWS::CloudFront::KeyGroup")
        assert behavior(here)["TrustedKeyGroups"] == [{"Ref": group}]

    def test_countries_can_be_left_out(self, here: Stack) -> None:
        make(here, geo_restriction=cloudfront.GeoRestriction.denylist("KP"))
        assert config(here)["Restrictions"]["GeoRestriction"] == {"Locations": ["KP"], "RestrictionType": "blacklist"}

    @pytest.mark.parametrize(
        ("env", "what"),
        [
            (Environment(account=ACCOUNT, region="us-east-1"), "region"),
            (Environment(account="999999999999", region="eu-west-1"), "account"),
        ],
    )
    def test_a_function_elsewhere_is_refused_for_its_permission_could_not_be_made(self, env: Environment, what: str) -> None:
        app = App(context=FLAGS, tree_metadata=False, builtin_cloud_formation_validation=False)
        function_stack = Stack(app, "Function", env=ELSEWHERE)
        url = make_url(function_stack)
        with pytest.raises(ValueError, match=f"^DISTRIBUTION_ELSEWHERE: the function is in {what} "):
            make(Stack(app, "Front", env=env), url=url)

    def test_a_function_in_another_stack_of_the_region_is_fronted(self, flags: dict[str, Any]) -> None:
        app = App(context=flags, tree_metadata=False, builtin_cloud_formation_validation=False)
        url = make_url(Stack(app, "Function", env=HERE))
        stack = Stack(app, "Front", env=HERE)
        make(stack, url=url)
        template = Template.from_stack(stack)
        template.resource_count_is("AWS::Lambda::Permission", 2)
        template.resource_count_is("AWS::CloudFront::Distribution", 1)


class TestSecurityHeaders:
    def test_answers_carry_them_and_a_page_of_the_function_may_set_its_own(self, here: Stack) -> None:
        make(here)
        _, policy = only(Template.from_stack(here).find_resources("AWS::CloudFront::ResponseHeadersPolicy"))
        found = policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
        assert found["StrictTransportSecurity"] == {
            "AccessControlMaxAgeSec": 31_536_000,
            "IncludeSubdomains": True,
            "Override": True,
        }
        assert found["ContentTypeOptions"] == {"Override": True}
        assert found["ReferrerPolicy"] == {"ReferrerPolicy": "no-referrer", "Override": True}
        assert found["FrameOptions"] == {"FrameOption": "DENY", "Override": False}
        assert found["ContentSecurityPolicy"]["Override"] is False

    def test_a_policy_of_ones_own_takes_their_place(self, here: Stack) -> None:
        make(here, response_headers_policy=cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS)
        Template.from_stack(here).resource_count_is("AWS::CloudFront::ResponseHeadersPolicy", 0)
        assert behavior(here)["ResponseHeadersPolicyId"] == "67f7725c-6f97-4210-82d7-5512b31e9d03"

    @pytest.mark.parametrize("env", [HERE, None], ids=["explicit", "agnostic"])
    def test_the_same_stack_can_stand_in_two_regions_of_an_account(
        self, env: Environment | None, make_stack: Callable[..., Stack]
    ) -> None:
        stack = make_stack(env=env)
        make(stack, web_acl=WebAcl.from_arn(ACL_ARN))
        template = Template.from_stack(stack)
        for kind, section in (
            ("OriginAccessControl", "OriginAccessControlConfig"),
            ("OriginRequestPolicy", "OriginRequestPolicyConfig"),
            ("ResponseHeadersPolicy", "ResponseHeadersPolicyConfig"),
        ):
            name = only(template.find_resources(f"AWS::CloudFront::{kind}"))[1][section]["Name"]
            assert "us-east-1" in name if env is not None else {"Ref": "AWS::Region"} in name["Fn::Join"][1]


class TestFirewall:
    def test_in_us_east_1_it_stands_in_the_same_stack(self, here: Stack) -> None:
        front = make(here)
        acl, found = only(Template.from_stack(here).find_resources("AWS::WAFv2::WebACL"))
        assert found["Scope"] == "CLOUDFRONT"
        assert config(here)["WebACLId"] == {"Fn::GetAtt": [acl, "Arn"]}
        assert front.web_acl is not None

    def test_from_another_region_it_stands_in_a_support_stack_and_is_read_without_custom_resources(
        self, elsewhere: Stack
    ) -> None:
        make(elsewhere)
        support = elsewhere.node.root.node.find_child("TestStack-us-east-1")
        assert isinstance(support, Stack)
        assert (support.region, support.account) == ("us-east-1", ACCOUNT)
        assert support in elsewhere.dependencies
        Template.from_stack(support).resource_count_is("AWS::WAFv2::WebACL", 1)
        template = Template.from_stack(elsewhere)
        template.resource_count_is("AWS::WAFv2::WebACL", 0)
        found = config(elsewhere)["WebACLId"]["Fn::GetStackOutput"]
        assert (found["StackName"], found["Region"]) == ("TestStack-us-east-1", "us-east-1")
        assert not [name for name in template.to_json()["Resources"] if "Custom" in name]

    def test_two_fronts_of_a_stack_share_one_support_stack(self, elsewhere: Stack) -> None:
        url = make_url(elsewhere)
        StreamingDistribution(elsewhere, "One", url=url)
        StreamingDistribution(elsewhere, "Two", url=url)
        support = elsewhere.node.root.node.find_child("TestStack-us-east-1")
        assert isinstance(support, Stack)
        Template.from_stack(support).resource_count_is("AWS::WAFv2::WebACL", 2)

    def test_in_a_stage_and_a_nested_stack_the_support_stack_stands_in_the_stage(self, flags: dict[str, Any]) -> None:
        app = App(context=flags, tree_metadata=False, builtin_cloud_formation_validation=False)
        stage = Stage(app, "Prod", env=ELSEWHERE)
        stack = Stack(stage, "Chat")
        make(NestedStack(stack, "Nested"))
        support = stage.node.find_child("Chat-us-east-1")
        assert isinstance(support, Stack)
        assert support.stack_name == "Prod-Chat-us-east-1"
        app.synth()

    def test_an_unknown_region_is_refused_by_code(self, agnostic: Stack) -> None:
        with pytest.raises(ValueError, match="^WAF_REGION: .*a web ACL"):
            make(agnostic)

    def test_an_unknown_region_is_no_matter_where_the_arn_is_given(self, agnostic: Stack) -> None:
        make(agnostic, web_acl=WebAcl.from_arn(ACL_ARN))
        assert config(agnostic)["WebACLId"] == ACL_ARN

    def test_it_can_be_left_out(self, agnostic: Stack) -> None:
        make(agnostic, web_acl=WebAcl.disabled())
        assert "WebACLId" not in config(agnostic)

    @pytest.mark.parametrize(
        "arn",
        [
            f"arn:aws:wafv2:eu-west-1:{ACCOUNT}:regional/webacl/x/1",
            f"arn:aws:wafv2:us-east-1:{ACCOUNT}:regional/webacl/x/1",
            "1234",
        ],
    )
    def test_a_web_acl_of_the_wrong_scope_is_refused(self, arn: str, make_stack: Callable[..., Stack]) -> None:
        with pytest.raises(ValueError, match="^WEB_ACL_SCOPE: "):
            make(make_stack(env=HERE), web_acl=WebAcl.from_arn(arn))


class TestEdgeSigner:
    def test_without_it_no_edge_function_runs(self, here: Stack) -> None:
        assert make(here).edge_signer is None
        assert "LambdaFunctionAssociations" not in behavior(here)

    def test_it_reads_the_body_of_origin_requests(self, here: Stack) -> None:
        front = make(here, edge_signer=True)
        [association] = behavior(here)["LambdaFunctionAssociations"]
        assert association["EventType"] == "origin-request"
        assert association["IncludeBody"] is True
        assert front.edge_signer is not None

    def test_it_is_what_lambda_edge_takes(self, here: Stack) -> None:
        make(here, edge_signer=True)
        template = Template.from_stack(here)
        _, found = only(
            template.find_resources("AWS::Lambda::Function", {"Properties": {"Handler": "index.handler", "MemorySize": 128}})
        )
        assert "Environment" not in found
        assert "TracingConfig" not in found
        assert "LoggingConfig" not in found
        assert found["Architectures"] == ["x86_64"]
        assert "createHash" in found["Code"]["ZipFile"]
        trusted = [
            role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            for name, role in template.find_resources("AWS::IAM::Role").items()
            if "EdgeSigner" in name
        ]
        assert "edgelambda.amazonaws.com" in str(trusted)
        assert not [name for name in template.find_resources("AWS::Logs::LogGroup") if "EdgeSigner" in name]

    def test_an_old_version_stays_while_the_edges_hold_copies_of_it(self, here: Stack) -> None:
        make(here, edge_signer=True)
        versions = Template.from_stack(here).find_resources("AWS::Lambda::Version")
        [signer] = [version for name, version in versions.items() if "EdgeSigner" in name]
        assert signer["DeletionPolicy"] == "Retain"

    def test_from_another_region_its_version_is_read_from_the_support_stack(self, elsewhere: Stack) -> None:
        make(elsewhere, edge_signer=True)
        support = elsewhere.node.root.node.find_child("TestStack-us-east-1")
        assert isinstance(support, Stack)
        Template.from_stack(support).resource_count_is("AWS::Lambda::Function", 1)
        [association] = behavior(elsewhere)["LambdaFunctionAssociations"]
        assert association["LambdaFunctionARN"]["Fn::GetStackOutput"]["Region"] == "us-east-1"

    def test_a_version_of_ones_own_is_used_as_it_is_in_any_environment(self, agnostic: Stack) -> None:
        arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:signer:3"
        front = make(agnostic, edge_signer=lambda_.Version.from_version_arn(agnostic, "Signer", arn), web_acl=WebAcl.disabled())
        assert behavior(agnostic)["LambdaFunctionAssociations"][0]["LambdaFunctionARN"] == arn
        assert front.edge_signer is None

    def test_an_unknown_region_is_refused_by_code(self, agnostic: Stack) -> None:
        with pytest.raises(ValueError, match="^WAF_REGION: .*an edge function"):
            make(agnostic, edge_signer=True, web_acl=WebAcl.disabled())


class TestDomain:
    def test_without_one_the_address_is_cloudfronts(self, here: Stack) -> None:
        front = make(here)
        [distribution] = Template.from_stack(here).find_resources("AWS::CloudFront::Distribution")
        assert here.resolve(front.url) == {"Fn::Join": ["", ["https://", {"Fn::GetAtt": [distribution, "DomainName"]}, "/"]]}
        assert "ViewerCertificate" not in config(here)

    def test_names_with_a_certificate_speak_tls_1_2_at_least(self, here: Stack) -> None:
        certificate = acm.Certificate.from_certificate_arn(here, "Certificate", CERTIFICATE_ARN)
        front = make(here, domain_names=["chat.example.com", "ask.example.com"], certificate=certificate)
        found = config(here)
        assert found["Aliases"] == ["chat.example.com", "ask.example.com"]
        assert found["ViewerCertificate"] == {
            "AcmCertificateArn": CERTIFICATE_ARN,
            "MinimumProtocolVersion": "TLSv1.2_2021",
            "SslSupportMethod": "sni-only",
        }
        assert front.url == "https://chat.example.com/"
        assert front.records == []

    def test_a_zone_brings_certificate_and_records(self, here: Stack) -> None:
        front = make(here, domain_names=["chat.example.com"], hosted_zone=imported_zone(here))
        template = Template.from_stack(here)
        template.has_resource_properties(
            "AWS::CertificateManager::Certificate", {"DomainName": "chat.example.com", "ValidationMethod": "DNS"}
        )
        records = [each["Properties"] for each in template.find_resources("AWS::Route53::RecordSet").values()]
        assert {record["Type"] for record in records} == {"A", "AAAA"}
        assert {record["Name"] for record in records} == {"chat.example.com."}
        assert len(front.records) == 2

    def test_from_another_region_the_certificate_is_made_in_us_east_1(self, elsewhere: Stack) -> None:
        make(elsewhere, domain_names=["chat.example.com"], hosted_zone=imported_zone(elsewhere))
        support = elsewhere.node.root.node.find_child("TestStack-us-east-1")
        assert isinstance(support, Stack)
        Template.from_stack(support).resource_count_is("AWS::CertificateManager::Certificate", 1)
        template = Template.from_stack(elsewhere)
        template.resource_count_is("AWS::Route53::RecordSet", 2)
        assert "Fn::GetStackOutput" in config(elsewhere)["ViewerCertificate"]["AcmCertificateArn"]

    def test_an_unknown_region_is_refused_by_code(self, agnostic: Stack) -> None:
        with pytest.raises(ValueError, match="^WAF_REGION: .*the certificate of chat.example.com"):
            make(agnostic, domain_names=["chat.example.com"], hosted_zone=imported_zone(agnostic), web_acl=WebAcl.disabled())

    def test_a_zone_that_would_wait_for_the_certificate_that_waits_for_it_is_refused(
        self, make_stack: Callable[..., Stack]
    ) -> None:
        stack = make_stack(env=ELSEWHERE)
        zone = route53.PublicHostedZone(stack, "Zone", zone_name="example.com")
        with pytest.raises(ValueError, match="^ZONE_IN_SAME_STACK: "):
            make(stack, domain_names=["chat.example.com"], hosted_zone=zone)

    def test_a_certificate_of_another_region_is_refused(self, make_stack: Callable[..., Stack]) -> None:
        stack = make_stack(env=ELSEWHERE)
        imported = acm.Certificate.from_certificate_arn(stack, "C", CERTIFICATE_ARN.replace("us-east-1", "eu-west-1"))
        with pytest.raises(ValueError, match="^CERTIFICATE_REGION: .*eu-west-1"):
            make(stack, domain_names=["chat.example.com"], certificate=imported)
        made = acm.Certificate(stack, "Made", domain_name="chat.example.com")
        with pytest.raises(ValueError, match="^CERTIFICATE_REGION: .*eu-west-1"):
            StreamingDistribution(
                stack,
                "Second",
                url=StreamingUrl(
                    stack,
                    "U2",
                    alias=lambda_.Alias.from_alias_attributes(
                        stack,
                        "A2",
                        alias_name="x",
                        alias_version=lambda_.Version.from_version_arn(
                            stack, "V2", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f:1"
                        ),
                    ),
                ),
                heartbeat_seconds=1,
                domain_names=["chat.example.com"],
                certificate=made,
            )

    @pytest.mark.parametrize(
        ("parameters", "code"),
        [
            (lambda stack: {"domain_names": ["chat.example.com"]}, "DOMAIN_WITHOUT_CERTIFICATE"),
            (lambda stack: {"hosted_zone": imported_zone(stack)}, "CERTIFICATE_UNUSED"),
            (
                lambda stack: {"certificate": acm.Certificate.from_certificate_arn(stack, "C", CERTIFICATE_ARN)},
                "CERTIFICATE_UNUSED",
            ),
        ],
    )
    def test_half_of_a_domain_is_refused(
        self, parameters: Callable[[Stack], dict[str, Any]], code: str, make_stack: Callable[..., Stack]
    ) -> None:
        stack = make_stack(env=HERE)
        with pytest.raises(ValueError, match=f"^{code}: "):
            make(stack, **parameters(stack))


class TestLogs:
    def test_each_request_is_logged_into_a_private_bucket_for_90_days(self, here: Stack) -> None:
        make(here)
        bucket, found = only(Template.from_stack(here).find_resources("AWS::S3::Bucket"))
        assert config(here)["Logging"] == {"Bucket": {"Fn::GetAtt": [bucket, "RegionalDomainName"]}}
        assert set(found["PublicAccessBlockConfiguration"].values()) == {True}
        assert found["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
        assert found["LifecycleConfiguration"]["Rules"] == [{"ExpirationInDays": 90, "Status": "Enabled"}]

    def test_the_retention_is_a_parameter(self, here: Stack) -> None:
        make(here, log_retention=Duration.days(7))
        _, found = only(Template.from_stack(here).find_resources("AWS::S3::Bucket"))
        assert found["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 7

    def test_they_can_be_left_out(self, here: Stack) -> None:
        assert make(here, access_logs=False).log_bucket is None
        assert "Logging" not in config(here)
        Template.from_stack(here).resource_count_is("AWS::S3::Bucket", 0)

    def test_a_bucket_of_ones_own_is_used(self, here: Stack) -> None:
        bucket = s3.Bucket(here, "Mine", object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED)
        assert make(here, log_bucket=bucket).log_bucket is bucket

    @pytest.mark.parametrize("ownership", [None, s3.ObjectOwnership.BUCKET_OWNER_ENFORCED])
    def test_a_bucket_that_takes_no_acls_is_refused(self, ownership: s3.ObjectOwnership | None, here: Stack) -> None:
        bucket = s3.Bucket(here, "Mine", object_ownership=ownership)
        with pytest.raises(ValueError, match="^LOG_BUCKET_ACL: .*Mine .*BUCKET_OWNER_PREFERRED"):
            make(here, log_bucket=bucket)

    def test_a_bucket_of_the_object_writers_takes_logs(self, here: Stack) -> None:
        make(here, log_bucket=s3.Bucket(here, "Mine", object_ownership=s3.ObjectOwnership.OBJECT_WRITER))
        Template.from_stack(here).resource_count_is("AWS::S3::Bucket", 1)

    def test_an_imported_bucket_is_used(self, here: Stack) -> None:
        make(here, log_bucket=s3.Bucket.from_bucket_name(here, "Mine", "logs"))
        assert "logs" in str(config(here)["Logging"]["Bucket"])

    def test_a_region_whose_buckets_get_no_logs_is_refused(self, make_stack: Callable[..., Stack]) -> None:
        with pytest.raises(ValueError, match="^LOG_REGION: .*eu-south-1"):
            make(make_stack(env=Environment(account=ACCOUNT, region="eu-south-1")))

    @pytest.mark.parametrize(
        "parameters",
        [
            lambda stack: {"access_logs": False, "log_bucket": s3.Bucket.from_bucket_name(stack, "Mine", "logs")},
            lambda stack: {"access_logs": False, "log_retention": Duration.days(7)},
            lambda stack: {"log_bucket": s3.Bucket.from_bucket_name(stack, "Mine", "logs"), "log_retention": Duration.days(7)},
        ],
    )
    def test_settings_that_nothing_would_use_are_refused(
        self, parameters: Callable[[Stack], dict[str, Any]], make_stack: Callable[..., Stack]
    ) -> None:
        stack = make_stack(env=HERE)
        with pytest.raises(ValueError, match="^LOG_BUCKET_UNUSED: "):
            make(stack, **parameters(stack))


def test_no_output_is_made(here: Stack) -> None:
    make(here)
    assert "Outputs" not in Template.from_stack(here).to_json()
