"""An OpenAI-compatible chat endpoint over Amazon Bedrock, token by token: for services that sign, and for people who signed in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import CfnOutput, Duration, Environment, Fn, Stack, Token
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from constructs_pkg import (
    AlarmThresholds,
    BedrockModelAccess,
    BrowserIdentity,
    ProvisionedConcurrency,
    StreamingCode,
    StreamingDistribution,
    StreamingFunction,
    StreamStore,
)
from stacks.chat.guardrail import ChatGuardrail
from stacks.findings import acknowledge, acknowledge_newest_runtime
from stacks.web_page import WebPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

DEFAULT_MODEL_IDS: Final = ("amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0")
NO_GUARDRAIL: Final = "none"
# CloudFront writes its own signature into Authorization.
TOKEN_HEADER: Final = "x-authorization"  # noqa: S105

# Tracking makes room within minutes, so a few people who come at once start cold now and then; what rings is a crowd that does.
_ALARMS: Final = AlarmThresholds(provisioned_spillover=20)


class ChatStack(Stack):
    """`POST /v1/chat/completions` and `GET /v1/models`, which two kinds of callers reach in three ways.

    Services sign for themselves, as the role `caller`, and call the Function URL. People open the page and sign in to the user pool; their
    browser then signs for them and calls the Function URL. A page of your own may also send their ID token through CloudFront, behind
    its firewall.

    Attributes:
        chat: The streaming function.
        store: Where streams are kept for an hour, to be cancelled and resumed.
        guardrail: What is applied to every question and answer; None where it was declined.
        identity: Who people are.
        page: Where they chat.
        front: The CloudFront distribution; None where the stack's region is not known at synthesis, as its firewall has to be made
            in us-east-1.
        caller: A role of this account that may call the URL; services assume it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment | None = None,
        model_ids: Sequence[str] | None = None,
        guardrail: str | None = None,
        warm_environments: int | None = None,
        most_warm_environments: int | None = None,
        streams_per_caller: int | None = None,
        origins: Sequence[str] | None = None,
        sign_in_prefix: str | None = None,
        alarm_topic: str | None = None,
    ) -> None:
        """Makes the stack.

        Args:
            scope: Where it stands in the tree.
            id: Its name there.
            env: Account and region. Default: as CDK takes it, agnostic.
            model_ids: Models that callers may ask for; the first is the default. Default: the context value `chat:model-ids` (a list, or
                a text with commas), else Nova Lite and Nova Micro.
            guardrail: `<ARN>:<version>` of one that exists, or `none`. Default: the context value `chat:guardrail`, else one is made.
            warm_environments: Streams at a time that start without a cold start, at all times; billed at all times. Default: the context
                value `chat:warm-environments`, else 1.
            most_warm_environments: How many it may become while people come. As many as `warm_environments`: the number never moves.
                Default: the context value `chat:most-warm-environments`, else 10.
            streams_per_caller: Streams that one person, or one session of a role, may have running. Default: the context value
                `chat:streams-per-caller`, else 10.
            origins: Pages that may call the Function URL. Default: the context value `chat:origins`, else all: what lets a page in is
                its signature, and there are no cookies that another page could borrow.
            sign_in_prefix: How the address of the sign-in page begins; nobody else in the region may have it. Default: the context value
                `chat:sign-in-prefix`, else `chat-` and the stack's own unique id.
            alarm_topic: ARN of an SNS topic that alarms are sent to. Default: the context value `chat:alarm-topic`, else none.

        Raises:
            ValueError: `GUARDRAIL` for what names no guardrail.
        """
        super().__init__(
            scope, id, env=env, description="Chat completions, streamed token by token (OpenAI-compatible, on Bedrock)"
        )
        context = self.node.try_get_context
        warm = int(warm_environments or context("chat:warm-environments") or 1)
        most = int(most_warm_environments or context("chat:most-warm-environments") or max(10, warm))
        self.guardrail = self._guardrail(guardrail or context("chat:guardrail"))
        models = BedrockModelAccess(
            self,
            "Models",
            model_ids=model_ids or _listed(context("chat:model-ids")) or DEFAULT_MODEL_IDS,
            guardrails=[self.guardrail.arn] if self.guardrail is not None else (),
        )
        self.store = StreamStore(
            self, "Store", streams_per_caller=int(streams_per_caller or context("chat:streams-per-caller") or 10)
        )
        self.identity = BrowserIdentity(
            self, "Identity", sign_in_prefix=sign_in_prefix or context("chat:sign-in-prefix") or f"chat-{_unique_id(self)}"
        )
        topic = alarm_topic or context("chat:alarm-topic")
        self.chat = StreamingFunction(
            self,
            "Chat",
            code=StreamingCode.python(Path(__file__).parent / "handler"),
            description="OpenAI-compatible chat completions on Amazon Bedrock",
            timeout=Duration.minutes(5),
            environment=self._environment(models),
            cors=_cors(origins or _listed(context("chat:origins")) or ("*",)),
            concurrency=_warm(warm, most),
            stream_store=self.store,
            alarms=_ALARMS,
            alarm_actions=[cloudwatch_actions.SnsAction(sns.Topic.from_topic_arn(self, "AlarmTopic", topic))] if topic else None,
            dashboard=True,
        )
        models.grant_stream(self.chat)
        self.identity.allow_to_call(self.chat.url)
        self.page = self._page()
        self.identity.allow_sign_in_from(self.page.url)
        self.caller = iam.Role(
            self,
            "Caller",
            assumed_by=iam.AccountRootPrincipal(),
            description="May call the chat endpoint, and nothing else",
        )
        self.chat.grant_invoke_url(self.caller)
        self.front = None if Token.is_unresolved(self.region) else StreamingDistribution(self, "Front", url=self.chat.url)
        self._say_what_callers_need()
        self._acknowledge_findings()

    def _guardrail(self, wanted: str | None) -> ChatGuardrail | None:
        return None if wanted == NO_GUARDRAIL else ChatGuardrail(self, "Guardrail", existing=wanted)

    def _page(self) -> WebPage:
        known = self.identity.browser_config
        return WebPage(
            self,
            "Page",
            folder=Path(__file__).parent / "page",
            config={
                "url": known["url"],
                "region": known["region"],
                "signIn": {
                    "url": known["signInUrl"],
                    **{name: known[name] for name in ("userPoolId", "userPoolClientId", "identityPoolId")},
                },
            },
            connect_sources=[
                known["url"],
                f"{known['signInUrl']}/oauth2/token",
                f"https://cognito-identity.{self.region}.amazonaws.com/",
            ],
        )

    def _environment(self, models: BedrockModelAccess) -> dict[str, str]:
        environment = {
            "MODEL_IDS": ",".join(models.model_ids),
            "TRUSTED_ACCOUNT": self.account,
            "USER_POOL_ID": self.identity.user_pool.user_pool_id,
            "USER_POOL_CLIENT_ID": self.identity.user_pool_client.user_pool_client_id,
        }
        if self.guardrail is not None:
            environment |= {"GUARDRAIL_ARN": self.guardrail.arn, "GUARDRAIL_VERSION": self.guardrail.version}
        return environment

    def _say_what_callers_need(self) -> None:
        CfnOutput(
            self, "ChatUrl", value=self.chat.url.url, description="The chat endpoint: POST v1/chat/completions, GET v1/models"
        )
        CfnOutput(self, "PageUrl", value=self.page.url, description="Where people sign in and chat")
        CfnOutput(self, "CallerRoleArn", value=self.caller.role_arn, description="Assume this role to call the endpoint")
        if self.front is not None:
            CfnOutput(self, "FrontUrl", value=self.front.url, description=f"The same by CloudFront, with {TOKEN_HEADER}")
        page = self.identity.browser_config
        for output, name in (
            ("UserPoolId", "userPoolId"),
            ("UserPoolClientId", "userPoolClientId"),
            ("IdentityPoolId", "identityPoolId"),
        ):
            CfnOutput(self, output, value=page[name], description="For a page on which people sign in; not secret")

    def _acknowledge_findings(self) -> None:
        """What cdk-nag's packs find here and is meant so."""
        acknowledge_newest_runtime(self.chat)
        people = self.identity.user_pool
        acknowledge(people, "AwsSolutions-COG2", "A second factor is offered to everyone, and yours to require")
        acknowledge(people, "AwsSolutions-COG8", "The Plus plan is billed by the user, and yours to choose")
        if self.front is not None:
            front = self.front.distribution
            acknowledge(front, "AwsSolutions-CFR1", "People may come from every country; they have to sign in")
            acknowledge(front, "AwsSolutions-CFR4", "Without a domain of one's own CloudFront takes its own certificate")


def _listed(value: Any) -> list[str]:
    """A context value that is a list; on the command line a list is a text with commas."""
    texts = value.split(",") if isinstance(value, str) else value or ()
    return [text.strip() for text in texts if text.strip()]


def _unique_id(stack: Stack) -> str:
    """The last part of the stack's ARN, known at deployment: an id that no other stack has."""
    return Fn.select(2, Fn.split("/", stack.stack_id))


def _warm(warm: int, most: int) -> ProvisionedConcurrency:
    if warm == most:
        return ProvisionedConcurrency.fixed(warm)
    return ProvisionedConcurrency.tracking(min_capacity=warm, max_capacity=most)


def _cors(origins: Sequence[str]) -> lambda_.FunctionUrlCorsOptions:
    cors = BrowserIdentity.cors(*origins)
    return lambda_.FunctionUrlCorsOptions(
        allowed_origins=cors.allowed_origins,
        allowed_methods=cors.allowed_methods,
        allowed_headers=[*(cors.allowed_headers or ()), TOKEN_HEADER],
        exposed_headers=cors.exposed_headers,
        max_age=cors.max_age,
    )
