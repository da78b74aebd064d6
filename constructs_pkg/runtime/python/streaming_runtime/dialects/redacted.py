"""A dialect behind redaction: what its encoder gets to see is what may leave."""

from __future__ import annotations

from streaming_runtime.dialects import base
from streaming_runtime.events import Data, Error
from streaming_runtime.redaction import SLICE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from streaming_runtime.events import Finish, Start
    from streaming_runtime.redaction import Redaction
    from streaming_runtime.request import Request

MOST_WAITING = 64


class Encoder(base.Encoder):
    """Encodes as `inner` does what redaction leaves.

    Text is one text from the stream's beginning to its end, whatever comes between its pieces. Data behind text that is held waits with it,
    so that the order stays; only where more than MOST_WAITING of them wait they go ahead of it, so that memory stays flat. Bytes are
    text in UTF-8.

    Args:
        request: What was asked.
        inner: The dialect's encoder.
        redaction: What is taken out.
    """

    def __init__(self, request: Request, inner: base.Encoder, redaction: Redaction) -> None:
        super().__init__(request)
        self.name = inner.name
        self.content_type = inner.content_type
        self.headers = inner.headers
        self.heartbeat = inner.heartbeat
        self._inner = inner
        self._redaction = redaction
        self._stream = redaction.stream()
        self._waiting: list[tuple[int, Data]] = []  # and how much text was there before it

    def go_on(self) -> None:
        """Leaves out what the reader has."""
        self._inner.go_on()

    def start(self, event: Start) -> bytes:
        """Takes the answer's names."""
        return self._inner.start(event)

    def text(self, text: str) -> bytes:
        """Writes what of the text may leave."""
        if len(text) > SLICE:
            return b"".join(self.text(text[begin : begin + SLICE]) for begin in range(0, len(text), SLICE))
        self._stream.add(text)
        return self._released(ended=False)

    def data(self, event: Data) -> bytes:
        """Writes a JSON value, each string in it redacted by itself."""
        cleared = Data(self._redaction.redact_value(event.value), event.name)
        if self._stream.decided == self._stream.received:
            return self._inner.data(cleared)
        self._waiting.append((self._stream.received, cleared))
        if len(self._waiting) <= MOST_WAITING:
            return b""
        overtaking, self._waiting = self._waiting, []
        return b"".join(self._inner.data(waiting) for _, waiting in overtaking)

    def finish(self, event: Finish) -> bytes:
        """Writes the terminal event."""
        return self._inner.finish(event)

    def error(self, event: Error) -> bytes:
        """Writes the error event, its message redacted."""
        return self._inner.error(Error(event.code, self._redaction.redact(event.message)))

    def flush(self) -> bytes:
        """Writes what was held, now that nothing more comes."""
        self._stream.add(self._half_a_character())
        return self._released(ended=True) + self._inner.flush()

    def error_body(self, status: int, code: str, message: str, param: str | None) -> bytes:
        """Writes an error answer, its message redacted."""
        return self._inner.error_body(status, code, self._redaction.redact(message), param)

    def _released(self, *, ended: bool) -> bytes:
        stream, written = self._stream, b""
        while self._waiting:
            border, event = self._waiting[0]
            written += self._written(stream.take(border, ended=ended))
            if stream.decided < border:
                return written
            del self._waiting[0]
            written += self._inner.data(event)
        return written + self._written(stream.take(ended=ended))

    def _written(self, text: str) -> bytes:
        return self._inner.text(text) if text else b""
