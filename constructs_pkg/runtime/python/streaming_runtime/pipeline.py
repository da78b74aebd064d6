"""A token's way, written down once: handler -> redaction -> dialect -> pacing -> compression -> transport.

What it calls is pure, except the reply at its end. What becomes of each kind of event stands in stages.py.

Two threads come here: the handler's, with events, and the clock's, with the time (supervision.py). Everything happens under one lock, which
is held while the reply waits for a slow reader: then the handler waits too, and that is the back-pressure.
"""

from __future__ import annotations

from _thread import allocate_lock
from time import monotonic, sleep

from .errors import INTERNAL_CODE, HttpError, StreamInterrupted, internal_message
from .events import Error, Finish, HttpResponse, Text
from .pacing import Pacer
from .prelude import CONTENT_TYPE, accepts_encodings, prelude
from .stages import ENDED, STREAMING, stage_of
from .supervision import Supervisor
from .telemetry import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .clock import Clock
    from .compression import Gzip
    from .deadline import Deadline, Leaving
    from .dialects.base import Encoder
    from .interrupts import Interrupter
    from .redaction import Redaction
    from .request import Request
    from .settings import Settings
    from .stages import Stage
    from .telemetry import Hook, StreamReport
    from .transport import Reply, Until

LAST_WORDS_SECONDS = 0.05
_NEVER = float("inf")
_STOP = Finish()


class Pipeline:
    """One stream.

    Args:
        report: Where times, usage and the like are noted.
        on_first_byte: Called soon after the first byte left, in the handler's thread.
        redaction: What must not leave; the encoder keeps it from text and data, the pipeline from everything else. Default: nothing.
        decorated: Whether the handler named a dialect, so that every failure can be told in its form.

    Attributes:
        outcome: How it ended: "completed", "errored", "deadline", "cancelled" or "interrupted" (by the Runtime API); empty until then.
        stages: What each kind of event is for now.
        terminal: Whether the dialect's last word is said.
        response: What the handler wants in front of the answer.
        error: What makes Lambda count the stream as failed: a type and a message.
        cancelled_at: When somebody who may wanted it to stop.
        aborted: The outcome for which the reply was broken off from here.
        leaving: How the handler of a stream that is over is made to go.
        lock: Whoever changes anything here has it.
    """

    # How every stream begins; said once for all of them, as it is said before every first byte.
    outcome = ""
    stages: dict[type, Stage] = STREAMING
    terminal = False
    response: HttpResponse | None = None
    error: tuple[str, str] | None = None
    cancelled_at = _NEVER
    aborted = ""
    leaving: Leaving | None = None
    _gzip: Gzip | None = None
    _supervisor: Supervisor | None = None

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
        report: StreamReport,
        on_first_byte: Hook | None = None,
        redaction: Redaction | None = None,
    ) -> None:
        self.request = request
        self.encoder = encoder
        self.reply = reply
        self.settings = settings
        self.deadline = deadline
        self.clock = clock
        self.interrupter = interrupter
        self.report = report
        self.pacer = Pacer(settings.max_chunk_bytes, settings.flush_interval)
        self.lock = allocate_lock()
        self._decorated = decorated
        self._on_first_byte = on_first_byte
        self._redaction = redaction

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
        encoder, pacer, reply, report, clock = self.encoder, self.pacer, self.reply, self.report, self.clock
        tail = 2 * self.settings.flush_interval
        acquire, release = self.lock.acquire, self.lock.release  # half of what `with` takes, and this is done for each token
        for event in events:
            acquire()
            try:
                if self.outcome:
                    raise StreamInterrupted
                if type(event) is Text and self.stages is STREAMING:  # stages._text without its calls: a tenth of a token's time
                    report.texts += 1
                    data = encoder.text(event.text) if event.text else b""
                else:
                    data = (self.stages.get(type(event)) or stage_of(self, event))(self, event)
                if not data:
                    continue
                now = monotonic()
                if not self.terminal:
                    gap = now - report.last_event_at
                    report.last_event_at = now
                    if gap > report.longest_gap:
                        report.longest_gap = gap
                    elif gap < 0:
                        report.first_event_at = now
                if not reply.begun and not pacer.pieces:
                    self.open(data)
                if pacer.add(data, now):
                    self.flush(now)
                elif clock.wakes_at > now + tail:
                    clock.wake()
            finally:
                release()
            if self._on_first_byte is not None and report.first_byte_at is not None:
                self.tell_first_byte()

    def tell_first_byte(self) -> None:
        """Calls the hook, once and without the lock: what it does must not hold up the clock."""
        hook, self._on_first_byte = self._on_first_byte, None
        if self.report.first_byte_at is not None:
            tell(hook, self.report)

    def complete(self) -> None:
        """The handler is done: sends the rest, the terminal event if there was none, and the end."""
        with self.lock:
            if self.outcome:
                raise StreamInterrupted
            if not self.terminal and not self.is_bodiless():
                tail = self.encoder.flush() + self.encoder.finish(_STOP)
                if tail:
                    self._gather(tail)
            self._end("errored" if self.error else "completed")

    def document(self, value: bytes) -> None:
        """The whole answer to a direct invocation, as the stock client would send it."""
        with self.lock:
            if self.outcome:
                raise StreamInterrupted
            self.outcome = "completed"
            self.reply.respond("application/json", self.cleared(value, "application/json"))

    def fail(self, error: BaseException) -> None:
        """The handler raised: tells the caller what it may know, in the form that is still possible."""
        with self.lock:
            if self.outcome:
                return
            if isinstance(error, HttpError):
                told = Error(error.code, error.message)
                counted = (f"Function.{type(error).__name__}", self.cleared_text(error.message))
                refusal = error
            else:
                message = internal_message(self.request.id)
                told = Error(INTERNAL_CODE, message)
                counted = (f"Function.{type(error).__name__}", message)
                refusal = HttpError(500, INTERNAL_CODE, message)
            if self.reply.begun:
                self.add_error(told)
                self.error = counted
                self._end("errored")
            elif self.request.is_http and (self._decorated or refusal is error):
                self.error = None if refusal is error else counted
                self.refuse(refusal)
                self._end("errored")
            else:
                self.outcome = "errored"
                self.reply.fail(*counted)

    def refuse_event(self) -> None:
        """There is no event to run a handler with."""
        with self.lock:
            self.outcome = "errored"
            self.reply.fail("Runtime.UnmarshalError", "The event is not valid JSON.")

    def interrupted(self) -> None:
        """The reply was broken off, as a send of the handler's thread found out."""
        with self.lock:
            self.outcome = self.outcome or self.aborted or "interrupted"

    @property
    def content_type(self) -> str:
        """Of the answer's body, as the handler or its dialect has it."""
        own = None if self.response is None else self.response.headers.get("content-type")
        return own or self.encoder.content_type

    # ---- any thread

    def cancel(self) -> None:
        """Somebody who may wants the stream to stop. The clock sees to it; a stream that is over stays as it is."""
        self.cancelled_at = monotonic()

    # ---- the clock's thread

    def first_tick_at(self) -> float:
        """When the clock has to have looked at this stream for the first time: never too late, be there a heartbeat or not."""
        return min(self.deadline.cut_off_at, self.report.started_at + (self.settings.heartbeat or _NEVER))

    def tick(self) -> float:
        """Does what is due, and returns when to come again."""
        return self._supervised().tick()

    def _supervised(self) -> Supervisor:
        supervisor = self._supervisor
        if supervisor is None:  # should both threads come here at once, two of them know as much as one
            self._supervisor = supervisor = Supervisor(self)
        return supervisor

    # ---- parts of the answer, for either thread, under the lock

    def close(self, stages: dict[type, Stage]) -> None:
        """The dialect has nothing more to say; `stages` says what may still come."""
        self.terminal = True
        self.stages = stages

    def is_bodiless(self) -> bool:
        """Whether the handler chose a status that has no body."""
        return self.response is not None and self.response.status in (204, 304)

    def cleared(self, body: bytes, content_type: str) -> bytes:
        """A whole answer without what must not leave."""
        return body if self._redaction is None else self._redaction.redact_body(body, content_type)

    def cleared_text(self, text: str) -> str:
        """A text without what must not leave."""
        return text if self._redaction is None else self._redaction.redact(text)

    def open(self, first: bytes = b"") -> None:
        """Puts what comes before the first byte in front of it, and decides whether all of it leaves compressed."""
        encoder, response = self.encoder, self.response
        if not self.request.is_http:
            self.reply.content_type = encoder.content_type
            if response is not None:
                self.reply.content_type = response.headers.get("content-type", encoder.content_type)
            return
        self.reply.content_type = CONTENT_TYPE
        whole = response is not None and (response.body is not None or self.is_bodiless())
        compressed = False
        if self.settings.compression and accepts_encodings(self.request):
            from .compression import Gzip, is_wanted  # 1 ms, once, for callers who ask

            headers = {} if response is None else response.headers
            status = 200 if response is None else response.status
            size = len(first) if whole or (encoder.content_type and not encoder.name) else None  # a document, or a stream
            compressed = is_wanted(self.request, status, headers, self.content_type, size)
            self._gzip = Gzip() if compressed else None
        if whole:
            head = prelude(response, "", {}, "", gzip=compressed)
        else:
            head = prelude(response, encoder.content_type, encoder.headers, encoder.name, encoder.stream_id, gzip=compressed)
        self.pacer.begin(head)

    def flush(self, now: float, until: Until | None = None) -> None:
        """Sends what is gathered.

        Args:
            now: The present.
            until: In the clock's thread: until when its reader may take it. None: the handler's thread, which waits.

        Raises:
            StreamInterrupted: The handler's thread came after the deadline, and has ended the stream instead.
            PeerInterrupted: The Runtime API broke off.
        """
        if now >= self.deadline.cut_off_at and until is None:
            self._supervised().cut_off()
            raise StreamInterrupted
        pieces, size = self.pacer.take() if self._gzip is None else self._compress(self._gzip.flush)
        self.reply.send(pieces, size, self.settings.max_chunk_bytes, until)
        self.pacer.sent_at = sent_at = monotonic()
        if self.report.first_byte_at is None:
            self.report.first_byte_at = sent_at

    def add_error(self, error: Error) -> None:
        """Adds the dialect's error event, where the dialect has not said its last word yet."""
        if not self.terminal:
            self._gather(self.encoder.flush() + self.encoder.error(error))
            self.close(ENDED)

    def refuse(self, error: HttpError) -> None:
        """Makes the answer an error, when nothing has been sent yet."""
        self.pacer.take()
        self._gzip = None
        body = self.encoder.error_body(error.status, error.code, error.message, error.param)
        self.response = HttpResponse(error.status, {"content-type": "application/json", **error.headers}, body=body)
        self._gather(body)

    def send_end(self, error: tuple[str, str] | None = None, until: Until | None = None) -> None:
        """Sends what is gathered, and the end; `error` makes Lambda count the stream as failed."""
        pieces, size = self.pacer.take() if self._gzip is None else self._compress(self._gzip.finish)
        self.reply.finish(pieces, size, self.settings.max_chunk_bytes, error, until)

    def _gather(self, data: bytes) -> None:
        """Adds what leaves with the end."""
        if not self.reply.begun and not self.pacer.pieces:
            self.open(data)
        self.pacer.add(data, monotonic())

    def _end(self, outcome: str) -> None:
        if not self.reply.begun and not self.pacer.pieces:
            self.open()  # an empty stream has a prelude and an end too, or its reader waits for ever
        self.outcome = outcome
        if self.error is not None:
            self._say_last_words()
        self.send_end(self.error)

    def _say_last_words(self) -> None:
        """Gives the error event a start before what counts the error: a front that breaks the connection off at the trailers takes from
        its reader what it has not read yet, as fetch does in Node.js and in browsers.
        """
        pieces, size = self.pacer.take() if self._gzip is None else self._compress(self._gzip.flush)
        if size:
            self.reply.send(pieces, size, self.settings.max_chunk_bytes)
            sleep(max(0.0, min(LAST_WORDS_SECONDS, self.deadline.killed_at - monotonic())))

    def _compress(self, compress: Callable[[list[bytes]], bytes]) -> tuple[list[bytes], int]:
        """What is gathered, compressed; the prelude is not part of the body."""
        pieces, _ = self.pacer.take()
        head = 0 if self.reply.begun else 1
        packed = [*pieces[:head], compress(pieces[head:])]
        return packed, sum(map(len, packed))
