"""Tables: how each resource type is named, and what its `Ref` and attributes are.

Patterns: `{name}`, `{arn}`, `{ref}`, `{partition}`, `{region}`, `{account}`, `{url_suffix}`, `{property P.Q fallback}`, and made-up
ids `{upper N salt}`, `{lower N salt}`, `{hex N salt}`, `{uuid}`.
Source of each row: the "Return values" of the type's page below
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One resource type.

    Attributes:
        name: The property that gives the physical name, None for types that have only ids.
        limit: Longest name that AWS accepts.
        lowercase: Whether generated names are in small letters.
        arn: Pattern of the ARN.
        ref: Pattern of `Ref`.
        attributes: Patterns of the attributes.
    """

    name: str | None = None
    limit: int = 255
    lowercase: bool = False
    arn: str = ""
    ref: str = "{name}"
    attributes: Mapping[str, str] = field(default_factory=dict)


def _arn(service: str, rest: str) -> str:
    return f"arn:{{partition}}:{service}:{{region}}:{{account}}:{rest}"


def _global_arn(service: str, rest: str) -> str:
    return f"arn:{{partition}}:{service}::{{account}}:{rest}"


def _id(pattern: str, *attributes: str, arn: str = "", **more: str) -> Kind:
    """A type whose `Ref` is an id; some attributes repeat it."""
    return Kind(
        ref=pattern, arn=arn, attributes={**dict.fromkeys(attributes, pattern), **({"Arn": "{arn}"} if arn else {}), **more}
    )


_COMPUTE = {
    "AWS::Lambda::Function": Kind(
        name="FunctionName", limit=64, arn=_arn("lambda", "function:{name}"), attributes={"Arn": "{arn}"}
    ),
    "AWS::Lambda::LayerVersion": Kind(
        name="LayerName", limit=140, arn=_arn("lambda", "layer:{name}:1"), ref="{arn}", attributes={"LayerVersionArn": "{arn}"}
    ),
    "AWS::Lambda::EventSourceMapping": _id("{uuid}", "Id", EventSourceMappingArn=_arn("lambda", "event-source-mapping:{uuid}")),
    "AWS::Lambda::CodeSigningConfig": Kind(
        ref=_arn("lambda", "code-signing-config:csc-{hex 17}"),
        attributes={"CodeSigningConfigArn": "{ref}", "CodeSigningConfigId": "csc-{hex 17}"},
    ),
    "AWS::StepFunctions::StateMachine": Kind(
        name="StateMachineName",
        limit=80,
        arn=_arn("states", "stateMachine:{name}"),
        ref="{arn}",
        attributes={"Arn": "{arn}", "Name": "{name}"},
    ),
    "AWS::ECR::Repository": Kind(
        name="RepositoryName",
        limit=256,
        lowercase=True,
        arn=_arn("ecr", "repository/{name}"),
        attributes={"Arn": "{arn}", "RepositoryUri": "{account}.dkr.ecr.{region}.{url_suffix}/{name}"},
    ),
}

_IDENTITY = {
    "AWS::IAM::Role": Kind(
        name="RoleName",
        limit=64,
        arn=_global_arn("iam", "role{property Path /}{name}"),
        attributes={"Arn": "{arn}", "RoleId": "AROA{upper 17}"},
    ),
    "AWS::IAM::User": Kind(
        name="UserName", limit=64, arn=_global_arn("iam", "user{property Path /}{name}"), attributes={"Arn": "{arn}"}
    ),
    "AWS::IAM::Group": Kind(
        name="GroupName", limit=128, arn=_global_arn("iam", "group{property Path /}{name}"), attributes={"Arn": "{arn}"}
    ),
    "AWS::IAM::ManagedPolicy": Kind(
        name="ManagedPolicyName",
        limit=128,
        arn=_global_arn("iam", "policy{property Path /}{name}"),
        ref="{arn}",
        attributes={"PolicyArn": "{arn}", "PolicyId": "ANPA{upper 17}"},
    ),
    "AWS::IAM::InstanceProfile": Kind(
        name="InstanceProfileName",
        limit=128,
        arn=_global_arn("iam", "instance-profile{property Path /}{name}"),
        attributes={"Arn": "{arn}"},
    ),
    "AWS::IAM::AccessKey": Kind(ref="AKIA{upper 16}"),
    "AWS::IAM::ServiceLinkedRole": Kind(name="CustomSuffix", limit=64, attributes={"RoleName": "{name}"}),
    "AWS::Cognito::UserPool": Kind(
        arn=_arn("cognito-idp", "userpool/{ref}"),
        ref="{region}_{upper 9}",
        attributes={
            "Arn": "{arn}",
            "UserPoolId": "{ref}",
            "ProviderName": "cognito-idp.{region}.{url_suffix}/{ref}",
            "ProviderURL": "https://cognito-idp.{region}.{url_suffix}/{ref}",
        },
    ),
    "AWS::Cognito::UserPoolClient": _id("{lower 26}", "ClientId", Name="{property ClientName}"),
    "AWS::Cognito::UserPoolDomain": Kind(
        ref="{property Domain}", attributes={"CloudFrontDistribution": "d{lower 13}.cloudfront.net"}
    ),
    "AWS::Cognito::IdentityPool": _id("{region}:{uuid}", "Id", Name="{property IdentityPoolName}"),
    "AWS::KMS::Key": _id("{uuid}", "KeyId", arn=_arn("kms", "key/{uuid}")),
    "AWS::KMS::Alias": Kind(name="AliasName", limit=256, arn=_arn("kms", "{name}"), attributes={"Arn": "{arn}"}),
    "AWS::SecretsManager::Secret": Kind(
        name="Name",
        limit=512,
        arn=_arn("secretsmanager", "secret:{name}-{upper 6 secret}"),
        ref="{arn}",
        attributes={"Id": "{arn}"},
    ),
    "AWS::CertificateManager::Certificate": Kind(ref=_arn("acm", "certificate/{uuid}"), attributes={"CertificateArn": "{ref}"}),
}

_DATA = {
    "AWS::S3::Bucket": Kind(
        name="BucketName",
        limit=63,
        lowercase=True,
        arn="arn:{partition}:s3:::{name}",
        attributes={
            "Arn": "{arn}",
            "DomainName": "{name}.s3.{url_suffix}",
            "RegionalDomainName": "{name}.s3.{region}.{url_suffix}",
            "DualStackDomainName": "{name}.s3.dualstack.{region}.{url_suffix}",
            "WebsiteURL": "http://{name}.s3-website-{region}.{url_suffix}",
        },
    ),
    "AWS::DynamoDB::Table": Kind(
        name="TableName",
        arn=_arn("dynamodb", "table/{name}"),
        attributes={"Arn": "{arn}", "StreamArn": "{arn}/stream/2026-01-01T00:00:00.000"},
    ),
    "AWS::DynamoDB::GlobalTable": Kind(
        name="TableName",
        arn=_arn("dynamodb", "table/{name}"),
        attributes={"Arn": "{arn}", "StreamArn": "{arn}/stream/2026-01-01T00:00:00.000", "TableId": "{uuid}"},
    ),
    "AWS::SQS::Queue": Kind(
        name="QueueName",
        limit=80,
        arn=_arn("sqs", "{name}"),
        ref="https://sqs.{region}.{url_suffix}/{account}/{name}",
        attributes={"Arn": "{arn}", "QueueName": "{name}", "QueueUrl": "{ref}"},
    ),
    "AWS::SNS::Topic": Kind(
        name="TopicName",
        limit=256,
        arn=_arn("sns", "{name}"),
        ref="{arn}",
        attributes={"TopicArn": "{arn}", "TopicName": "{name}"},
    ),
    "AWS::Kinesis::Stream": Kind(name="Name", limit=128, arn=_arn("kinesis", "stream/{name}"), attributes={"Arn": "{arn}"}),
    "AWS::KinesisFirehose::DeliveryStream": Kind(
        name="DeliveryStreamName", limit=64, arn=_arn("firehose", "deliverystream/{name}"), attributes={"Arn": "{arn}"}
    ),
    "AWS::SSM::Parameter": Kind(name="Name", limit=1011, attributes={"Type": "{property Type}", "Value": "{property Value}"}),
    "AWS::Events::EventBus": Kind(
        name="Name", limit=256, arn=_arn("events", "event-bus/{name}"), attributes={"Arn": "{arn}", "Name": "{name}"}
    ),
    "AWS::Events::Rule": Kind(name="Name", limit=64, arn=_arn("events", "rule/{name}"), attributes={"Arn": "{arn}"}),
}

_WATCHING = {
    "AWS::Logs::LogGroup": Kind(
        name="LogGroupName", limit=512, arn=_arn("logs", "log-group:{name}:*"), attributes={"Arn": "{arn}"}
    ),
    "AWS::CloudWatch::Alarm": Kind(name="AlarmName", arn=_arn("cloudwatch", "alarm:{name}"), attributes={"Arn": "{arn}"}),
    "AWS::CloudWatch::CompositeAlarm": Kind(
        name="AlarmName", arn=_arn("cloudwatch", "alarm:{name}"), attributes={"Arn": "{arn}"}
    ),
    "AWS::CloudWatch::Dashboard": Kind(name="DashboardName"),
    "AWS::CodeDeploy::Application": Kind(name="ApplicationName", limit=100),
    "AWS::CodeDeploy::DeploymentGroup": Kind(name="DeploymentGroupName", limit=100),
    "AWS::ApplicationAutoScaling::ScalableTarget": _id(
        "{property ResourceId}|{property ScalableDimension}|{property ServiceNamespace}", "Id"
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Kind(
        name="PolicyName",
        arn=_arn("autoscaling", "scalingPolicy:{uuid}:resource/{property ScalingTargetId}:policyName/{name}"),
        ref="{arn}",
        attributes={"Arn": "{arn}"},
    ),
}

_EDGE = {
    "AWS::CloudFront::Distribution": Kind(
        arn=_global_arn("cloudfront", "distribution/{ref}"),
        ref="E{upper 13}",
        attributes={"Id": "{ref}", "DomainName": "d{lower 13}.cloudfront.net"},
    ),
    "AWS::CloudFront::OriginAccessControl": _id("E{upper 13}", "Id"),
    "AWS::CloudFront::CachePolicy": _id("{uuid}", "Id"),
    "AWS::CloudFront::OriginRequestPolicy": _id("{uuid}", "Id"),
    "AWS::CloudFront::ResponseHeadersPolicy": _id("{uuid}", "Id"),
    "AWS::CloudFront::PublicKey": _id("K{upper 13}", "Id"),
    "AWS::CloudFront::KeyGroup": _id("{uuid}", "Id"),
    "AWS::CloudFront::Function": Kind(
        name="Name", limit=64, arn=_global_arn("cloudfront", "function/{name}"), ref="{arn}", attributes={"FunctionARN": "{arn}"}
    ),
    "AWS::WAFv2::WebACL": Kind(
        name="Name",
        limit=128,
        arn=_arn("wafv2", "regional/webacl/{name}/{uuid}"),
        ref="{name}|{uuid}|{property Scope}",
        attributes={"Arn": "{arn}", "Id": "{uuid}"},
    ),
    "AWS::ApiGateway::RestApi": _id("{lower 10}", "RestApiId", RootResourceId="{lower 10 root}"),
    "AWS::ApiGateway::Resource": _id("{lower 6}", "ResourceId"),
    "AWS::ApiGateway::Deployment": _id("{lower 6}", "DeploymentId"),
    "AWS::ApiGateway::Stage": Kind(ref="{property StageName}"),
    "AWS::ApiGateway::Authorizer": _id("{lower 6}", "AuthorizerId"),
    "AWS::ApiGateway::ApiKey": _id("{lower 10}", "APIKeyId"),
    "AWS::ApiGateway::UsagePlan": _id("{lower 6}", "Id"),
    "AWS::ApiGateway::RequestValidator": _id("{lower 6}", "RequestValidatorId"),
    "AWS::ApiGateway::Model": Kind(name="Name"),
    "AWS::ApiGatewayV2::Api": _id("{lower 10}", "ApiId", ApiEndpoint="https://{lower 10}.execute-api.{region}.{url_suffix}"),
    "AWS::ApiGatewayV2::Integration": _id("{lower 7}", "IntegrationId"),
    "AWS::ApiGatewayV2::Route": _id("{lower 7}", "RouteId"),
    "AWS::ApiGatewayV2::Authorizer": _id("{lower 6}", "AuthorizerId"),
    "AWS::ApiGatewayV2::Stage": Kind(ref="{property StageName}"),
}

_MODELS = {
    "AWS::Bedrock::Guardrail": Kind(
        arn=_arn("bedrock", "guardrail/{lower 12}"),
        ref="{arn}",
        attributes={"GuardrailArn": "{arn}", "GuardrailId": "{lower 12}", "Version": "DRAFT"},
    ),
    "AWS::Bedrock::GuardrailVersion": Kind(
        ref="{property GuardrailIdentifier}|1",
        attributes={
            "GuardrailId": "{property GuardrailIdentifier}",
            "GuardrailArn": "{property GuardrailIdentifier}",
            "Version": "1",
        },
    ),
    "AWS::Bedrock::ApplicationInferenceProfile": Kind(
        arn=_arn("bedrock", "application-inference-profile/{lower 12}"),
        ref="{arn}",
        attributes={"InferenceProfileArn": "{arn}", "InferenceProfileId": "{lower 12}"},
    ),
}

_NETWORK = {
    "AWS::EC2::VPC": _id("vpc-{hex 17}", "VpcId", CidrBlock="{property CidrBlock}", DefaultSecurityGroup="sg-{hex 17 default}"),
    "AWS::EC2::Subnet": _id("subnet-{hex 17}", "SubnetId", AvailabilityZone="{property AvailabilityZone}"),
    "AWS::EC2::SecurityGroup": _id("sg-{hex 17}", "GroupId", "Id", VpcId="{property VpcId}"),
    "AWS::EC2::RouteTable": _id("rtb-{hex 17}", "RouteTableId"),
    "AWS::EC2::InternetGateway": _id("igw-{hex 17}", "InternetGatewayId"),
    "AWS::EC2::NatGateway": _id("nat-{hex 17}", "NatGatewayId"),
    "AWS::EC2::EIP": Kind(attributes={"AllocationId": "eipalloc-{hex 17}"}),
    "AWS::EC2::VPCEndpoint": _id("vpce-{hex 17}", "Id"),
}

KINDS: Mapping[str, Kind] = {**_COMPUTE, **_IDENTITY, **_DATA, **_WATCHING, **_EDGE, **_MODELS, **_NETWORK}
"""By resource type."""
