"""What goes on beside a stream, with a table and a clock of the test's own: nothing here waits."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming_runtime.store import batches, ids, keeper, replay
from streaming_runtime.store.batches import Pending
from streaming_runtime.store.errors import StoreRefused, StoreUnavailable
from streaming_runtime.store.keeper import Keeper, Subject
from streaming_runtime.store.replay import Replay
from streaming_runtime.store.table import MAX_DATA_BYTES, Batch, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streaming_runtime.errors import HttpError

NOW = 1_700_000_000.0


class Time:
    """monotonic and wall clock, which only a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return NOW + self.now - 1_000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Table:
    """In memory. `failing` says what is raised instead, by the name of the method."""

    def __init__(self) -> None:
        self.streams: dict[str, dict[str, Any]] = {}
        self.events: list[Batch] = []
        self.slots: dict[tuple[str, int], tuple[str, float]] = {}
        self.failing: dict[str, Exception] = {}
        self.asked: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name in vars(type(self)):
            object.__getattribute__(self, "asked").append(name)
            error = object.__getattribute__(self, "failing").get(name)
            if error is not None:
                raise error
        return object.__getattribute__(self, name)

    def begin(self, stream: str, owner: str, dialect: str, content_type: str, kept: bool, now: float, ttl: int) -> None:
        self.streams.setdefault(
            stream, {"owner": owner, "status": "running", "cancel": False, "kept": kept, "last": 0, "ttl": ttl}
        )

    def append(self, stream: str, batch: Batch, ttl: int) -> None:
        self.events = [*(event for event in self.events if event.key != batch.key), batch]

    def is_cancelled(self, stream: str) -> bool:
        return bool(self.streams[stream]["cancel"])

    def beat(self, stream: str, kept: bool, now: float) -> bool:
        self.streams[stream].update(kept=kept, seen_at=now)
        return bool(self.streams[stream]["cancel"])

    def end(self, stream: str, status: str, last: int, kept: bool, now: float, ttl: int) -> None:
        self.streams[stream].update(status=status, last=last, kept=kept, ttl=ttl)

    def take_slot(self, owner: str, number: int, stream: str, now: float, expires_at: float) -> bool:
        held = self.slots.get((owner, number))
        if held is not None and held[0] != stream and held[1] >= now:
            return False
        self.slots[owner, number] = (stream, expires_at)
        return True

    def taken_slots(self, owner: str, now: float) -> set[int]:
        return {number for (who, number), (_, until) in self.slots.items() if who == owner and until >= now}

    def release_slot(self, owner: str, number: int, stream: str) -> None:
        if self.slots.get((owner, number), ("", 0))[0] == stream:
            del self.slots[owner, number]


class Kept:
    """A keeper, and what it did."""

    def __init__(self, time: Time, table: Table, stream: str = "s", **about: Any) -> None:
        self.time = time
        self.stopped = 0
        self.woken = 0
        subject = Subject(
            stream,
            **{"named": True, "kept": True, "dialect": "text", "slots": None, "over_at": NOW + 900, "retention": 60, **about},
        )
        subject.owner = "o"
        self.keeper = Keeper(table, subject, wake=self._wake, stop=self._stop, content_type=lambda: "text/plain")  # type: ignore[arg-type]

    def _wake(self) -> None:
        self.woken += 1

    def _stop(self) -> None:
        self.stopped += 1

    def run(self, seconds: float) -> None:
        """Calls `round` whenever it is due, for so long."""
        until = self.time.now + seconds
        rounds = 0
        while True:
            rounds += 1
            assert rounds < 10_000, "it spins"
            due = self.keeper.round()
            if due > until:
                break
            self.time.now = max(self.time.now + 0.000_001, due)
        self.time.now = until


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    for module in (keeper, replay):
        monkeypatch.setattr(module, "monotonic", made.monotonic)
        monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(keeper, "log", lambda level, message: lines.append(message))
    return lines


def text_of(table: Table) -> bytes:
    return b"".join(batch.data for batch in sorted(table.events, key=lambda batch: batch.key))


def test_a_stream_begins_with_its_first_event_and_is_written_each_second(time: Time) -> None:
    table = Table()
    kept = Kept(time, table)
    kept.run(0.1)
    assert table.asked == []
    kept.keeper.keep(b"one", 3)
    assert kept.woken == 1, "so that whoever comes back soon finds it"
    kept.run(0.5)
    assert table.asked == ["begin"]
    kept.keeper.keep(b"two", 6)
    assert kept.woken == 1, "nobody is woken for every event"
    kept.run(0.6)
    assert [(event.first, event.last, event.data) for event in table.events] == [(1, 6, b"onetwo")]


def test_a_stream_that_says_nothing_yet_begins_before_a_heartbeat_tells_its_name(time: Time) -> None:
    table = Table()
    Kept(time, table).run(0.6)
    assert table.asked == ["begin"]


def test_what_fills_a_batch_is_written_without_waiting(time: Time) -> None:
    table = Table()
    kept = Kept(time, table)
    kept.keeper.keep(b"x", 1)
    kept.run(0.01)
    kept.keeper.keep(b"x" * batches.BATCH_BYTES, 1 + batches.BATCH_BYTES)
    assert kept.woken == 2
    kept.run(0.01)
    assert len(table.events) == 1


def test_the_end_is_written_at_once_and_waited_for(time: Time) -> None:
    table = Table()
    kept = Kept(time, table)
    kept.keeper.keep(b"one", 3)
    kept.keeper.end("completed")
    kept.keeper.keep(b"ignored", 10)
    kept.keeper.end("errored")
    kept.run(0)
    assert kept.keeper.close("errored", 0)
    assert table.streams["s"] | {} == {
        "owner": "o",
        "status": "completed",
        "cancel": False,
        "kept": True,
        "last": 3,
        "ttl": NOW + 60,
    }
    assert text_of(table) == b"one"
    assert kept.keeper.round() == float("inf")


def test_a_stream_that_never_spoke_leaves_nothing(time: Time) -> None:
    table = Table()
    kept = Kept(time, table)
    kept.keeper.end("errored")
    kept.run(0)
    assert kept.keeper.close("errored", 0)
    assert table.asked == []


def test_a_cancel_is_seen_within_a_second_and_told_once(time: Time) -> None:
    table = Table()
    kept = Kept(time, table)
    kept.keeper.keep(b"one", 3)
    kept.run(2.5)
    table.streams["s"]["cancel"] = True
    assert kept.stopped == 0
    kept.run(1.0)
    assert kept.stopped == 1
    kept.run(30)
    assert kept.stopped == 1


def test_a_look_costs_a_read_and_a_sign_of_life_a_write_each_five_seconds(time: Time) -> None:
    table = Table()
    kept = Kept(time, table)
    kept.keeper.keep(b"one", 3)
    kept.run(60.5)
    assert (table.asked.count("is_cancelled"), table.asked.count("beat"), table.asked.count("append")) == (48, 12, 1)
    assert table.streams["s"]["seen_at"] > NOW + 55


def test_a_cancel_is_seen_while_writes_are_throttled(time: Time, log: list[str]) -> None:
    table = Table()
    kept = Kept(time, table)
    kept.keeper.keep(b"one", 3)
    kept.run(0.1)
    table.failing["append"] = StoreUnavailable("PutItem: 400 ThrottlingException")
    kept.run(5)
    table.streams["s"]["cancel"] = True
    kept.run(2)
    assert kept.stopped == 1
    assert log == ["STORE_UNAVAILABLE: the stream goes on without its table: PutItem: 400 ThrottlingException"], "once"
    assert table.asked.count("append") < 12, "less and less often"
    del table.failing["append"]
    kept.run(3)
    assert text_of(table) == b"one", "nothing is lost by it"


def test_memory_stays_bounded_where_the_table_does_not_keep_up(time: Time, log: list[str]) -> None:
    table = Table()
    table.failing["append"] = StoreUnavailable("slow")
    kept = Kept(time, table)
    kept.keeper.keep(b"one", 3)
    kept.run(0.1)
    piece, last = b"x" * 65_536, 3
    for _ in range(80):
        last += len(piece)
        kept.keeper.keep(piece, last)
        kept.run(0.1)
    assert [line.partition(":")[0] for line in log] == ["STORE_UNAVAILABLE", "STORE_GAVE_UP"]
    assert table.streams["s"]["kept"] is False, "whoever waits for more is told soon"
    kept.keeper.end("completed")
    kept.run(0)
    assert kept.keeper.close("completed", 0)
    assert table.streams["s"]["status"] == "completed"
    assert table.streams["s"]["kept"] is False


def test_giving_up_before_the_beginning_begins_as_what_it_is(time: Time, log: list[str]) -> None:
    table = Table()
    kept = Kept(time, table)
    kept.keeper.keep(b"x" * (batches.MAX_PENDING_BYTES + 1), batches.MAX_PENDING_BYTES + 1)
    kept.run(2)
    assert table.streams["s"]["kept"] is False
    assert table.events == []


def test_dropping_while_an_item_is_written_is_no_harm(time: Time, log: list[str]) -> None:
    table = Table()
    kept = Kept(time, table)

    def append(stream: str, batch: Batch, ttl: int) -> None:
        kept.keeper.keep(b"x" * batches.MAX_PENDING_BYTES, 10**9)

    table.append = append  # type: ignore[method-assign]
    kept.keeper.keep(b"one", 3)
    kept.run(3)
    kept.keeper.end("completed")
    kept.run(0)
    assert kept.keeper.close("completed", 0)


def test_a_refusal_ends_all_that_and_the_stream_goes_on(time: Time, log: list[str]) -> None:
    table = Table()
    table.failing["begin"] = StoreRefused("PutItem: 400 AccessDeniedException")
    kept = Kept(time, table)
    kept.keeper.keep(b"one", 3)
    kept.run(5)
    assert table.asked == ["begin"]
    assert log == ["STORE_REFUSED: the stream goes on without its table: PutItem: 400 AccessDeniedException"]
    assert kept.keeper.close("completed", 0)


def test_a_table_that_never_answers_does_not_hold_the_environment_for_long(time: Time, log: list[str]) -> None:
    table = Table()
    table.failing["begin"] = StoreUnavailable("silence")
    kept = Kept(time, table)
    kept.keeper.keep(b"one", 3)
    kept.keeper.end("completed")
    kept.run(1)
    assert kept.keeper.close("completed", 0)


def test_an_end_that_the_table_does_not_take_is_tried_until_nobody_waits(time: Time, log: list[str]) -> None:
    table = Table()
    kept = Kept(time, table)
    kept.keeper.keep(b"one", 3)
    kept.run(0.1)
    table.failing["append"] = StoreUnavailable("silence")
    assert not kept.keeper.close("completed", 0)
    kept.run(10)
    assert not kept.keeper.close("completed", 0)
    del table.failing["append"]
    kept.run(3)
    assert kept.keeper.close("completed", 0)


# ---- slots


def test_the_bound_is_exact_whatever_the_order(time: Time) -> None:
    table = Table()
    chance = random.Random(7)
    running: list[Kept] = []
    for number in range(200):
        if running and chance.random() < 0.5:
            ended = running.pop(chance.randrange(len(running)))
            ended.keeper.end("completed")
            ended.run(0)
        else:
            made = Kept(time, table, f"s{number}", slots=3)
            made.run(0.5)
            assert made.keeper.admits(0) == (len(running) < 3)
            if made.keeper.admits(0):
                running.append(made)
            else:
                assert made.keeper.close("errored", 0)
        assert len(table.slots) == len(running)


def test_a_stream_that_has_just_ended_makes_room_for_the_next(time: Time) -> None:
    table = Table()
    table.slots["o", 0] = ("before", NOW + 60)
    kept = Kept(time, table, slots=1)
    due = kept.keeper.round()
    assert due == time.now + keeper.SLOT_AGAIN_SECONDS
    del table.slots["o", 0]
    kept.run(1)
    assert kept.keeper.admits(0)
    assert table.slots["o", 0][0] == "s"


def test_a_lease_is_renewed_as_long_as_the_stream_runs_and_no_longer_than_it_may(time: Time) -> None:
    table = Table()
    kept = Kept(time, table, slots=1, over_at=NOW + 100)
    kept.run(0)
    assert table.slots["o", 0] == ("s", NOW + 60)
    kept.run(45)
    assert table.slots["o", 0][1] == pytest.approx(NOW + 100)
    kept.run(50)
    assert table.slots["o", 0][1] == pytest.approx(NOW + 100)


def test_a_slot_that_somebody_else_took_is_not_given_back(time: Time) -> None:
    table = Table()
    kept = Kept(time, table, slots=1)
    kept.run(0)
    table.slots["o", 0] = ("another", NOW + 1_000)
    kept.run(21)
    kept.keeper.end("completed")
    kept.run(0)
    assert table.slots["o", 0][0] == "another"


def test_a_table_that_does_not_answer_in_time_does_not_stand_in_the_callers_way(time: Time) -> None:
    table = Table()
    table.slots["o", 0] = ("another", NOW + 60)
    kept = Kept(time, table, slots=1)
    assert kept.keeper.admits(0), "nobody has called `round` yet"
    kept.run(1)
    assert kept.keeper.admits(0), "and what comes too late does not end a stream that runs"
    kept.keeper.keep(b"one", 3)
    kept.keeper.end("completed")
    kept.run(0)
    assert table.streams["s"]["status"] == "completed"


def test_a_bound_that_cannot_be_looked_up_is_none(time: Time, log: list[str]) -> None:
    table = Table()
    table.failing["take_slot"] = StoreUnavailable("silence")
    kept = Kept(time, table, slots=1)
    kept.run(0)
    assert kept.keeper.admits(0)
    assert [line.partition(":")[0] for line in log] == ["STORE_UNAVAILABLE"]


def test_a_whole_answer_holds_its_slot_and_nothing_else(time: Time) -> None:
    table = Table()
    kept = Kept(time, table, slots=1, named=False, kept=False)
    kept.run(25)
    kept.keeper.close("completed", 0)
    kept.run(0)
    assert kept.keeper.close("completed", 0)
    assert set(table.asked) == {"take_slot", "release_slot"}
    assert table.slots == {}


# ---- what is written


@given(
    st.lists(st.integers(0, 5 * MAX_DATA_BYTES), max_size=8),
    st.sampled_from([ids.FRAMES, ids.LINES, ids.BYTES]),
    st.integers(1, 4),
)
def test_items_hold_every_byte_and_number_once_and_in_order(sizes: list[int], unit: str, often: int) -> None:
    pending = Pending(unit)
    end = {ids.FRAMES: b"\n\n", ids.LINES: b"\n", ids.BYTES: b""}[unit]
    number, sent, written = 0, b"", []
    for place, size in enumerate(sizes):
        events = [b"%d" % n + b"x" * (size // 2) + end for n in range(2)]
        data = b"".join(events)
        number += len(data) if unit == ids.BYTES else 2
        if not pending.add(data, number):
            number -= len(data) if unit == ids.BYTES else 2
            break
        sent += data
        if place % often == 0:
            while pending.size:
                written.append(pending.next())
                pending.written()
    while pending.size:
        written.append(pending.next())
        assert written[-1] is pending.next()
        pending.written()
    assert b"".join(batch.data for batch in written) == sent
    assert all(0 < len(batch.data) <= MAX_DATA_BYTES for batch in written)
    keys = [batch.key for batch in written]
    assert keys == sorted(set(keys))
    expected = 1
    for batch in written:
        assert batch.first == expected
        if batch.part + 1 == batch.parts:
            expected = batch.last + 1
    assert expected == number + 1


# ---- what is read


class Shelf:
    """A table that a stream is read from."""

    def __init__(self, written: list[Batch], status: str = "completed", kept: bool = True, dialect: str = "sse") -> None:
        self.written = written
        self.stream = Stream(
            {
                "owner": {"S": "o"}, "status": {"S": status}, "cancel": {"BOOL": False}, "kept": {"BOOL": kept}, "last_event": {"N": "0"},
                "dialect": {"S": dialect}, "content_type": {"S": "text/event-stream"}, "seen_at": {"N": str(NOW)}, "ttl": {"N": "9999999999"},
            }
        )  # fmt: skip
        self.errors: list[Exception] = []
        self.later: list[Any] = []

    def find(self, stream: str, owner: str, now: float) -> Stream | None:
        if self.later:
            self.later.pop(0)(self)
        return self.stream

    def key_holding(self, stream: str, number: int) -> str:
        if self.errors:
            raise self.errors.pop(0)
        keys = [batch.first for batch in self.written if batch.first <= number]
        return Batch(keys[-1] if keys else 0, 0, b"").key

    def batches(self, stream: str, key: str) -> Iterator[Batch]:
        yield from [batch for batch in self.written if batch.key >= key]
        if self.errors:
            raise self.errors.pop(0)


def frames(first: int, last: int) -> bytes:
    return b"".join(b"id: s:%d\ndata: %d\n\n" % (n, n) for n in range(first, last + 1))


def rest_of(shelf: Shelf, number: int) -> bytes:
    return b"".join(Replay(shelf, "s", "o", shelf.stream, number).rest())  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 4), max_size=6), st.data())
def test_from_any_place_the_rest_is_the_rest(counts: list[int], data: st.DataObject) -> None:
    written, last = [], 0
    for count in counts:
        written.append(Batch(last + 1, last + count, frames(last + 1, last + count)))
        last += count
    seen = data.draw(st.integers(0, last + 2))
    assert rest_of(Shelf(written), seen) == frames(min(seen, last) + 1, last)


def test_an_event_that_is_longer_than_an_item_comes_whole_or_not_at_all(time: Time) -> None:
    parts = [Batch(2, 2, b"part%d" % part, part, 3) for part in range(3)]
    whole = Shelf([Batch(1, 1, b"one\n\n"), *parts, Batch(3, 3, b"three\n\n")])
    assert rest_of(whole, 0) == b"one\n\npart0part1part2three\n\n"
    assert rest_of(whole, 1) == b"part0part1part2three\n\n"
    assert rest_of(whole, 2) == b"three\n\n"
    cut = Replay(Shelf([Batch(1, 1, b"one\n\n"), *parts[:2]], "truncated"), "s", "o", whole.stream, 0)  # type: ignore[arg-type]
    cut._stream = cut._table.stream  # type: ignore[attr-defined]
    assert list(until_lost(cut)) == [b"one\n\n"]


def until_lost(found: Replay) -> Iterator[bytes]:
    with pytest.raises(Exception, match="broke off") as caught:
        yield from found.rest()
    error: HttpError = caught.value  # type: ignore[assignment]
    assert (error.status, error.code) == (410, "stream_lost")


def test_a_stream_that_runs_is_followed_until_it_is_over(time: Time) -> None:
    shelf = Shelf([Batch(1, 2, frames(1, 2))], "running")

    def more(shelf: Shelf) -> None:
        shelf.written.append(Batch(3, 3, frames(3, 3)))

    def over(shelf: Shelf) -> None:
        shelf.stream.status = "completed"
        shelf.written.append(Batch(4, 4, frames(4, 4)))

    shelf.later = [more, lambda _: None, over]
    assert rest_of(shelf, 1) == frames(2, 4)


@pytest.mark.parametrize("change", [{"kept": False}, {"status": "truncated"}, {"seen_at": NOW - 21}])
def test_a_stream_that_lost_its_producer_is_lost(time: Time, change: dict[str, Any]) -> None:
    shelf = Shelf([Batch(1, 2, frames(1, 2))], "running")

    def lose(shelf: Shelf) -> None:
        for name, value in change.items():
            setattr(shelf.stream, name, value)

    shelf.later = [lose]
    assert list(until_lost(Replay(shelf, "s", "o", shelf.stream, 0))) == [frames(1, 2)]  # type: ignore[arg-type]


def test_a_stream_whose_time_is_up_while_it_is_followed_is_lost(time: Time) -> None:
    shelf = Shelf([], "running")
    shelf.later = [lambda shelf: setattr(shelf, "stream", None)]
    assert list(until_lost(Replay(shelf, "s", "o", shelf.stream, 0))) == []  # type: ignore[arg-type]


def test_a_table_that_falters_repeats_nothing_and_loses_nothing(time: Time) -> None:
    shelf = Shelf([Batch(1, 1, frames(1, 1)), Batch(2, 2, frames(2, 2))])
    shelf.errors = [StoreUnavailable("silence"), StoreUnavailable("silence")]
    assert rest_of(shelf, 0) == frames(1, 2)


def test_a_table_that_stays_silent_is_given_up(time: Time) -> None:
    shelf = Shelf([])
    shelf.errors = [StoreUnavailable("silence")] * 100
    with pytest.raises(StoreUnavailable):
        rest_of(shelf, 0)
    assert time.now > 1_010
    shelf.errors = [StoreRefused("no")]
    before = time.now
    with pytest.raises(StoreRefused):
        rest_of(shelf, 0)
    assert time.now == before
