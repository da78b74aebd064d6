"""Lambda's own API, as far as calling functions goes: Invoke and InvokeWithResponseStream, for unmodified SDKs.

Sources: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, API_InvokeWithResponseStream.html; the error documents are
those recorded on AWS in LocalStack's tests/aws/services/lambda_/test_lambda.snapshot.json.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote
from uuid import uuid4

from constructs_pkg.emulator.concurrency import Throttled
from constructs_pkg.emulator.eventstream import CONTENT_TYPE, encode_blob, encode_event
from constructs_pkg.emulator.functions import parse_function_place, parse_function_reference
from constructs_pkg.emulator.http_server import Exchange, HttpServer
from constructs_pkg.emulator.iam import RefusalResponse, SignatureRefusal, api_refusal
from constructs_pkg.emulator.invocation import FunctionError, Invocation
from constructs_pkg.emulator.log_tail import LogTail
from constructs_pkg.emulator.runtime_api import BUFFERED_RESPONSE_BYTES
from constructs_pkg.emulator.service import request_context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from constructs_pkg.emulator.service import FunctionService, Gate

MAX_PAYLOAD_BYTES = 6_291_456
"""Largest event of a synchronous invocation, 6 MiB."""

_INVOKE = re.compile(r"^/2015-03-31/functions/([^/]+)/invocations/?$")
_STREAM = re.compile(r"^/2021-11-15/functions/([^/]+)/response-streaming-invocations/?$")


class LambdaApi:
    """One endpoint for all functions."""

    def __init__(self, *, log: Callable[[str], None]) -> None:
        self.services: Mapping[str, FunctionService] = {}
        self.gate: Gate | None = None
        self._log = log
        self._background: set[asyncio.Task[None]] = set()
        self._server = HttpServer.for_exchanges(self._answer, max_body_bytes=MAX_PAYLOAD_BYTES, on_error=log)

    async def bind(self, port: int = 0) -> int:
        """Takes a port."""
        return await self._server.bind(port)

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 that it listens on; 0 before it does."""
        return self._server.port

    @property
    def address(self) -> str:
        """The endpoint URL, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.port}"

    async def close(self) -> None:
        """Stops listening."""
        for task in list(self._background):
            task.cancel()
        await self._server.close()

    async def _answer(self, exchange: Exchange) -> None:
        try:
            await self._route(exchange)
        except _ApiError as error:
            answer = error.answer
            exchange.respond(answer.status, [*answer.headers, ("x-amzn-RequestId", str(uuid4()))], answer.body)

    async def _route(self, exchange: Exchange) -> None:
        request = exchange.request
        buffered, streaming = _INVOKE.match(request.raw_path), _STREAM.match(request.raw_path)
        found = buffered or streaming
        if request.method != "POST" or found is None:
            raise _ApiError(404, "UnknownOperationException", {"Message": f"{request.method} {request.raw_path} is not emulated"})
        if exchange.too_large:
            message = f"Request must be smaller than {MAX_PAYLOAD_BYTES} bytes for the InvokeFunction operation"
            raise _ApiError(413, "RequestTooLargeException", {"Type": "User", "message": message})
        service, qualifier = self._find(unquote(found[1]), request.raw_query, exchange)
        _require_json(request.body)
        kind = (request.header("x-amz-invocation-type") or "RequestResponse") if buffered else "RequestResponse"
        request_id = str(uuid4())
        if kind == "DryRun":
            exchange.respond(204, [("x-amzn-RequestId", request_id)], b"")
            return
        if kind == "Event":
            self._in_background(service, qualifier, self._invocation(exchange, service, qualifier, request_id, DiscardingSink()))
            exchange.respond(202, [("x-amzn-RequestId", request_id)], b"")
            return
        version = service.function.version_of(qualifier) or "$LATEST"
        tail = LogTail() if request.header("x-amz-log-type") == "Tail" else None
        sink = (StreamingSink if streaming else BufferedSink)(exchange, request_id, version, tail)
        invocation = self._invocation(exchange, service, qualifier, request_id, sink)
        invocation.tail = tail
        exchange.on_pause, exchange.on_resume, exchange.on_lost = invocation.pause, invocation.resume, invocation.resume
        try:
            await service.invoke(qualifier, invocation)
        except Throttled as throttled:
            document = {"Reason": throttled.reason, "Type": "User", "message": "Rate Exceeded."}
            raise _ApiError(429, "TooManyRequestsException", document) from throttled
        if tail is not None and invocation.error is not None and not invocation.started_at:
            tail.close()  # it never reached an environment, which would have closed it

    def _invocation(
        self,
        exchange: Exchange,
        service: FunctionService,
        qualifier: str | None,
        request_id: str,
        sink: BufferedSink | StreamingSink | DiscardingSink,
    ) -> Invocation:
        request = exchange.request
        context = request.header("x-amz-client-context")
        return Invocation(
            payload=request.body or b"{}",
            invoked_arn=service.invoked_arn(qualifier),
            sink=sink,
            caller=exchange if not isinstance(sink, DiscardingSink) else None,
            client_context=base64.b64decode(context).decode() if context else None,
            tenant_id=request.header("x-amz-tenant-id"),
            request_id=request_id,
        )

    def _find(self, reference: str, raw_query: str, exchange: Exchange) -> tuple[FunctionService, str | None]:
        """The function, once it is known that the caller may invoke it.

        Raises:
            _ApiError: no signature that holds, no permission, or no such function.
        """
        name, named = parse_function_reference(reference)
        asked = parse_qs(raw_query).get("Qualifier", [None])[0]
        if asked and named and asked != named:
            message = "The derived qualifier from the function name does not match the specified qualifier."
            raise _ApiError(400, "InvalidParameterValueException", {"Type": "User", "message": message})
        qualifier = asked or named
        its_region, its_account = parse_function_place(reference)
        gate = self.gate
        if gate is None:
            raise _ApiError(503, "ServiceException", {"Type": "Service", "Message": "The emulator is still starting"})
        service = self.services.get(name)
        arn = service.invoked_arn(qualifier) if service is not None else ""
        try:
            principal, region = gate.identify_anywhere(exchange.request, service="lambda")
        except SignatureRefusal as refusal:
            raise _ApiError.refusal(api_refusal(refusal)) from refusal
        if its_region not in (None, region):
            # In AWS's words: https://github.com/alexcasalboni/aws-lambda-power-tuning/issues/18
            message = f"Functions from '{its_region}' are not reachable in this region ('{region}')"
            raise _ApiError(404, "ResourceNotFoundException", {"Type": "User", "Message": message})
        if service is None or service.function.region != region or its_account not in (None, service.function.account):
            # A function is of one region and account, and this endpoint stands for those of all.
            account = its_account or (principal.account if principal is not None else "000000000000")
            service = None
            arn = f"arn:aws:lambda:{region}:{account}:function:{name}" + (f":{qualifier}" if qualifier else "")
        decision = gate.authorizer.authorize(principal, "lambda:InvokeFunction", arn, request_context(exchange.request))
        if not decision.allowed:
            self._log(f"403 Invoke {name}: {decision.reason}")
            raise _ApiError.refusal(api_refusal(decision))
        if service is None or service.function.version_of(qualifier) is None:
            raise _ApiError(404, "ResourceNotFoundException", {"Type": "User", "Message": f"Function not found: {arn}"})
        return service, qualifier

    def _in_background(self, service: FunctionService, qualifier: str | None, invocation: Invocation) -> None:
        async def run() -> None:
            try:
                await service.invoke(qualifier, invocation)
            except Throttled as throttled:
                self._log(f"asynchronous invocation {invocation.request_id} dropped: {throttled.reason}")

        task = asyncio.get_running_loop().create_task(run())
        self._background.add(task)
        task.add_done_callback(self._background.discard)


class _ApiError(Exception):
    """An answer that is not a function's."""

    def __init__(self, status: int, error_type: str, document: Mapping[str, str]) -> None:
        super().__init__(error_type)
        headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", error_type))
        self.answer = RefusalResponse(status=status, headers=headers, body=json.dumps(document).encode())

    @classmethod
    def refusal(cls, answer: RefusalResponse) -> _ApiError:
        error = cls(answer.status, "", {})
        error.answer = answer
        return error


def _require_json(body: bytes) -> None:
    if body:
        try:
            json.loads(body)
        except ValueError as error:
            message = f"Could not parse request body into json: {error}"
            raise _ApiError(400, "InvalidRequestContentException", {"Type": "User", "message": message}) from error


class DiscardingSink:
    """Nobody waits for this response."""

    def begin(self, content_type: str, *, streaming: bool) -> None:
        """See ResponseSink."""

    def data(self, chunk: bytes) -> None:
        """See ResponseSink."""

    def flush(self) -> None:
        """See ResponseSink."""

    def end(self) -> None:
        """See ResponseSink."""

    def fail(self, error: FunctionError) -> None:
        """See ResponseSink."""


class BufferedSink:
    """Invoke: the whole payload at once. A stream is gathered, as Lambda does for a function that streams but was not asked to."""

    def __init__(self, exchange: Exchange, request_id: str, version: str, tail: LogTail | None) -> None:
        self._exchange = exchange
        self._tail = tail
        self._headers = [("x-amzn-RequestId", request_id), ("X-Amz-Executed-Version", version)]
        self._chunks: list[bytes] = []
        self._size = 0

    def begin(self, content_type: str, *, streaming: bool) -> None:
        """See ResponseSink."""
        del content_type, streaming

    def data(self, chunk: bytes) -> None:
        """See ResponseSink."""
        self._size += len(chunk)
        if self._size <= BUFFERED_RESPONSE_BYTES:
            self._chunks.append(chunk)

    def flush(self) -> None:
        """See ResponseSink."""

    def end(self) -> None:
        """See ResponseSink."""
        if self._size > BUFFERED_RESPONSE_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({BUFFERED_RESPONSE_BYTES} bytes)."
            self.fail(FunctionError.of_platform("Function.ResponseSizeTooLarge", message))
        else:
            self._respond([], b"".join(self._chunks))

    def fail(self, error: FunctionError) -> None:
        """See ResponseSink."""
        self._respond([("X-Amz-Function-Error", "Unhandled")], error.payload)

    def _respond(self, headers: list[tuple[str, str]], body: bytes) -> None:
        def respond(log: str | None) -> None:
            if self._exchange.alive:
                told = [("X-Amz-Log-Result", log)] if log is not None else []
                self._exchange.respond(200, [("Content-Type", "application/json"), *headers, *self._headers, *told], body)

        if self._tail is None:
            respond(None)
        else:
            self._tail.then(respond)


class StreamingSink:
    """InvokeWithResponseStream: an event a chunk, and InvokeComplete at the end.

    A failure, before the first byte or after it, is told in InvokeComplete's ErrorCode and ErrorDetails (the API's reference; which
    words AWS puts into them for which failure is unproven here: the error's type, and its document).
    """

    def __init__(self, exchange: Exchange, request_id: str, version: str, tail: LogTail | None) -> None:
        self._exchange = exchange
        self._tail = tail
        self._headers = [("x-amzn-RequestId", request_id), ("X-Amz-Executed-Version", version)]

    def begin(self, content_type: str, *, streaming: bool) -> None:
        """See ResponseSink."""
        del streaming
        if not self._exchange.started:
            headers = [("Content-Type", CONTENT_TYPE), ("X-Amzn-Response-Content-Type", content_type), *self._headers]
            self._exchange.start(200, headers)

    def data(self, chunk: bytes) -> None:
        """See ResponseSink."""
        self._exchange.write(encode_blob("PayloadChunk", chunk))

    def flush(self) -> None:
        """See ResponseSink."""
        self._exchange.flush()

    def end(self) -> None:
        """See ResponseSink."""
        self._complete({})

    def fail(self, error: FunctionError) -> None:
        """See ResponseSink."""
        self.begin("application/json", streaming=True)
        self._complete({"ErrorCode": error.error_type, "ErrorDetails": error.payload.decode("utf-8", "replace")})

    def _complete(self, document: Mapping[str, str]) -> None:
        def complete(log: str | None) -> None:
            told = {"LogResult": log} if log is not None else {}
            self._exchange.write(encode_event("InvokeComplete", {**document, **told}))
            self._exchange.end()

        if self._tail is None:
            complete(None)
        else:
            self._tail.then(complete)
