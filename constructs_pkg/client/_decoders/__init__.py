"""Bytes to events, one pure decoder a dialect. No sockets, no clock."""

from __future__ import annotations

from ._base import Decoder
from ._event_stream import MAX_EVENT_BYTES, ServerSentEvent, ServerSentEventDecoder
from ._registry import DIALECTS, decoder_for

__all__ = ["DIALECTS", "MAX_EVENT_BYTES", "Decoder", "ServerSentEvent", "ServerSentEventDecoder", "decoder_for"]
