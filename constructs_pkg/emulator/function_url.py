"""The front of a Function URL: one loopback port, IAM auth, CORS, and each chunk on as it comes.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html, urls-invocation.html, urls-configuration.html.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from constructs_pkg.emulator.concurrency import Throttled
from constructs_pkg.emulator.cors import cors_headers, is_preflight
from constructs_pkg.emulator.http_server import Exchange, HttpServer
from constructs_pkg.emulator.iam import Principal, SignatureRefusal, function_url_refusal
from constructs_pkg.emulator.invocation import Invocation, new_id
from constructs_pkg.emulator.url_event import MAX_EVENT_BYTES, build_event, encode_event
from constructs_pkg.emulator.url_response import UrlSink

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from constructs_pkg.emulator.functions import FunctionUrl
    from constructs_pkg.emulator.service import FunctionService, Gate
    from constructs_pkg.emulator.telemetry import Telemetry


class FunctionUrlFront:
    """One Function URL."""

    def __init__(self, url: FunctionUrl, *, log: Callable[[str], None]) -> None:
        """
        Args:
            url: The URL as the template has it.
            log: Takes log lines.
        """
        self.url = url
        self.service: FunctionService | None = None
        self.gate: Gate | None = None
        self.telemetry: Telemetry | None = None
        self._log = log
        self._server = HttpServer.for_exchanges(self._answer, max_body_bytes=MAX_EVENT_BYTES, on_error=log)

    async def bind(self, port: int) -> int:
        """Takes the port; requests are served once `gate` and `service` are set."""
        return await self._server.bind(port)

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 that it listens on."""
        return self._server.port

    @property
    def address(self) -> str:
        """The URL, as AWS writes it, with its slash at the end."""
        return f"http://127.0.0.1:{self.port}/"

    async def close(self) -> None:
        """Stops listening."""
        await self._server.close()

    async def retire(self) -> None:
        """Takes no more connections, and closes when the last stream has ended."""
        await self._server.drain()

    def _answer(self, exchange: Exchange) -> Awaitable[None] | None:
        request, url, service, gate = exchange.request, self.url, self.service, self.gate
        request_id = new_id()
        if self.telemetry is not None:
            self.telemetry.url_request(url, exchange)
        if service is None or gate is None:
            _refuse(exchange, request_id, 503, "ServiceException", "The emulator is still starting")
            return None
        cors = []
        if url.cors is not None:
            preflight = is_preflight(request)
            cors = cors_headers(url.cors, request, preflight=preflight)
            if preflight:
                exchange.respond(200, [("x-amzn-RequestId", request_id), *cors], b"")
                return None
        if exchange.too_large:  # before the signature, which cannot be verified over a body that was not kept
            _refuse_size(exchange, request_id)
            return None
        try:
            principal = self._authorize(exchange, service, gate)
        except _Refused as refused:
            exchange.respond(refused.status, [*refused.headers, ("x-amzn-RequestId", request_id), *cors], refused.body)
            return None
        sink = UrlSink(exchange, invoke_mode=url.invoke_mode, extra_headers=cors, warn=self._log)
        invocation = Invocation(
            payload=b"", invoked_arn=service.invoked_arn(url.qualifier), sink=sink, caller=exchange, request_id=request_id
        )
        sink.attach(invocation)
        invocation.payload = encode_event(
            build_event(
                request,
                url_id=f"emulated{self.port}",
                domain_name=request.header("host") or f"127.0.0.1:{self.port}",
                request_id=request_id,
                trace_id=invocation.trace_id,
                now=time.time(),
                auth_type=url.auth_type,
                principal=principal,
                port=self.port,
            )
        )
        if len(invocation.payload) > MAX_EVENT_BYTES:
            _refuse_size(exchange, request_id)
            return None

        def invoke(*, patient: bool) -> Awaitable[None]:
            return _invoke(service, url.qualifier, invocation, exchange, cors, patient=patient)

        def otherwise() -> None:
            self._server.answer(exchange, lambda _: invoke(patient=False))

        if service.invoke_at_once(url.qualifier, invocation, otherwise):
            return None
        return invoke(patient=True)

    def _authorize(self, exchange: Exchange, service: FunctionService, gate: Gate) -> Principal | None:
        """Who is calling, and that they may. An anonymous caller of an open URL is None.

        Raises:
            _Refused: with AWS's answer.
        """
        url, principal = self.url, None
        if url.auth_type == "AWS_IAM":
            try:
                principal = gate.identify(exchange.request, service="lambda", region=service.function.region)
            except SignatureRefusal as refusal:
                self._log(f"403 {exchange.request.method} {exchange.request.raw_path}: {refusal}")
                answer = function_url_refusal(refusal)
                raise _Refused(answer.status, list(answer.headers), answer.body) from refusal
        decision = gate.authorize_url(principal, service.invoked_arn(url.qualifier), url.auth_type, exchange.request)
        if not decision.allowed:
            self._log(f"403 {exchange.request.method} {exchange.request.raw_path}: {decision.reason}")
            answer = function_url_refusal(decision)
            raise _Refused(answer.status, list(answer.headers), answer.body)
        return principal


class _Refused(Exception):
    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


async def _invoke(
    service: FunctionService,
    qualifier: str | None,
    invocation: Invocation,
    exchange: Exchange,
    cors: list[tuple[str, str]],
    *,
    patient: bool,
) -> None:
    """Runs an invocation that has to wait for an environment, or is refused one."""
    try:
        await service.invoke(qualifier, invocation, patient=patient)
    except Throttled as throttled:
        body = {"Reason": throttled.reason, "Type": "User", "message": "Rate Exceeded."}
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", "TooManyRequestsException")]
        exchange.respond(429, [*headers, ("x-amzn-RequestId", invocation.request_id), *cors], _json(body))


def _refuse_size(exchange: Exchange, request_id: str) -> None:
    message = f"Request must be smaller than {MAX_EVENT_BYTES} bytes for the InvokeFunction operation"
    _refuse(exchange, request_id, 413, "RequestTooLargeException", message)


def _refuse(exchange: Exchange, request_id: str, status: int, error_type: str, message: str) -> None:
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", error_type), ("x-amzn-RequestId", request_id)]
    exchange.respond(status, headers, _json({"Message": message}))


def _json(document: dict[str, str]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
