"""Reads the REST APIs of an assembly, made of resources or given as an OpenAPI document. Pure; nothing runs here.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGateway.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_pkg.assembly import AssemblyError, CloudAssembly, Resource
from constructs_pkg.emulator.rest.definition import DefinitionUnreadable, read_definition
from constructs_pkg.emulator.rest.model import (
    DEFAULT_BURST,
    DEFAULT_RATE,
    LAMBDA_URI,
    AuthorizerConfig,
    GatewayResponse,
    Integration,
    Method,
    RestApi,
    StageConfig,
    read_integration,
)
from constructs_pkg.emulator.rest.openapi import document_binary_types, document_methods, document_responses, unreadable_method

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
    methods = tuple(
        _read_method(method, paths, models, validators, authorizers) for method in _of(api, "AWS::ApiGateway::Method")
    )
    responses = {str(one.property("ResponseType")): _read_response(one) for one in _of(api, "AWS::ApiGateway::GatewayResponse")}
    binary_types = tuple(api.property("BinaryMediaTypes", default=[]))
    policy = api.raw.get("Policy")
    try:
        definition = read_definition(api)
        if definition is not None:
            methods += tuple(document_methods(api, definition))
            responses = {**document_responses(definition), **responses}
            binary_types += document_binary_types(definition)
            policy = policy or definition.policy
    except (DefinitionUnreadable, AssemblyError) as error:
        methods += tuple(unreadable_method(api, path, "ANY", str(error)) for path in ("/", "/{proxy+}"))
    return RestApi(
        stack=stack.name,
        path=api.path,
        api_id=str(api.ref),
        region=stack.region,
        account=stack.account,
        partition=stack.partition,
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
        idle_seconds=30.0 if "EDGE" in types else 300.0,
        has_policy=bool(policy),
        binary_types=binary_types,
        stages=tuple(_read_stage(stage) for stage in _of(api, "AWS::ApiGateway::Stage")),
        methods=methods,
        responses=responses,
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
    uri = LAMBDA_URI.search(str(resource.property("AuthorizerUri", default="")))
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
    answers = document.get("IntegrationResponses", ())
    return read_integration(
        str(document.get("Type", "")),
        uri=document.get("Uri"),
        transfer_mode=document.get("ResponseTransferMode"),
        milliseconds=document.get("TimeoutInMillis"),
        credentials=document.get("Credentials"),
        answers=[(answer.get("StatusCode"), answer.get("ResponseParameters")) for answer in answers],
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
