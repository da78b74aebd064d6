"""The dialects that are no event streams: `text`, `bytes`, `ndjson`, and `json` for an answer in one piece."""

from __future__ import annotations

import codecs

from constructs_pkg.client._events import Bytes, Data, Event, Text
from constructs_pkg.client._exceptions import MalformedStream

from ._base import parse_json


class TextDecoder:
    """Text as it comes, in whole characters. Complete when HTTP says so."""

    dialect = "text"
    terminal: str | None = None
    done = False
    last_event_id = ""

    def __init__(self, *, charset: str = "utf-8") -> None:
        """
        Args:
            charset: The content type's charset; an unknown one is read as UTF-8. Bytes that are not text become U+FFFD.
        """
        try:
            decoder = codecs.getincrementaldecoder(charset)
        except LookupError:
            decoder = codecs.getincrementaldecoder("utf-8")
        self._decoder = decoder(errors="replace")
        self.position = 0

    def restart(self) -> None:
        """Nothing to forget: what follows begins at the next byte, in the middle of a character too."""

    def feed(self, data: bytes) -> list[Event]:
        self.position += len(data)
        text = self._decoder.decode(data)
        return [Text(text)] if text else []

    def close(self) -> list[Event]:
        text = self._decoder.decode(b"", final=True)
        return [Text(text)] if text else []


class BytesDecoder:
    """Bytes as they come. Complete when HTTP says so."""

    dialect = "bytes"
    terminal: str | None = None
    done = False
    last_event_id = ""

    def __init__(self) -> None:
        self.position = 0

    def restart(self) -> None:
        """Nothing to forget: what follows begins at the next byte."""

    def feed(self, data: bytes) -> list[Event]:
        self.position += len(data)
        return [Bytes(data)] if data else []

    def close(self) -> list[Event]:
        return []


class JsonDecoder:
    """One JSON value, given as one `Data` at the end: an answer that was asked for without streaming."""

    dialect = "json"
    terminal: str | None = None
    done = False
    last_event_id = ""
    position = 0

    def __init__(self, *, max_event_bytes: int) -> None:
        """
        Args:
            max_event_bytes: The largest document accepted, in bytes.
        """
        self._max_event_bytes = max_event_bytes
        self._pieces: list[bytes] = []
        self._size = 0

    def restart(self) -> None:
        self._pieces.clear()
        self._size = 0

    def feed(self, data: bytes) -> list[Event]:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > self._max_event_bytes:
            raise _too_large("a JSON answer", self._max_event_bytes)
        return []

    def close(self) -> list[Event]:
        document = b"".join(self._pieces)
        self._pieces.clear()
        return [Data(parse_json(document, self.dialect))] if document.strip() else []


def _too_large(what: str, limit: int) -> MalformedStream:
    return MalformedStream(
        f"EVENT_TOO_LARGE: {what} is larger than {limit} bytes; raise max_event_bytes if this size is meant to come."
    )
