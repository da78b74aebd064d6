"""OpenAI-compatible chat completions over Amazon Bedrock's Converse API."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import guarding
from chat_request import ChatRequest
from people import who

from streaming_runtime import HttpError, HttpResponse, Internal, NotFound, Start, streaming_handler
from streaming_runtime.models import bedrock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streaming_runtime import Request
    from streaming_runtime.context import LambdaContext
    from streaming_runtime.events import Yielded

MODEL_IDS = tuple(os.environ["MODEL_IDS"].split(","))
GUARDRAIL = guarding.config()

bedrock.client()  # what asking a model needs is loaded at init, before the first request, and not while a caller waits


@streaming_handler(dialect="openai-chat", caller=who)
def handler(request: Request, context: LambdaContext) -> Iterator[Yielded]:
    """Answers `POST /v1/chat/completions` and `GET /v1/models`."""
    who(request)  # the runtime asks only where streams are kept
    if request.path == "/v1/models":
        _require_method(request, "GET")
        yield HttpResponse.json({"object": "list", "data": [_model(model_id) for model_id in MODEL_IDS]})
        return
    if request.path != "/v1/chat/completions":
        raise NotFound(f"There is no {request.path}. This endpoint serves POST /v1/chat/completions and GET /v1/models.")
    _require_method(request, "POST")
    chat = ChatRequest.parse(request.json(), MODEL_IDS)
    yield Start(model=chat.model_id)
    for event in bedrock.converse_stream(
        model_id=chat.model_id,
        messages=chat.messages,
        system=chat.system,
        inference_config=chat.inference_config,
        guardrail_config=GUARDRAIL,
    ):
        if isinstance(event, Internal) and event.kind == "trace":
            _log(guarding.interventions(event.value))
        yield event


def _log(interventions: list[str]) -> None:
    import logging  # costs a start some milliseconds, and most answers need none of it

    for intervention in interventions:
        logging.getLogger(__name__).warning("GUARDRAIL: %s", intervention)


def _require_method(request: Request, method: str) -> None:
    if request.method != method:
        message = f"{request.method} is not allowed on {request.path}; use {method}."
        raise HttpError(405, "method_not_allowed", message, {"allow": method})


def _model(model_id: str) -> dict[str, object]:
    return {"id": model_id, "object": "model", "created": 0, "owned_by": model_id.partition(".")[0]}
