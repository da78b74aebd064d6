"""A function's response as a Function URL gives it to the caller.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload for buffered payloads; LocalStack's
tests validated on AWS (test_lambda.py, TestLambdaURL) for these: an unhandled error is 502 `Internal Server Error`; in
RESPONSE_STREAM mode a payload that was not streamed reaches the caller as it is, JSON document and all.

What a caller sees of a failure after the first byte is documented nowhere. Reports (openai/openai-node#347: "network error" in
browsers when the function is cut off) say that the response stays without its end; so it does here, and no HTTP client takes it for whole.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
from typing import TYPE_CHECKING

from constructs_pkg.emulator.prelude import CONTENT_TYPE, BufferedResponse, Prelude, PreludeError, PreludeParser, prelude_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.http_server import Exchange, Headers
    from constructs_pkg.emulator.invocation import FunctionError, Invocation

_REMAPPED = frozenset({"connection", "content-length", "date", "host", "keep-alive", "server", "upgrade", "www-authenticate"})
"""Response headers of a function that Lambda keeps for itself and passes on as `x-amzn-Remapped-...`.

The list follows API Gateway's (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html); that
Function URLs remap the same ones is unproven here."""

_DROPPED = frozenset({"transfer-encoding", "trailer", "te"})

INTERNAL_SERVER_ERROR = b"Internal Server Error"


class UrlSink:
    """Takes a response and hands each chunk on as it comes."""

    def __init__(self, exchange: Exchange, *, invoke_mode: str, extra_headers: Headers, warn: Callable[[str], None]) -> None:
        """
        Args:
            exchange: Whom to answer.
            invoke_mode: `RESPONSE_STREAM` or `BUFFERED`.
            extra_headers: CORS headers of the URL.
            warn: Takes log lines about a response that is not as it should be.
        """
        self._exchange = exchange
        self._streams = invoke_mode == "RESPONSE_STREAM"
        self._extra = list(extra_headers)
        self._warn = warn
        self._request_id = ""
        self._trace_id = ""
        self._parser: PreludeParser | None = None
        self._collected: list[bytes] | None = None
        self._content_type = ""
        self._waiting_head: Prelude | None = None

    def attach(self, invocation: Invocation) -> None:
        """Ties the caller's speed to the function's. A caller that leaves does NOT stop the function."""
        self._request_id = invocation.request_id
        self._trace_id = invocation.trace_id.split(";", 1)[0]
        self._exchange.on_pause = invocation.pause
        self._exchange.on_resume = invocation.resume
        self._exchange.on_lost = invocation.resume

    def begin(self, content_type: str, *, streaming: bool) -> None:
        """See ResponseSink."""
        self._content_type = content_type
        if not self._streams:
            self._collected = []
        if streaming and content_type.partition(";")[0].strip().lower() == CONTENT_TYPE:
            self._parser = PreludeParser()
        elif self._streams:
            # Not sent before the first byte or the end: AWS's Node client begins a stream like this and ends it with error trailers
            # when a handler fails before it has written anything, and that is a 502.
            self._waiting_head = Prelude(headers=(("Content-Type", content_type),))

    def data(self, chunk: bytes) -> None:
        """See ResponseSink."""
        if self._waiting_head is not None:
            self._send_waiting_head()
        parser = self._parser
        if parser is not None and parser.prelude is None:
            try:
                chunk = parser.feed(chunk)
            except PreludeError as error:
                self._bad_response(error)
                return
            if parser.prelude is None:
                return
            if self._collected is None:
                self._head(parser.prelude)
        if self._collected is not None:
            self._collected.append(chunk)
        else:
            self._exchange.write(chunk)

    def flush(self) -> None:
        """See ResponseSink."""
        self._exchange.flush()

    def end(self) -> None:
        """See ResponseSink."""
        if not self._exchange.alive:
            return
        if self._waiting_head is not None:
            self._send_waiting_head()
        try:
            if self._parser is not None:
                self._parser.close()
            if self._collected is not None:
                self._whole(b"".join(self._collected))
                return
        except PreludeError as error:
            self._bad_response(error)
            return
        self._exchange.end()

    def fail(self, error: FunctionError) -> None:
        """See ResponseSink."""
        # The caller of a Function URL is not told why; the log is.
        self._warn(f"RequestId: {self._request_id} failed: {error.error_type}: {error.message}")
        if not self._exchange.alive:
            return
        if self._exchange.started:
            self._exchange.cut()
        else:
            self._bad_gateway()

    def _send_waiting_head(self) -> None:
        head, self._waiting_head = self._waiting_head, None
        assert head is not None
        self._head(head)

    def _head(self, prelude: Prelude) -> None:
        self._exchange.start(prelude.status, self._headers(prelude, "application/octet-stream"))

    def _whole(self, payload: bytes) -> None:
        """A response that the URL's mode wants in one piece."""
        if self._parser is not None and self._parser.prelude is not None:
            response = BufferedResponse(prelude=self._parser.prelude, body=payload)
        else:
            response = interpret_buffered(payload)
        self._exchange.respond(response.prelude.status, self._headers(response.prelude, "application/json"), response.body)

    def _headers(self, prelude: Prelude, default_type: str) -> list[tuple[str, str]]:
        own = [("x-amzn-RequestId", self._request_id), ("X-Amzn-Trace-Id", self._trace_id), *self._extra]
        return [*own, *passed_on(prelude, default_type)]

    def _bad_response(self, error: PreludeError) -> None:
        self._warn(f"RequestId: {self._request_id} BAD_RESPONSE: {error}; the caller gets 502")
        self._parser, self._collected = None, []
        if self._exchange.started:
            self._exchange.cut()
        else:
            self._bad_gateway()

    def _bad_gateway(self) -> None:
        headers = [("Content-Type", "application/json"), ("x-amzn-RequestId", self._request_id), *self._extra]
        self._exchange.respond(502, headers, INTERNAL_SERVER_ERROR)


@functools.lru_cache(maxsize=64)
def passed_on(prelude: Prelude, default_type: str) -> tuple[tuple[str, str], ...]:
    """The headers of a function's response as the caller gets them. Most responses of a function begin alike.

    Args:
        prelude: What the function gave.
        default_type: Content type where it gave none.
    """
    headers: list[tuple[str, str]] = []
    if not any(name.lower() == "content-type" for name, _ in prelude.headers):
        headers.append(("Content-Type", default_type))
    for name, value in prelude.headers:
        lower = name.lower()
        if lower in _REMAPPED:
            headers.append((f"x-amzn-Remapped-{name}", value))
        elif lower not in _DROPPED:
            headers.append((name, value))
    headers += [("Set-Cookie", cookie) for cookie in prelude.cookies]
    return tuple(headers)


def interpret_buffered(payload: bytes) -> BufferedResponse:
    """What a buffered payload means to a Function URL.

    An object with `statusCode` is a response; anything else is the body of a 200 of type application/json, text without its quotes.
    Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload; LocalStack's snapshots of
    test_lambda_url_invocation, taken on AWS.

    Raises:
        PreludeError: a status or header that HTTP does not allow, or a body that is not the base64 that it says it is.
    """
    try:
        document = json.loads(payload)
    except ValueError:
        return BufferedResponse(body=payload)
    if isinstance(document, str):
        return BufferedResponse(body=document.encode())
    if not isinstance(document, dict) or "statusCode" not in document:
        return BufferedResponse(body=payload)
    body = document.get("body")
    if body is None:
        data = b""
    elif not isinstance(body, str):
        data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    elif document.get("isBase64Encoded"):
        try:
            data = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise PreludeError("isBase64Encoded is true, and the body is not base64") from error
    else:
        data = body.encode()
    return BufferedResponse(prelude=prelude_of(document), body=data)
