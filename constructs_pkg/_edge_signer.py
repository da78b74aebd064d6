"""The edge function that tells CloudFront's origin access control the hash of a request's body."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aws_cdk import Acknowledgment, Aws, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ._us_east_1 import US_EAST_1, readable_from_elsewhere

CONTENT_HASH_SOURCE: Final = Path(__file__).parent / "_edge" / "content_hash.js"


class EdgeSigner(Construct):
    """Lambda@Edge on origin requests. Its scope must be in us-east-1.

    Attributes:
        function: The L2 `Function`; its code stands in the template.
        version: The published version that the distribution uses.
    """

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),  # CDK's Distribution adds edgelambda
            description="Lambda@Edge: may write its logs, in whichever region it runs",
        )
        self.function = lambda_.Function(
            self,
            "Function",
            code=lambda_.Code.from_inline(CONTENT_HASH_SOURCE.read_text(encoding="utf-8")),
            handler="index.handler",
            runtime=lambda_.Runtime.NODEJS_24_X,
            # Lambda@Edge takes neither arm64 nor X-Ray, environment variables, layers or a dead letter queue:
            # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-at-edge-function-restrictions.html
            architecture=lambda_.Architecture.X86_64,
            memory_size=128,
            timeout=Duration.seconds(5),
            role=role,
            description="Adds x-amz-content-sha256 for CloudFront's origin access control",
            # The edge locations keep copies of a version for hours; Lambda refuses to delete it meanwhile.
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        # With @aws-cdk/aws-lambda:useCdkManagedLogGroup, a log group that Lambda@Edge does not write to.
        self.function.node.try_remove_child("LogGroup")
        self.version = self.function.current_version
        readable_from_elsewhere(self.version)
        logs = iam.Policy(
            self,
            "Logs",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[
                        f"arn:{Aws.PARTITION}:logs:*:{Aws.ACCOUNT_ID}:log-group:/aws/lambda/{US_EAST_1}.{self.function.function_name}:*"
                    ],
                )
            ],
        )
        self._acknowledge_findings(logs)

    def _acknowledge_findings(self, logs: iam.Policy) -> None:
        resource = self.function.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        name = Stack.of(self).resolve(resource.logical_id)
        Validations.of(logs).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:logs:*:<AWS::AccountId>:log-group:"
                f"/aws/lambda/{US_EAST_1}.<{name}>:*]",
                reason="Lambda@Edge writes its logs in the region nearest to the viewer, so the region cannot be named; the log group is",
            )
        )
        Validations.of(self.function).acknowledge(
            Acknowledgment(id="Serverless::Serverless-LambdaTracing", reason="Lambda@Edge does not support X-Ray"),
            Acknowledgment(
                id="Serverless::Serverless-LambdaDLQ", reason="Lambda@Edge is called synchronously and takes no dead letter queue"
            ),
        )
