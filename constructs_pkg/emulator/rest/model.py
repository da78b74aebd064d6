"""A REST API as API Gateway would hold it: plain data.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGateway.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_RATE = 10_000.0
DEFAULT_BURST = 5_000
"""An account's own limits: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html."""

DEFAULT_TIMEOUT_SECONDS = 29.0

LAMBDA_URI = re.compile(
    r":lambda:path/(?P<date>[0-9-]+)/functions/(?P<arn>arn:[^/]+)/(?P<how>response-streaming-invocations|invocations)$"
)


@dataclass(frozen=True, kw_only=True)
class Integration:
    """What a method calls.

    Attributes:
        kind: `AWS_PROXY`, `MOCK`, or one that is not emulated.
        function_arn: For AWS_PROXY, the function's ARN with its qualifier.
        streams: Whether the response transfer mode is STREAM.
        timeout_seconds: Longest answer.
        credentials: ARN of the role that API Gateway takes on to call; empty where it calls as itself.
        responses: For MOCK: status, and headers.
    """

    kind: str
    function_arn: str = ""
    streams: bool = False
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    credentials: str = ""
    responses: tuple[tuple[int, Mapping[str, str]], ...] = ()


def read_integration(
    kind: str,
    *,
    uri: object,
    transfer_mode: object,
    milliseconds: Any,
    credentials: object,
    answers: Iterable[tuple[Any, Mapping[str, object] | None]],
) -> Integration:
    """What a template and an OpenAPI document say of an integration, each in its own spelling. None: it is not said.

    Args:
        kind: `AWS_PROXY`, `MOCK` or another.
        uri: Of what is called.
        transfer_mode: `STREAM` or `BUFFERED`.
        milliseconds: Longest answer.
        credentials: ARN of a role.
        answers: For MOCK: status, and response parameters.
    """
    if kind == "MOCK":
        responses = []
        for status, parameters in answers:
            headers = {
                name.removeprefix("method.response.header."): str(value).strip("'")
                for name, value in (parameters or {}).items()
                if name.startswith("method.response.header.")
            }
            responses.append((200 if status is None else int(status), headers))
        return Integration(kind=kind, responses=tuple(responses))
    found = LAMBDA_URI.search(str(uri or ""))
    return Integration(
        kind=kind,
        function_arn=found["arn"] if found else "",
        streams=transfer_mode == "STREAM",
        timeout_seconds=DEFAULT_TIMEOUT_SECONDS if milliseconds is None else float(milliseconds) / 1000,
        credentials=str(credentials or ""),
    )


@dataclass(frozen=True, kw_only=True)
class AuthorizerConfig:
    """An `AWS::ApiGateway::Authorizer`.

    Attributes:
        name: Construct path.
        id: API Gateway's id of it.
        kind: `TOKEN`, `REQUEST` or `COGNITO_USER_POOLS`.
        sources: Identity sources: `method.request.header.Authorization` and such.
        ttl_seconds: How long an answer is kept.
        pattern: What a TOKEN authorizer's token must match, or None.
        function_arn: Of a Lambda authorizer.
        credentials: ARN of the role that API Gateway takes on to call it; empty where it calls as itself.
        pools: ARNs of the user pools.
    """

    name: str
    id: str
    kind: str
    sources: tuple[str, ...]
    ttl_seconds: float
    pattern: str | None
    function_arn: str
    credentials: str
    pools: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method of one path.

    Attributes:
        resource_id: Id of the path's resource.
        path: `/v1/chat/{id}`.
        verb: `POST` or `ANY`.
        authorization: `NONE`, `AWS_IAM`, `COGNITO_USER_POOLS` or `CUSTOM`.
        required: Parameters that must be there, such as `method.request.querystring.q`.
        models: Schemas by content type, `$default` among them.
        checks_body, checks_parameters: What its validator looks at.
        why_not: Why it cannot be called here, or None.
    """

    resource_id: str
    path: str
    verb: str
    authorization: str
    authorizer: AuthorizerConfig | None
    scopes: tuple[str, ...]
    needs_api_key: bool
    required: tuple[str, ...]
    models: Mapping[str, Any]
    checks_body: bool
    checks_parameters: bool
    integration: Integration
    why_not: str | None = None


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """A stage: its limits over all callers, and per `METHOD /path` where they differ."""

    name: str
    variables: Mapping[str, str]
    rate: float
    burst: float
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class GatewayResponse:
    """How API Gateway answers by itself for one kind of error."""

    status: int | None
    headers: Mapping[str, str]
    templates: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RestApi:
    """A REST API.

    Attributes:
        idle_seconds: Longest silence of a stream: 30 s for edge-optimized endpoints, else 5 minutes.
        has_policy: Whether it has a resource policy.
        responses: Gateway responses by type, such as `DEFAULT_4XX`.
    """

    stack: str
    path: str
    api_id: str
    region: str
    account: str
    partition: str
    idle_seconds: float
    has_policy: bool
    binary_types: tuple[str, ...]
    stages: tuple[StageConfig, ...]
    methods: tuple[Method, ...]
    responses: Mapping[str, GatewayResponse]

    def arn(self, stage: str, verb: str, path: str) -> str:
        """The ARN that permissions of a call are about."""
        return f"arn:{self.partition}:execute-api:{self.region}:{self.account}:{self.api_id}/{stage}/{verb}/{path.lstrip('/')}"
