"""What API Gateway writes of each request, and what it answers by itself."""

from __future__ import annotations

import json
from typing import Final

ACCESS_LOG: Final = json.dumps(
    {
        "requestId": "$context.requestId",
        "extendedRequestId": "$context.extendedRequestId",
        "requestTime": "$context.requestTime",
        "ip": "$context.identity.sourceIp",
        "caller": "$context.identity.caller",
        "userArn": "$context.identity.userArn",
        "principalId": "$context.authorizer.principalId",
        "userAgent": "$context.identity.userAgent",
        "httpMethod": "$context.httpMethod",
        "resourcePath": "$context.resourcePath",
        "protocol": "$context.protocol",
        "status": "$context.status",
        "responseLength": "$context.responseLength",
        "responseLatency": "$context.responseLatency",
        "responseTransferMode": "$context.integration.responseTransferMode",
        "timeToAllHeaders": "$context.integration.timeToAllHeaders",
        "timeToFirstContent": "$context.integration.timeToFirstContent",
        "integrationLatency": "$context.integration.latency",
        "integrationStatus": "$context.integration.status",
        "integrationError": "$context.integration.error",
        "error": "$context.error.responseType",
        "validationError": "$context.error.validationErrorString",
        "authorizerError": "$context.authorizer.error",
        "authorizeError": "$context.authorize.error",
        "wafStatus": "$context.waf.status",
        "traceId": "$context.xrayTraceId",
    },
    separators=(",", ":"),
)
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html"""

ERROR_BODY: Final = '{"error":{"code":"$context.error.responseType","message":$context.error.messageString}}'
"""The error shape of our runtime; `messageString` carries its own quotes."""
