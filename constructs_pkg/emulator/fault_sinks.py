"""What a fault does to a response on its way: each stands between the function and whoever takes the response, and lets it by until then.

Bytes are those of the body as the caller sees it: what a streaming runtime sends in front of it (status and headers) is not counted.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from constructs_pkg.emulator.prelude import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_pkg.emulator.invocation import FunctionError, Invocation, ResponseSink

SEPARATOR = b"\0" * 8
TICK_SECONDS = 0.02
"""How often a slow reader reads."""

QUEUED_BYTES = 65_536
"""What a slow reader has not read yet, at most; the function has to wait then."""


class _Body:
    """Finds where the body begins, however the response is cut."""

    def __init__(self) -> None:
        self._in_head = False
        self._tail = b""

    def begin(self, content_type: str, *, streaming: bool) -> None:
        self._in_head = streaming and content_type.partition(";")[0].strip().lower() == CONTENT_TYPE

    def offset(self, chunk: bytes) -> int:
        """How many bytes of a chunk stand before the body."""
        if not self._in_head:
            return 0
        seen = self._tail + chunk
        end = seen.find(SEPARATOR)
        if end < 0:
            self._tail = seen[-len(SEPARATOR) + 1 :]
            return len(chunk)
        self._in_head = False
        return end + len(SEPARATOR) - len(self._tail)


class _AtByte:
    """Lets so many bytes of a body by, and then acts, once. With none to let by it acts before the response begins."""

    def __init__(self, sink: ResponseSink, after: int, invocation: Invocation) -> None:
        self._sink = sink
        self._left = after
        self._invocation = invocation
        self._body = _Body()
        self._acted = False

    def act(self) -> None:
        """The bytes have gone by."""
        raise NotImplementedError

    def later(self, step: Callable[[], None]) -> None:
        """What comes after it has acted."""
        raise NotImplementedError

    def begin(self, content_type: str, *, streaming: bool) -> None:
        """See ResponseSink."""
        self._body.begin(content_type, streaming=streaming)
        if self._left == 0:
            self._act()
        self._pass(lambda: self._sink.begin(content_type, streaming=streaming))

    def data(self, chunk: bytes) -> None:
        """See ResponseSink."""
        if self._acted:
            self.later(lambda: self._sink.data(chunk))
            return
        offset = self._body.offset(chunk)
        cut = offset + self._left
        if len(chunk) < cut or len(chunk) == offset:
            self._left -= len(chunk) - offset
            self._sink.data(chunk)
            return
        self._sink.data(chunk[:cut])
        self._sink.flush()
        self._act()
        rest = chunk[cut:]
        if rest:
            self.later(lambda: self._sink.data(rest))

    def flush(self) -> None:
        """See ResponseSink."""
        self._pass(self._sink.flush)

    def end(self) -> None:
        """See ResponseSink."""
        self._pass(self._sink.end)

    def fail(self, error: FunctionError) -> None:
        """See ResponseSink."""
        self._pass(lambda: self._sink.fail(error))

    def _act(self) -> None:
        self._acted = True
        self.act()

    def _pass(self, step: Callable[[], None]) -> None:
        if self._acted:
            self.later(step)
        else:
            step()


class KillingSink(_AtByte):
    """Kills the environment's process. What it wrote after those bytes reaches nobody."""

    def act(self) -> None:
        """See _AtByte. The failure that comes of it is let by."""
        self._invocation.kill()

    def later(self, step: Callable[[], None]) -> None:
        """See _AtByte."""

    def fail(self, error: FunctionError) -> None:
        """See ResponseSink."""
        self._sink.fail(error)


class ResettingSink(_AtByte):
    """Resets the caller's connection. The function does not learn of it, as on Lambda, and runs to its end."""

    def act(self) -> None:
        """See _AtByte."""
        if self._invocation.caller is not None:
            self._invocation.caller.reset()

    def later(self, step: Callable[[], None]) -> None:
        """See _AtByte."""


class StallingSink(_AtByte):
    """Holds everything back for some seconds. The function can go on writing until the pipe is full."""

    def __init__(self, sink: ResponseSink, after: int, invocation: Invocation, *, seconds: float) -> None:
        super().__init__(sink, after, invocation)
        self._seconds = seconds
        self._held: list[Callable[[], None]] | None = None

    def act(self) -> None:
        """See _AtByte."""
        self._held = []
        self._invocation.pause()
        asyncio.get_running_loop().call_later(self._seconds, self._release)

    def later(self, step: Callable[[], None]) -> None:
        """See _AtByte."""
        if self._held is None:
            step()
        else:
            self._held.append(step)

    def _release(self) -> None:
        held, self._held = self._held or [], None
        for step in held:
            step()
        self._sink.flush()
        self._invocation.resume()


class SlowSink:
    """Passes a body on as fast as a slow reader would take it."""

    def __init__(self, sink: ResponseSink, invocation: Invocation, *, bytes_per_second: float) -> None:
        self._sink = sink
        self._invocation = invocation
        self._rate = bytes_per_second
        self._body = _Body()
        self._queue = bytearray()
        self._last: Callable[[], None] | None = None
        self._read_at: float | None = None
        self._allowed = 0.0
        self._ticking = False

    def begin(self, content_type: str, *, streaming: bool) -> None:
        """See ResponseSink."""
        self._body.begin(content_type, streaming=streaming)
        self._sink.begin(content_type, streaming=streaming)

    def data(self, chunk: bytes) -> None:
        """See ResponseSink."""
        offset = self._body.offset(chunk)
        if offset:
            self._sink.data(chunk[:offset])
            self._sink.flush()
        self._queue += chunk[offset:]
        if len(self._queue) > QUEUED_BYTES:
            self._invocation.pause()
        self._start()

    def flush(self) -> None:
        """See ResponseSink. Each reading flushes by itself."""

    def end(self) -> None:
        """See ResponseSink."""
        self._finish(self._sink.end)

    def fail(self, error: FunctionError) -> None:
        """See ResponseSink."""
        self._finish(lambda: self._sink.fail(error))

    def _finish(self, step: Callable[[], None]) -> None:
        self._last = step
        if not self._queue:
            step()

    def _start(self) -> None:
        if not self._ticking and self._queue:
            self._ticking = True
            loop = asyncio.get_running_loop()
            # A reader that has waited does not make up for it.
            self._read_at, self._allowed = loop.time(), 0.0
            loop.call_later(TICK_SECONDS, self._read)

    def _read(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._read_at is not None
        now = loop.time()
        self._allowed += (now - self._read_at) * self._rate
        self._read_at = now
        taken = bytes(self._queue[: int(self._allowed)])
        if taken:
            self._allowed -= len(taken)
            del self._queue[: len(taken)]
            self._sink.data(taken)
            self._sink.flush()
        if self._queue:
            loop.call_later(TICK_SECONDS, self._read)
        else:
            self._ticking = False
            if self._last is not None:
                self._last()
        if len(self._queue) <= QUEUED_BYTES // 2:
            self._invocation.resume()
