"""A request to a Function URL as the event that the function gets: payload format 2.0. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload; what the page leaves open is taken
from events recorded on AWS (LocalStack's tests/aws/services/lambda_/test_lambda.snapshot.json, TestLambdaURL): the path as sent,
query values decoded and joined with commas, the x-forwarded headers, base64 for multipart bodies.
"""

from __future__ import annotations

import base64
import functools
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from constructs_pkg.emulator.json_text import encoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_pkg.emulator.http_server import HttpRequest
    from constructs_pkg.emulator.iam import Principal

MAX_EVENT_BYTES = 6_291_456
"""Largest event, 6 MiB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""

_ENCODE = encoder(ascii_only=False)

_TEXT_TYPES = ("text", "json", "xml", "javascript")
"""A body whose content type has one of these in its name is text, if it is UTF-8; every other body is base64."""

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "expect"})


def build_event(
    request: HttpRequest,
    *,
    url_id: str,
    domain_name: str,
    request_id: str,
    trace_id: str,
    now: float,
    auth_type: str,
    principal: Principal | None,
    port: int,
) -> dict[str, Any]:
    """The event of a request.

    Args:
        request: The request as received.
        url_id: The URL's id, such as `abcdefg`.
        domain_name: What the function takes for the URL's host.
        request_id: The invocation's id.
        trace_id: Trace header of the invocation.
        now: The time, in seconds since 1970.
        auth_type: `AWS_IAM` or `NONE`.
        principal: Who signed, None for an anonymous caller.
        port: The port that the request came in by.
    """
    headers, cookies = _headers(request)
    headers |= {
        "x-amzn-trace-id": trace_id.split(";", 1)[0],
        "x-forwarded-for": request.peer,
        "x-forwarded-port": str(port),
        "x-forwarded-proto": "http",
    }
    context: dict[str, Any] = {
        "accountId": principal.account if principal is not None else "anonymous",
        "apiId": url_id,
        "authentication": None,
        "domainName": domain_name,
        "domainPrefix": url_id,
        "http": {
            "method": request.method,
            "path": request.raw_path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.peer,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": _shown(int(now)),
        "timeEpoch": int(now * 1000),
    }
    if auth_type == "AWS_IAM" and principal is not None:
        context["authorizer"] = {"iam": _identity(principal)}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.raw_path,
        "rawQueryString": request.raw_query,
        "headers": headers,
        "requestContext": context,
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    query = _query(request.raw_query)
    if query:
        event["queryStringParameters"] = query
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request.body, headers.get("content-type", ""))
    return event


def encode_event(event: Mapping[str, Any]) -> bytes:
    """The event as it goes to the function."""
    return _ENCODE(event).encode()


@functools.lru_cache(maxsize=4)
def _shown(second: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second))


def _headers(request: HttpRequest) -> tuple[dict[str, str], list[str]]:
    """Names in lower case, repeated ones joined with commas; cookies apart, each for itself."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        key = name.lower()
        if key == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        elif key not in _HOP_BY_HOP:
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    return headers, cookies


def _query(raw_query: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for name, value in parse_qsl(raw_query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    kind = content_type.partition(";")[0].lower()
    if any(text in kind for text in _TEXT_TYPES):
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            return base64.b64encode(body).decode("ascii"), True
    return base64.b64encode(body).decode("ascii"), True


def _identity(principal: Principal) -> dict[str, str | None]:
    return {
        "accessKey": principal.credentials.access_key_id,
        "accountId": principal.account,
        "callerId": principal.unique_id,
        "cognitoIdentity": None,
        "principalOrgId": principal.organization,
        "userArn": principal.session_arn,
        "userId": principal.unique_id,
    }
