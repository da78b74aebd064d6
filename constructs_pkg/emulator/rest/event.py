"""A request to a REST API as the event that a proxied function gets. Pure.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-input-format;
what the page leaves open is LocalStack's, validated on AWS: the path as sent, the last of several query values in
`queryStringParameters`, `Authorization` and `User-Agent` with capitals, null for what is not there.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from constructs_pkg.emulator.http_server import HttpRequest
    from constructs_pkg.emulator.iam import Principal
    from constructs_pkg.emulator.rest.model import Method, RestApi, StageConfig

MAX_REQUEST_BYTES = 10_485_760
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html: 10 MB."""

_CAPITALS = {"authorization": "Authorization", "user-agent": "User-Agent"}
_DROPPED = frozenset({"content-length", "connection", "transfer-encoding", "keep-alive", "te", "upgrade", "expect"})


def build_event(
    request: HttpRequest,
    *,
    api: RestApi,
    stage: StageConfig,
    method: Method,
    path: str,
    path_parameters: Mapping[str, str],
    request_id: str,
    trace_id: str,
    now: datetime,
    port: int,
    principal: Principal | None,
    authorizer: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The event of a request.

    Args:
        request: The request as received.
        api: The API.
        stage: Its stage.
        method: The method that was found.
        path: The path without the stage.
        path_parameters: What stood in the places of `{name}`.
        request_id: API Gateway's id of the request.
        trace_id: Trace header.
        now: The time, in UTC.
        port: The port that it came in by.
        principal: Who signed, None for nobody.
        authorizer: What an authorizer told, None without one.
    """
    several: dict[str, list[str]] = {}
    for name, value in request.headers:
        lower = name.lower()
        if lower not in _DROPPED:
            several.setdefault(_CAPITALS.get(lower, name), []).append(value)
    several["X-Amzn-Trace-Id"] = [trace_id.split(";", 1)[0]]
    several["X-Forwarded-For"] = [request.peer]
    several["X-Forwarded-Port"] = [str(port)]
    several["X-Forwarded-Proto"] = ["http"]
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.raw_query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    body, encoded = _body(request, api.binary_types)
    context: dict[str, Any] = {
        "accountId": api.account,
        "apiId": api.api_id,
        "domainName": request.header("host") or f"127.0.0.1:{port}",
        "domainPrefix": api.api_id,
        "extendedRequestId": f"{request_id[:8]}=",
        "httpMethod": request.method,
        "identity": _identity(request, principal),
        "path": f"/{stage.name}{path}",
        "protocol": "HTTP/1.1",
        "requestId": request_id,
        "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(now.timestamp() * 1000),
        "resourceId": method.resource_id,
        "resourcePath": method.path,
        "stage": stage.name,
    }
    if authorizer is not None:
        context["authorizer"] = dict(authorizer)
    return {
        "resource": method.path,
        "path": path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in several.items()},
        "multiValueHeaders": several,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(path_parameters) or None,
        "stageVariables": dict(stage.variables) or None,
        "requestContext": context,
        "body": body,
        "isBase64Encoded": encoded,
    }


def _body(request: HttpRequest, binary_types: tuple[str, ...]) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    binary = any(wanted in ("*/*", kind) or (wanted.endswith("/*") and kind.startswith(wanted[:-1])) for wanted in binary_types)
    if binary:
        return base64.b64encode(request.body).decode(), True
    return request.body.decode("utf-8", "replace"), False


def _identity(request: HttpRequest, principal: Principal | None) -> dict[str, str | None]:
    identity: dict[str, str | None] = dict.fromkeys(
        (
            "accessKey",
            "accountId",
            "caller",
            "cognitoAuthenticationProvider",
            "cognitoAuthenticationType",
            "cognitoIdentityId",
            "cognitoIdentityPoolId",
            "principalOrgId",
            "user",
            "userArn",
        )
    )
    identity |= {"sourceIp": request.peer, "userAgent": request.header("user-agent")}
    if principal is not None:
        identity |= {
            "accessKey": principal.credentials.access_key_id,
            "accountId": principal.account,
            "caller": principal.unique_id,
            "principalOrgId": principal.organization,
            "user": principal.unique_id,
            "userArn": principal.session_arn,
        }
    return identity
