"""The request a handler gets: one shape for Function URLs, API Gateway's REST proxy and direct invocations. Pure.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html (payload format 2.0),
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html (1.0).
"""

from __future__ import annotations

from .errors import BadRequest
from .json_text import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Headers(dict[str, str]):
    """Header names in lower case, looked up in any case. Repeated headers are joined by ", "."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        for name, value in pairs:
            key = name.lower()
            self[key] = f"{dict.__getitem__(self, key)}, {value}" if dict.__contains__(self, key) else value

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """The header, or `default` where it is missing."""
        return super().get(name.lower(), default)


class Identity:
    """Who called, as IAM found out. Every field may be None: what it holds depends on who called and how.

    Attributes:
        user_arn: ARN of the user or of the role's session.
        account_id: The caller's account.
        access_key: Access key id that signed.
        caller_id: Unique id of the user or of the role's session.
        user_id: As caller_id, for users.
        organization_id: The caller's organisation, where it has one.
    """

    __slots__ = ("access_key", "account_id", "caller_id", "organization_id", "user_arn", "user_id")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.user_arn: str | None = fields.get("userArn")
        self.account_id: str | None = fields.get("accountId")
        self.access_key: str | None = fields.get("accessKey")
        self.caller_id: str | None = fields.get("callerId", fields.get("caller"))
        self.user_id: str | None = fields.get("userId", fields.get("user"))
        self.organization_id: str | None = fields.get("principalOrgId")

    def __repr__(self) -> str:
        return f"Identity(user_arn={self.user_arn!r})"


class Request:
    """What was asked. On a direct invocation the event is the body: method "POST", path "/", no headers.

    Attributes:
        event: The event as Lambda delivered it.
        id: The invocation's request id.
        received_at: When the invocation arrived, in seconds since 1970.
        is_http: Whether the event came through a Function URL or API Gateway, and so has a status to answer with.
    """

    # How every request begins; said once for all of them, as it is said before every first byte.
    is_http = False
    _http: dict[str, Any] | None = None  # payload 2.0's requestContext.http; None for 1.0 and for direct invocations
    _headers: Headers | None = None
    _body: bytes | None = None
    _json: tuple[Any] | None = None

    def __init__(self, event: Any, request_id: str = "", received_at: float = 0.0) -> None:
        self.event = event
        self.id = request_id
        self.received_at = received_at
        if isinstance(event, dict):
            context = event.get("requestContext")
            if isinstance(context, dict):
                http = context.get("http")
                if isinstance(http, dict):
                    self._http = http
                    self.is_http = True
                else:
                    self.is_http = "httpMethod" in event

    def __repr__(self) -> str:
        return f"Request(method={self.method!r}, path={self.path!r})"

    @property
    def method(self) -> str:
        """As in "GET"."""
        if self._http is not None:
            return str(self._http.get("method", "GET")).upper()
        return str(self.event.get("httpMethod", "GET")).upper() if self.is_http else "POST"

    @property
    def path(self) -> str:
        """As in "/v1/models", as the caller sent it: not decoded. A REST API's stage is not part of it."""
        if not self.is_http:
            return "/"
        if self._http is not None:
            return str(self.event.get("rawPath") or self._http.get("path") or "/")
        return str(self.event.get("path") or "/")

    @property
    def headers(self) -> Headers:
        """By name, in any case."""
        if self._headers is None:
            self._headers = Headers(self.header_pairs)
        return self._headers

    @property
    def header_pairs(self) -> list[tuple[str, str]]:
        """Every header as the event has it, repeated ones where it keeps them apart."""
        if not self.is_http:
            return []
        many = self.event.get("multiValueHeaders") if self._http is None else None
        if many:
            return [(name, str(value)) for name, values in many.items() for value in values]
        return [(name, str(value)) for name, value in (self.event.get("headers") or {}).items()]

    @property
    def query_string(self) -> str:
        """The query as the caller sent it, without "?". A REST API's event has it decoded: it is encoded again."""
        if self._http is not None:
            return str(self.event.get("rawQueryString") or "")
        pairs = self.query_pairs
        if not pairs:
            return ""
        from urllib.parse import urlencode

        return urlencode(pairs)

    @property
    def source_ip(self) -> str:
        """The address that the request came from; empty on a direct invocation."""
        if not self.is_http:
            return ""
        fields = self._http if self._http is not None else self.event["requestContext"].get("identity")
        return str(fields.get("sourceIp") or "") if isinstance(fields, dict) else ""

    @property
    def query(self) -> dict[str, str]:
        """Query parameters, decoded; of a repeated one the last."""
        return dict(self.query_pairs)

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        """Every query parameter, decoded, in order where the event keeps it."""
        if not self.is_http:
            return []
        if self._http is not None:
            raw = self.event.get("rawQueryString")
            if not raw:
                return []
            from urllib.parse import parse_qsl  # a few milliseconds, so only where there is a query

            return parse_qsl(str(raw), keep_blank_values=True)
        many = self.event.get("multiValueQueryStringParameters") or {}
        if many:
            return [(name, value) for name, values in many.items() for value in values]
        return list((self.event.get("queryStringParameters") or {}).items())

    @property
    def cookies(self) -> dict[str, str]:
        """By name; of a repeated one the first, as it is the one with the more specific path (RFC 6265, 5.4)."""
        listed = self.event.get("cookies") if self._http is not None else None
        pieces = listed if isinstance(listed, list) else str(self.headers.get("cookie", "")).split(";")
        cookies: dict[str, str] = {}
        for piece in pieces:
            name, equals, value = str(piece).strip().partition("=")
            if equals:
                cookies.setdefault(name, value)
        return cookies

    @property
    def body(self) -> bytes:
        """The body as the caller sent it; empty where there is none. On a direct invocation the event as JSON.

        Raises:
            BadRequest: `bad_body` where the event says base64 and it is not.
        """
        if self._body is None:
            self._body = self._read_body()
        return self._body

    def json(self) -> Any:
        """The body's JSON value. On a direct invocation the event itself.

        Raises:
            BadRequest: `invalid_json` where it is not JSON in UTF-8. NaN and Infinity are not JSON.
        """
        if not self.is_http:
            return self.event
        if self._json is None:
            try:
                self._json = (loads(self.body.decode(), strict=True),)
            except (ValueError, RecursionError) as error:
                raise BadRequest("The request body is not valid JSON.", code="invalid_json") from error
        return self._json[0]

    def json_object_or_empty(self) -> dict[str, Any]:
        """The body where it is a JSON object, else nothing: for dialects, which leave the complaint to the handler."""
        try:
            value = self.json() if not self.is_http or self.event.get("body") else None
        except BadRequest:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def last_event_id(self) -> str | None:
        """Where a caller that was cut off wants to go on: the Last-Event-ID header."""
        value: str | None = self.headers.get("last-event-id")
        return value

    @property
    def identity(self) -> Identity | None:
        """Who called, where IAM checked it; None on a URL without auth and on direct invocations."""
        if not self.is_http:
            return None
        context = self.event["requestContext"]
        if self._http is not None:
            authorizer = context.get("authorizer")
            fields = authorizer.get("iam") if isinstance(authorizer, dict) else None
        else:
            fields = context.get("identity")
            if isinstance(fields, dict) and not fields.get("userArn"):
                return None  # API Gateway always sends the object; only IAM fills it in
        return Identity(fields) if isinstance(fields, dict) else None

    def _read_body(self) -> bytes:
        if not self.is_http:
            return dumps(self.event, allow_nan=True).encode("utf-8", "surrogatepass")
        body = self.event.get("body")
        if not body:
            return b""
        if not self.event.get("isBase64Encoded"):
            return str(body).encode("utf-8", "surrogatepass")
        from binascii import Error, a2b_base64

        try:
            return a2b_base64(body)
        except (Error, ValueError) as error:
            raise BadRequest("The request body is not valid base64.", code="bad_body") from error
