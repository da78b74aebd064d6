"""One invocation after another: from GET /next to the Runtime API's word on the reply."""

from __future__ import annotations

import os
import sys
import time
from _thread import allocate_lock
from contextvars import copy_context
from time import monotonic

from . import logs
from .clock import Clock
from .context import LambdaContext
from .deadline import Deadline
from .errors import HttpError, StreamInterrupted
from .interrupts import Interrupter
from .json_text import loads
from .pipeline import Pipeline
from .request import Request
from .telemetry import NO_HOOKS, StreamReport, tell, write
from .transport import PeerInterrupted, TransportError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from .dialects.base import Encoder
    from .handler import Handler
    from .invocation import Invocation
    from .settings import Settings
    from .store.streams import Streams
    from .store.visits import Visit
    from .transport import Reply, RuntimeApi

    _Unwritten: TypeAlias = tuple[StreamReport, Pipeline, Reply, str, Encoder]


_NO_EVENT = object()
_LONGEST_QUOTE = 200
_SERVERS_FAULT = 500


class Server:
    """Serves invocations with one handler, one at a time, in the thread that made it.

    Args:
        api: Where invocations come from.
        handler: What serves them.
        settings: How.
    """

    def __init__(self, api: RuntimeApi, handler: Handler, settings: Settings) -> None:
        self._api = api
        self._handler = handler
        self._settings = settings
        self._clock = Clock(self._write_last_record)
        self._unwritten: _Unwritten | None = None
        self._pen = allocate_lock()
        self._interrupter = Interrupter()
        self._function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self._streams: Streams | None = None
        if settings.store_table and handler.dialect is not None:
            from .store.streams import Streams  # and what it needs: only where there is a table

            self._streams = Streams(settings)

    def serve_one(self) -> None:
        """Waits for the next invocation and serves it.

        Raises:
            TransportError: The Runtime API is gone.
            SystemExit, KeyboardInterrupt: The handler's, after the caller was told of a failure.
        """
        invocation = self._api.next()
        logs.invocation(invocation.request_id, invocation.tenant_id)
        if invocation.trace_id is None:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        else:
            os.environ["_X_AMZN_TRACE_ID"] = invocation.trace_id
        reply = self._api.reply(invocation)
        try:
            copy_context().run(self._serve, invocation, reply)
        finally:
            self._clock.release()
            sys.stdout.flush()
            sys.stderr.flush()

    def _serve(self, invocation: Invocation, reply: Reply) -> None:
        wall, now = time.time(), monotonic()
        try:
            event = loads(invocation.body.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as error:
            logs.log_exception(error)
            event = _NO_EVENT
        request = Request(event, invocation.request_id, wall)
        hooks = self._handler.hooks
        report = StreamReport(request, now)
        encoder = self._handler.encoder(request)
        visit: Visit | None = None
        if self._streams is not None and event is not _NO_EVENT:
            visit = self._streams.visit(self._handler, request, invocation, encoder)
            if visit is not None:
                encoder = visit.encoder
                hooks = hooks if visit.is_own else NO_HOOKS
        pipeline = Pipeline(
            request,
            encoder,
            reply,
            self._settings,
            Deadline(now, invocation.deadline_ms / 1000 - wall, self._settings.deadline_margin, self._settings.max_duration),
            self._clock,
            self._interrupter,
            self._handler.dialect is not None,
            report,
            hooks.on_first_byte,
            self._handler.redaction,
        )
        if visit is None or visit.is_own:
            self._unwritten = report, pipeline, reply, invocation.function_arn, encoder
        self._clock.watch(pipeline)
        last_words: BaseException | None = None
        try:
            if event is _NO_EVENT:
                pipeline.refuse_event()
            else:
                tell(hooks.on_start, report)
                last_words = self._run(request, LambdaContext(invocation), pipeline, visit)
        except PeerInterrupted as error:
            pipeline.interrupted()
            logs.log("WARN", f"STREAM_BROKEN_OFF: {error}")
        self._interrupter.armed = False
        report.ended_at = monotonic()
        try:
            # The record first: the Runtime API's word on the reply is on its way meanwhile, and changes nothing of what the stream was.
            if self._unwritten is not None and (reply.chunks_sent or pipeline.outcome != "completed"):  # a document is no stream
                self._report(report, pipeline, reply)
            self._unwritten = None
            self._conclude(pipeline, reply)
        finally:
            if visit is not None:
                self._clock.release()  # which would take a table that is slow for a handler that does not go
                visit.close(pipeline.outcome)
        if last_words is not None:
            raise last_words

    def _run(self, request: Request, context: LambdaContext, pipeline: Pipeline, visit: Visit | None) -> BaseException | None:
        """Runs the handler to its end, whichever that is. Returns an exception that has to end the process afterwards."""
        try:
            try:
                self._interrupter.armed = True
                if visit is None:
                    self._handler.run(request, context, pipeline)
                else:
                    self._visited(visit, request, context, pipeline)
            finally:
                self._interrupter.armed = False
            if not pipeline.outcome:
                pipeline.complete()
        except PeerInterrupted:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a handler raises, its caller is told and its log shows it
            self._interrupter.armed = False  # the interrupt may have come just before it was disarmed
            if isinstance(error, StreamInterrupted) and pipeline.outcome:
                return None
            if isinstance(error, HttpError):
                logs.log("INFO", _in_a_line(error))
            else:
                logs.log_exception(error)
            pipeline.fail(error)
            if isinstance(error, (SystemExit, KeyboardInterrupt)):
                return error
        return None

    def _visited(self, visit: Visit, request: Request, context: LambdaContext, pipeline: Pipeline) -> None:
        """Runs the handler of a stream that is kept. By itself, as what a lambda needs is made even where the lambda is not."""
        visit.run(pipeline, lambda: self._handler.run(request, context, pipeline))

    def _report(self, report: StreamReport, pipeline: Pipeline, reply: Reply) -> None:
        """Says what the stream was like, now that nobody waits for it any more."""
        _complete(report, pipeline, reply)
        hooks = self._handler.hooks
        if hooks.on_first_byte is not None:
            pipeline.tell_first_byte()
        tell(hooks.on_finish if report.outcome == "completed" else hooks.on_abort, report)
        self._write_record()

    def _write_record(self) -> None:
        """Writes the record of the stream, once: at its end, or in the clock's thread when the process has to end before."""
        with self._pen:
            unwritten, self._unwritten = self._unwritten, None
        if unwritten is not None:
            report, _, _, function_arn, encoder = unwritten
            write(report, self._function_name, function_arn, encoder.name)

    def _write_last_record(self) -> None:
        unwritten = self._unwritten
        if unwritten is not None:
            _complete(*unwritten[:3])
            self._write_record()

    def _conclude(self, pipeline: Pipeline, reply: Reply) -> None:
        """Hears what the Runtime API says to the reply, and leaves the connection fit for the next one."""
        if pipeline.outcome == "deadline":
            logs.log("WARN", "STREAM_DEADLINE: the stream was ended before its time limit")
        elif pipeline.outcome == "cancelled":
            logs.log("INFO", "STREAM_CANCELLED: the stream was ended because its caller asked for it")
        try:
            answer = reply.result() if reply.ended else reply.verdict()
        except PeerInterrupted as error:
            logs.log("WARN", f"STREAM_BROKEN_OFF: {error}")
            return
        if answer is None or answer.status == 202:
            return
        if answer.status >= 500:  # "Container error. Non-recoverable state. Runtime should exit promptly."
            raise TransportError(f"RUNTIME_API: a reply was answered {answer.status}: {answer.body[:200]!r}")
        level = "INFO" if answer.status == 410 else "WARN"  # 410: another attempt at this invocation has taken over
        logs.log(level, f"REPLY_REFUSED: the Runtime API answered {answer.status}: {answer.body[:200]!r}")


def _in_a_line(error: HttpError) -> str:
    """An expected error for the log, where what a caller has sent has no place.

    Messages may quote it, so they are cut off. A service that refuses a request (4xx) may quote all of it: then the cause is named, not told.
    """
    told = f"{type(error).__name__}: {error.status} {error.code}: {error.message[:_LONGEST_QUOTE]}"
    cause = error.__cause__
    if cause is None:
        return told
    told = f"{told}; cause: {type(cause).__name__}"
    return told if error.status < _SERVERS_FAULT else f"{told}: {str(cause)[:_LONGEST_QUOTE]}"


def _complete(report: StreamReport, pipeline: Pipeline, reply: Reply) -> None:
    """Adds what is known at the end."""
    report.outcome = pipeline.outcome
    report.bytes_sent, report.chunks_sent = reply.bytes_sent, reply.chunks_sent
    if report.ended_at is None:
        report.ended_at = monotonic()
    if report.first_byte_at is None and reply.chunks_sent:
        report.first_byte_at = report.ended_at  # everything left at once, with the end
