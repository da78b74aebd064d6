"""The methods of a REST API that is given as an OpenAPI document, as API Gateway imports it. Pure.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html and the page of each extension
below it; https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html for what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import AssemblyError
from constructs_pkg.assembly.naming import lower
from constructs_pkg.emulator.rest.definition import Definition, DefinitionUnreadable
from constructs_pkg.emulator.rest.model import (
    LAMBDA_URI,
    AuthorizerConfig,
    GatewayResponse,
    Integration,
    Method,
    read_integration,
)

if TYPE_CHECKING:
    from constructs_pkg.assembly import Resource

_ANY = "x-amazon-apigateway-any-method"
_AUTH = "x-amazon-apigateway-auth"
_AUTHORIZER = "x-amazon-apigateway-authorizer"
_AUTHTYPE = "x-amazon-apigateway-authtype"
_INTEGRATION = "x-amazon-apigateway-integration"
_RESPONSES = "x-amazon-apigateway-gateway-responses"
_VALIDATOR = "x-amazon-apigateway-request-validator"
_VALIDATORS = "x-amazon-apigateway-request-validators"
_BINARY = "x-amazon-apigateway-binary-media-types"

_VERBS = ("get", "put", "post", "delete", "options", "head", "patch")
_PLACES = {"query": "querystring", "header": "header", "path": "path"}
_PRE_SHARED = "x-api-key"


def document_methods(api: Resource, definition: Definition) -> Iterator[Method]:
    """The methods, one an operation. What cannot be called here says so when it is called."""
    paths = definition.get("paths")
    for path, item in (paths or {}).items() if isinstance(paths, Mapping) else ():
        operations = definition.follow(item)
        if not isinstance(operations, Mapping):
            continue
        for verb in (*_VERBS, _ANY):
            if verb in operations:
                try:
                    yield _Operation(api, definition, path, verb, operations).method()
                except (DefinitionUnreadable, AssemblyError, TypeError, ValueError, AttributeError) as error:
                    yield unreadable_method(api, path, "ANY" if verb == _ANY else verb.upper(), str(error))


def unreadable_method(api: Resource, path: str, verb: str, why: str) -> Method:
    """A method that answers 500, as API Gateway does for one that is set up wrong; the reason is for the log."""
    return Method(
        resource_id=lower(f"{api.seed}{path}", 6),
        path=path,
        verb=verb,
        authorization="NONE",
        authorizer=None,
        scopes=(),
        needs_api_key=False,
        required=(),
        models={},
        checks_body=False,
        checks_parameters=False,
        integration=Integration(kind="UNKNOWN"),
        why_not=why,
    )


def document_responses(definition: Definition) -> dict[str, GatewayResponse]:
    """The gateway responses: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-gateway-responses.html."""
    found = {}
    for kind, response in (definition.resolved(definition.get(_RESPONSES)) or {}).items():
        status = response.get("statusCode")
        headers = {
            name.removeprefix("gatewayresponse.header."): str(value).strip("'")
            for name, value in (response.get("responseParameters") or {}).items()
            if name.startswith("gatewayresponse.header.")
        }
        found[str(kind)] = GatewayResponse(
            status=None if status is None else int(status), headers=headers, templates=response.get("responseTemplates") or {}
        )
    return found


def document_binary_types(definition: Definition) -> tuple[str, ...]:
    """Media types that are binary."""
    return tuple(definition.resolved(definition.get(_BINARY)) or ())


class _Operation:
    """One operation of the document."""

    def __init__(self, api: Resource, definition: Definition, path: str, verb: str, operations: Mapping[str, Any]) -> None:
        self._api = api
        self._definition = definition
        self._path = path
        self._verb = "ANY" if verb == _ANY else verb.upper()
        self._operations = operations
        self._operation = definition.follow(operations[verb])

    def method(self) -> Method:
        """As a method."""
        authorization, authorizer, scopes, needs_api_key = self._authorization()
        checks_body, checks_parameters = self._validator()
        integration = self._integration()
        why_not = None
        if not integration.kind:
            why_not = f"INTEGRATION_MISSING: {self._verb} {self._path} has no {_INTEGRATION}, so that API Gateway would refuse the document"
        return Method(
            resource_id=lower(f"{self._api.seed}{self._path}", 6),
            path=self._path if self._path == "/" else self._path.rstrip("/"),
            verb=self._verb,
            authorization=authorization,
            authorizer=authorizer,
            scopes=scopes,
            needs_api_key=needs_api_key,
            required=self._required(),
            models=self._models(),
            checks_body=checks_body,
            checks_parameters=checks_parameters,
            integration=integration,
            why_not=why_not,
        )

    def _integration(self) -> Integration:
        document = self._definition.resolved(self._definition.follow(self._operation.get(_INTEGRATION))) or {}
        answers = (document.get("responses") or {}).values()
        return read_integration(
            str(document.get("type", "")).upper(),
            uri=document.get("uri"),
            transfer_mode=str(document.get("responseTransferMode", "")).upper(),
            milliseconds=document.get("timeoutInMillis"),
            credentials=document.get("credentials"),
            answers=[(answer.get("statusCode"), answer.get("responseParameters")) for answer in answers],
        )

    def _authorization(self) -> tuple[str, AuthorizerConfig | None, tuple[str, ...], bool]:
        """What is asked of callers: the operation's own `security`, else the document's, else `x-amazon-apigateway-auth`."""
        definition = self._definition
        asked = self._operation.get("security", definition.get("security"))
        authorization, needs_api_key = "NONE", False
        authorizer: AuthorizerConfig | None = None
        scopes: tuple[str, ...] = ()
        for requirement in definition.resolved(asked) or ():
            for name, wanted in requirement.items():
                scheme = self._scheme(name)
                if scheme.get(_AUTHTYPE) == "awsSigv4":
                    authorization = "AWS_IAM"
                elif scheme.get(_AUTHORIZER):
                    authorizer = self._authorizer(name, scheme)
                    authorization = "COGNITO_USER_POOLS" if authorizer.kind == "COGNITO_USER_POOLS" else "CUSTOM"
                    scopes = tuple(str(scope) for scope in wanted or ())
                elif scheme.get("type") == "apiKey" and str(scheme.get("name", "")).lower() == _PRE_SHARED:
                    needs_api_key = True
                else:
                    raise DefinitionUnreadable(
                        f"SECURITY_UNKNOWN: {name} of {self._api.path} has neither {_AUTHORIZER} nor {_AUTHTYPE}; API Gateway would let "
                        "everybody in; give it one"
                    )
        said = definition.resolved(self._operation.get(_AUTH)) or {}
        if authorization == "NONE" and str(said.get("type", "")).upper() == "AWS_IAM":
            authorization = "AWS_IAM"
        return authorization, authorizer, scopes, needs_api_key

    def _scheme(self, name: str) -> Mapping[str, Any]:
        definition = self._definition
        scheme = definition.get("components", "securitySchemes", name) or definition.get("securityDefinitions", name)
        found = definition.resolved(definition.follow(scheme))
        if not isinstance(found, Mapping):
            raise DefinitionUnreadable(
                f"SECURITY_UNKNOWN: the document of {self._api.path} declares no security scheme {name}; declare it"
            )
        return found

    def _authorizer(self, name: str, scheme: Mapping[str, Any]) -> AuthorizerConfig:
        document = scheme[_AUTHORIZER]
        kind = str(document.get("type", "")).upper()
        source = str(document.get("identitySource") or "")
        if kind != "REQUEST" and not source:
            source = f"method.request.header.{scheme.get('name', 'Authorization')}"
        uri = LAMBDA_URI.search(str(document.get("authorizerUri", "")))
        return AuthorizerConfig(
            name=f"{self._api.path}/{name}",
            id=lower(f"{self._api.seed}/{name}", 6),
            kind=kind,
            sources=tuple(part.strip() for part in source.split(",") if part.strip()),
            ttl_seconds=float(document.get("authorizerResultTtlInSeconds", 300)),
            pattern=document.get("identityValidationExpression"),
            function_arn=uri["arn"] if uri else "",
            credentials=str(document.get("authorizerCredentials") or ""),
            pools=tuple(str(arn) for arn in document.get("providerARNs") or ()),
        )

    def _validator(self) -> tuple[bool, bool]:
        name = self._operation.get(_VALIDATOR, self._definition.get(_VALIDATOR))
        found = self._definition.resolved(self._definition.get(_VALIDATORS, name)) if isinstance(name, str) else None
        if not isinstance(found, Mapping):
            return False, False
        return bool(found.get("validateRequestBody")), bool(found.get("validateRequestParameters"))

    def _parameters(self) -> Iterator[Mapping[str, Any]]:
        for parameter in (*(self._operations.get("parameters") or ()), *(self._operation.get("parameters") or ())):
            found = self._definition.resolved(self._definition.follow(parameter))
            if isinstance(found, Mapping):
                yield found

    def _required(self) -> tuple[str, ...]:
        return tuple(
            f"method.request.{_PLACES[parameter['in']]}.{parameter['name']}"
            for parameter in self._parameters()
            if parameter.get("required") and parameter.get("in") in _PLACES
        )

    def _models(self) -> dict[str, Any]:
        definition = self._definition
        schemas: dict[str, Any] = {}
        body = definition.follow(self._operation.get("requestBody"))
        for content_type, content in ((body or {}).get("content") or {}).items():
            schemas[content_type] = content.get("schema")
        for parameter in self._parameters():
            if parameter.get("in") == "body":  # OpenAPI 2.0
                schemas["application/json"] = parameter.get("schema")
        # The schemas refer to others by their place in the document.
        around = {name: definition.get(name) for name in ("components", "definitions") if definition.get(name)}
        return {name: {**schema, **around} for name, schema in schemas.items() if isinstance(schema, Mapping)}
