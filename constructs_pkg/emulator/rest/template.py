"""The REST APIs of an assembly as API Gateway would hold them. Pure; nothing runs here.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGateway.html. APIs given as an OpenAPI document
(`Body`) are not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import AssemblyError, CloudAssembly, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_RATE = 10_000.0
DEFAULT_BURST = 5_000
"""An account's own limits: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html."""

DEFAULT_TIMEOUT_SECONDS = 29.0

_LAMBDA_URI = re.compile(
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


def read_rest_apis(assembly: CloudAssembly) -> tuple[RestApi, ...]:
    """All REST APIs of an assembly that have a stage."""
    found = (_read_api(resource) for resource in assembly.of_type("AWS::ApiGateway::RestApi"))
    return tuple(api for api in found if api.stages)


def _of(api: Resource, type: str) -> Iterator[Resource]:
    """The resources of one type that belong to an API; nested stacks may hold some of them."""
    for resource in api.stack.assembly.of_type(type):
        if resource.property("RestApiId") == api.ref:
            yield resource


def _read_api(api: Resource) -> RestApi:
    stack = api.stack
    paths = {str(api.get_att("RootResourceId")): "/"}
    waiting = list(_of(api, "AWS::ApiGateway::Resource"))
    while waiting:
        left = [resource for resource in waiting if not _place(resource, paths)]
        if len(left) == len(waiting):
            break  # parents that are imported: what hangs on them has no path here
        waiting = left
    models = {str(model.ref): model for model in _of(api, "AWS::ApiGateway::Model")}
    validators = {str(validator.ref): validator for validator in _of(api, "AWS::ApiGateway::RequestValidator")}
    authorizers = {str(one.ref): _read_authorizer(one) for one in _of(api, "AWS::ApiGateway::Authorizer")}
    types = api.property("EndpointConfiguration", "Types", default=["EDGE"])
    return RestApi(
        stack=stack.name,
        path=api.path,
        api_id=str(api.ref),
        region=stack.region,
        account=stack.account,
        partition=stack.partition,
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
        idle_seconds=30.0 if "EDGE" in types else 300.0,
        has_policy=bool(api.raw.get("Policy")),
        binary_types=tuple(api.property("BinaryMediaTypes", default=[])),
        stages=tuple(_read_stage(stage) for stage in _of(api, "AWS::ApiGateway::Stage")),
        methods=tuple(
            _read_method(method, paths, models, validators, authorizers) for method in _of(api, "AWS::ApiGateway::Method")
        ),
        responses={
            str(one.property("ResponseType")): _read_response(one) for one in _of(api, "AWS::ApiGateway::GatewayResponse")
        },
    )


def _place(resource: Resource, paths: dict[str, str]) -> bool:
    parent = paths.get(str(resource.property("ParentId")))
    if parent is None:
        return False
    paths[str(resource.ref)] = f"{parent.rstrip('/')}/{resource.property('PathPart')}"
    return True


def _read_stage(stage: Resource) -> StageConfig:
    limits: dict[str, tuple[float, float]] = {}
    everywhere = (DEFAULT_RATE, float(DEFAULT_BURST))
    for setting in stage.property("MethodSettings", default=[]):
        rate, burst = setting.get("ThrottlingRateLimit"), setting.get("ThrottlingBurstLimit")
        if rate is None and burst is None:
            continue
        limit = (float(DEFAULT_RATE if rate is None else rate), float(DEFAULT_BURST if burst is None else burst))
        path, verb = setting.get("ResourcePath", "/*"), setting.get("HttpMethod", "*")
        if (path, verb) == ("/*", "*"):
            everywhere = limit
        else:
            # In the template a slash within a path is written ~1.
            limits[f"{verb} /{path.removeprefix('/').replace('~1', '/').lstrip('/')}"] = limit
    variables = stage.property("Variables", default={})
    return StageConfig(
        name=str(stage.property("StageName")), variables=variables, rate=everywhere[0], burst=everywhere[1], limits=limits
    )


def _read_authorizer(resource: Resource) -> AuthorizerConfig:
    kind = str(resource.property("Type"))
    source = str(resource.property("IdentitySource", default="method.request.header.Authorization" if kind != "REQUEST" else ""))
    uri = _LAMBDA_URI.search(str(resource.property("AuthorizerUri", default="")))
    return AuthorizerConfig(
        name=resource.path,
        id=str(resource.ref),
        kind=kind,
        sources=tuple(part.strip() for part in source.split(",") if part.strip()),
        ttl_seconds=float(resource.property("AuthorizerResultTtlInSeconds", default=300)),
        pattern=resource.property("IdentityValidationExpression"),
        function_arn=uri["arn"] if uri else "",
        credentials=str(resource.property("AuthorizerCredentials", default="")),
        pools=tuple(str(arn) for arn in resource.property("ProviderARNs", default=[])),
    )


def _read_method(
    method: Resource,
    paths: Mapping[str, str],
    models: Mapping[str, Resource],
    validators: Mapping[str, Resource],
    authorizers: Mapping[str, AuthorizerConfig],
) -> Method:
    validator = validators.get(str(method.property("RequestValidatorId", default="")))
    resource_id = str(method.property("ResourceId"))
    authorizer = authorizers.get(str(method.property("AuthorizerId", default="")))
    authorization = str(method.property("AuthorizationType", default="NONE"))
    why_not = None
    try:
        integration = _read_integration(method)
    except AssemblyError as error:
        integration, why_not = Integration(kind="UNKNOWN"), str(error)
    if authorization in ("CUSTOM", "COGNITO_USER_POOLS") and authorizer is None:
        why_not = f"AUTHORIZER_NOT_HERE: the authorizer of {method.path} is not part of the assembly; make it in the same app"
    schemas = {}
    for content_type, name in method.property("RequestModels", default={}).items():
        model = models.get(str(name))
        if model is not None:
            schemas[content_type] = model.property("Schema")
    required = method.property("RequestParameters", default={})
    return Method(
        resource_id=resource_id,
        path=paths.get(resource_id, ""),
        verb=str(method.property("HttpMethod")),
        authorization=authorization,
        authorizer=authorizer,
        scopes=tuple(method.property("AuthorizationScopes", default=[])),
        needs_api_key=str(method.property("ApiKeyRequired", default=False)).lower() == "true",
        required=tuple(name for name, needed in required.items() if str(needed).lower() == "true"),
        models=schemas,
        checks_body=validator is not None and str(validator.property("ValidateRequestBody", default=False)).lower() == "true",
        checks_parameters=validator is not None
        and str(validator.property("ValidateRequestParameters", default=False)).lower() == "true",
        integration=integration,
        why_not=why_not,
    )


def _read_integration(method: Resource) -> Integration:
    document = method.property("Integration", default={})
    kind = str(document.get("Type", ""))
    milliseconds = document.get("TimeoutInMillis")
    if kind == "MOCK":
        answers = []
        for response in document.get("IntegrationResponses", ()):
            headers = {
                name.removeprefix("method.response.header."): str(value).strip("'")
                for name, value in (response.get("ResponseParameters") or {}).items()
                if name.startswith("method.response.header.")
            }
            answers.append((int(response.get("StatusCode", 200)), headers))
        return Integration(kind=kind, responses=tuple(answers))
    found = _LAMBDA_URI.search(str(document.get("Uri", "")))
    return Integration(
        kind=kind,
        function_arn=found["arn"] if found else "",
        streams=document.get("ResponseTransferMode") == "STREAM",
        timeout_seconds=DEFAULT_TIMEOUT_SECONDS if milliseconds is None else float(milliseconds) / 1000,
        credentials=str(document.get("Credentials", "")),
    )


def _read_response(resource: Resource) -> GatewayResponse:
    status = resource.property("StatusCode", default=None)
    parameters = resource.property("ResponseParameters", default={})
    headers = {
        name.removeprefix("gatewayresponse.header."): str(value).strip("'")
        for name, value in parameters.items()
        if name.startswith("gatewayresponse.header.")
    }
    templates = resource.property("ResponseTemplates", default={})
    return GatewayResponse(status=None if status is None else int(status), headers=headers, templates=templates)
