"""Bedrock's runtime endpoint, answered by the local model: Converse and InvokeModel, both ways, for unmodified SDKs.

It stands for the endpoints of all regions: the signature tells which one is meant, and policies are evaluated for that one.

The signature is verified and the caller's policies are evaluated, so that least privilege shows here: whatever model a policy
allows is answered, whatever it does not is AccessDeniedException.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

from constructs_pkg.emulator.converse import (
    STATUS,
    InvalidRequest,
    answer_document,
    delta_frame,
    end_frames,
    error_frame,
    guardrail_target,
    model_targets,
    parse_request,
    start_frames,
)
from constructs_pkg.emulator.eventstream import CONTENT_TYPE
from constructs_pkg.emulator.http_server import Exchange, HttpServer
from constructs_pkg.emulator.iam import RefusalResponse, SignatureRefusal, api_refusal
from constructs_pkg.emulator.invoke_model import Dialect, chunk_frame, dialect_of, parse_body
from constructs_pkg.emulator.models import ChatRequest, Completion, Delta, Model, ModelFailure
from constructs_pkg.emulator.service import request_context

if TYPE_CHECKING:
    from constructs_pkg.emulator.service import Gate

MAX_REQUEST_BYTES = 26_214_400
"""25 MB, Bedrock's own limit on a request: https://docs.aws.amazon.com/general/latest/gr/bedrock.html."""

_ROUTE = re.compile(r"^/model/([^/]+(?:/[^/]+)?)/(converse|converse-stream|invoke|invoke-with-response-stream)$")
_WHOLE, _STREAMED = "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"
_GUARD = "bedrock:ApplyGuardrail"
_CONVERSATIONS = ("converse", "converse-stream")
_ACTIONS = {"converse": _WHOLE, "converse-stream": _STREAMED, "invoke": _WHOLE, "invoke-with-response-stream": _STREAMED}


class BedrockApi:
    """The endpoint that functions find in AWS_ENDPOINT_URL_BEDROCK_RUNTIME."""

    def __init__(self, model: Model | None, *, why_no_model: str, log: Callable[[str], None]) -> None:
        """
        Args:
            model: Who answers, None for nobody.
            why_no_model: One line for callers when nobody does.
            log: Takes log lines.
        """
        self.model = model
        self.why_no_model = why_no_model
        self.gate: Gate | None = None
        self._log = log
        self._said: set[str] = set()
        self._server = HttpServer.for_exchanges(self._answer, max_body_bytes=MAX_REQUEST_BYTES, on_error=log)

    async def bind(self, port: int = 0) -> int:
        """Takes a port."""
        return await self._server.bind(port)

    @property
    def address(self) -> str:
        """The endpoint URL, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.port}"

    async def close(self) -> None:
        """Stops listening."""
        await self._server.close()

    async def _answer(self, exchange: Exchange) -> None:
        try:
            operation, model_id = self._admit(exchange)
            assert self.model is not None
            body = exchange.request.body
            if operation == "converse":
                await self._whole(exchange, self.model, parse_request(body), answer_document)
            elif operation == "converse-stream":
                await self._stream(exchange, self.model, parse_request(body), _CONVERSE)
            else:
                dialect = dialect_of(model_id)
                request = parse_body(dialect, body)
                if operation == "invoke":
                    await self._whole(exchange, self.model, request, dialect.answer)
                else:
                    await self._stream(exchange, self.model, request, _frames_of(dialect))
        except InvalidRequest as invalid:
            _fail(exchange, ModelFailure("ValidationException", str(invalid)))
        except ModelFailure as failure:
            self._log(f"Bedrock answers {failure.shape}: {failure.message}")
            _fail(exchange, failure)

    def _admit(self, exchange: Exchange) -> tuple[str, str]:
        """The operation and the model's id, once the caller is known and may.

        Raises:
            InvalidRequest: not a request that can be answered.
            ModelFailure: refused, or nobody is there to answer.
        """
        request, gate = exchange.request, self.gate
        found = _ROUTE.match(request.raw_path)
        if gate is None:
            raise ModelFailure("ServiceUnavailableException", "The emulator is still starting.")
        if request.method != "POST" or found is None:
            raise ModelFailure("ResourceNotFoundException", f"{request.method} {request.raw_path} is not emulated.")
        raw_model_id, operation = found[1], found[2]
        try:
            principal, region = gate.identify_anywhere(request, service="bedrock")
        except SignatureRefusal as refusal:
            raise _Refused(api_refusal(refusal)) from refusal
        account = principal.account if principal is not None else ""
        asked = [(_ACTIONS[operation], target) for target in model_targets(raw_model_id, region=region, account=account)]
        guardrail = guardrail_target(request.body, region=region, account=account) if operation in _CONVERSATIONS else None
        if guardrail is not None:
            asked.append((_GUARD, guardrail))
            self._say_once("Bedrock: a guardrail's permission is asked for here, and the guardrail itself judges nothing")
        for action, target in asked:
            context = {**request_context(request), **target.context}
            decision = gate.authorizer.authorize(principal, action, target.arn, context)
            if not decision.allowed:
                self._log(f"Bedrock refuses: {decision.reason}")
                raise _Refused(api_refusal(decision))
        if exchange.too_large:
            raise InvalidRequest("Input is too long for requested model.")
        if self.model is None:
            raise ModelFailure("ServiceUnavailableException", self.why_no_model)
        return operation, unquote(raw_model_id)

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._log(line)

    async def _whole(self, exchange: Exchange, model: Model, request: ChatRequest, document_of: _Document) -> None:
        started = time.monotonic()
        texts: list[str] = []
        completion = Completion(stop_reason="end_turn", input_tokens=0, output_tokens=0)
        async with aclosing(model.answer(request)) as answer:
            async for event in answer:
                if isinstance(event, Delta):
                    texts.append(event.text)
                else:
                    completion = event
                if not exchange.alive:
                    return
        latency = _milliseconds(started)
        document = document_of("".join(texts), completion, latency)
        headers = [
            ("Content-Type", "application/json"),
            ("x-amzn-RequestId", str(uuid4())),
            ("X-Amzn-Bedrock-Invocation-Latency", str(latency)),
            ("X-Amzn-Bedrock-Input-Token-Count", str(completion.input_tokens)),
            ("X-Amzn-Bedrock-Output-Token-Count", str(completion.output_tokens)),
        ]
        exchange.respond(200, headers, json.dumps(document).encode())

    async def _stream(self, exchange: Exchange, model: Model, request: ChatRequest, frames: _Frames) -> None:
        """Streams. The head waits for the model's first word, so that what fails before it is an HTTP error, as on AWS."""
        started = time.monotonic()
        flowing = asyncio.Event()
        flowing.set()
        exchange.on_pause, exchange.on_resume, exchange.on_lost = flowing.clear, flowing.set, flowing.set
        async with aclosing(model.answer(request)) as answer:
            try:
                async for event in answer:
                    if not exchange.alive:
                        return
                    if not exchange.started:
                        # The second header is InvokeModelWithResponseStream's: the type of what its chunks hold.
                        kinds = [("Content-Type", CONTENT_TYPE), ("X-Amzn-Bedrock-Content-Type", "application/json")]
                        exchange.start(200, [*kinds, ("x-amzn-RequestId", str(uuid4()))])
                        exchange.write(frames.begin())
                    if isinstance(event, Delta):
                        exchange.write(frames.piece(event.text))
                    else:
                        exchange.write(frames.end(event, _milliseconds(started)))
                    exchange.flush()
                    await flowing.wait()
                    await asyncio.sleep(0)  # a model that never waits must not keep the other streams waiting
            except ModelFailure as failure:
                if not exchange.started:
                    raise
                self._log(f"Bedrock's stream fails: {failure.shape}: {failure.message}")
                exchange.write(error_frame(failure))
        exchange.end()


_Document = Callable[[str, Completion, int], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class _Frames:
    """How an answer is put into frames."""

    begin: Callable[[], bytes]
    piece: Callable[[str], bytes]
    end: Callable[[Completion, int], bytes]


_CONVERSE = _Frames(begin=start_frames, piece=delta_frame, end=end_frames)


def _frames_of(dialect: Dialect) -> _Frames:
    return _Frames(
        begin=lambda: b"".join(chunk_frame(document) for document in dialect.begin()),
        piece=lambda text: chunk_frame(dialect.piece(text)),
        end=lambda completion, latency: b"".join(chunk_frame(document) for document in dialect.end(completion, latency)),
    )


class _Refused(ModelFailure):
    """A refusal whose answer is ready."""

    def __init__(self, answer: RefusalResponse) -> None:
        super().__init__("AccessDeniedException", answer.body.decode())
        self.answer = answer


def _fail(exchange: Exchange, failure: ModelFailure) -> None:
    request_id = ("x-amzn-RequestId", str(uuid4()))
    if isinstance(failure, _Refused):
        exchange.respond(failure.answer.status, [*failure.answer.headers, request_id], failure.answer.body)
        return
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", failure.shape), request_id]
    exchange.respond(STATUS.get(failure.shape, 500), headers, json.dumps({"message": failure.message}).encode())


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
