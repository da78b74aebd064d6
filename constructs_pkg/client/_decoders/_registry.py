"""Which decoder reads which answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_pkg.client._exceptions import ConfigurationError

from ._ag_ui import AgUiDecoder
from ._anthropic_messages import AnthropicMessagesDecoder
from ._event_stream import MAX_EVENT_BYTES
from ._ndjson import NdjsonDecoder, TypedLinesDecoder
from ._openai_chat import OpenAIChatDecoder
from ._openai_responses import OpenAIResponsesDecoder
from ._plain import BytesDecoder, JsonDecoder, TextDecoder
from ._sse import EventStreamDecoder, SseDecoder
from ._ui_message_stream import UIMessageStreamDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._base import Decoder

_MAKERS: dict[str, Callable[[int, str], Decoder]] = {
    "text": lambda _limit, charset: TextDecoder(charset=charset),
    "bytes": lambda _limit, _charset: BytesDecoder(),
    "json": lambda limit, _charset: JsonDecoder(max_event_bytes=limit),
    "ndjson": lambda limit, _charset: NdjsonDecoder(max_event_bytes=limit),
    "sse": lambda limit, _charset: SseDecoder(max_event_bytes=limit),
    "event-stream": lambda limit, _charset: EventStreamDecoder(max_event_bytes=limit),
    "openai-chat": lambda limit, _charset: OpenAIChatDecoder(max_event_bytes=limit),
    "openai-responses": lambda limit, _charset: OpenAIResponsesDecoder(max_event_bytes=limit),
    "anthropic-messages": lambda limit, _charset: AnthropicMessagesDecoder(max_event_bytes=limit),
    "ui-message-stream": lambda limit, _charset: UIMessageStreamDecoder(max_event_bytes=limit),
    "ag-ui": lambda limit, _charset: AgUiDecoder(max_event_bytes=limit),
}

DIALECTS = tuple(_MAKERS)
"""The names that `dialect=` takes."""

_BY_CONTENT_TYPE = {
    "text/event-stream": "sse",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/json-lines": "ndjson",
}


def require_dialect(dialect: str) -> str:
    """The dialect itself.

    Raises:
        ConfigurationError: `UNKNOWN_DIALECT`.
    """
    if dialect not in _MAKERS:
        raise ConfigurationError(
            f"UNKNOWN_DIALECT: {dialect!r}; allowed: {', '.join(DIALECTS)}; pass one of them, or leave dialect out."
        )
    return dialect


def choose_dialect(*, dialect: str | None, header: str | None, content_type: str | None) -> str:
    """The dialect of an answer: what the caller said, else the header `x-stream-dialect`, else the content type.

    An answer of one JSON document is `json` whatever the header says: the function chose not to stream this time. A header
    that this version does not know is passed over.
    """
    if dialect is not None:
        return require_dialect(dialect)
    kind, _ = _split(content_type)
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return "json"
    named = (header or "").strip().lower()
    if named in _MAKERS:
        return named
    return _BY_CONTENT_TYPE.get(kind) or ("text" if kind.startswith("text/") else "bytes")


def decoder_for(
    *,
    dialect: str | None = None,
    header: str | None = None,
    content_type: str | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> Decoder:
    """A new decoder for an answer.

    Lines of JSON mean what our runtime means by them where the header says that they are its own; else each is a `Data`.

    Args:
        dialect: What the caller says it is. Default: told from the two headers.
        header: The answer's `x-stream-dialect`.
        content_type: The answer's `content-type`.
        max_event_bytes: The largest event accepted, in bytes.

    Raises:
        ConfigurationError: `UNKNOWN_DIALECT` for a `dialect` that does not exist.
    """
    name = choose_dialect(dialect=dialect, header=header, content_type=content_type)
    if name == "ndjson" and (header or "").strip().lower() == "ndjson":
        return TypedLinesDecoder(max_event_bytes=max_event_bytes)
    return _MAKERS[name](max_event_bytes, _split(content_type)[1])


def _split(content_type: str | None) -> tuple[str, str]:
    """Media type in lower case, and charset (default utf-8)."""
    kind, *parameters = (content_type or "").split(";")
    charset = "utf-8"
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"') or charset
    return kind.strip().lower(), charset
