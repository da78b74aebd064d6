"""Encodes frames of `application/vnd.amazon.eventstream`. Pure.

Frame: u32 total length, u32 length of headers, u32 CRC-32 of these eight bytes, headers, payload, u32 CRC-32 of all before it.
A header: u8 length of name, name, u8 7 (string), u16 length of value, value. Big-endian throughout.
Source: https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING = 7


def encode_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One frame."""
    encoded = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(encoded) + len(payload), len(encoded))
    head = prelude + struct.pack(">I", zlib.crc32(prelude)) + encoded
    message = head + payload
    return message + struct.pack(">I", zlib.crc32(message))


def encode_event(event_type: str, document: Mapping[str, Any]) -> bytes:
    """An event whose payload is JSON."""
    headers = {":event-type": event_type, ":content-type": "application/json", ":message-type": "event"}
    return encode_frame(headers, _json(document))


def encode_blob(event_type: str, payload: bytes) -> bytes:
    """An event whose payload is bytes."""
    headers = {":event-type": event_type, ":content-type": "application/octet-stream", ":message-type": "event"}
    return encode_frame(headers, payload)


def encode_exception(exception_type: str, document: Mapping[str, Any]) -> bytes:
    """An error in the middle of a stream: `exception_type` is the shape's name, such as `throttlingException`."""
    headers = {":exception-type": exception_type, ":content-type": "application/json", ":message-type": "exception"}
    return encode_frame(headers, _json(document))


def _header(name: str, value: str) -> bytes:
    key, data = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING, len(data)) + data


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
