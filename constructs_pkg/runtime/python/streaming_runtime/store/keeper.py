"""What goes on beside a stream that runs: its events into the table, a look whether it is to stop, its slot held and given back.

A state machine without a thread: `round` does what is due and says when to come again. A stream never waits for it, except once, before
the handler runs, for its slot; and it never fails by it.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock
from time import monotonic

from streaming_runtime.logs import log

from .batches import BATCH_BYTES, MAX_PENDING_BYTES, Pending
from .errors import StoreRefused, StoreUnavailable
from .ids import unit_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable

    from .table import Table

BATCH_SECONDS = 1.0  # the longest that an event waits to be written
BEGIN_SECONDS = 0.5  # a stream without an event gets its item before the first heartbeat tells the caller its name
LOOK_SECONDS = 1.0  # between two looks whether it is to stop
BEAT_SECONDS = 5.0  # between two signs of life
LEASE_SECONDS = 60.0  # how long a slot stays taken by a stream that gives no sign
RENEW_SECONDS = 20.0
SLOT_AGAIN_SECONDS = 0.15  # a stream that has just ended may be about to give its slot back
MOST_FAILURES = 3  # in a row, of a stream that is over and of which the table has nothing
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_NEVER = float("inf")


class Subject:
    """What a keeper keeps.

    Attributes:
        stream: Its name.
        owner: Hash of whom it belongs to; set before it is kept.
        named: Whether the caller is told its name, and may cancel it.
        kept: Whether its events are written, so that it can be resumed.
        dialect: Of its events.
        slots: How many streams its owner may have; None: as many as he likes.
        over_at: When Lambda ends it at the latest, in seconds since 1970.
        retention: Seconds that it can be resumed after its end.
    """

    __slots__ = ("dialect", "kept", "named", "over_at", "owner", "retention", "slots", "stream")

    def __init__(
        self, stream: str, *, named: bool, kept: bool, dialect: str, slots: int | None, over_at: float, retention: int
    ) -> None:
        self.stream = stream
        self.owner = ""
        self.named = named
        self.kept = kept
        self.dialect = dialect
        self.slots = slots
        self.over_at = over_at
        self.retention = retention


class Keeper:
    """Keeps one stream.

    Args:
        table: Where.
        subject: What.
        wake: Makes somebody call `round` now. Called by any thread.
        stop: Called once, by whoever calls `round`, when the stream was asked to stop.
        content_type: Of the answer; asked once, when the first event is there.
    """

    def __init__(
        self,
        table: Table,
        subject: Subject,
        *,
        wake: Callable[[], None],
        stop: Callable[[], None],
        content_type: Callable[[], str],
    ) -> None:
        self._table = table
        self._subject = subject
        self._wake = wake
        self._stop = stop
        self._content_type = content_type
        self._lock = allocate_lock()  # around what the stream's threads and `round` share; never held while the table is asked
        self._pending = Pending(unit_of(subject.dialect))
        self._since = _NEVER  # when the oldest event that waits came
        self._kept = subject.kept
        self._ending = ""
        self._begin_at = monotonic() + BEGIN_SECONDS if subject.named else _NEVER
        self._begun = False
        self._look_at = self._beat_at = self._renew_at = _NEVER
        self._slot: int | None = None
        self._slot_wanted = subject.slots is not None
        self._slot_again = True
        self._waits = True
        self._retry_at = 0.0
        self._pause = _FIRST_PAUSE_SECONDS
        self._failures = 0
        self._complained = False
        self._over = False
        self._decided = allocate_lock()
        self._decided.acquire()
        self._done = allocate_lock()
        self._done.acquire()
        self.refused = False

    # ---- the stream's threads

    def admits(self, patience: float) -> bool:
        """Whether the caller may have this stream too. A table that does not say so in time does not stand in its way."""
        if self._slot_wanted and not self._decided.acquire(True, patience):
            with self._lock:
                self._waits = False
        return not self.refused

    def keep(self, data: bytes, last: int) -> None:
        """Takes encoded events, of which `last` is the number of the last. Does not wait."""
        with self._lock:
            if self._ending:
                return
            wanted = self._begin_at > 0.0  # the caller knows the stream's name from now on
            self._begin_at = 0.0
            if self._kept:
                before = self._pending.size
                if not self._pending.add(data, last):
                    self._give_up(f"more than {MAX_PENDING_BYTES} bytes wait for the table")
                elif not before:
                    self._since = monotonic()
                wanted = wanted or before < BATCH_BYTES <= self._pending.size
        if wanted:
            self._wake()

    def end(self, status: str) -> None:
        """The stream's last word is said; the first one who says how it ended is right."""
        with self._lock:
            if self._ending:
                return
            self._ending = status
        self._wake()

    def close(self, status: str, patience: float) -> bool:
        """Nothing more comes: waits until the table knows. Returns whether it does."""
        self.end(status)
        return self._done.acquire(True, max(0.0, patience))

    # ---- whoever calls `round`

    def round(self) -> float:
        """Does what is due, and returns when to come again, by time.monotonic()."""
        now = monotonic()
        if now >= self._retry_at and not self._over:
            try:
                self._do_what_is_due(now)
                self._pause = _FIRST_PAUSE_SECONDS
                self._failures = 0
                self._retry_at = 0.0
            except StoreRefused as error:
                self._complain("STORE_REFUSED", error)
                self._over = True
                with self._lock:
                    self._kept = False
                    self._pending.drop()
            except StoreUnavailable as error:
                self._complain("STORE_UNAVAILABLE", error)
                self._retry_at = monotonic() + self._pause
                self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
                self._failures += 1
                self._over = bool(self._ending) and not self._begun and self._failures >= MOST_FAILURES
        if self._over:
            self._slot_wanted = False
            _release(self._decided)
            _release(self._done)
            return _NEVER
        return max(self._due(), self._retry_at)

    def _due(self) -> float:
        with self._lock:
            if self._ending:
                return 0.0
            if self._slot_wanted:
                return monotonic() + SLOT_AGAIN_SECONDS
            if self._begun:
                return min(self._look_at, self._since + BATCH_SECONDS, self._renew_at)
            return min(self._begin_at, self._renew_at)

    def _do_what_is_due(self, now: float) -> None:
        if self._slot_wanted:
            self._take_slot(now)
        ending = self._ending
        if ending:
            self._release_slot()
        if not self._begun and now >= self._begin_at and (self._pending.size or not ending):
            self._begin(now)
        if now >= self._look_at and not ending:
            self._look(now)
        if now >= self._renew_at:
            self._renew_slot(now)
        self._write(now, whatever=bool(ending))
        if ending:
            self._say_the_end(ending)

    def _begin(self, now: float) -> None:
        subject = self._subject
        content_type = self._content_type()
        self._table.begin(subject.stream, subject.owner, subject.dialect, content_type, self._kept, time.time(), self._ttl())
        self._begun = True
        self._look_at = now + LOOK_SECONDS
        self._beat_at = now + BEAT_SECONDS

    def _look(self, now: float) -> None:
        stream = self._subject.stream
        if now >= self._beat_at:
            cancelled = self._table.beat(stream, self._kept, time.time())
            self._beat_at = now + BEAT_SECONDS
        else:
            cancelled = self._table.is_cancelled(stream)
        self._look_at = now + LOOK_SECONDS
        if cancelled:
            self._look_at = _NEVER
            self._stop()

    def _write(self, now: float, *, whatever: bool) -> None:
        while True:
            with self._lock:
                size = self._pending.size
                if not size or not (whatever or size >= BATCH_BYTES or now >= self._since + BATCH_SECONDS):
                    return
                batch = self._pending.next()
            self._table.append(self._subject.stream, batch, self._ttl())
            with self._lock:
                self._pending.written()
                self._since = now if self._pending.size else _NEVER

    def _say_the_end(self, status: str) -> None:
        if self._begun:
            now = time.time()
            ttl = int(now) + self._subject.retention
            self._table.end(self._subject.stream, status, self._pending.last, self._kept, now, ttl)
        self._over = True

    def _ttl(self) -> int:
        """Of what is written while the stream runs: nothing of it may go before the stream's own time is up."""
        return int(self._subject.over_at) + self._subject.retention

    # ---- its slot

    def _take_slot(self, now: float) -> None:
        try:
            self._slot = self._free_slot()
        except StoreUnavailable:
            self._slot_wanted = False
            _release(self._decided)
            raise
        if self._slot is None and self._slot_again:
            self._slot_again = False
            return
        self._slot_wanted = False
        if self._slot is not None:
            self._renew_at = now + RENEW_SECONDS
        else:
            with self._lock:
                self._over = self.refused = self._waits
        _release(self._decided)

    def _free_slot(self) -> int | None:
        count = self._subject.slots
        assert count is not None
        guess = int.from_bytes(os.urandom(4), "big") % count  # right at once for whoever has few streams, with a single request
        if self._takes(guess):
            return guess
        taken = self._table.taken_slots(self._subject.owner, time.time())
        return next((number for number in range(count) if number not in taken and self._takes(number)), None)

    def _takes(self, number: int) -> bool:
        now = time.time()
        until = min(now + LEASE_SECONDS, self._subject.over_at)
        return self._table.take_slot(self._subject.owner, number, self._subject.stream, now, until)

    def _renew_slot(self, now: float) -> None:
        assert self._slot is not None
        self._renew_at = now + RENEW_SECONDS
        if not self._takes(self._slot):  # the lease ran out, and somebody else has it
            self._slot, self._renew_at = None, _NEVER

    def _release_slot(self) -> None:
        if self._slot is not None:
            self._table.release_slot(self._subject.owner, self._slot, self._subject.stream)
            self._slot, self._renew_at = None, _NEVER

    # ---- what goes wrong

    def _give_up(self, why: str) -> None:
        """The stream goes on, and cannot be resumed. Called with the lock."""
        self._kept = False
        self._pending.drop()
        self._since = _NEVER
        if self._begun:
            self._beat_at = self._look_at = 0.0  # whoever waits for more events is to know soon
        log("WARN", f"STORE_GAVE_UP: the stream goes on and can no longer be resumed: {why}")

    def _complain(self, code: str, error: StoreUnavailable) -> None:
        if not self._complained:
            self._complained = True
            log("WARN", f"{code}: the stream goes on without its table: {error}")


def _release(lock: LockType) -> None:
    if lock.locked():
        lock.release()
