"""A token's way, written down once: handler -> redaction -> dialect -> pacing -> compression -> transport.

What it calls is pure, except the reply at its end.

Two threads come here: the handler's, with events, and the clock's, with the time. Everything happens under one lock, which is held
while the reply waits for a slow reader: then the handler waits too, and that is the back-pressure.
"""

from __future__ import annotations

from _thread import allocate_lock
from time import monotonic, sleep

from .deadline import Deadline, Leaving
from .errors import (
    CANCELLED_CODE,
    CANCELLED_MESSAGE,
    DEADLINE_CODE,
    DEADLINE_MESSAGE,
    INTERNAL_CODE,
    HttpError,
    StreamInterrupted,
    internal_message,
)
from .events import Data, Error, Finish, HttpResponse, Internal, Start, Text
from .heartbeat import Heartbeat
from .pacing import Pacer
from .prelude import CONTENT_TYPE, accepts_encodings, prelude
from .telemetry import tell
from .transport import PeerInterrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    from .clock import Clock
    from .compression import Gzip
    from .dialects.base import Encoder
    from .interrupts import Interrupter
    from .redaction import Redaction
    from .request import Request
    from .settings import Settings
    from .telemetry import Hook, StreamReport
    from .transport import Reply, Until

    Stage: TypeAlias = Callable[[Any, Any], bytes]  # the pipeline and one event

LAST_WORDS_SECONDS = 0.05
PEER_LOOK_SECONDS = 0.1  # how often a silent stream looks whether the Runtime API is still there
CANCEL_PATIENCE_SECONDS = 0.5  # how long a cancelled stream may wait for its reader before it is broken off
_LOCK_SECONDS = 0.002
_BUSY_SECONDS = 0.001
_LONGEST_BUSY_SECONDS = 0.02
_NEVER = float("inf")
_ALLOWED = "Text, Data, Finish, Error, Internal, Start, HttpResponse, str, bytes"


class Pipeline:
    """One stream.

    Args:
        report: Where times, usage and the like are noted.
        on_first_byte: Called soon after the first byte left, in the handler's thread.
        redaction: What must not leave; the encoder keeps it from text and data, the pipeline from everything else. Default: nothing.
        decorated: Whether the handler named a dialect, so that every failure can be told in its form.

    Attributes:
        outcome: How it ended: "completed", "errored", "deadline", "cancelled" or "interrupted" (by the Runtime API); empty until then.
    """

    # How every stream begins; said once for all of them, as it is said before every first byte.
    outcome = ""
    _gzip: Gzip | None = None
    _response: HttpResponse | None = None
    _leaving: Leaving | None = None
    _error: tuple[str, str] | None = None
    _terminal = False  # the dialect's last word is said
    _busy_pause = _BUSY_SECONDS
    _aborted = ""  # the outcome for which the reply was broken off from here
    _cancelled_at = _NEVER

    def __init__(
        self,
        request: Request,
        encoder: Encoder,
        reply: Reply,
        settings: Settings,
        deadline: Deadline,
        clock: Clock,
        interrupter: Interrupter,
        decorated: bool,
        now: float,
        report: StreamReport,
        on_first_byte: Hook | None = None,
        redaction: Redaction | None = None,
    ) -> None:
        self._request = request
        self._encoder = encoder
        self._reply = reply
        self._max_chunk = settings.max_chunk_bytes
        self._tail = 2 * settings.flush_interval
        self._compression = settings.compression
        self._redaction = redaction
        self._deadline = deadline
        self._clock = clock
        self._interrupter = interrupter
        self._decorated = decorated
        self._pacer = Pacer(settings.max_chunk_bytes, settings.flush_interval)
        self._heartbeat = Heartbeat(encoder.heartbeat, settings.heartbeat, now)
        self._lock = allocate_lock()
        self._report = report
        self._on_first_byte = on_first_byte
        self._stages = _STAGES

    # ---- the handler's thread

    def push(self, event: object) -> None:
        """Takes one yielded event. Returns when the next one is wanted.

        Raises:
            StreamInterrupted: The stream is over; the handler should go.
            PeerInterrupted: The Runtime API broke off.
            TypeError, ValueError: The event is not allowed, or not here.
        """
        self.push_all((event,))

    def push_all(self, events: Iterable[object]) -> None:
        """Takes events, one after another, until there are no more.

        Raises:
            StreamInterrupted, PeerInterrupted, TypeError, ValueError: As `push`.
        """
        lock, pacer, reply, report, clock, tail = self._lock, self._pacer, self._reply, self._report, self._clock, self._tail
        for event in events:
            with lock:
                if self.outcome:
                    raise StreamInterrupted
                data = (self._stages.get(type(event)) or self._stage_of(event))(self, event)
                if not data:
                    continue
                now = monotonic()
                if not self._terminal:
                    gap = now - report.last_event_at
                    report.last_event_at = now
                    if gap > report.longest_gap:
                        report.longest_gap = gap
                    elif gap < 0:
                        report.first_event_at = now
                if not reply.begun and not pacer.pieces:
                    self._open(now, data)
                if pacer.add(data, now):
                    self._flush(now)
                elif clock.wakes_at > now + tail:
                    clock.wake()
            if self._on_first_byte is not None and report.first_byte_at is not None:
                self.tell_first_byte()

    def tell_first_byte(self) -> None:
        """Calls the hook, once and without the lock: what it does must not hold up the clock."""
        hook, self._on_first_byte = self._on_first_byte, None
        if self._report.first_byte_at is not None:
            tell(hook, self._report)

    def complete(self) -> None:
        """The handler is done: sends the rest, the terminal event if there was none, and the end."""
        with self._lock:
            if self.outcome:
                raise StreamInterrupted
            if not self._terminal and not self._is_bodiless():
                tail = self._encoder.flush() + self._encoder.finish(Finish())
                if tail:
                    self._gather(tail)
            self._end("errored" if self._error else "completed")

    def document(self, value: bytes) -> None:
        """The whole answer to a direct invocation, as the stock client would send it."""
        with self._lock:
            if self.outcome:
                raise StreamInterrupted
            self.outcome = "completed"
            self._reply.respond("application/json", self._cleared(value, "application/json"))

    def fail(self, error: BaseException) -> None:
        """The handler raised: tells the caller what it may know, in the form that is still possible."""
        with self._lock:
            if self.outcome:
                return
            if isinstance(error, HttpError):
                told = Error(error.code, error.message)
                counted = (f"Function.{type(error).__name__}", self._cleared_text(error.message))
                refusal = error
            else:
                message = internal_message(self._request.id)
                told = Error(INTERNAL_CODE, message)
                counted = (f"Function.{type(error).__name__}", message)
                refusal = HttpError(500, INTERNAL_CODE, message)
            if self._reply.begun:
                self._tell(told)
                self._error = counted
                self._end("errored")
            elif self._request.is_http and (self._decorated or refusal is error):
                self._drop_gathered()
                self._error = None if refusal is error else counted
                self._refuse(refusal)
                self._end("errored")
            else:
                self.outcome = "errored"
                self._reply.fail(*counted)

    def refuse_event(self) -> None:
        """There is no event to run a handler with."""
        with self._lock:
            self.outcome = "errored"
            self._reply.fail("Runtime.UnmarshalError", "The event is not valid JSON.")

    def interrupted(self) -> None:
        """The reply was broken off, as a send of the handler's thread found out."""
        with self._lock:
            self.outcome = self.outcome or self._aborted or "interrupted"

    @property
    def content_type(self) -> str:
        """Of the answer's body, as the handler or its dialect has it."""
        own = None if self._response is None else self._response.headers.get("content-type")
        return own or self._encoder.content_type

    # ---- any thread

    def cancel(self) -> None:
        """Somebody who may wants the stream to stop. The clock sees to it; a stream that is over stays as it is."""
        self._cancelled_at = monotonic()

    # ---- the clock's thread

    def first_tick_at(self) -> float:
        """When the clock has to have looked at this stream for the first time."""
        return min(self._deadline.cut_off_at, self._heartbeat.due(0.0))

    def tick(self) -> float:
        """Does what is due, and returns when to come again."""
        if not self._lock.acquire(False) and not self._has_waited_for_the_lock():
            return self._while_busy(monotonic())
        try:
            now = monotonic()
            self._busy_pause = _BUSY_SECONDS
            if self.outcome:
                due = self._while_leaving(now)
            else:
                try:
                    due = self._while_streaming(now)
                except PeerInterrupted:
                    due = self._break_off()
            self._clock.wakes_at = due  # under the lock, or the handler's thread could gather a piece for which nobody comes
            return due
        finally:
            self._lock.release()

    def _has_waited_for_the_lock(self) -> bool:
        """Gets the lock where the stream has to end now: a handler that yields without a pause has it nearly always, and gives it away
        for moments alone. At any other time it is better left to itself, as waiting for it slows it down.
        """
        due = min(self._deadline.cut_off_at, self._cancelled_at)
        return monotonic() >= due and self._lock.acquire(True, _LOCK_SECONDS)

    def _while_streaming(self, now: float) -> float:
        if now >= self._deadline.cut_off_at:
            return self._cut_off()
        if self._cancelled_at <= now and not self._terminal:
            return self._stop()
        pacer = self._pacer
        if pacer.due() <= now:
            self._flush(now, self._patience)
        elif self._reply.broken_off():
            return self._leave("interrupted", now)
        beat = self._heartbeat.due(pacer.sent_at)
        if beat <= now and not pacer.pieces and not self._terminal:
            if not self._reply.begun:
                self._open(now)
            pacer.add(self._heartbeat.frame, now)
            self._flush(now, self._patience)
            beat = self._heartbeat.due(pacer.sent_at)
        return min(pacer.due(), beat, self._deadline.cut_off_at, now + PEER_LOOK_SECONDS)

    def _cut_off(self) -> float:
        """Ends the stream in order, before Lambda ends it without."""
        try:
            self._end_early(HttpError(504, DEADLINE_CODE, DEADLINE_MESSAGE), "Function.DeadlineExceeded", self._patience)
        except PeerInterrupted:
            self._reply.abort()  # there is time for a reader who reads no more to come back, but not for ever
        return self._leave("deadline", monotonic())

    def _stop(self) -> float:
        """Ends the stream in order, as its caller wants it."""
        try:
            self._end_early(HttpError(409, CANCELLED_CODE, CANCELLED_MESSAGE), "Function.Cancelled", self._patience)
        except PeerInterrupted:
            self._reply.abort()  # whoever cancelled it need not read its end
        return self._leave("cancelled", monotonic())

    def _break_off(self) -> float:
        """What had to leave by itself was not taken: by a Runtime API that has gone, or by a reader whom nobody waits for any longer."""
        now = monotonic()
        self._reply.abort()
        if now >= self._deadline.abort_at:
            return self._leave("deadline", now)
        return self._leave("cancelled" if now >= self._cancelled_at else "interrupted", now)

    def _patience(self) -> float:
        """Until when a reader may take what the clock's thread sends; asked again and again, as a cancel may come meanwhile."""
        return min(self._deadline.abort_at, self._cancelled_at + CANCEL_PATIENCE_SECONDS)

    def _end_early(self, error: HttpError, kind: str, until: Until) -> None:
        if self._reply.begun:
            self._tell(Error(error.code, error.message))
            self._reply.finish(*self._last(), self._max_chunk, None, until)
        elif self._request.is_http:
            self._drop_gathered()
            self._refuse(error)
            self._reply.finish(*self._last(), self._max_chunk, None, until)
        else:
            self._reply.fail(kind, error.message, until)

    def _leave(self, outcome: str, now: float) -> float:
        """The stream is over while the handler may still be at work: gets it out of there."""
        self.outcome = outcome
        self._leaving = Leaving(now, self._deadline.exit_at(now))
        return self._leaving.due()

    def _while_leaving(self, now: float) -> float:
        if self._leaving is None:  # all is said; what is missing is the Runtime API's answer to it
            self._leaving = Leaving(now, max(now, self._deadline.killed_at) + PEER_LOOK_SECONDS)
        if now >= self._leaving.exit_at:
            self._clock.end(f"the handler or the Runtime API did not let go of a stream that is over ({self.outcome})")
        if self._leaving.interrupts(now):
            self._interrupter.fire()
        return self._leaving.due()

    def _while_busy(self, now: float) -> float:
        """The handler's thread is in here, most likely waiting for a slow reader, and only an abort can free it."""
        if self._reply.broken_off() and not self._reply.ended:
            self._reply.abort()  # whoever speaks before the end, or has gone, takes no more
        elif now >= self._deadline.abort_at:
            self._aborted = "deadline"
            self._reply.abort()
        elif now >= self._cancelled_at + CANCEL_PATIENCE_SECONDS:
            self._aborted = "cancelled"
            self._reply.abort()
        else:
            self._busy_pause = min(2 * self._busy_pause, _LONGEST_BUSY_SECONDS)
            return now + self._busy_pause
        return now + PEER_LOOK_SECONDS

    # ---- stages

    def _text(self, event: Text) -> bytes:
        self._report.texts += 1
        text = event.text
        return self._encoder.text(text) if text else b""

    def _string(self, text: str) -> bytes:
        self._report.texts += 1
        return self._encoder.text(text) if text else b""

    def _raw(self, data: bytes) -> bytes:
        return self._encoder.raw(data)

    def _buffer(self, data: bytearray | memoryview) -> bytes:
        return self._encoder.raw(bytes(data))  # a copy: the handler may reuse its buffer

    def _data(self, event: Data) -> bytes:
        return self._encoder.data(event)

    def _start(self, event: Start) -> bytes:
        return self._encoder.start(event)

    def _nothing(self, event: object) -> bytes:  # noqa: ARG002
        return b""

    def _finish(self, event: Finish) -> bytes:
        self._report.usage = event.usage
        self._report.finish_reason = event.reason
        data = self._encoder.flush() + self._encoder.finish(event)
        self._close_stages()
        return data

    def _fail_in_band(self, event: Error) -> bytes:
        if not self._reply.begun:
            raise HttpError(500, event.code, event.message)
        self._error = ("Function.StreamError", f"{event.code}: {self._cleared_text(event.message)}")
        data = self._encoder.flush() + self._encoder.error(event)
        self._close_stages()
        return data

    def _respond(self, event: HttpResponse) -> bytes:
        if self._reply.begun or self._response is not None:
            raise ValueError(
                "RESPONSE_TOO_LATE: found HttpResponse after the first event; allowed: first, and once; yield it first"
            )
        self._response = event
        if event.body is not None or self._is_bodiless():
            self._close_stages()
            self._stages = _WHOLE
        return self._cleared(event.body, event.headers["content-type"]) if event.body else b""

    def _stage_of(self, event: object) -> Stage:
        """Subclasses of the events are their base; anything else is a mistake in the handler."""
        if self._terminal:
            raise TypeError(f"EVENT_AFTER_END: found {type(event).__name__} after the end; allowed: Internal; yield it before")
        for base in type(event).__mro__:
            if base in self._stages:
                return self._stages[base]
        raise TypeError(
            f"EVENT_TYPE: found {type(event).__module__}.{type(event).__qualname__}; allowed: {_ALLOWED}; wrap it in Data(...)"
        )

    # ---- parts of the answer

    def _open(self, now: float, first: bytes = b"") -> None:
        """Puts what comes before the first byte in front of it, and decides whether all of it leaves compressed."""
        encoder = self._encoder
        if not self._request.is_http:
            self._reply.content_type = encoder.content_type
            if self._response is not None:
                self._reply.content_type = self._response.headers.get("content-type", encoder.content_type)
            return
        self._reply.content_type = CONTENT_TYPE
        whole = self._response is not None and (self._response.body is not None or self._is_bodiless())
        named = ("", {}, "", "") if whole else (encoder.content_type, encoder.headers, encoder.name, encoder.stream_id)
        compressed = False
        if self._compression and accepts_encodings(self._request):
            from .compression import Gzip, is_wanted  # 1 ms, once, for callers who ask

            headers = {} if self._response is None else self._response.headers
            status = 200 if self._response is None else self._response.status
            size = len(first) if whole or (encoder.content_type and not encoder.name) else None  # a document, or a stream
            compressed = is_wanted(self._request, status, headers, self.content_type, size)
            self._gzip = Gzip() if compressed else None
        self._pacer.add(prelude(self._response, *named, gzip=compressed), now)

    def _gather(self, data: bytes) -> None:
        """Adds what leaves with the end."""
        now = monotonic()
        if not self._reply.begun and not self._pacer.pieces:
            self._open(now, data)
        self._pacer.add(data, now)

    def _tell(self, error: Error) -> None:
        """Adds the dialect's error event, where the dialect has not said its last word yet."""
        if not self._terminal:
            self._gather(self._encoder.flush() + self._encoder.error(error))
            self._close_stages()

    def _refuse(self, error: HttpError) -> None:
        """Adds an error answer, when nothing has been sent yet."""
        body = self._encoder.error_body(error.status, error.code, error.message, error.param)
        headers = {"content-type": "application/json", **error.headers}
        self._response = HttpResponse(error.status, headers, body=body)
        self._gather(body)

    def _end(self, outcome: str) -> None:
        if not self._reply.begun and not self._pacer.pieces:
            self._open(monotonic())  # an empty stream has a prelude and an end too, or its reader waits for ever
        self.outcome = outcome
        if self._error is not None:
            self._say_last_words()
        self._reply.finish(*self._last(), self._max_chunk, self._error)

    def _say_last_words(self) -> None:
        """Gives the error event a start before what counts the error: a front that breaks the connection off at the trailers takes from
        its reader what it has not read yet, as fetch does in Node.js and in browsers.
        """
        pieces, size = self._pacer.take() if self._gzip is None else self._compress(self._gzip.flush)
        if size:
            self._reply.send(pieces, size, self._max_chunk)
            sleep(max(0.0, min(LAST_WORDS_SECONDS, self._deadline.killed_at - monotonic())))

    def _flush(self, now: float, until: Until | None = None) -> None:
        if now >= self._deadline.cut_off_at and until is None:
            self._cut_off()
            raise StreamInterrupted
        pieces, size = self._pacer.take() if self._gzip is None else self._compress(self._gzip.flush)
        self._reply.send(pieces, size, self._max_chunk, until)
        self._pacer.sent_at = sent_at = monotonic()
        if self._report.first_byte_at is None:
            self._report.first_byte_at = sent_at

    def _last(self) -> tuple[list[bytes], int]:
        return self._pacer.take() if self._gzip is None else self._compress(self._gzip.finish)

    def _compress(self, compress: Callable[[list[bytes]], bytes]) -> tuple[list[bytes], int]:
        """What is gathered, compressed; the prelude is not part of the body."""
        pieces, _ = self._pacer.take()
        head = 0 if self._reply.begun else 1
        packed = [*pieces[:head], compress(pieces[head:])]
        return packed, sum(map(len, packed))

    def _cleared(self, body: bytes, content_type: str) -> bytes:
        """A whole answer without what must not leave."""
        return body if self._redaction is None else self._redaction.redact_body(body, content_type)

    def _cleared_text(self, text: str) -> str:
        return text if self._redaction is None else self._redaction.redact(text)

    def _drop_gathered(self) -> None:
        self._pacer.take()
        self._response = None
        self._gzip = None

    def _close_stages(self) -> None:
        self._terminal = True
        self._stages = _ENDED

    def _is_bodiless(self) -> bool:
        return self._response is not None and self._response.status in (204, 304)


# What each kind of event is for: as long as the stream runs, after an answer that is whole (Finish adds nothing to it), and after the end.
_STAGES: dict[type, Stage] = {
    Text: Pipeline._text,
    str: Pipeline._string,
    bytes: Pipeline._raw,
    Data: Pipeline._data,
    Internal: Pipeline._nothing,
    Start: Pipeline._start,
    Finish: Pipeline._finish,
    Error: Pipeline._fail_in_band,
    HttpResponse: Pipeline._respond,
    bytearray: Pipeline._buffer,
    memoryview: Pipeline._buffer,
}
_WHOLE: dict[type, Stage] = {Internal: Pipeline._nothing, Finish: Pipeline._nothing}
_ENDED: dict[type, Stage] = {Internal: Pipeline._nothing}
