"""One invocation, as the Runtime API hands it over. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-next
"""

from __future__ import annotations

from .http1 import ProtocolError

_NOT_IN_A_PATH = frozenset(" /?#")


class Invocation:
    """One answer to GET /next.

    Attributes:
        request_id: Of the invocation; part of the path of its reply.
        deadline_ms: Lambda's timeout for it, in milliseconds since 1970.
        invocation_id: Of this attempt, to be echoed with the reply; None where the Runtime API does not send one.
        body: The event, JSON in UTF-8.

    Raises:
        ProtocolError: The status is not 200, or the request id or the deadline is missing or malformed.
    """

    __slots__ = ("_headers", "body", "deadline_ms", "function_arn", "invocation_id", "request_id", "tenant_id", "trace_id")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        if status != 200:
            raise ProtocolError(f"status {status}: {body[:200]!r}")
        get = headers.get
        request_id = get("lambda-runtime-aws-request-id", "")
        deadline = get("lambda-runtime-deadline-ms", "")
        if not request_id or not _NOT_IN_A_PATH.isdisjoint(request_id):
            raise ProtocolError(f"Lambda-Runtime-Aws-Request-Id {request_id[:80]!r}")
        if not (deadline.isdigit() and deadline.isascii() and len(deadline) < 19):
            raise ProtocolError(f"Lambda-Runtime-Deadline-Ms {deadline[:80]!r}")
        self.request_id = request_id
        self.deadline_ms = int(deadline)
        self.invocation_id = get("lambda-runtime-invocation-id")
        self.function_arn = get("lambda-runtime-invoked-function-arn", "")
        self.trace_id = get("lambda-runtime-trace-id")
        self.tenant_id = get("lambda-runtime-aws-tenant-id")
        self.body = body
        self._headers = headers

    @property
    def client_context(self) -> str | None:
        """What a mobile SDK sent along, as JSON; else None."""
        return self._headers.get("lambda-runtime-client-context")

    @property
    def cognito_identity(self) -> str | None:
        """Who called through Cognito, as JSON; else None."""
        return self._headers.get("lambda-runtime-cognito-identity")
