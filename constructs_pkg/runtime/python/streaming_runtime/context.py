"""Lambda's context object, as the stock client has it.

Source: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
"""

from __future__ import annotations

import os
import time

from . import logs
from .json_text import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .invocation import Invocation


class CognitoIdentity:
    """Ids of a caller that came through Cognito; both None for anyone else."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.cognito_identity_id: str | None = fields.get("cognitoIdentityId")
        self.cognito_identity_pool_id: str | None = fields.get("cognitoIdentityPoolId")


class Client:
    """The mobile app that called."""

    __slots__ = ("app_package_name", "app_title", "app_version_code", "app_version_name", "installation_id")

    def __init__(self, fields: dict[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, fields.get(name))


class ClientContext:
    """What a mobile SDK sent along."""

    __slots__ = ("client", "custom", "env")

    def __init__(self, fields: dict[str, Any]) -> None:
        client = fields.get("client")
        self.client = Client(client) if isinstance(client, dict) else None
        self.custom: Any = fields.get("custom")
        self.env: Any = fields.get("env")


class LambdaContext:
    """What is known of this invocation and this function. Middleware may hang further attributes on it."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    @property
    def aws_request_id(self) -> str:
        """Of this invocation."""
        return self._invocation.request_id

    @property
    def invoked_function_arn(self) -> str:
        """As the caller named it, with alias or version."""
        return self._invocation.function_arn

    @property
    def tenant_id(self) -> str | None:
        """Of the caller, on functions that are isolated by tenant; else None."""
        return self._invocation.tenant_id

    @property
    def trace_id(self) -> str | None:
        """Of AWS X-Ray, as _X_AMZN_TRACE_ID has it while this invocation is served; None where it is not traced."""
        return self._invocation.trace_id

    @property
    def function_name(self) -> str | None:
        """As in "chat"."""
        return os.environ.get("AWS_LAMBDA_FUNCTION_NAME")

    @property
    def function_version(self) -> str | None:
        """As in "7" or "$LATEST"."""
        return os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")

    @property
    def memory_limit_in_mb(self) -> str | None:
        """A string, as everywhere on Lambda for Python."""
        return os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")

    @property
    def log_group_name(self) -> str | None:
        """Where the log goes."""
        return os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")

    @property
    def log_stream_name(self) -> str | None:
        """Where in the group."""
        return os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")

    @property
    def identity(self) -> CognitoIdentity:
        """Who called through Cognito."""
        return CognitoIdentity(_object(self._invocation.cognito_identity) or {})

    @property
    def client_context(self) -> ClientContext | None:
        """What a mobile SDK sent along; else None."""
        fields = _object(self._invocation.client_context)
        return None if fields is None else ClientContext(fields)

    def w3c(self) -> dict[str, str]:
        """The W3C trace context that the caller sent: of traceparent, tracestate and baggage those that are there."""
        fields = (_object(self._invocation.client_context) or {}).get("w3c")
        found = fields if isinstance(fields, dict) else {}
        return {name: found[name] for name in ("traceparent", "tracestate", "baggage") if isinstance(found.get(name), str)}

    def get_remaining_time_in_millis(self) -> int:
        """Until Lambda's timeout, in milliseconds; never negative. The stream ends STREAM_DEADLINE_MARGIN_MS before it."""
        return max(0, int(self._invocation.deadline_ms - time.time() * 1000))

    def log(self, message: object) -> None:
        """Writes to the function's log."""
        logs.write_text(str(message))

    def __repr__(self) -> str:
        return f"LambdaContext(aws_request_id={self.aws_request_id!r}, invoked_function_arn={self.invoked_function_arn!r})"


def _object(text: str | None) -> dict[str, Any] | None:
    """A header's JSON object; None where the header is missing.

    Raises:
        ValueError: It is there and is not one: the handler that reads it should know.
    """
    if not text:
        return None
    value = loads(text)
    if not isinstance(value, dict):
        raise ValueError(
            f"CONTEXT_HEADER: found {type(value).__name__}; allowed: a JSON object; the Runtime API sent something else"
        )
    return value
