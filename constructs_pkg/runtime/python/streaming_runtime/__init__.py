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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .redaction_patterns import Redact

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
    "Redact",
    "Request",
    "Start",
    "StreamInterrupted",
    "StreamReport",
    "Text",
    "Throttled",
    "Usage",
    "streaming_handler",
]

if not TYPE_CHECKING:

    def __getattr__(name):  # noqa: ANN001, ANN202 - not for type checkers, to which every name would be one of ours then
        """`Redact`, which few handlers need, is loaded when one asks for it."""
        if name != "Redact":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .redaction_patterns import Redact

        globals()[name] = Redact
        return Redact
