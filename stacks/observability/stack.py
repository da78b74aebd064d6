"""The other examples, watched while they run: metrics, alarms and logs as one live stream of events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aws_cdk import ArnFormat, Aws, CfnOutput, Duration, Environment, Stack, Token
from aws_cdk import aws_iam as iam

from constructs_pkg import BrowserIdentity, StreamingCode, StreamingFunction
from stacks.findings import acknowledge
from stacks.web_page import WebPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

PAGE: Final = Path(__file__).parent / "page"
"""The built page; `web` is what it is built from."""

_SPARE: Final = Duration.seconds(30)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A function that is watched.

    Attributes:
        label: What viewers call it.
        function_name: Its name, which may be another stack's token.
        alias: The alias whose metrics are shown.
        log_group_name: Where it logs.
        log_group_arn: The same as CloudFormation names it, with `:*` at its end. None: in this account and region.
        alarm_prefix: How the names of its alarms begin; empty where it has none.
    """

    label: str
    function_name: str
    alias: str
    log_group_name: str
    log_group_arn: str | None
    alarm_prefix: str

    @classmethod
    def of(cls, function: StreamingFunction) -> Watched:
        """A function of this app. CloudFormation begins the names of its alarms with its stack's."""
        stack = Stack.of(function).stack_name
        return cls(
            label=stack.removesuffix("Stack").lower(),
            function_name=function.function.function_name,
            alias=function.alias.alias_name,
            log_group_name=function.log_group.log_group_name,
            log_group_arn=function.log_group.log_group_arn,
            alarm_prefix=f"{stack}-",
        )

    @classmethod
    def parse(cls, text: str) -> Watched:
        """`name:alias@log-group`; left out, the alias is `live` and the log group `/aws/lambda/<name>`."""
        name, _, log_group = text.partition("@")
        name, _, alias = name.partition(":")
        return cls(
            label=name,
            function_name=name,
            alias=alias or "live",
            log_group_name=log_group or f"/aws/lambda/{name}",
            log_group_arn=None,
            alarm_prefix=f"{name.partition('-')[0]}-",
        )


class ObservabilityStack(Stack):
    """`GET /events` on a Function URL that asks for IAM auth, by a Node.js function, which Lambda streams itself; and a page that shows it.

    Attributes:
        events: The streaming function.
        caller: A role of this account that may call the URL.
        people: Who may sign in on the page; an administrator invites them.
        page: The page, on CloudFront.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment | None = None,
        watched: Sequence[StreamingFunction | Watched] = (),
        longest: Duration | None = None,
        metrics_every: Duration | None = None,
        logs_every: Duration | None = None,
        sign_in_prefix: str | None = None,
        origins: Sequence[str] | None = None,
    ) -> None:
        """Makes the stack.

        Args:
            scope: Where it stands in the tree.
            id: Its name there.
            env: Account and region. Default: as CDK takes it, agnostic.
            watched: The functions, of this account and region. Default: those of the context value `observability:functions`, as
                in `orders:live@/aws/lambda/orders,search`.
            longest: Longest stream; a viewer who left is noticed by nobody, so this is what he costs at most. Default: 5 minutes.
                Allowed: up to 14 minutes.
            metrics_every: Time between two looks at metrics and alarms. Default: the context value `observability:metrics-seconds`,
                else 30 seconds; CloudWatch has a point a minute.
            logs_every: Time between two looks at the logs. Default: the context value `observability:logs-seconds`, else 5 seconds.
            sign_in_prefix: How the address of the sign-in page begins; nobody else in the region may have it. Default: the context value
                `observability:sign-in-prefix`, else `observability-` and the account.
            origins: Pages that may call the Function URL. Default: the context value `observability:origins`, with commas, else all:
                what lets a page in is its signature, and there are no cookies that another page could borrow.

        Raises:
            ValueError: `WATCHED`: nothing is watched, or two have one label; `LONGEST`: out of range.
        """
        super().__init__(scope, id, env=env, description="Metrics, alarms and logs of other functions as a live stream of events")
        context = self.node.try_get_context
        named = _listed(context("observability:functions"))
        functions = [found if isinstance(found, Watched) else Watched.of(found) for found in watched] + [
            Watched.parse(text) for text in named
        ]
        longest = longest or Duration.minutes(5)
        _check(functions, longest)
        self.events = StreamingFunction(
            self,
            "Events",
            code=StreamingCode.nodejs(Path(__file__).parent / "handler"),
            description="Streams metrics, alarms and logs of other functions",
            memory_size=256,
            timeout=longest.plus(_SPARE),
            cors=BrowserIdentity.cors(*(origins or _listed(context("observability:origins")) or ("*",))),
            environment={
                "WATCHED": self.to_json_string([_row(found) for found in functions]),
                "MOST_SECONDS": f"{longest.to_seconds():g}",
                "METRICS_SECONDS": _seconds(metrics_every, context("observability:metrics-seconds") or 30),
                "LOGS_SECONDS": _seconds(logs_every, context("observability:logs-seconds") or 5),
            },
        )
        self._let_look(functions)
        self.caller = iam.Role(
            self,
            "Caller",
            assumed_by=iam.AccountRootPrincipal(),
            description="May watch metrics, alarms and logs of these functions",
        )
        self.events.grant_invoke_url(self.caller)
        self.people = BrowserIdentity(
            self,
            "People",
            sign_in_prefix=sign_in_prefix or context("observability:sign-in-prefix") or f"observability-{Aws.ACCOUNT_ID}",
        )
        self.people.allow_to_call(self.events.url)
        self.page = self._page()
        CfnOutput(self, "PageUrl", value=self.page.url, description="The page; invite people in the user pool")
        CfnOutput(self, "UserPoolId", value=self.people.user_pool.user_pool_id, description="Who may sign in on the page")
        CfnOutput(self, "EventsUrl", value=self.events.url.url, description="GET events?minutes=30")
        CfnOutput(self, "CallerRoleArn", value=self.caller.role_arn, description="Assume this role to call the endpoint")

    def _page(self) -> WebPage:
        known = self.people.browser_config
        sign_in = {name: known[name] for name in ("userPoolId", "userPoolClientId", "identityPoolId")}
        cognito = [f"https://cognito-{service}.{self.region}.{Aws.URL_SUFFIX}/" for service in ("idp", "identity")]
        page = WebPage(
            self,
            "Page",
            folder=PAGE,
            config={"url": known["url"], "region": known["region"], "signIn": {"url": known["signInUrl"], **sign_in}},
            connect_sources=[known["url"], f"{known['signInUrl']}/", *cognito],
        )
        self.people.allow_sign_in_from(page.url)
        acknowledge(self.people.user_pool, "AwsSolutions-COG2", "A second factor is offered to everyone, and yours to require")
        acknowledge(self.people.user_pool, "AwsSolutions-COG8", "The Plus plan is billed by the user, and yours to choose")
        return page

    def _let_look(self, functions: Sequence[Watched]) -> None:
        role = self.events.role
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms"], resources=["*"])
        )
        arns = [found.log_group_arn or self._log_group_arn(found.log_group_name) for found in functions]
        role.add_to_principal_policy(iam.PolicyStatement(actions=["logs:FilterLogEvents"], resources=arns))
        acknowledge(role, "AwsSolutions-IAM5[Resource::*]", "GetMetricData takes no resource, and DescribeAlarms all or none")
        for name in (found.log_group_name for found in functions if found.log_group_arn is None):
            acknowledge(
                role,
                f"AwsSolutions-IAM5[Resource::{self._as_nag_writes(name)}]",
                "The log streams of a log group that is watched",
            )

    def _log_group_arn(self, name: str) -> str:
        return self.format_arn(
            service="logs", resource="log-group", resource_name=f"{name}:*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )

    def _as_nag_writes(self, log_group: str) -> str:
        """A log group's ARN, with CloudFormation's names of what only deployment knows."""
        known = {"Partition": self.partition, "Region": self.region, "AccountId": self.account}
        said = {name: f"<AWS::{name}>" if Token.is_unresolved(value) else value for name, value in known.items()}
        return f"arn:{said['Partition']}:logs:{said['Region']}:{said['AccountId']}:log-group:{log_group}:*"


def _listed(value: str | None) -> list[str]:
    return [text for text in (value or "").split(",") if text]


def _seconds(given: Duration | None, otherwise: str | float) -> str:
    return f"{float(otherwise) if given is None else given.to_milliseconds() / 1000:g}"


def _row(found: Watched) -> dict[str, str]:
    return {
        "label": found.label,
        "function": found.function_name,
        "alias": found.alias,
        "logGroup": found.log_group_name,
        "alarms": found.alarm_prefix,
    }


def _check(functions: Sequence[Watched], longest: Duration) -> None:
    labels = [found.label for found in functions]
    if not labels or len(set(labels)) != len(labels):
        raise ValueError(
            f"WATCHED: the functions to watch are {', '.join(labels) or 'none'}; at least one is needed, and each once. Pass watched, or set "
            "the context value observability:functions to their names."
        )
    if not 1 <= longest.to_seconds() <= 840:
        raise ValueError(
            f"LONGEST: longest is {longest.to_seconds():g} seconds; 1 to 840 are allowed. Viewers come back by themselves."
        )
