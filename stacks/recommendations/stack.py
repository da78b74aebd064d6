"""Books for a reader: what was found last time at once, and better ones as they are scored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from constructs_pkg import StreamingCode, StreamingFunction
from stacks.findings import acknowledge_newest_runtime

if TYPE_CHECKING:
    from constructs import Construct


class RecommendationsStack(Stack):
    """A FastAPI app on a Function URL that asks for IAM auth, started from a picture of itself (SnapStart).

    Attributes:
        recommendations: The streaming function.
        readers: The table: stars, and each reader's last ranking.
        caller: A role of this account that may call the URL.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment | None = None,
        kept: Duration | None = None,
        keep_readers: bool | None = None,
    ) -> None:
        """Makes the stack.

        Args:
            scope: Where it stands in the tree.
            id: Its name there.
            env: Account and region. Default: as CDK takes it, agnostic.
            kept: How long a ranking is kept for the next time. Default: 7 days.
            keep_readers: Whether the table stays when the stack is deleted. Default: the context value
                `recommendations:keep-readers` (`true`), else no.
        """
        super().__init__(scope, id, env=env, description="Recommendations of books that get better while they stream")
        if keep_readers is None:
            keep_readers = self.node.try_get_context("recommendations:keep-readers") in (True, "true")
        self.readers = dynamodb.TableV2(
            self,
            "Readers",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="ttl",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True),
            removal_policy=RemovalPolicy.RETAIN if keep_readers else RemovalPolicy.DESTROY,
        )
        self.recommendations = StreamingFunction(
            self,
            "Recommendations",
            code=StreamingCode.asgi(Path(__file__).parent / "handler"),
            description="A FastAPI app that streams rankings as they get better",
            memory_size=512,
            timeout=Duration.seconds(30),
            environment={
                "TABLE": self.readers.table_name,
                "KEPT_SECONDS": f"{(kept or Duration.days(7)).to_seconds():g}",
            },
            snap_start=True,
        )
        self.readers.grant(self.recommendations, "dynamodb:Query", "dynamodb:PutItem")
        self.caller = iam.Role(
            self, "Caller", assumed_by=iam.AccountRootPrincipal(), description="May ask for recommendations of any reader"
        )
        self.recommendations.grant_invoke_url(self.caller)
        CfnOutput(
            self,
            "RecommendationsUrl",
            value=self.recommendations.url.url,
            description="GET readers/{reader}/recommendations, PUT readers/{reader}/stars/{book}, GET books",
        )
        CfnOutput(self, "CallerRoleArn", value=self.caller.role_arn, description="Assume this role to call the endpoint")
        acknowledge_newest_runtime(self.recommendations.function)
