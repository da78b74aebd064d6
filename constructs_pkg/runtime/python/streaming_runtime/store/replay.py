"""The rest of a stream, out of the table: what was sent after the event that its caller saw last, up to its end."""

from __future__ import annotations

import time
from time import monotonic

from streaming_runtime.errors import HttpError

from . import ids
from .errors import StoreRefused, StoreUnavailable
from .table import RUNNING, behind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from .table import Stream, Table

POLL_SECONDS = 0.5  # how often a stream that still runs is looked at
LOST_SECONDS = 20.0  # without a sign of life (one each 5 s) its producer is gone
PATIENCE_SECONDS = 10.0  # with a table that does not answer
LOST_CODE = "stream_lost"
LOST_MESSAGE = "The stream broke off, and the rest of it is not there. Ask again."
_CUT_OFF = "truncated"
_NEVER = float("inf")


class Replay:
    """A stream for somebody who came back.

    Args:
        table: Where it is.
        name: The stream's.
        owner: Hash of whom it belongs to.
        stream: As it was found.
        number: Of the last event that was seen.
    """

    def __init__(self, table: Table, name: str, owner: str, stream: Stream, number: int) -> None:
        self._table = table
        self._name = name
        self._owner = owner
        self._stream: Stream | None = stream
        self._unit = ids.unit_of(stream.dialect)
        self._seen = number
        self._key = ""
        self._parts: list[bytes] = []

    def rest(self) -> Iterator[bytes]:
        """What is left, as it was encoded; of a stream that still runs also what is to come.

        Raises:
            HttpError: `stream_lost`: its producer is gone, or could not keep all of it.
            StoreUnavailable: The table did not answer for some time.
        """
        failing_since = _NEVER
        while True:
            try:
                is_over = yield from self._round()
            except StoreRefused:
                raise
            except StoreUnavailable:
                failing_since = min(failing_since, monotonic())
                if monotonic() - failing_since > PATIENCE_SECONDS:
                    raise
            else:
                failing_since = _NEVER
                if is_over:
                    return
            time.sleep(POLL_SECONDS)

    def _round(self) -> Generator[bytes, None, bool]:
        """What is there now. Its value: whether that was all."""
        stream = self._stream or self._table.find(self._name, self._owner, time.time())
        self._stream = None
        # The stream was looked at before its events are: when it is over, all of them are there.
        if stream is None or not stream.kept:
            raise _lost()
        if not self._key:
            self._key = self._table.key_holding(self._name, self._seen + 1)
        yield from self._news()
        if stream.status == _CUT_OFF or (stream.status == RUNNING and time.time() - stream.seen_at > LOST_SECONDS):
            raise _lost()
        return stream.status != RUNNING

    def _news(self) -> Iterator[bytes]:
        for batch in self._table.batches(self._name, self._key):
            self._key = behind(batch.key)
            if batch.last <= self._seen:
                continue
            self._parts.append(batch.data)
            if batch.part + 1 == batch.parts:
                data = b"".join(self._parts)
                self._parts = []
                skipped = max(0, self._seen + 1 - batch.first)
                self._seen = batch.last
                yield ids.without_first(data, self._unit, skipped) if skipped else data


def _lost() -> HttpError:
    return HttpError(410, LOST_CODE, LOST_MESSAGE)
