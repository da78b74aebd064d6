"""Reads streams from URLs that ask for IAM auth, and tells a whole answer from a cut one.

    from constructs_pkg.client import StreamingClient, Text

    with StreamingClient(url) as client:
        with client.stream("POST", "/v1/chat/completions", json={...}) as stream:
            for event in stream:
                if isinstance(event, Text):
                    print(event.text, end="", flush=True)

Importing this package loads nothing: each name is loaded when it is first asked for (boto3 only when something is signed).
Needs the extra `client`: `pip install 'streaming-lambda-constructs[client]'`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._client import AsyncStreamingClient, StreamingClient
    from ._decoders import DIALECTS, Decoder, ServerSentEvent, ServerSentEventDecoder, decoder_for
    from ._events import Bytes, Data, Error, Event, Finish, RawEvent, Text, Usage
    from ._exceptions import (
        AccessDenied,
        ConfigurationError,
        ConnectionFailed,
        DeadlineExceeded,
        HttpStatusError,
        MalformedStream,
        MissingDependency,
        StreamError,
        StreamingClientError,
        StreamTimeout,
        StreamTruncated,
        Throttled,
    )
    from ._exchange import Timeouts
    from ._invoke import invoke_stream
    from ._retry import RetryPolicy
    from ._signing import SigV4Auth
    from ._stream import AsyncStream, Stream
    from ._timing import StreamTiming

__all__ = [
    "DIALECTS",
    "AccessDenied",
    "AsyncStream",
    "AsyncStreamingClient",
    "Bytes",
    "ConfigurationError",
    "ConnectionFailed",
    "Data",
    "DeadlineExceeded",
    "Decoder",
    "Error",
    "Event",
    "Finish",
    "HttpStatusError",
    "MalformedStream",
    "MissingDependency",
    "RawEvent",
    "RetryPolicy",
    "ServerSentEvent",
    "ServerSentEventDecoder",
    "SigV4Auth",
    "Stream",
    "StreamError",
    "StreamTimeout",
    "StreamTiming",
    "StreamTruncated",
    "StreamingClient",
    "StreamingClientError",
    "Text",
    "Throttled",
    "Timeouts",
    "Usage",
    "decoder_for",
    "invoke_stream",
]

_HOMES = {
    "_client": ("AsyncStreamingClient", "StreamingClient"),
    "_decoders": ("DIALECTS", "Decoder", "ServerSentEvent", "ServerSentEventDecoder", "decoder_for"),
    "_events": ("Bytes", "Data", "Error", "Event", "Finish", "RawEvent", "Text", "Usage"),
    "_exceptions": (
        "AccessDenied",
        "ConfigurationError",
        "ConnectionFailed",
        "DeadlineExceeded",
        "HttpStatusError",
        "MalformedStream",
        "MissingDependency",
        "StreamError",
        "StreamingClientError",
        "StreamTimeout",
        "StreamTruncated",
        "Throttled",
    ),
    "_exchange": ("Timeouts",),
    "_invoke": ("invoke_stream",),
    "_retry": ("RetryPolicy",),
    "_signing": ("SigV4Auth",),
    "_stream": ("AsyncStream", "Stream"),
    "_timing": ("StreamTiming",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # a type checker would take any name for one that is here

    def __getattr__(name: str) -> Any:
        try:
            home = _HOME_OF[name]
        except KeyError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
        value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
        globals()[name] = value  # asked for once
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
