"""Who may call a method that asks an authorizer: a Lambda authorizer is run, a user pool's token is looked at.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html, its input
(.../api-gateway-lambda-authorizer-input.html) and output (.../api-gateway-lambda-authorizer-output.html).
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from constructs_pkg.emulator.iam.conditions import RequestContext
from constructs_pkg.emulator.iam.documents import Request, statements
from constructs_pkg.emulator.invocation import FunctionError, Invocation
from constructs_pkg.emulator.rest.responses import GatewayError
from constructs_pkg.emulator.rest.tokens import TokenRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from constructs_pkg.emulator.http_server import HttpRequest
    from constructs_pkg.emulator.rest.model import AuthorizerConfig
    from constructs_pkg.emulator.rest.tokens import UserPool

AUTHORIZER_SECONDS = 10.0
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html gives it 10 s."""

_DENIED = "User is not authorized to access this resource"


class CollectingSink:
    """Takes an answer whole."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.done: asyncio.Future[FunctionError | None] = asyncio.get_running_loop().create_future()

    def begin(self, content_type: str, *, streaming: bool) -> None:
        """See ResponseSink."""

    def data(self, chunk: bytes) -> None:
        """See ResponseSink."""
        self.chunks.append(chunk)

    def flush(self) -> None:
        """See ResponseSink."""

    def end(self) -> None:
        """See ResponseSink."""
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, error: FunctionError) -> None:
        """See ResponseSink."""
        if not self.done.done():
            self.done.set_result(error)


class LambdaAuthorizer:
    """One Lambda authorizer, with the answers that it keeps."""

    def __init__(self, config: AuthorizerConfig, invoke: Callable[[Invocation], Awaitable[None]], invoked_arn: str) -> None:
        """
        Args:
            config: The authorizer.
            invoke: Runs the authorizer's function.
            invoked_arn: Its ARN.
        """
        self.config = config
        self._invoke = invoke
        self._arn = invoked_arn
        self._kept: dict[tuple[str, ...], tuple[float, dict[str, Any]]] = {}

    async def authorize(self, request: HttpRequest, event: Mapping[str, Any], method_arn: str, method_key: str) -> dict[str, Any]:
        """What `requestContext.authorizer` becomes.

        Args:
            request: The request.
            event: The event that the method's function would get.
            method_arn: The ARN that is asked for.
            method_key: The method, which is part of what is kept of a REQUEST authorizer without identity sources.

        Raises:
            GatewayError: no.
        """
        config = self.config
        sources = [identity(source, request, event) for source in config.sources]
        if any(value is None for value in sources):
            raise GatewayError(
                "UNAUTHORIZED", "Unauthorized", f"an identity source of {config.name} is missing: {', '.join(config.sources)}"
            )
        values = tuple(value for value in sources if value is not None)
        if config.kind == "TOKEN" and config.pattern and not re.match(config.pattern, values[0]):
            raise GatewayError("UNAUTHORIZED", "Unauthorized", f"the token does not match {config.pattern}")
        now = time.monotonic()
        key = (*values, *(() if config.sources else (method_key,)))
        kept = self._kept.get(key)
        if kept is not None and kept[0] > now and config.sources:
            answer = kept[1]
        else:
            answer = await self._ask(values, event, method_arn)
            self._kept[key] = (now + config.ttl_seconds, answer)
        _require_allowed(answer, method_arn, config.name)
        context = answer.get("context") or {}
        told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in context.items()}
        return {**told, "principalId": answer.get("principalId"), "integrationLatency": 0}

    async def _ask(self, values: tuple[str, ...], event: Mapping[str, Any], method_arn: str) -> dict[str, Any]:
        config = self.config
        if config.kind == "TOKEN":
            question: dict[str, Any] = {"type": "TOKEN", "methodArn": method_arn, "authorizationToken": values[0]}
        else:
            left_out = ("body", "isBase64Encoded")
            question = {"type": "REQUEST", "methodArn": method_arn, **{k: v for k, v in event.items() if k not in left_out}}
        sink = CollectingSink()
        await self._invoke(Invocation(payload=json.dumps(question).encode(), invoked_arn=self._arn, sink=sink))
        try:
            async with asyncio.timeout(AUTHORIZER_SECONDS):
                error = await sink.done
        except TimeoutError as late:
            raise _failure(config, f"it took longer than {AUTHORIZER_SECONDS:g} s") from late
        if error is not None:
            if error.message == "Unauthorized":
                raise GatewayError("UNAUTHORIZED", "Unauthorized", f"{config.name} says Unauthorized")
            raise _failure(config, error.message)
        try:
            answer = json.loads(b"".join(sink.chunks))
        except ValueError as error_:
            raise _failure(config, "its answer is no JSON") from error_
        if not isinstance(answer, dict) or not isinstance(answer.get("policyDocument"), dict):
            raise _failure(config, "its answer has no policyDocument")
        return answer


def _failure(config: AuthorizerConfig, why: str) -> GatewayError:
    return GatewayError("AUTHORIZER_FAILURE", "Internal server error", f"the authorizer {config.name} failed: {why}")


def _require_allowed(answer: Mapping[str, Any], method_arn: str, name: str) -> None:
    """Evaluates the policy that an authorizer gave.

    Raises:
        GatewayError: it denies, or does not allow.
    """
    request = Request(caller=None, action="execute-api:Invoke", resource=method_arn, context=RequestContext({}))
    found = list(statements(answer["policyDocument"], f"policy of {name}", lambda value: value))
    if any(not statement.allows and statement.applies(request) for statement in found):
        raise GatewayError("ACCESS_DENIED", f"{_DENIED} with an explicit deny", f"{name} denies {method_arn}")
    if not any(statement.allows and statement.applies(request) for statement in found):
        raise GatewayError("ACCESS_DENIED", _DENIED, f"{name} does not allow {method_arn}")


def identity(source: str, request: HttpRequest, event: Mapping[str, Any]) -> str | None:
    """The value of an identity source, such as `method.request.header.Authorization`; None where it is missing."""
    place, _, name = source.partition(".request.")[2].partition(".")
    if place == "header":
        return request.header(name) or None
    if place == "querystring":
        return parse_qs(request.raw_query).get(name, [None])[-1]
    scope, _, name = source.partition(".")
    if scope == "stageVariables":
        return (event.get("stageVariables") or {}).get(name)
    if scope == "context":
        value = event["requestContext"]
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return None if value is None else str(value)
    return None


def cognito_claims(
    config: AuthorizerConfig, pools: Mapping[str, UserPool], request: HttpRequest, scopes: tuple[str, ...]
) -> dict[str, Any]:
    """What `requestContext.authorizer` becomes for a user pool's token.

    Raises:
        GatewayError: there is no token, or none that holds.
    """
    source = config.sources[0] if config.sources else "method.request.header.Authorization"
    token = identity(source, request, {"requestContext": {}})
    if token is None:
        raise GatewayError("UNAUTHORIZED", "Unauthorized", f"{source} is missing")
    reasons = []
    for arn in config.pools:
        pool = pools.get(arn)
        if pool is None:
            reasons.append(f"{arn} is not of this app")
            continue
        try:
            claims = pool.claims(token.removeprefix("Bearer "), scopes=scopes, now=time.time())
        except TokenRefused as refused:
            reasons.append(str(refused))
            continue
        return {"claims": {name: str(value) for name, value in claims.items()}}
    raise GatewayError("UNAUTHORIZED", "Unauthorized", f"the token does not hold: {'; '.join(reasons)}")
