"""Documents summarised while they are read, behind a REST API, and rolled out step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from constructs_pkg import BedrockModelAccess, RestRoute, StreamingCode, StreamingFunction, StreamingRestApi, TrafficShift
from stacks.findings import acknowledge, acknowledge_newest_runtime

if TYPE_CHECKING:
    from constructs import Construct

DEFAULT_MODEL_ID: Final = "amazon.nova-lite-v1:0"
_FOLDER: Final = "documents/"


class SummarizationStack(Stack):
    """`POST /summaries` on a REST API that asks for IAM auth.

    A REST API takes what a Function URL has not: it checks the body by a schema before the function is called, throttles, and has a firewall.

    Attributes:
        summaries: The streaming function.
        api: The REST API.
        documents: The bucket for documents that are named by key.
        caller: A role of this account that may call the API.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment | None = None,
        model_id: str | None = None,
        section_characters: int | None = None,
        summary_tokens: int | None = None,
        most_characters: int = 600_000,
        cloud_watch_role: bool | None = None,
    ) -> None:
        """Makes the stack.

        Args:
            scope: Where it stands in the tree.
            id: Its name there.
            env: Account and region. Default: as CDK takes it, agnostic.
            model_id: The foundation model or inference profile that summarises. Default: the context value
                `summarization:model-id`, else Nova Lite.
            section_characters: Longest section that the model is given at once. Default: the context value
                `summarization:section-characters`, else 5000, some 1300 tokens.
            summary_tokens: Longest summary of a section, and of the whole. Default: the context value
                `summarization:summary-tokens`, else 160, some 120 words.
            most_characters: Longest document. Default: 600000, a long novel.
            cloud_watch_role: Whether to make the role by which API Gateway writes logs, for the whole account and region: the first REST
                API with logs needs it. Default: the context value `summarization:cloud-watch-role` (`true`), else no.
        """
        super().__init__(scope, id, env=env, description="Documents summarised section by section while they are read")
        context = self.node.try_get_context
        if cloud_watch_role is None:
            cloud_watch_role = context("summarization:cloud-watch-role") in (True, "true")
        model = BedrockModelAccess(self, "Model", model_ids=[model_id or context("summarization:model-id") or DEFAULT_MODEL_ID])
        self.documents = self._bucket()
        self.summaries = StreamingFunction(
            self,
            "Summaries",
            code=StreamingCode.python(Path(__file__).parent / "handler"),
            description="Summarises documents section by section",
            memory_size=512,
            timeout=Duration.minutes(15),
            environment={
                "MODEL_ID": model.model_ids[0],
                "BUCKET": self.documents.bucket_name,
                "MOST_CHARACTERS": str(most_characters),
                "SECTION_CHARACTERS": str(section_characters or context("summarization:section-characters") or 5_000),
                "SUMMARY_TOKENS": str(summary_tokens or context("summarization:summary-tokens") or 160),
            },
            rollout=TrafficShift.canary(percent=10, interval=Duration.minutes(15)),
        )
        model.grant_stream(self.summaries)
        self.summaries.role.add_to_principal_policy(
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[self.documents.arn_for_objects(f"{_FOLDER}*")])
        )
        self.api = StreamingRestApi(
            self,
            "Api",
            alias=self.summaries.alias,
            routes=[RestRoute(path="/summaries", body=_body())],
            description="Summaries of documents",
            cloud_watch_role=cloud_watch_role,
        )
        self.caller = iam.Role(
            self, "Caller", assumed_by=iam.AccountRootPrincipal(), description="May have any document of the bucket summarised"
        )
        self.api.grant_invoke(self.caller)
        CfnOutput(self, "SummariesUrl", value=f"{self.api.url}summaries", description="POST a document, or its key in the bucket")
        CfnOutput(self, "DocumentsBucket", value=self.documents.bucket_name, description=f"Put documents below {_FOLDER}")
        CfnOutput(self, "CallerRoleArn", value=self.caller.role_arn, description="Assume this role to call the API")
        self._acknowledge_findings()

    def _bucket(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Documents",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(30))],
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _acknowledge_findings(self) -> None:
        """What cdk-nag's packs find here and is meant so."""
        acknowledge_newest_runtime(self.summaries.function)
        bucket = self.get_logical_id(cast("s3.CfnBucket", self.documents.node.default_child))
        acknowledge(
            self.summaries.role,
            f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/{_FOLDER}*]",
            "A caller names any document of the folder; that is all the bucket is for",
        )
        acknowledge(
            self.documents, "AwsSolutions-S1", "One role reads it, and each request for a summary stands in the API's access log"
        )


def _body() -> apigateway.JsonSchema:
    """What API Gateway lets through to the function, which looks more closely."""
    schema, types = apigateway.JsonSchema, apigateway.JsonSchemaType
    return schema(
        type=types.OBJECT,
        properties={
            "text": schema(type=types.STRING, min_length=1),
            "key": schema(type=types.STRING, min_length=1, max_length=1_000),
            "cursor": schema(type=types.STRING, min_length=1),
            "most_steps": schema(type=types.INTEGER, minimum=1),
        },
        additional_properties=False,
    )
