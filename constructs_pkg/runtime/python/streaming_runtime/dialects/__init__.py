"""Wire formats. Each is one module with one pure `Encoder`; a handler loads only the one it names."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from streaming_runtime.dialects.base import Encoder

MODULES = {
    "text": "text",
    "bytes": "raw",
    "ndjson": "ndjson",
    "sse": "sse",
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "anthropic-messages": "anthropic_messages",
    "ui-message-stream": "ui_message_stream",
    "ag-ui": "ag_ui",
}


class Dialect:
    """A wire format by name.

    Attributes:
        name: As `streaming_handler` takes it.
        encoder: Makes one encoder for each stream, for the answer to a request.
    """

    __slots__ = ("encoder", "name")

    def __init__(self, name: str) -> None:
        module = MODULES.get(name)
        if module is None:
            raise ValueError(f"DIALECT_UNKNOWN: found {name!r}; allowed: {', '.join(MODULES)}; name one of these")
        self.name = name
        __import__(f"{__name__}.{module}")
        self.encoder: type[Encoder] = sys.modules[f"{__name__}.{module}"].Encoder
