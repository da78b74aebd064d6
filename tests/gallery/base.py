"""What the constructs of the gallery are given: a key, a topic, plain functions of which the checkers have nothing to say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from aws_cdk import Acknowledgment, Duration, Environment, RemovalPolicy, Stack, Validations
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns

if TYPE_CHECKING:
    from constructs import Construct

CODE: Final = Path(__file__).parent / "code"
ACCOUNT: Final = "123456789012"
IRELAND: Final = Environment(account=ACCOUNT, region="eu-west-1")
VIRGINIA: Final = Environment(account=ACCOUNT, region="us-east-1")
ORIGIN: Final = "https://app.example.com"
RUNBOOK: Final = "https://wiki.example.com/streaming"
STREAMS: Final = "exports.handler = awslambda.streamifyResponse(async (event, stream) => stream.end('hello'));"
ANSWERS: Final = "exports.handler = async (event) => ({ isAuthorized: false });"


class GalleryStack(Stack):
    """A stack with a key and a topic.

    Attributes:
        key: Encrypts what can be encrypted.
        ring: Tells people of an alarm.
    """

    def __init__(self, scope: Construct, id: str, *, env: Environment | None = None) -> None:
        super().__init__(scope, id, env=env)
        self.key = kms.Key(self, "Key", enable_key_rotation=True, removal_policy=RemovalPolicy.DESTROY)
        self.key.grant_encrypt_decrypt(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        self.ring = actions.SnsAction(sns.Topic(self, "Topic", master_key=self.key, enforce_ssl=True))


def plain_function(
    scope: Construct,
    id: str,
    *,
    code: lambda_.Code | None = None,
    runtime: lambda_.Runtime = lambda_.Runtime.NODEJS_24_X,
    handler: str = "index.handler",
) -> lambda_.Function:
    """A function as people have them already, well kept."""
    log_group = logs.LogGroup(scope, f"{id}Logs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY)
    role = iam.Role(scope, f"{id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group.grant_write(role)
    function = lambda_.Function(
        scope,
        id,
        code=code or lambda_.Code.from_inline(STREAMS),
        runtime=runtime,
        handler=handler,
        role=role,
        architecture=lambda_.Architecture.ARM_64,
        memory_size=1024,
        timeout=Duration.minutes(5),
        log_group=log_group,
        logging_format=lambda_.LoggingFormat.JSON,
        system_log_level_v2=lambda_.SystemLogLevel.DEBUG,
        tracing=lambda_.Tracing.ACTIVE,
    )
    Validations.of(role).acknowledge(X_RAY)
    Validations.of(function).acknowledge(NO_QUEUE)
    return function


X_RAY: Final = Acknowledgment(
    id="AwsSolutions::AwsSolutions-IAM5[Resource::*]",
    reason="X-Ray's PutTraceSegments and PutTelemetryRecords take no resource",
)
NO_QUEUE: Final = Acknowledgment(
    id="Serverless::Serverless-LambdaDLQ",
    reason="The function is called and waited for; a dead letter queue serves asynchronous calls alone",
)
