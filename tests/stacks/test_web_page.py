"""WebPage: nobody but its distribution reads the bucket, a browser is told to keep the page to itself, and nothing is left of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Match, Template

from stacks.page_policy import CONNECT_META, allow_to_connect, content_security_policy, security_headers
from stacks.web_page import WebPage

if TYPE_CHECKING:
    from pathlib import Path

HTML = f"<!doctype html><title>Page</title>{CONNECT_META}"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text(HTML)
    (folder / "page.js").write_text("")
    stack = Stack(App(), "Stack", env=Environment(region="us-east-1"))
    late = ssm.CfnParameter(stack, "Late", type="String", value="x")
    WebPage(stack, "Page", folder=folder, config={"url": late.attr_value}, connect_sources=[late.attr_value])
    return Template.from_stack(stack)


def markers(template: Template) -> list[Any]:
    [found] = template.find_resources("Custom::CDKBucketDeployment").values()
    return [value for markers in found["Properties"]["SourceMarkers"] for value in markers.values()]


def test_the_bucket_is_private_encrypted_and_goes_with_the_stack(template: Template) -> None:
    template.has_resource(
        "AWS::S3::Bucket",
        {
            "Properties": {
                "BucketEncryption": Match.any_value(),
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
            },
            "DeletionPolicy": "Delete",
        },
    )
    template.has_resource_properties("Custom::CDKBucketDeployment", {"RetainOnDelete": False, "Prune": True})


def test_this_distribution_alone_may_read_it(template: Template) -> None:
    [policy] = template.find_resources("AWS::S3::BucketPolicy").values()
    allowed = [one for one in policy["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    [distribution] = template.find_resources("AWS::CloudFront::Distribution")
    assert [one["Action"] for one in allowed] == ["s3:GetObject"]
    assert distribution in json.dumps(allowed[0]["Condition"])


def test_people_come_by_https_and_read_alone(template: Template) -> None:
    behavior = {"ViewerProtocolPolicy": "redirect-to-https", "AllowedMethods": ["GET", "HEAD"], "Compress": True}
    template.has_resource_properties(
        "AWS::CloudFront::Distribution",
        {"DistributionConfig": {"DefaultCacheBehavior": behavior, "DefaultRootObject": "index.html"}},
    )


def test_cloudfront_sends_the_headers_that_a_local_server_would(template: Template) -> None:
    [policy] = template.find_resources("AWS::CloudFront::ResponseHeadersPolicy").values()
    config = policy["Properties"]["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    sent = {
        "content-security-policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "referrer-policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "x-content-type-options": "nosniff",
        "x-frame-options": security["FrameOptions"]["FrameOption"],
        **{item["Header"]: item["Value"] for item in config["CustomHeadersConfig"]["Items"]},
    }
    assert "ContentTypeOptions" in security
    assert sent == security_headers()


def test_the_policy_lets_no_inline_script_and_no_other_host_in() -> None:
    directives = dict(directive.split(" ", 1) for directive in content_security_policy().split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert "unsafe" not in content_security_policy()


def test_what_only_deployment_knows_is_written_into_the_page_and_its_config(template: Template) -> None:
    late = {"Fn::GetAtt": ["Late", "Value"]}
    assert markers(template) == [late, {"Fn::Join": ["", ['"', late, '"']]}]


def test_nothing_but_the_deployment_waits_for_what_the_page_calls(template: Template) -> None:
    """Else what it calls could not know the page's address."""
    waiting = [
        resource["Type"]
        for name, resource in template.to_json()["Resources"].items()
        if name != "Late" and '"Late"' in json.dumps(resource)
    ]
    assert waiting == ["Custom::CDKBucketDeployment"]


def test_the_page_may_connect_to_its_sources_and_itself() -> None:
    html = allow_to_connect(HTML, ["https://a.example.com/", "https://b.example.com/"])
    assert "content=\"connect-src 'self' https://a.example.com/ https://b.example.com/\"" in html


def test_a_page_without_a_place_for_its_sources_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    with pytest.raises(ValueError, match="^PAGE_WITHOUT_POLICY: "):
        WebPage(Stack(App(), "Stack"), "Page", folder=tmp_path, config={}, connect_sources=[])
