"""What each kind of event is for: bytes for the wire, a word in the report, or the answer's last word. Pure.

Each stage takes the pipeline and one event, and returns what is to leave for it. Which kinds are allowed depends on how far the answer is.
"""

from __future__ import annotations

from .errors import HttpError
from .events import Data, Error, Finish, HttpResponse, Internal, Start, Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from .pipeline import Pipeline

    Stage: TypeAlias = Callable[[Pipeline, Any], bytes]

_ALLOWED = "Text, Data, Finish, Error, Internal, Start, HttpResponse, str, bytes"


def stage_of(pipeline: Pipeline, event: object) -> Stage:
    """Subclasses of the events are their base; anything else is a mistake in the handler.

    Raises:
        TypeError: `EVENT_AFTER_END` behind the answer's last word; `EVENT_TYPE` for what is no event.
    """
    if pipeline.terminal:
        raise TypeError(f"EVENT_AFTER_END: found {type(event).__name__} after the end; allowed: Internal; yield it before")
    for base in type(event).__mro__:
        if base in pipeline.stages:
            return pipeline.stages[base]
    raise TypeError(
        f"EVENT_TYPE: found {type(event).__module__}.{type(event).__qualname__}; allowed: {_ALLOWED}; wrap it in Data(...)"
    )


def _text(pipeline: Pipeline, event: Text) -> bytes:
    return _string(pipeline, event.text)


def _string(pipeline: Pipeline, text: str) -> bytes:
    pipeline.report.texts += 1
    return pipeline.encoder.text(text) if text else b""


def _raw(pipeline: Pipeline, data: bytes) -> bytes:
    return pipeline.encoder.raw(data)


def _buffer(pipeline: Pipeline, data: bytearray | memoryview) -> bytes:
    return pipeline.encoder.raw(bytes(data))  # a copy: the handler may reuse its buffer


def _data(pipeline: Pipeline, event: Data) -> bytes:
    return pipeline.encoder.data(event)


def _start(pipeline: Pipeline, event: Start) -> bytes:
    return pipeline.encoder.start(event)


def _nothing(pipeline: Pipeline, event: object) -> bytes:  # noqa: ARG001 - what every stage is given
    return b""


def _finish(pipeline: Pipeline, event: Finish) -> bytes:
    pipeline.report.usage = event.usage
    pipeline.report.finish_reason = event.reason
    data = pipeline.encoder.flush() + pipeline.encoder.finish(event)
    pipeline.close(ENDED)
    return data


def _fail_in_band(pipeline: Pipeline, event: Error) -> bytes:
    if not pipeline.reply.begun:
        raise HttpError(500, event.code, event.message)
    pipeline.error = ("Function.StreamError", f"{event.code}: {pipeline.cleared_text(event.message)}")
    data = pipeline.encoder.flush() + pipeline.encoder.error(event)
    pipeline.close(ENDED)
    return data


def _respond(pipeline: Pipeline, event: HttpResponse) -> bytes:
    if pipeline.reply.begun or pipeline.response is not None:
        raise ValueError("RESPONSE_TOO_LATE: found HttpResponse after the first event; allowed: first, and once; yield it first")
    pipeline.response = event
    if event.body is not None or pipeline.is_bodiless():
        pipeline.close(WHOLE)
    return pipeline.cleared(event.body, event.headers["content-type"]) if event.body else b""


# As long as the stream runs, after an answer that is whole (Finish adds nothing to it), and after the end.
STREAMING: dict[type, Stage] = {
    Text: _text,
    str: _string,
    bytes: _raw,
    Data: _data,
    Internal: _nothing,
    Start: _start,
    Finish: _finish,
    Error: _fail_in_band,
    HttpResponse: _respond,
    bytearray: _buffer,
    memoryview: _buffer,
}
WHOLE: dict[type, Stage] = {Internal: _nothing, Finish: _nothing}
ENDED: dict[type, Stage] = {Internal: _nothing}
