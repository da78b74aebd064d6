"""The front of a REST API: one loopback port, the stage as the first segment of the path, and each chunk on as it comes.

In API Gateway's order: route, throttling, who may call, what a request must have, then the function.
Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html,
.../api-gateway-method-request-validation.html, .../api-gateway-request-throttling.html.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from uuid import uuid4

from constructs_pkg.emulator.concurrency import Throttled
from constructs_pkg.emulator.functions import parse_function_reference
from constructs_pkg.emulator.http_server import Exchange, HttpServer
from constructs_pkg.emulator.iam import Principal, Principals, SignatureRefusal
from constructs_pkg.emulator.invocation import Invocation, new_trace_id
from constructs_pkg.emulator.rest.authorizers import LambdaAuthorizer, cognito_claims
from constructs_pkg.emulator.rest.event import MAX_REQUEST_BYTES, build_event
from constructs_pkg.emulator.rest.json_schema import problem
from constructs_pkg.emulator.rest.responses import GatewayError, gateway_answer
from constructs_pkg.emulator.rest.routes import find_method
from constructs_pkg.emulator.rest.sink import RestSink
from constructs_pkg.emulator.rest.throttle import TokenBucket
from constructs_pkg.emulator.service import request_context
from constructs_pkg.emulator.url_event import MAX_EVENT_BYTES, encode_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from constructs_pkg.emulator.http_server import HttpRequest
    from constructs_pkg.emulator.rest.model import AuthorizerConfig, Method, RestApi, StageConfig
    from constructs_pkg.emulator.rest.tokens import UserPool
    from constructs_pkg.emulator.service import FunctionService, Gate

_CALLER = Principals.service("apigateway.amazonaws.com")
_INTERNAL = "Internal server error"


class RestApiFront:
    """One REST API.

    Attributes:
        api: The API as the template has it; set anew when the template changes.
        services: The functions by name.
        pools: The user pools by ARN.
        gate: Who is calling, and may they.
        idle_seconds: Longest silence of a stream.
    """

    def __init__(self, api: RestApi, *, log: Callable[[str], None]) -> None:
        """
        Args:
            api: The API.
            log: Takes log lines.
        """
        self.api = api
        self.services: Mapping[str, FunctionService] = {}
        self.pools: Mapping[str, UserPool] = {}
        self.gate: Gate | None = None
        self.idle_seconds = api.idle_seconds
        self._log = log
        self._buckets: dict[str, TokenBucket] = {}
        self._authorizers: dict[str, LambdaAuthorizer] = {}
        self._server = HttpServer.for_exchanges(self._answer, max_body_bytes=MAX_REQUEST_BYTES, on_error=log)

    async def bind(self, port: int = 0) -> int:
        """Takes the port; requests are served once `gate` is set."""
        return await self._server.bind(port)

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 that it listens on."""
        return self._server.port

    def address(self, stage: str) -> str:
        """A stage's URL, with a slash at its end."""
        return f"http://127.0.0.1:{self.port}/{stage}/"

    async def close(self) -> None:
        """Stops listening."""
        await self._server.close()

    async def retire(self) -> None:
        """Takes no more connections, and closes when the last stream has ended."""
        await self._server.drain()

    def change(self, api: RestApi) -> None:
        """Takes the API as the template has it now. Counts and kept answers begin anew where it is another."""
        if api != self.api:
            self.api, self.idle_seconds = api, api.idle_seconds
            self._buckets.clear()
            self._authorizers.clear()

    async def _answer(self, exchange: Exchange) -> None:
        request_id, trace_id = str(uuid4()), new_trace_id()
        context = {
            "requestId": request_id,
            "httpMethod": exchange.request.method,
            "path": exchange.request.raw_path,
            "identity.sourceIp": exchange.request.peer,
        }
        headers = [
            ("x-amzn-RequestId", request_id),
            ("x-amz-apigw-id", f"{request_id[:8]}="),
            ("X-Amzn-Trace-Id", trace_id.split(";", 1)[0]),
        ]

        def refuse(error: GatewayError) -> None:
            answer = gateway_answer(self.api, error, context)
            self._log(f"{answer.status} {exchange.request.method} {exchange.request.raw_path}: {error.reason}")
            exchange.respond(answer.status, [*headers, *answer.headers], answer.body)

        try:
            await self._handle(exchange, request_id, trace_id, context, headers, refuse)
        except GatewayError as error:
            refuse(error)

    async def _handle(
        self,
        exchange: Exchange,
        request_id: str,
        trace_id: str,
        context: dict[str, str],
        headers: list[tuple[str, str]],
        refuse: Callable[[GatewayError], None],
    ) -> None:
        request, api, gate = exchange.request, self.api, self.gate
        if gate is None:
            raise GatewayError("INTEGRATION_FAILURE", _INTERNAL, "the emulator is still starting", 503)
        stage, path = self._stage(request)
        found = find_method(api.methods, request.method, path)
        if found is None:
            raise GatewayError(
                "MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token", f"no method {request.method} {path}"
            )
        method, path_parameters = found
        context |= {"stage": stage.name, "resourcePath": method.path}
        self._throttle(stage, method)
        if method.why_not is not None:
            raise GatewayError("API_CONFIGURATION_ERROR", _INTERNAL, method.why_not)
        if exchange.too_large:
            raise GatewayError(
                "REQUEST_TOO_LARGE", "Request Entity Too Large", f"the body is larger than {MAX_REQUEST_BYTES} bytes"
            )

        def event_with(principal: Principal | None, authorizer: Mapping[str, Any] | None) -> dict[str, Any]:
            return build_event(
                request,
                api=api,
                stage=stage,
                method=method,
                path=path,
                path_parameters=path_parameters,
                request_id=request_id,
                trace_id=trace_id,
                now=datetime.now(UTC),
                port=self.port,
                principal=principal,
                authorizer=authorizer,
            )

        principal, authorizer = await self._authorize(gate, request, stage, method, path, event_with)
        self._validate(request, method, path_parameters)
        if method.integration.kind == "MOCK":
            status, mocked = method.integration.responses[0] if method.integration.responses else (200, {})
            exchange.respond(status, [*headers, *mocked.items()], b"")
            return
        service, qualifier = self._service(gate, stage, method, path)
        payload = encode_event(event_with(principal, authorizer))
        if len(payload) > MAX_EVENT_BYTES:
            # Lambda refuses it. That API Gateway then says what it says to more than 10 MB is unproven.
            raise GatewayError(
                "REQUEST_TOO_LARGE", "Request Entity Too Large", f"the event of it is larger than {MAX_EVENT_BYTES} bytes"
            )
        sink = RestSink(
            exchange,
            streams=method.integration.streams,
            timeout_seconds=method.integration.timeout_seconds,
            idle_seconds=self.idle_seconds,
            headers=headers,
            refuse=refuse,
            warn=self._log,
        )
        arn = service.invoked_arn(qualifier)
        invocation = Invocation(payload=payload, invoked_arn=arn, sink=sink, caller=exchange, trace_id=trace_id)
        sink.attach(invocation)
        try:
            await service.invoke(qualifier, invocation)
        except Throttled as throttled:
            sink.close()
            # API Gateway turns Lambda's own 429 into a 500: https://repost.aws/knowledge-center/api-gateway-429-limit (Lambda's limits).
            raise GatewayError("INTEGRATION_FAILURE", _INTERNAL, f"Lambda throttles: {throttled.reason}", 500) from throttled

    def _stage(self, request: HttpRequest) -> tuple[StageConfig, str]:
        _, _, rest = request.raw_path.partition("/")
        name, slash, path = rest.partition("/")
        stage = next((stage for stage in self.api.stages if stage.name == name), None)
        if stage is None:
            raise GatewayError("ACCESS_DENIED", "Forbidden", f"{name or 'nothing'} is no stage of {self.api.path}")
        return stage, slash + path or "/"

    def _throttle(self, stage: StageConfig, method: Method) -> None:
        name = f"{method.verb} {method.path}"
        own = stage.limits.get(name)
        key = f"{stage.name} {name if own else '*'}"
        rate, burst = own or (stage.rate, stage.burst)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(rate, burst)
        if not bucket.take(time.monotonic()):
            raise GatewayError(
                "THROTTLED", "Too Many Requests", f"more than {rate:g} requests a second and {burst:g} at once on {key}"
            )

    async def _authorize(
        self,
        gate: Gate,
        request: HttpRequest,
        stage: StageConfig,
        method: Method,
        path: str,
        event_with: Callable[[Principal | None, Mapping[str, Any] | None], dict[str, Any]],
    ) -> tuple[Principal | None, Mapping[str, Any] | None]:
        """Who is calling, and what an authorizer told of them.

        Raises:
            GatewayError: they may not.
        """
        arn = self.api.arn(stage.name, request.method, path)
        if method.needs_api_key:
            raise GatewayError(
                "INVALID_API_KEY", "Forbidden", "API_KEY_NOT_EMULATED: the method asks for an API key; use an authorizer here"
            )
        principal: Principal | None = None
        authorizer: Mapping[str, Any] | None = None
        if method.authorization == "AWS_IAM":
            principal = self._identify(gate, request)
        elif method.authorization == "CUSTOM":
            authorizer = await self._ask(gate, request, method, event_with(None, None), arn)
        elif method.authorization == "COGNITO_USER_POOLS":
            assert method.authorizer is not None
            authorizer = cognito_claims(method.authorizer, self.pools, request, method.scopes)
        if method.authorization == "AWS_IAM" or self.api.has_policy:
            decision = gate.authorizer.authorize(principal, "execute-api:Invoke", arn, request_context(request))
            if not decision.allowed:
                who = principal.session_arn if principal is not None else "anonymous"
                hidden = arn.replace(self.api.account, "********" + self.api.account[-4:])
                message = f"User: {who} is not authorized to perform: execute-api:Invoke on resource: {hidden}"
                if decision.denied_by:
                    message += " with an explicit deny"
                raise GatewayError("ACCESS_DENIED", message, decision.reason)
        return principal, authorizer

    def _identify(self, gate: Gate, request: HttpRequest) -> Principal | None:
        try:
            return gate.identify(request, service="execute-api", region=self.api.region)
        except SignatureRefusal as refusal:
            kind = "INVALID_SIGNATURE"
            if refusal.error_type == "MissingAuthenticationTokenException":
                kind = "MISSING_AUTHENTICATION_TOKEN"
                raise GatewayError(kind, "Missing Authentication Token", str(refusal)) from refusal
            raise GatewayError(kind, refusal.message, str(refusal)) from refusal

    async def _ask(self, gate: Gate, request: HttpRequest, method: Method, event: Mapping[str, Any], arn: str) -> dict[str, Any]:
        config = method.authorizer
        assert config is not None
        authorizer = self._authorizers.get(config.name)
        if authorizer is None or authorizer.config != config:
            authorizer = self._authorizers[config.name] = self._make_authorizer(gate, config)
        return await authorizer.authorize(request, event, arn, f"{method.verb} {method.path}")

    def _make_authorizer(self, gate: Gate, config: AuthorizerConfig) -> LambdaAuthorizer:
        source = (
            f"arn:{self.api.partition}:execute-api:{self.api.region}:{self.api.account}:{self.api.api_id}/authorizers/{config.id}"
        )
        service, qualifier = self._reach(gate, config.function_arn, config.credentials, source, "AUTHORIZER_CONFIGURATION_ERROR")

        async def invoke(invocation: Invocation) -> None:
            try:
                await service.invoke(qualifier, invocation)
            except Throttled as throttled:
                raise GatewayError(
                    "AUTHORIZER_FAILURE", _INTERNAL, f"Lambda throttles the authorizer: {throttled.reason}"
                ) from throttled

        return LambdaAuthorizer(config, invoke, service.invoked_arn(qualifier))

    def _validate(self, request: HttpRequest, method: Method, path_parameters: Mapping[str, str]) -> None:
        """What the method's validator asks for.

        Raises:
            GatewayError: something is missing, or the body is not as its model wants it.
        """
        if method.checks_parameters:
            query = parse_qs(request.raw_query, keep_blank_values=True)
            missing = []
            for name in method.required:
                place, _, key = name.removeprefix("method.request.").partition(".")
                there = {"querystring": key in query, "header": request.header(key) is not None, "path": key in path_parameters}
                if not there.get(place, True):
                    missing.append(key)
            if missing:
                message = f"Missing required request parameters: [{', '.join(missing)}]"
                raise GatewayError("BAD_REQUEST_PARAMETERS", message, message)
        if method.checks_body and method.models:
            content_type = (request.header("content-type") or "application/json").partition(";")[0].strip()
            schema = method.models.get(content_type, method.models.get("$default"))
            if schema is not None:
                _require_valid(schema, request.body)

    def _service(self, gate: Gate, stage: StageConfig, method: Method, path: str) -> tuple[FunctionService, str | None]:
        integration = method.integration
        if integration.kind != "AWS_PROXY" or not integration.function_arn:
            reason = f"INTEGRATION_NOT_EMULATED: {integration.kind} of {method.verb} {method.path}; Lambda proxy integrations are"
            raise GatewayError("API_CONFIGURATION_ERROR", _INTERNAL, reason)
        source = self.api.arn(stage.name, method.verb if method.verb != "ANY" else "*", path)
        return self._reach(gate, integration.function_arn, integration.credentials, source, "API_CONFIGURATION_ERROR")

    def _reach(
        self, gate: Gate, function_arn: str, credentials: str, source_arn: str, kind: str
    ) -> tuple[FunctionService, str | None]:
        """A function, once it is known that API Gateway may call it.

        Raises:
            GatewayError: it may not, or there is no such function.
        """
        name, qualifier = parse_function_reference(function_arn)
        service = self.services.get(name)
        if service is None:
            raise GatewayError(kind, _INTERNAL, f"FUNCTION_NOT_HERE: {function_arn} is not a function of this app")
        caller = gate.principals.by_arn(credentials) if credentials else _CALLER
        context = {"aws:SourceArn": source_arn, "aws:SourceAccount": self.api.account}
        decision = gate.authorizer.authorize(caller, "lambda:InvokeFunction", service.invoked_arn(qualifier), context)
        if not decision.allowed:
            raise GatewayError(kind, _INTERNAL, f"API Gateway may not call the function: {decision.reason}")
        return service, qualifier


def _require_valid(schema: Any, body: bytes) -> None:
    try:
        document = json.loads(body or b"")
    except (ValueError, RecursionError) as error:
        raise GatewayError("BAD_REQUEST_BODY", "Invalid request body", f"the body is no JSON: {error}") from error
    wrong = problem(schema, document)
    if wrong is not None:
        raise GatewayError("BAD_REQUEST_BODY", "Invalid request body", f"the body does not fit its model: {wrong}")
