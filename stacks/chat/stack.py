"""An OpenAI-compatible chat endpoint over Amazon Bedrock, token by token."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from aws_cdk import Acknowledgment, CfnOutput, Duration, Environment, Stack, Validations
from aws_cdk import aws_iam as iam

from constructs_pkg import BedrockModelAccess, ProvisionedConcurrency, StreamingCode, StreamingFunction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

DEFAULT_MODEL_IDS: Final = ("amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0")


class ChatStack(Stack):
    """`POST /v1/chat/completions` and `GET /v1/models` on a Function URL that asks for IAM auth.

    Attributes:
        chat: The streaming function.
        caller: A role of this account that may call the URL; people and services assume it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment | None = None,
        model_ids: Sequence[str] | None = None,
        warm_environments: int = 1,
    ) -> None:
        """Makes the stack.

        Args:
            env: Account and region. Default: as CDK takes it, agnostic.
            model_ids: Foundation models that callers may ask for; the first is the default. Default: the context value
                `chat:model-ids` (a list), else Nova Lite and Nova Micro.
            warm_environments: Streams that start without a cold start; billed at all times. Default: 1.
        """
        super().__init__(
            scope, id, env=env, description="Chat completions, streamed token by token (OpenAI-compatible, on Bedrock)"
        )
        models = BedrockModelAccess(
            self, "Models", model_ids=model_ids or self.node.try_get_context("chat:model-ids") or DEFAULT_MODEL_IDS
        )
        self.chat = StreamingFunction(
            self,
            "Chat",
            code=StreamingCode.python(Path(__file__).parent / "handler"),
            description="OpenAI-compatible chat completions on Amazon Bedrock",
            timeout=Duration.minutes(5),
            environment={"MODEL_IDS": ",".join(models.model_ids)},
            concurrency=ProvisionedConcurrency.fixed(warm_environments),
        )
        models.grant_stream(self.chat)
        self.caller = iam.Role(
            self,
            "Caller",
            assumed_by=iam.AccountRootPrincipal(),
            description="May call the chat endpoint, and nothing else",
        )
        self.chat.grant_invoke_url(self.caller)
        CfnOutput(
            self, "ChatUrl", value=self.chat.url.url, description="The chat endpoint: POST v1/chat/completions, GET v1/models"
        )
        CfnOutput(self, "CallerRoleArn", value=self.caller.role_arn, description="Assume this role to call the endpoint")
        self._acknowledge_findings()

    def _acknowledge_findings(self) -> None:
        """What cdk-nag's packs find here and is meant so."""
        Validations.of(self.chat).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-L1",
                reason="python3.13 is the newest runtime that the runtime layer's tests run on",
            ),
            Acknowledgment(
                id="Serverless::Serverless-LambdaLatestVersion",
                reason="python3.13 is the newest runtime that the runtime layer's tests run on",
            ),
        )
