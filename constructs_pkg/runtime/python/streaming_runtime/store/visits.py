"""What a request means to a function that has a table: a stream of its own, the rest of an earlier one, or the end of one that runs."""

from __future__ import annotations

import time

from streaming_runtime.errors import HttpError, NotFound, Throttled
from streaming_runtime.events import HttpResponse
from streaming_runtime.logs import log

from . import ids
from .encoders import NumberedEncoder, ReplayEncoder
from .errors import StoreUnavailable
from .keeper import Keeper, Subject
from .replay import Replay
from .table import RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from streaming_runtime.dialects.base import Encoder
    from streaming_runtime.pipeline import Pipeline
    from streaming_runtime.request import Request

    from .table import Stream, Table
    from .worker import Worker

ADMISSION_SECONDS = 1.0  # how long a stream waits to be told that its caller may have it
CLOSING_SECONDS = 2.0  # how long the environment stays awake for the table once the stream is over
RETRY_AFTER_SECONDS = 2
# A stream's item is written beside its first byte: whoever comes back within some milliseconds would find none.
LOOKS_AGAIN_SECONDS = (0.2, 0.4)
# Where the dialect's last word was said, the encoder has told how the stream ended. Where it was not, these ends cut it off.
_CUT_OFF = ("interrupted", "deadline", "cancelled")


class Visit:
    """One request.

    Attributes:
        encoder: What the pipeline is to encode with.
        is_own: Whether the handler runs for it.
    """

    is_own = False

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def run(self, pipeline: Pipeline, handler: Callable[[], None]) -> None:
        """Does what the request is for. `handler` runs the handler."""
        raise NotImplementedError

    def close(self, outcome: str) -> None:
        """The stream is over for its caller."""


class OwnStream(Visit):
    """A stream that the handler makes."""

    is_own = True

    def __init__(
        self, request: Request, inner: Encoder, table: Table, worker: Worker, subject: Subject, owner: Callable[[], str]
    ) -> None:
        encoder = inner
        if subject.named:
            encoder = NumberedEncoder(request, inner, subject.stream, subject.kept, self._keep, self._end)
        super().__init__(encoder)
        self._table = table
        self._worker = worker
        self._subject = subject
        self._owner = owner
        self._keeper: Keeper | None = None

    def run(self, pipeline: Pipeline, handler: Callable[[], None]) -> None:
        """Runs the handler, where its caller has a slot.

        Raises:
            Throttled: He has as many streams as he may.
        """
        self._subject.owner = self._owner()
        self._keeper = Keeper(
            self._table,
            self._subject,
            wake=self._worker.wake,
            stop=pipeline.cancel,
            content_type=lambda: pipeline.content_type,
        )
        self._worker.watch(self._keeper)
        if not self._keeper.admits(ADMISSION_SECONDS):
            raise Throttled(
                f"At most {self._subject.slots} streams may run at a time.",
                code="too_many_streams",
                retry_after=RETRY_AFTER_SECONDS,
            )
        handler()

    def close(self, outcome: str) -> None:
        """Waits until the table has the end of it, for a short time."""
        if self._keeper is not None:
            left = self._subject.over_at - time.time()
            if not self._keeper.close("truncated" if outcome in _CUT_OFF else outcome, min(CLOSING_SECONDS, left)):
                log("WARN", "STORE_UNFINISHED: the table did not take the stream's end in time; it cannot be resumed")
            self._worker.release()

    def _keep(self, data: bytes, last: int) -> None:
        if self._keeper is not None:
            self._keeper.keep(data, last)

    def _end(self, status: str) -> None:
        if self._keeper is not None:
            self._keeper.end(status)


class Resumption(Visit):
    """The rest of an earlier stream: Last-Event-ID names it, and the event that was seen last."""

    def __init__(self, request: Request, inner: Encoder, table: Table, owner: Callable[[], str], event_id: str) -> None:
        named = ids.parse_event_id(event_id)
        self._name, self._number = named or ("", 0)
        super().__init__(ReplayEncoder(request, inner, self._name))
        self._table = table
        self._owner = owner

    def run(self, pipeline: Pipeline, handler: Callable[[], None]) -> None:  # noqa: ARG002 - the model is not asked again
        """Sends what is left. Nothing left of a stream that is over: 204, at which an EventSource stops coming back.

        Raises:
            NotFound: There is no such stream, or it is somebody else's, or its time is up.
            HttpError: `stream_lost`, `store_unavailable`.
        """
        owner = self._owner()
        sent = False
        try:
            stream = _patiently(lambda: self._table.find(self._name, owner, time.time())) if self._name else None
            if stream is None or not stream.kept or stream.dialect != self.encoder.name:
                raise unknown()
            if stream.status != RUNNING and self._number >= stream.last:
                _say_nothing_more(pipeline)
                return
            self.encoder.content_type = stream.content_type
            for data in Replay(self._table, self._name, owner, stream, self._number).rest():
                pipeline.push(data)
                sent = True
        except StoreUnavailable as error:
            raise unavailable() from error
        if not sent:
            _say_nothing_more(pipeline)


class Cancellation(Visit):
    """The end of a stream that runs: DELETE with its name in `x-stream-id`."""

    def __init__(self, encoder: Encoder, table: Table, owner: Callable[[], str], stream: str) -> None:
        super().__init__(encoder)
        self._table = table
        self._owner = owner
        self._name = stream.strip()

    def run(self, pipeline: Pipeline, handler: Callable[[], None]) -> None:  # noqa: ARG002 - nothing is asked of the model
        """Asks the stream to stop: 202. It is over already: 204.

        Raises:
            NotFound: There is no such stream, or it is somebody else's, or its time is up.
            HttpError: `store_unavailable`.
        """
        owner = self._owner()
        try:
            known = ids.is_stream(self._name)
            stream = _patiently(lambda: self._table.cancel(self._name, owner, time.time())) if known else None
        except StoreUnavailable as error:
            raise unavailable() from error
        if stream is None:
            raise unknown()
        pipeline.push(HttpResponse(202, body=b"") if stream.status == RUNNING else HttpResponse(204))


def _patiently(look: Callable[[], Stream | None]) -> Stream | None:
    for pause in LOOKS_AGAIN_SECONDS:
        stream = look()
        if stream is not None:
            return stream
        time.sleep(pause)
    return look()


def _say_nothing_more(pipeline: Pipeline) -> None:
    try:
        pipeline.push(HttpResponse(204))
    except ValueError as error:  # a heartbeat has opened the answer meanwhile; it ends as it is
        log("DEBUG", f"STREAM_RESUMED: {error}")


def unknown() -> HttpError:
    """The same for a stream that never was, that is somebody else's, and whose time is up."""
    return NotFound("There is no such stream.", code="stream_not_found")


def unavailable() -> HttpError:
    """The table does not answer."""
    return HttpError(503, "store_unavailable", "Streams cannot be looked up right now. Try again.", {"retry-after": "1"})
