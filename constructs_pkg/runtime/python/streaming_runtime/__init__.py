"""Streams a Python function's answer out of AWS Lambda, token by token. Standard library alone.

    from streaming_runtime import Text, streaming_handler

    @streaming_handler(dialect="sse")
    def handler(request, context):
        for piece in ("Hello", ", ", "world"):
            yield Text(piece)

Importing it costs what its few names cost: what serves invocations (`python -m streaming_runtime`) is loaded by that command alone.
"""

from .errors import BadRequest, Forbidden, HttpError, ModelError, NotFound, StreamInterrupted, Throttled
from .events import Data, Error, Finish, HttpResponse, Internal, Start, Text, Usage
from .handler import streaming_handler
from .request import Headers, Identity, Request
from .telemetry import StreamReport

__all__ = [
    "BadRequest",
    "Data",
    "Error",
    "Finish",
    "Forbidden",
    "Headers",
    "HttpError",
    "HttpResponse",
    "Identity",
    "Internal",
    "ModelError",
    "NotFound",
    "Request",
    "Start",
    "StreamInterrupted",
    "StreamReport",
    "Text",
    "Throttled",
    "Usage",
    "streaming_handler",
]
