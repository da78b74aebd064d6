"""A function's response as a REST API gives it to the caller.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html (metadata, eight NULs, then
the payload; nothing goes out before the metadata is whole) and .../response-transfer-mode.html (timeouts); for buffered answers
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-output-format.
What a caller sees of a stream that fails after its head is documented nowhere; here, as on a Function URL, it stays without its end.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import TYPE_CHECKING

from constructs_pkg.emulator.prelude import BufferedResponse, Prelude, PreludeError, PreludeParser, prelude_of
from constructs_pkg.emulator.rest.responses import GatewayError
from constructs_pkg.emulator.url_response import passed_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.http_server import Exchange
    from constructs_pkg.emulator.invocation import FunctionError, Invocation

MAX_BUFFERED_BYTES = 10_485_760
"""Largest buffered answer: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html."""

_MALFORMED = "Internal server error"


class RestSink:
    """Takes a response and hands each chunk on as it comes, within API Gateway's timeouts."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        streams: bool,
        timeout_seconds: float,
        idle_seconds: float,
        headers: list[tuple[str, str]],
        refuse: Callable[[GatewayError], None],
        warn: Callable[[str], None],
    ) -> None:
        """
        Args:
            exchange: Whom to answer.
            streams: Whether the response transfer mode is STREAM.
            timeout_seconds: The integration's timeout.
            idle_seconds: Longest silence of a stream.
            headers: Headers of every answer.
            refuse: Gives an answer of API Gateway's own.
            warn: Takes log lines.
        """
        self._exchange = exchange
        self._parser = PreludeParser() if streams else None
        self._collected: list[bytes] = []
        self._size = 0
        self._idle_seconds = idle_seconds
        self._headers = headers
        self._refuse = refuse
        self._warn = warn
        self._over = False
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        self._timeout = loop.call_later(timeout_seconds, self._on_timeout, timeout_seconds)
        self._idle = loop.call_later(idle_seconds, self._on_idle) if streams else None

    def attach(self, invocation: Invocation) -> None:
        """Ties the caller's speed to the function's."""
        self._exchange.on_pause = invocation.pause
        self._exchange.on_resume = invocation.resume
        self._exchange.on_lost = self._lost(invocation.resume)

    def _lost(self, resume: Callable[[], None]) -> Callable[[], None]:
        def on_lost() -> None:
            self.close()
            resume()

        return on_lost

    def begin(self, content_type: str, *, streaming: bool) -> None:
        """See ResponseSink."""

    def data(self, chunk: bytes) -> None:
        """See ResponseSink."""
        if self._over:
            return
        self._last = asyncio.get_running_loop().time()
        parser = self._parser
        if parser is None:
            self._size += len(chunk)
            if self._size <= MAX_BUFFERED_BYTES:
                self._collected.append(chunk)
            return
        if parser.prelude is None:
            try:
                chunk = parser.feed(chunk)
            except PreludeError as error:
                self._malformed(error)
                return
            if parser.prelude is None:
                return
            self._exchange.start(parser.prelude.status, self._all_headers(parser.prelude, "application/octet-stream"))
        self._exchange.write(chunk)

    def flush(self) -> None:
        """See ResponseSink."""
        if not self._over:
            self._exchange.flush()

    def end(self) -> None:
        """See ResponseSink."""
        if self._over:
            return
        try:
            if self._parser is None:
                response = _interpret(b"".join(self._collected), self._size)
                self.close()
                headers = self._all_headers(response.prelude, "application/json")
                self._exchange.respond(response.prelude.status, headers, response.body)
                return
            self._parser.close()
        except PreludeError as error:
            self._malformed(error)
            return
        self.close()
        self._exchange.end()

    def fail(self, error: FunctionError) -> None:
        """See ResponseSink."""
        self._warn(f"the function failed: {error.error_type}: {error.message}")
        if self._over:
            return
        self.close()
        if self._exchange.started:
            self._exchange.cut()
        else:
            self._refuse(GatewayError("API_CONFIGURATION_ERROR", _MALFORMED, f"the function failed: {error.message}", 502))

    def close(self) -> None:
        """Nothing more is to be said."""
        self._over = True
        self._timeout.cancel()
        if self._idle is not None:
            self._idle.cancel()

    def _malformed(self, error: PreludeError) -> None:
        reason = f"BAD_RESPONSE: {error}; API Gateway calls that a malformed Lambda proxy response"
        self.close()
        if self._exchange.started:
            self._warn(reason)
            self._exchange.cut()
        else:
            self._refuse(GatewayError("API_CONFIGURATION_ERROR", _MALFORMED, reason, 502))

    def _on_timeout(self, seconds: float) -> None:
        self._end_late(f"INTEGRATION_TIMEOUT: the answer took longer than the integration's {seconds:g} s; the function runs on")

    def _on_idle(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._last + self._idle_seconds - loop.time()
        if left > 0:
            self._idle = loop.call_later(left, self._on_idle)
            return
        self._end_late(
            f"IDLE_TIMEOUT: nothing came for {self._idle_seconds:g} s; send heartbeats more often; the function runs on"
        )

    def _end_late(self, reason: str) -> None:
        if self._over:
            return
        self.close()
        if self._exchange.started:
            self._warn(reason)
            self._exchange.cut()
        else:
            self._refuse(GatewayError("INTEGRATION_TIMEOUT", "Endpoint request timed out", reason))

    def _all_headers(self, prelude: Prelude, default_type: str) -> list[tuple[str, str]]:
        return [*self._headers, *passed_on(prelude, default_type)]


def _interpret(payload: bytes, size: int) -> BufferedResponse:
    """A buffered payload: `{statusCode, headers, multiValueHeaders, body, isBase64Encoded}`, nothing else.

    Raises:
        PreludeError: it is something else, or too large.
    """
    if size > MAX_BUFFERED_BYTES:
        raise PreludeError(f"the answer is larger than {MAX_BUFFERED_BYTES} bytes")
    try:
        document = json.loads(payload)
    except ValueError as error:
        raise PreludeError(f"the answer is no JSON: {error}") from error
    if not isinstance(document, dict) or set(document) - {
        "statusCode",
        "headers",
        "multiValueHeaders",
        "body",
        "isBase64Encoded",
    }:
        raise PreludeError(
            "the answer is not an object with statusCode, headers, multiValueHeaders, body and isBase64Encoded alone"
        )
    body = document.get("body")
    if body is not None and not isinstance(body, str):
        raise PreludeError("the answer's body is no text")
    data = (body or "").encode()
    if document.get("isBase64Encoded"):
        try:
            data = base64.b64decode(body or "", validate=True)
        except (binascii.Error, ValueError) as error:
            raise PreludeError("isBase64Encoded is true, and the body is not base64") from error
    return BufferedResponse(prelude=prelude_of(document), body=data)
