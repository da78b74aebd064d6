"""A call as the event that a Function URL would make of it, and the head of the answer to one. Pure.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html for the event (payload format 2.0) and
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html for the head.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from ._exceptions import MalformedStream

if TYPE_CHECKING:
    from ._exchange import Call

_END_OF_HEAD = b"\0" * 8
_LONGEST_HEAD_BYTES = 64 * 1024  # Lambda asks for 16 KB at most


def event_of(call: Call, *, request_id: str, time_epoch_ms: int) -> dict[str, Any]:
    """The event. It names no caller: Lambda tells a function who called only on a URL.

    Args:
        call: What is asked; of its URL, path and query count.
        request_id: A name for the request.
        time_epoch_ms: The present, in milliseconds since 1970.
    """
    url = urlsplit(call.url)
    pairs = parse_qsl(url.query, keep_blank_values=True)
    query: dict[str, str] = {}
    for name, value in pairs:
        query[name] = f"{query[name]},{value}" if name in query else value
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": url.path or "/",
        "rawQueryString": url.query,
        "headers": dict(call.headers),
        "requestContext": {
            "http": {
                "method": call.method,
                "path": url.path or "/",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": call.headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": time_epoch_ms,
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = query
    if call.content is not None:
        try:
            event["body"] = call.content.decode()
        except UnicodeDecodeError:
            event["body"] = b64encode(call.content).decode()
            event["isBase64Encoded"] = True
    return event


class HeadReader:
    """Takes the beginning of an answer until it is clear whether it has a head: JSON, eight NUL bytes, then the body.

    Lambda hands the head on as it is, as part of the payload, and says nowhere that there is one (awslabs/aws-sdk-rust#1377,
    aws/aws-lambda-web-adapter#476). An answer whose first JSON value is not followed by a NUL byte has none.

    Attributes:
        status_code: Of the answer, once the head is whole; 200 where there is none.
        headers: Of the answer, names in lower case; empty where there is no head.
    """

    def __init__(self) -> None:
        self.status_code = 200
        self.headers: dict[str, str] = {}
        self._taken = b""

    def feed(self, data: bytes) -> bytes | None:
        """Takes bytes; gives the body's first ones once it is clear where it begins, None before.

        Raises:
            MalformedStream: There is a head, but not one of an answer.
        """
        self._taken += data
        head, end, body = self._taken.partition(_END_OF_HEAD)
        if end and head.startswith(b"{"):
            self._read(head)
            return body
        return None if self._may_be_a_head() else self._taken

    def end(self) -> bytes:
        """The answer ended before it was clear: all of it is the body."""
        return self._taken

    def _may_be_a_head(self) -> bool:
        if not self._taken.startswith(b"{"[: len(self._taken)]) or len(self._taken) > _LONGEST_HEAD_BYTES:
            return False
        try:
            text = self._taken.rstrip(b"\0").decode()
            _, at = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            return True  # not whole yet
        return at == len(text)

    def _read(self, head: bytes) -> None:
        try:
            value = json.loads(head)
            self.status_code = int(value.get("statusCode", 200))
            for name, text in (value.get("headers") or {}).items():
                self.headers[str(name).lower()] = str(text)
            for name, texts in (value.get("multiValueHeaders") or {}).items():
                self.headers[str(name).lower()] = ", ".join(map(str, texts))
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise MalformedStream("the answer's head is not a JSON object with statusCode and headers") from None
