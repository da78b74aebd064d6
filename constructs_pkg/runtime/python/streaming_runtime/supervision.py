"""What the clock's thread does to a stream: late flushes, heartbeats, the deadline, a cancel, and a handler or a reader that does not let go.

A stream that is over before the clock looks has no supervisor: most small answers never meet theirs.
"""

from __future__ import annotations

from time import monotonic

from .deadline import Leaving
from .errors import CANCELLED_CODE, CANCELLED_MESSAGE, DEADLINE_CODE, DEADLINE_MESSAGE, HttpError
from .events import Error
from .heartbeat import Heartbeat
from .transport import PeerInterrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .pipeline import Pipeline

PEER_LOOK_SECONDS = 0.1  # how often a silent stream looks whether the Runtime API is still there
CANCEL_PATIENCE_SECONDS = 0.5  # how long a cancelled stream may wait for its reader before it is broken off
_LOCK_SECONDS = 0.002
_BUSY_SECONDS = 0.001
_LONGEST_BUSY_SECONDS = 0.02


class Supervisor:
    """One stream's.

    Args:
        pipeline: The stream. Whatever is done to it is done under its lock, except breaking its reply off.
    """

    __slots__ = ("_busy_pause", "_heartbeat", "_pipeline")

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._heartbeat = Heartbeat(pipeline.encoder.heartbeat, pipeline.settings.heartbeat, pipeline.report.started_at)
        self._busy_pause = _BUSY_SECONDS

    def tick(self) -> float:
        """Does what is due, and returns when to come again."""
        pipeline = self._pipeline
        if not pipeline.lock.acquire(False) and not self._has_waited_for_the_lock():
            return self._while_busy(monotonic())
        try:
            now = monotonic()
            self._busy_pause = _BUSY_SECONDS
            if pipeline.outcome:
                due = self._while_leaving(now)
            else:
                try:
                    due = self._while_streaming(now)
                except PeerInterrupted:
                    due = self._break_off()
            pipeline.clock.wakes_at = due  # under the lock, or the handler's thread could gather a piece for which nobody comes
            return due
        finally:
            pipeline.lock.release()

    def cut_off(self) -> float:
        """Ends the stream in order, before Lambda ends it without. Under the lock; the handler's thread may be the one that finds it due.

        Returns:
            When to see whether the handler has gone.
        """
        try:
            self._end_early(HttpError(504, DEADLINE_CODE, DEADLINE_MESSAGE), "Function.DeadlineExceeded")
        except PeerInterrupted:
            self._pipeline.reply.abort()  # there is time for a reader who reads no more to come back, but not for ever
        return self._leave("deadline", monotonic())

    def _has_waited_for_the_lock(self) -> bool:
        """Gets the lock where the stream has to end now: a handler that yields without a pause has it nearly always, and gives it away
        for moments alone. At any other time it is better left to itself, as waiting for it slows it down.
        """
        due = min(self._pipeline.deadline.cut_off_at, self._pipeline.cancelled_at)
        return monotonic() >= due and self._pipeline.lock.acquire(True, _LOCK_SECONDS)

    def _while_streaming(self, now: float) -> float:
        pipeline = self._pipeline
        cut_off_at = pipeline.deadline.cut_off_at
        if now >= cut_off_at:
            return self.cut_off()
        if pipeline.cancelled_at <= now and not pipeline.terminal:
            return self._stop()
        pacer = pipeline.pacer
        if pacer.due() <= now:
            pipeline.flush(now, self._patience)
        elif pipeline.reply.broken_off():
            return self._leave("interrupted", now)
        beat = self._heartbeat.due(pacer.sent_at)
        if beat <= now and not pacer.pieces and not pipeline.terminal:
            if not pipeline.reply.begun:
                pipeline.open()
            pacer.add(self._heartbeat.frame, now)
            pipeline.flush(now, self._patience)
            beat = self._heartbeat.due(pacer.sent_at)
        return min(pacer.due(), beat, cut_off_at, now + PEER_LOOK_SECONDS)

    def _stop(self) -> float:
        """Ends the stream in order, as its caller wants it."""
        try:
            self._end_early(HttpError(409, CANCELLED_CODE, CANCELLED_MESSAGE), "Function.Cancelled")
        except PeerInterrupted:
            self._pipeline.reply.abort()  # whoever cancelled it need not read its end
        return self._leave("cancelled", monotonic())

    def _break_off(self) -> float:
        """What had to leave by itself was not taken: by a Runtime API that has gone, or by a reader whom nobody waits for any longer."""
        now = monotonic()
        self._pipeline.reply.abort()
        if now >= self._pipeline.deadline.abort_at:
            return self._leave("deadline", now)
        return self._leave("cancelled" if now >= self._pipeline.cancelled_at else "interrupted", now)

    def _patience(self) -> float:
        """Until when a reader may take what the clock's thread sends; asked again and again, as a cancel may come meanwhile."""
        return min(self._pipeline.deadline.abort_at, self._pipeline.cancelled_at + CANCEL_PATIENCE_SECONDS)

    def _end_early(self, error: HttpError, kind: str) -> None:
        pipeline = self._pipeline
        if not pipeline.reply.begun and not pipeline.request.is_http:
            pipeline.reply.fail(kind, error.message, self._patience)
            return
        if pipeline.reply.begun:
            pipeline.add_error(Error(error.code, error.message))
        else:
            pipeline.refuse(error)
        pipeline.send_end(until=self._patience)

    def _leave(self, outcome: str, now: float) -> float:
        """The stream is over while the handler may still be at work: gets it out of there."""
        self._pipeline.outcome = outcome
        self._pipeline.leaving = leaving = Leaving(now, self._pipeline.deadline.exit_at(now))
        return leaving.due()

    def _while_leaving(self, now: float) -> float:
        pipeline = self._pipeline
        leaving = pipeline.leaving
        if leaving is None:  # all is said; what is missing is the Runtime API's answer to it
            pipeline.leaving = leaving = Leaving(now, max(now, pipeline.deadline.killed_at) + PEER_LOOK_SECONDS)
        if now >= leaving.exit_at:
            pipeline.clock.end(f"the handler or the Runtime API did not let go of a stream that is over ({pipeline.outcome})")
        if leaving.interrupts(now):
            pipeline.interrupter.fire()
        return leaving.due()

    def _while_busy(self, now: float) -> float:
        """The handler's thread is in the pipeline, most likely waiting for a slow reader, and only an abort can free it."""
        pipeline = self._pipeline
        if pipeline.reply.broken_off() and not pipeline.reply.ended:
            pipeline.reply.abort()  # whoever speaks before the end, or has gone, takes no more
        elif now >= pipeline.deadline.abort_at:
            pipeline.aborted = "deadline"
            pipeline.reply.abort()
        elif now >= pipeline.cancelled_at + CANCEL_PATIENCE_SECONDS:
            pipeline.aborted = "cancelled"
            pipeline.reply.abort()
        else:
            self._busy_pause = min(2 * self._busy_pause, _LONGEST_BUSY_SECONDS)
            return now + self._busy_pause
        return now + PEER_LOOK_SECONDS
