# ruff: noqa: ARG002 - what a dialect does not care about is still its interface
"""What every dialect is: a pure encoder from events to bytes. It writes only the fields it knows; no I/O, no clock."""

from __future__ import annotations

from codecs import getincrementaldecoder

from streaming_runtime.events import Data, Error, Finish, Start, compact_json
from streaming_runtime.json_text import quoted, quoted_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from codecs import IncrementalDecoder

    from streaming_runtime.request import Request

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}  # nobody on the way may store it or hold it back

_utf8_decoder = getincrementaldecoder("utf-8")


class Encoder:
    """One stream's encoder.

    Attributes:
        name: The dialect, as `x-stream-dialect` says it. Empty: the answer is no stream, and nothing says it.
        content_type: Of the answer.
        headers: Further headers of the answer.
        heartbeat: Bytes that a reader of this dialect ignores. Empty: the dialect has none.
        stream_id: The stream's name, as `x-stream-id` says it. Empty: it has none, and can be neither cancelled nor resumed.
    """

    name = ""
    content_type = ""
    heartbeat = b""
    stream_id = ""
    _utf8: IncrementalDecoder | None = None  # made for the first bytes: text needs none

    def __init__(self, request: Request) -> None:
        self.headers: dict[str, str] = {}

    def go_on(self) -> None:
        """The beginning of the stream was encoded elsewhere, and its reader has it."""

    def start(self, event: Start) -> bytes:
        """Takes the answer's names. A dialect whose frames carry none ignores them."""
        return b""

    def text(self, text: str) -> bytes:
        """A piece of text, never empty."""
        raise NotImplementedError

    def raw(self, data: bytes) -> bytes:
        """Bytes are text in UTF-8, cut anywhere: a character's first half waits for its second."""
        if self._utf8 is None:
            self._utf8 = _utf8_decoder("replace")
        text = self._utf8.decode(data)
        return self.text(text) if text else b""

    def data(self, event: Data) -> bytes:
        """A JSON value. Refused by a dialect that has no place for one."""
        raise TypeError(
            f"EVENT_NOT_IN_DIALECT: found Data; the dialect {type(self).name} has no frame for it; yield Internal or use sse"
        )

    def finish(self, event: Finish) -> bytes:
        """The terminal event of a complete answer."""
        return b""

    def error(self, event: Error) -> bytes:
        """The error event and whatever ends the stream after it."""
        return b""

    def flush(self) -> bytes:
        """What `raw` still holds when the stream ends: half a character becomes U+FFFD, as in every UTF-8 decoder."""
        if self._utf8 is None:
            return b""  # there were no bytes: so it is with nearly every answer
        text = self._half_a_character()
        return self.text(text) if text else b""

    def _half_a_character(self) -> str:
        """What is left of text that came as bytes; U+FFFD for it."""
        return "" if self._utf8 is None else self._utf8.decode(b"", True)

    def error_body(self, status: int, code: str, message: str, param: str | None) -> bytes:
        """The JSON body of an error answer, when nothing has been sent yet."""
        return compact_json({"error": {"code": code, "message": message}})


def utf8(text: str) -> bytes:
    """Text in UTF-8. A lone surrogate, which UTF-8 cannot carry, becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def json_text(text: str) -> bytes:
    """A JSON string, for the middle of a frame whose two halves are fixed: `json.dumps` would make an encoder for each token."""
    try:
        return quoted(text).encode()
    except UnicodeEncodeError:
        return quoted_ascii(text).encode()  # a lone surrogate, which UTF-8 cannot carry


def data_name(name: str | None, reserved: tuple[str, ...] = ()) -> str:
    """What a Data is called on the wire; "data" where it has no name.

    Raises:
        ValueError: `DATA_NAME` for a name that is empty, breaks the frame, or is the dialect's own.
    """
    chosen = "data" if name is None else name
    if not chosen or chosen in reserved or any(character in chosen for character in "\r\n\0"):
        own = f", none of {', '.join(reserved)}" if reserved else ""
        raise ValueError(f"DATA_NAME: found {name!r}; allowed: one line, not empty{own}; choose another name")
    return chosen
