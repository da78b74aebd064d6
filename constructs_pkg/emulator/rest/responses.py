"""What API Gateway answers by itself, in the API's own form where it has gateway responses. Pure.

Types, statuses: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html. The messages are
the service's own, as people report them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_pkg.emulator.rest.model import RestApi

STATUS = {
    "ACCESS_DENIED": 403,
    "API_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_FAILURE": 500,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "EXPIRED_TOKEN": 403,  # nosec B105
    "INTEGRATION_FAILURE": 504,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MISSING_AUTHENTICATION_TOKEN": 403,  # nosec B105
    "REQUEST_TOO_LARGE": 413,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
}

ERROR_TYPES = {
    "ACCESS_DENIED": "AccessDeniedException",
    "API_CONFIGURATION_ERROR": "InternalServerErrorException",
    "AUTHORIZER_CONFIGURATION_ERROR": "AuthorizerConfigurationException",
    "AUTHORIZER_FAILURE": "AuthorizerConfigurationException",
    "BAD_REQUEST_BODY": "BadRequestException",
    "BAD_REQUEST_PARAMETERS": "BadRequestException",
    "EXPIRED_TOKEN": "ExpiredTokenException",  # nosec B105
    "INTEGRATION_FAILURE": "InternalServerErrorException",
    "INTEGRATION_TIMEOUT": "InternalServerErrorException",
    "INVALID_API_KEY": "ForbiddenException",
    "INVALID_SIGNATURE": "InvalidSignatureException",
    "MISSING_AUTHENTICATION_TOKEN": "MissingAuthenticationTokenException",  # nosec B105
    "REQUEST_TOO_LARGE": "RequestEntityTooLargeException",
    "THROTTLED": "TooManyRequestsException",
    "UNAUTHORIZED": "UnauthorizedException",
}

_DEFAULT_TEMPLATE = '{"message":$context.error.messageString}'
_DENIED_TEMPLATE = '{"Message":$context.error.messageString}'
_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9.]+)")


class GatewayError(Exception):
    """API Gateway answers by itself.

    Attributes:
        kind: `THROTTLED` and such.
        reason: Why, for the log; the caller is told less.
        status: Where it is not the kind's own.
    """

    def __init__(self, kind: str, message: str, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.kind = kind
        self.message = message
        self.reason = reason
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def gateway_answer(api: RestApi, error: GatewayError, context: Mapping[str, str]) -> Answer:
    """The answer for an error.

    Args:
        api: Whose gateway responses count.
        error: What happened.
        context: `$context` variables for the templates, such as requestId.
    """
    status = error.status or STATUS.get(error.kind, 500)
    default = "DEFAULT_4XX" if status < 500 else "DEFAULT_5XX"
    configured = api.responses.get(error.kind) or api.responses.get(default)
    # With a capital for a refusal alone: https://repost.aws/knowledge-center/api-gateway-lambda-authorization-errors.
    template = _DENIED_TEMPLATE if error.kind == "ACCESS_DENIED" else _DEFAULT_TEMPLATE
    headers: list[tuple[str, str]] = []
    content_type = "application/json"
    if configured is not None:
        status = configured.status or status
        headers = list(configured.headers.items())
        if configured.templates:
            content_type = "application/json" if "application/json" in configured.templates else next(iter(configured.templates))
            template = configured.templates[content_type]
    known = {
        **context,
        "error.message": error.message,
        "error.messageString": json.dumps(error.message),
        "error.responseType": error.kind,
    }

    def value(found: re.Match[str]) -> str:
        # A template may end a sentence after a variable.
        name = found.group(1).rstrip(".")
        return known.get(name, "") + found.group(1)[len(name) :]

    body = _VARIABLE.sub(value, template)
    fixed = [("Content-Type", content_type), ("x-amzn-ErrorType", ERROR_TYPES.get(error.kind, "InternalServerErrorException"))]
    return Answer(status=status, headers=(*fixed, *headers), body=body.encode())
