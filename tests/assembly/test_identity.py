from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.assembly import CloudAssembly, UnresolvedIntrinsic
from constructs_pkg.assembly.identity_table import KINDS
from tests.assembly.builder import load, write_stack

if TYPE_CHECKING:
    from pathlib import Path

FUNCTION = {"Fn": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "chat"}}}
ARN = "arn:aws:lambda:us-east-1:123456789012:function:chat"


def of(directory: Path, type: str, properties: dict[str, Any] | None = None, **others: Any) -> Any:
    resources = {"Thing": {"Type": type, "Properties": properties or {}}, **others}
    return load(directory, resources).stack("App").resources["Thing"]


NAMED: list[tuple[str, dict[str, Any], str, dict[str, str]]] = [
    ("AWS::Lambda::Function", {"FunctionName": "chat"}, "chat", {"Arn": ARN}),
    ("AWS::Lambda::LayerVersion", {"LayerName": "rt"}, "arn:aws:lambda:us-east-1:123456789012:layer:rt:1", {}),
    (
        "AWS::IAM::Role",
        {"RoleName": "r", "Path": "/team/"},
        "r",
        {"Arn": "arn:aws:iam::123456789012:role/team/r"},
    ),
    ("AWS::IAM::User", {"UserName": "u"}, "u", {"Arn": "arn:aws:iam::123456789012:user/u"}),
    ("AWS::IAM::Group", {"GroupName": "g"}, "g", {"Arn": "arn:aws:iam::123456789012:group/g"}),
    ("AWS::IAM::ManagedPolicy", {"ManagedPolicyName": "p"}, "arn:aws:iam::123456789012:policy/p", {}),
    ("AWS::Logs::LogGroup", {"LogGroupName": "/l"}, "/l", {"Arn": "arn:aws:logs:us-east-1:123456789012:log-group:/l:*"}),
    ("AWS::DynamoDB::Table", {"TableName": "t"}, "t", {"Arn": "arn:aws:dynamodb:us-east-1:123456789012:table/t"}),
    ("AWS::S3::Bucket", {"BucketName": "b"}, "b", {"Arn": "arn:aws:s3:::b", "DomainName": "b.s3.amazonaws.com"}),
    (
        "AWS::SQS::Queue",
        {"QueueName": "q"},
        "https://sqs.us-east-1.amazonaws.com/123456789012/q",
        {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "QueueName": "q"},
    ),
    ("AWS::SNS::Topic", {"TopicName": "t"}, "arn:aws:sns:us-east-1:123456789012:t", {"TopicName": "t"}),
    ("AWS::Kinesis::Stream", {"Name": "s"}, "s", {"Arn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"}),
    (
        "AWS::StepFunctions::StateMachine",
        {"StateMachineName": "m"},
        "arn:aws:states:us-east-1:123456789012:stateMachine:m",
        {"Name": "m"},
    ),
    ("AWS::CloudWatch::Alarm", {"AlarmName": "a"}, "a", {"Arn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"}),
    ("AWS::ApiGateway::Stage", {"StageName": "prod"}, "prod", {}),
    ("AWS::SSM::Parameter", {"Name": "/p", "Value": "v", "Type": "String"}, "/p", {"Value": "v", "Type": "String"}),
]


@pytest.mark.parametrize(("type", "properties", "ref", "attributes"), NAMED, ids=[case[0] for case in NAMED])
def test_named_resource_has_the_ref_and_attributes_of_aws(
    tmp_path: Path, type: str, properties: dict[str, Any], ref: str, attributes: dict[str, str]
) -> None:
    resource = of(tmp_path, type, properties)
    assert resource.ref == ref
    assert {name: resource.get_att(name) for name in attributes} == attributes


GENERATED: list[tuple[str, str, str]] = [
    ("AWS::Lambda::Function", "Ref", r"App-Thing-[A-Z0-9]{12}"),
    ("AWS::S3::Bucket", "Ref", r"app-thing-[a-z0-9]{12}"),
    ("AWS::Cognito::UserPool", "Ref", r"us-east-1_[A-Z0-9]{9}"),
    ("AWS::Cognito::UserPool", "Arn", r"arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_[A-Z0-9]{9}"),
    ("AWS::Cognito::UserPoolClient", "Ref", r"[a-z0-9]{26}"),
    ("AWS::Cognito::IdentityPool", "Ref", r"us-east-1:[0-9a-f-]{36}"),
    ("AWS::ApiGateway::RestApi", "Ref", r"[a-z0-9]{10}"),
    ("AWS::ApiGateway::RestApi", "RootResourceId", r"[a-z0-9]{10}"),
    ("AWS::ApiGateway::Resource", "Ref", r"[a-z0-9]{6}"),
    ("AWS::CloudFront::Distribution", "Ref", r"E[A-Z0-9]{13}"),
    ("AWS::CloudFront::Distribution", "DomainName", r"d[a-z0-9]{13}\.cloudfront\.net"),
    ("AWS::KMS::Key", "Ref", r"[0-9a-f-]{36}"),
    ("AWS::KMS::Key", "Arn", r"arn:aws:kms:us-east-1:123456789012:key/[0-9a-f-]{36}"),
    (
        "AWS::SecretsManager::Secret",
        "Ref",
        r"arn:aws:secretsmanager:us-east-1:123456789012:secret:App-Thing-[A-Z0-9]{12}-[A-Z0-9]{6}",
    ),
    ("AWS::EC2::SecurityGroup", "GroupId", r"sg-[0-9a-f]{17}"),
    ("AWS::IAM::Role", "RoleId", r"AROA[A-Z0-9]{17}"),
    ("AWS::Fancy::Widget", "Ref", r"App-Thing-[A-Z0-9]{12}"),
    ("AWS::Fancy::Widget", "Arn", r"arn:aws:fancy:us-east-1:123456789012:widget/App-Thing-[A-Z0-9]{12}"),
    ("AWS::Fancy::Widget", "WidgetId", r"App-Thing-[A-Z0-9]{12}"),
]


@pytest.mark.parametrize(("type", "attribute", "pattern"), GENERATED, ids=[f"{case[0]} {case[1]}" for case in GENERATED])
def test_generated_id_has_the_form_of_aws_and_stays_the_same(tmp_path: Path, type: str, attribute: str, pattern: str) -> None:
    resource = of(tmp_path, type)
    found = resource.ref if attribute == "Ref" else resource.get_att(attribute)
    assert re.fullmatch(pattern, found)
    again = CloudAssembly.load(tmp_path).stack("App").resources["Thing"]
    assert (again.ref if attribute == "Ref" else again.get_att(attribute)) == found


def test_every_row_of_the_table_can_be_filled(tmp_path: Path) -> None:
    patterns = [pattern for kind in KINDS.values() for pattern in (kind.arn, kind.ref, *kind.attributes.values())]
    properties = dict.fromkeys(re.findall(r"{property ([^ }]+)", " ".join(patterns)), "given")
    resources = {f"R{n}": {"Type": type, "Properties": properties} for n, type in enumerate(KINDS)}
    for resource in load(tmp_path, resources).stack("App").resources.values():
        texts = [resource.ref, *(resource.get_att(name) for name in KINDS[resource.type].attributes)]
        assert not [text for text in texts if not text or "{" in str(text)]


@pytest.mark.parametrize(("type", "limit"), [("AWS::Lambda::Function", 64), ("AWS::IAM::Role", 64), ("AWS::SQS::Queue", 80)])
def test_generated_name_keeps_to_the_limit_and_tells_stacks_apart(tmp_path: Path, type: str, limit: int) -> None:
    logical_id = "VeryLong" * 20
    write_stack(tmp_path, "A" * 100, {"Resources": {logical_id: {"Type": type}, f"{logical_id}2": {"Type": type}}})
    write_stack(tmp_path, "A" * 101, {"Resources": {logical_id: {"Type": type}}})
    resources = CloudAssembly.load(tmp_path).of_type(type)
    names = {str(resource.ref).rsplit("/", 1)[-1] for resource in resources}
    assert len(names) == 3
    assert all(len(name) == limit for name in names)


def test_fifo_queue_is_named_so(tmp_path: Path) -> None:
    assert of(tmp_path, "AWS::SQS::Queue", {"FifoQueue": True}).ref.endswith(".fifo")


def test_version_and_alias_are_qualified_arns(tmp_path: Path) -> None:
    resources = {
        **FUNCTION,
        "V1": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Fn"}}},
        "V2": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Fn"}}},
        "Live": {
            "Type": "AWS::Lambda::Alias",
            "Properties": {"FunctionName": {"Ref": "Fn"}, "Name": "live", "FunctionVersion": {"Fn::GetAtt": ["V1", "Version"]}},
        },
    }
    stack = load(tmp_path, resources).stack("App")
    assert stack.ref("V1") == f"{ARN}:1"
    assert stack.get_att("V2", "Version") == "2"
    assert stack.ref("Live") == f"{ARN}:live"
    assert stack.resources["Live"].properties["FunctionVersion"] == "1"


@pytest.mark.parametrize("name", ["chat", "123456789012:function:chat", ARN, {"Ref": "Fn"}, {"Fn::GetAtt": ["Fn", "Arn"]}])
def test_alias_finds_its_function_however_that_is_named(tmp_path: Path, name: Any) -> None:
    alias = of(tmp_path, "AWS::Lambda::Alias", {"FunctionName": name, "Name": "live"}, **FUNCTION)
    assert alias.ref == f"{ARN}:live"


def test_function_url_can_be_given_its_emulated_address(tmp_path: Path) -> None:
    resources = {
        **FUNCTION,
        "Url": {
            "Type": "AWS::Lambda::Url",
            "Properties": {"TargetFunctionArn": {"Fn::GetAtt": ["Fn", "Arn"]}, "Qualifier": "live", "AuthType": "AWS_IAM"},
        },
        "Caller": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Environment": {"Variables": {"CHAT_URL": {"Fn::GetAtt": ["Url", "FunctionUrl"]}}}},
        },
    }
    assembly = load(tmp_path, resources)
    (url,) = assembly.of_type("AWS::Lambda::Url")
    assert url.ref == f"{ARN}:live"
    assert re.fullmatch(r"https://[a-z0-9]{32}\.lambda-url\.us-east-1\.on\.aws/", url.get_att("FunctionUrl"))

    emulated = assembly.with_overrides({url.attribute_key("FunctionUrl"): "http://127.0.0.1:5001/"})
    caller = emulated.stack("App").resources["Caller"]
    assert caller.property("Environment", "Variables", "CHAT_URL") == "http://127.0.0.1:5001/"
    assert assembly.of_type("AWS::Lambda::Url")[0].get_att("FunctionUrl") != "http://127.0.0.1:5001/"


def test_custom_resource_attribute_is_known_when_given(tmp_path: Path) -> None:
    custom = of(tmp_path, "Custom::Thing")
    with pytest.raises(UnresolvedIntrinsic, match=re.escape("overrides[('App', 'Thing', 'Endpoint')]")):
        custom.get_att("Endpoint")
    given = CloudAssembly.load(tmp_path, overrides={("App", "Thing", "Endpoint"): "here", ("App", "Thing", "Ref"): "id"})
    thing = given.stack("App").resources["Thing"]
    assert (thing.get_att("Endpoint"), thing.ref) == ("here", "id")


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("eu-west-1", "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
        ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
    ],
)
def test_partition_follows_the_region(tmp_path: Path, region: str, partition: str, suffix: str) -> None:
    template = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r"}}}}
    write_stack(tmp_path, "App", template, environment=f"aws://111122223333/{region}")
    stack = CloudAssembly.load(tmp_path).stack("App")
    assert stack.get_att("Role", "Arn") == f"arn:{partition}:iam::111122223333:role/r"
    assert stack.ref("AWS::URLSuffix") == suffix
