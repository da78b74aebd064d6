"""What stands between the pipeline and a dialect's encoder where a stream has a name: events get numbers, and a copy goes to be kept.

What comes through here is what redaction left, and not compressed yet.
"""

from __future__ import annotations

from streaming_runtime.dialects import base
from streaming_runtime.errors import CANCELLED_CODE, DEADLINE_CODE

from . import ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from streaming_runtime.events import Data, Error, Finish, Start
    from streaming_runtime.request import Request

_STATUS_OF = {CANCELLED_CODE: "cancelled", DEADLINE_CODE: "deadline"}


class NumberedEncoder(base.Encoder):
    """Encodes as `inner` does, and numbers what it wrote.

    Args:
        request: What was asked.
        inner: The dialect's encoder.
        stream: The stream's name.
        numbers: Whether the stream can be resumed, so that its events need numbers.
        keep: Is given each piece and the number of its last event.
        end: Is told how the stream ended, with the dialect's last word.
    """

    def __init__(
        self,
        request: Request,
        inner: base.Encoder,
        stream: str,
        numbers: bool,
        keep: Callable[[bytes, int], None],
        end: Callable[[str], None],
    ) -> None:
        super().__init__(request)
        self.name = inner.name
        self.content_type = inner.content_type
        self.headers = inner.headers
        self.heartbeat = inner.heartbeat
        self.stream_id = stream
        self.unit = ids.unit_of(inner.name)
        self._inner = inner
        self._keep = keep
        self._end = end
        self._number = 0
        self._numbers = numbers
        if numbers and self.unit == ids.FRAMES:
            self._id = f"id: {stream}:".encode()
            if inner.heartbeat.startswith(b":"):
                # Without the empty line: after one `id:`, clients that remember it take a comment of its own for an event without data,
                # and openai's then fails on it.
                self.heartbeat = inner.heartbeat[:-1]

    def start(self, event: Start) -> bytes:
        """Takes the answer's names."""
        return self._inner.start(event)

    def text(self, text: str) -> bytes:
        """Writes a piece of text."""
        return self._numbered(self._inner.text(text))

    def raw(self, data: bytes) -> bytes:
        """Writes bytes."""
        return self._numbered(self._inner.raw(data))

    def data(self, event: Data) -> bytes:
        """Writes a JSON value."""
        return self._numbered(self._inner.data(event))

    def flush(self) -> bytes:
        """Writes what is left of cut characters."""
        return self._numbered(self._inner.flush())

    def finish(self, event: Finish) -> bytes:
        """Writes the terminal event."""
        data = self._numbered(self._inner.finish(event))
        self._end("completed")
        return data

    def error(self, event: Error) -> bytes:
        """Writes the error event."""
        data = self._numbered(self._inner.error(event))
        self._end(_STATUS_OF.get(event.code, "errored"))
        return data

    def error_body(self, status: int, code: str, message: str, param: str | None) -> bytes:
        """Writes an error answer."""
        return self._inner.error_body(status, code, message, param)

    def _numbered(self, data: bytes) -> bytes:
        if not data:
            return data
        if not self._numbers or self.unit == ids.BYTES:
            self._number += len(data)
        elif self.unit == ids.LINES:
            self._number += data.count(b"\n")
        else:
            numbered = []
            for frame in ids.split(data, ids.FRAMES):
                self._number += 1
                numbered.append(b"%b%d\n%b" % (self._id, self._number, frame))
            data = b"".join(numbered)
        self._keep(data, self._number)
        return data


class ReplayEncoder(base.Encoder):
    """Passes on what was encoded elsewhere; only what goes wrong now is told in the dialect's form.

    Args:
        request: What was asked.
        inner: The dialect's encoder for a stream.
        stream: The stream's name.
    """

    def __init__(self, request: Request, inner: base.Encoder, stream: str) -> None:
        super().__init__(request)
        inner.go_on()
        self.name = inner.name
        self.content_type = inner.content_type
        self.headers = inner.headers
        self.heartbeat = inner.heartbeat[:-1] if inner.heartbeat.startswith(b":") else inner.heartbeat
        self.stream_id = stream
        self._inner = inner

    def raw(self, data: bytes) -> bytes:
        """Passes it on."""
        return data

    def error(self, event: Error) -> bytes:
        """Writes the error event."""
        return self._inner.error(event)

    def error_body(self, status: int, code: str, message: str, param: str | None) -> bytes:
        """Writes an error answer."""
        return self._inner.error_body(status, code, message, param)
