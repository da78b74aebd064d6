"""Lambda's Runtime API, as one execution environment sees it.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html (paths, headers) and
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming (streams, error trailers);
the words of the refusals are those of AWS's runtime interface emulator (github.com/aws/aws-lambda-runtime-interface-emulator).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from typing import TYPE_CHECKING, Protocol

from constructs_pkg.emulator.http_server import HttpConnection, HttpServer
from constructs_pkg.emulator.invocation import FunctionError, Invocation
from constructs_pkg.emulator.limits import MAX_STREAM_BYTES, Shaper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from constructs_pkg.emulator.http1 import Head
    from constructs_pkg.emulator.limits import Bandwidth

BUFFERED_RESPONSE_BYTES = 6_291_556
"""Largest buffered response: 6 MiB and 100 bytes, as Lambda's own error message says."""

ERROR_BYTES = 262_144
"""Largest error document that is kept; the rest is dropped."""

_PREFIX = "/2018-06-01/runtime/"
_NEXT = (b"GET", b"/2018-06-01/runtime/invocation/next")

_OK = {"status": "OK"}
_OK_BODY = json.dumps(_OK).encode() + b"\n"


class RuntimeApiOwner(Protocol):
    """The environment behind the API."""

    def on_next(self) -> None:
        """The runtime is ready for an invocation."""

    def on_response_over(self, invocation: Invocation) -> None:
        """The runtime has answered an invocation, well or badly."""

    def on_init_error(self, error: FunctionError) -> None:
        """The runtime could not start."""

    def on_restored(self) -> None:
        """The runtime is ready for a snapshot, and goes on as if restored from it."""

    def on_restore_error(self, error: FunctionError) -> None:
        """A hook after the restore failed."""


class RuntimeApi:
    """One environment's endpoint: who waits at /next, and which invocation is being answered."""

    def __init__(self, owner: RuntimeApiOwner, *, on_error: Callable[[str], None], bandwidth: Bandwidth | None = None) -> None:
        """
        Args:
            owner: The environment.
            on_error: Told in one line when something here fails.
            bandwidth: How fast a stream may be; None for as fast as it can.
        """
        self.owner = owner
        self.bandwidth = bandwidth
        self.current: Invocation | None = None
        self.waiting: _RuntimeConnection | None = None
        self.early: _RuntimeConnection | None = None
        self._server = HttpServer(lambda server: _RuntimeConnection(server, self), on_error=on_error)

    async def bind(self) -> int:
        """Listens on a port of its own."""
        return await self._server.bind()

    def deliver(self, invocation: Invocation) -> None:
        """Hands an invocation to the runtime, which must be waiting at /next."""
        connection, self.waiting = self.waiting, None
        assert connection is not None
        self.current = invocation
        connection.send_invocation(invocation)

    def over(self, invocation: Invocation, error: FunctionError | None) -> None:
        """The runtime has answered an invocation, well or badly."""
        if self.current is invocation:
            self.current = None
        if error is None:
            invocation.end()
        else:
            invocation.fail(error)
        self.owner.on_response_over(invocation)
        early, self.early = self.early, None
        if early is not None:
            early.take_next()

    async def close(self) -> None:
        """Drops the runtime's connections."""
        self.waiting = self.early = None
        await self._server.close()


class _RuntimeConnection(HttpConnection):
    """One connection of the runtime. Its requests come one after the other."""

    def __init__(self, server: HttpServer, api: RuntimeApi) -> None:
        super().__init__(server)
        self._api = api
        self._route: str | None = None
        self._invocation: Invocation | None = None
        self._streaming = False
        self._answered = False
        self._collected: list[bytes] = []
        self._collected_bytes = 0
        self._error_type = ""
        self._shaper: Shaper | None = None
        self._waits_for_caller = False
        self._waits_for_bandwidth: asyncio.TimerHandle | None = None

    def on_request(self, request: Head) -> None:
        self._route, self._invocation, self._answered, self._shaper = None, None, False, None
        self._collected, self._collected_bytes = [], 0
        if (request.method, request.target) == _NEXT:
            self._route = "next"
            return
        headers = {name.lower(): value for name, value in request.headers}
        target = request.target.decode("latin-1")
        method = request.method.decode("latin-1")
        if not target.startswith(_PREFIX):
            self._route = "unknown"
            return
        route = target[len(_PREFIX) :]
        self._error_type = headers.get(b"lambda-runtime-function-error-type", b"").decode("latin-1")
        if method == "GET" and route == "restore/next":
            self._route = "restore/next"
        elif method == "POST" and route in ("init/error", "restore/error"):
            self._route = route
        elif method == "POST" and route.startswith("invocation/") and route.endswith(("/response", "/error")):
            _, request_id, kind = route.split("/", 2)
            self._take(request_id, kind, headers)
        else:
            self._route = "unknown"

    def _take(self, request_id: str, kind: str, headers: dict[bytes, bytes]) -> None:
        """Finds the invocation that a response or an error is for."""
        invocation = self._api.current
        attempt = headers.get(b"lambda-runtime-invocation-id")
        if attempt is not None and (invocation is None or attempt.decode("latin-1") != invocation.attempt_id):
            # Only that this is 410, and not fatal to the runtime, is known; the words are ours.
            self._route = "gone"
        elif invocation is None or invocation.request_id != request_id:
            self._route = "bad id"
        elif invocation.responding:
            self._route = "bad state"
        else:
            self._route, self._invocation = kind, invocation
            self._streaming = headers.get(b"lambda-runtime-function-response-mode", b"").lower() == b"streaming"
            if kind == "response":
                self._begin(invocation, headers)

    def _begin(self, invocation: Invocation, headers: dict[bytes, bytes]) -> None:
        if self._streaming:
            content_type = headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
            invocation.on_pause, invocation.on_resume = self._pause, self._resume
            if self._api.bandwidth is not None:
                self._shaper = Shaper(self._api.bandwidth, time.monotonic())
            invocation.begin(content_type, streaming=True)

    def on_data(self, data: bytes) -> None:
        invocation = self._invocation
        if invocation is not None and self._streaming:
            if not invocation.over:
                self._pass_on(invocation, data)
            return
        self._collected_bytes += len(data)
        limit = BUFFERED_RESPONSE_BYTES if self._route == "response" else ERROR_BYTES
        if self._collected_bytes <= limit:
            self._collected.append(data)

    def _pass_on(self, invocation: Invocation, data: bytes) -> None:
        invocation.produced_bytes += len(data)
        if invocation.produced_bytes > MAX_STREAM_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_STREAM_BYTES} bytes)."
            invocation.fail(FunctionError.of_platform("Function.ResponseSizeTooLarge", message))
            return
        invocation.sink.data(data)
        if self._shaper is not None and self._waits_for_bandwidth is None:
            wait = self._shaper.take(len(data), time.monotonic())
            if wait > 0:
                self._waits_for_bandwidth = asyncio.get_running_loop().call_later(wait, self._bandwidth_is_there)
                self._hold_or_let_go()
        elif self._shaper is not None:
            self._shaper.take(len(data), time.monotonic())

    def _bandwidth_is_there(self) -> None:
        self._waits_for_bandwidth = None
        self._hold_or_let_go()

    def on_events_done(self) -> None:
        invocation = self._invocation
        if invocation is not None and self._streaming and not invocation.over:
            invocation.sink.flush()

    def on_end(self, trailers: Sequence[tuple[bytes, bytes]]) -> None:
        route, invocation = self._route, self._invocation
        self._answered = True
        body = b"".join(self._collected)
        self._collected = []
        if route == "next":
            self.take_next()
        elif route == "init/error":
            self._api.owner.on_init_error(_error_of(body, self._error_type))
            self._reply(202, _OK)
        elif route == "restore/next":
            self._api.owner.on_restored()
            self._reply(200, _OK)
        elif route == "restore/error":
            self._api.owner.on_restore_error(_error_of(body, self._error_type))
            self._reply(202, _OK)
        elif route == "response":
            assert invocation is not None
            self._on_response(invocation, body, trailers)
        elif route == "error":
            assert invocation is not None
            self._finish(invocation, _error_of(body, self._error_type))
            self._reply(202, _OK)
        elif route == "gone":
            self._reply(410, {"errorType": "InvocationGone", "errorMessage": "The invocation's attempt is over"})
        elif route == "bad id":
            self._reply(400, {"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"})
        elif route == "bad state":
            self._invalid_state()
        else:
            self._reply(404, {"errorType": "NotFound", "errorMessage": "404 page not found"})

    def take_next(self) -> None:
        """The runtime asks for an invocation."""
        current = self._api.current
        if current is not None and current.responding and self._api.early is None:
            # AWS's Node client asks for the next invocation on one connection while the last bytes of the stream's end are still on
            # their way on another. Its turn comes when the stream is over.
            self._api.early = self
            return
        if self._api.current is not None or self._api.waiting is not None:
            self._invalid_state()
            return
        self._api.waiting = self
        self._api.owner.on_next()

    def _on_response(self, invocation: Invocation, body: bytes, trailers: Sequence[tuple[bytes, bytes]]) -> None:
        error: FunctionError | None = None
        if self._streaming:
            error = _error_of_trailers(trailers)
        elif self._collected_bytes > BUFFERED_RESPONSE_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({BUFFERED_RESPONSE_BYTES} bytes)."
            self._finish(invocation, FunctionError.of_platform("Function.ResponseSizeTooLarge", message))
            self._reply(413, {"errorType": "RequestEntityTooLarge", "errorMessage": message})
            return
        else:
            invocation.begin("application/json", streaming=False)
            invocation.produced_bytes = len(body)
            invocation.sink.data(body)
        self._finish(invocation, error)
        self._reply(202, _OK)

    def _finish(self, invocation: Invocation, error: FunctionError | None) -> None:
        self._invocation = None
        self._api.over(invocation, error)

    def on_lost(self) -> None:
        if self._waits_for_bandwidth is not None:
            self._waits_for_bandwidth.cancel()
            self._waits_for_bandwidth = None
        if self._api.waiting is self:
            self._api.waiting = None
        if self._api.early is self:
            self._api.early = None
        invocation, self._invocation = self._invocation, None
        if invocation is not None and self._route == "response" and not self._answered:
            # The runtime dropped the connection with the body unfinished: what the caller has is not the whole.
            message = f"RequestId: {invocation.request_id} Error: Runtime connection closed before the response was complete"
            self._api.over(invocation, FunctionError.of_platform("Runtime.TruncatedResponse", message))

    def send_invocation(self, invocation: Invocation) -> None:
        """Answers a waiting /next."""
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(invocation.payload))),
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", invocation.invoked_arn),
            ("Lambda-Runtime-Trace-Id", invocation.trace_id),
            ("Lambda-Runtime-Invocation-Id", invocation.attempt_id),
        ]
        if invocation.client_context is not None:
            headers.append(("Lambda-Runtime-Client-Context", invocation.client_context))
        if invocation.tenant_id is not None:
            headers.append(("Lambda-Runtime-Aws-Tenant-Id", invocation.tenant_id))
        self.send_head(200, headers)
        self.send_data(invocation.payload)
        self.send_end()

    def _invalid_state(self) -> None:
        message = "State transition is not allowed"
        self._reply(403, {"errorType": "InvalidStateTransition", "errorMessage": message})

    def _reply(self, status: int, document: dict[str, str]) -> None:
        body = _OK_BODY if document is _OK else json.dumps(document).encode() + b"\n"
        self.send_head(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        self.send_data(body)
        self.send_end()

    def _pause(self) -> None:
        self._waits_for_caller = True
        self._hold_or_let_go()

    def _resume(self) -> None:
        self._waits_for_caller = False
        self._hold_or_let_go()

    def _hold_or_let_go(self) -> None:
        """Reads from the function as long as neither the caller's speed nor the bandwidth is against it."""
        if self.transport is None or self.transport.is_closing():
            return
        if self._waits_for_caller or self._waits_for_bandwidth is not None:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()


def _error_of(body: bytes, header_type: str) -> FunctionError:
    """The error document of /error and /init/error. The header's type is for Lambda's metrics, the body's for the caller."""
    error_type = header_type or "Runtime.Unknown"
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return FunctionError.of_platform(error_type, body.decode("utf-8", "replace"))
    return FunctionError(error_type=str(document.get("errorType") or error_type), payload=body)


def _error_of_trailers(trailers: Sequence[tuple[bytes, bytes]]) -> FunctionError | None:
    """The error that a stream ended with, or None. The body is base64 of a JSON document."""
    found = {name.lower(): value for name, value in trailers}
    error_type = found.get(b"lambda-runtime-function-error-type")
    if error_type is None:
        return None
    name = error_type.decode("latin-1")
    try:
        payload = base64.b64decode(found.get(b"lambda-runtime-function-error-body", b""), validate=True)
    except (binascii.Error, ValueError):
        payload = b""
    if not payload:
        return FunctionError.of_platform(name, name)
    return FunctionError(error_type=name, payload=payload)
