"""The financial example's one reader and its table, on a real DynamoDB interface; and what viewers of any speed are shown of it."""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.stacks.handlers import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stacks.conftest import LocalAws

handler = load("financial", "trades", "market", "tape", "board", "live", "view", "replay")
Board, Overtaken, Page = handler.board.Board, handler.board.Overtaken, handler.board.Page
Market, View, live = handler.market.Market, handler.view.View, handler.live.live
TAPE = handler.tape.make_tape()
KEYS = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
}
_tables = itertools.count()


@pytest.fixture
def table(aws: LocalAws) -> str:
    name = f"board-{next(_tables)}"
    aws.make_table(name, KEYS)
    return name


@pytest.fixture
def board(aws: LocalAws, table: str) -> Any:
    return Board(aws.client("dynamodb"), table, kept_seconds=60)


@pytest.fixture
def consumer(aws: LocalAws, table: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {
        "AWS_ENDPOINT_URL_DYNAMODB": aws.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "TABLE": table,
        "KEPT_SECONDS": "60",
        "CANDLE_SECONDS": "60",
    }.items():
        monkeypatch.setenv(name, value)
    return load("financial", "consumer").consumer


def batch(records: list[bytes]) -> dict[str, Any]:
    return {
        "Records": [
            {"kinesis": {"sequenceNumber": str(number), "data": base64.b64encode(record).decode()}}
            for number, record in enumerate(records)
        ]
    }


def everything(board: Any, symbol: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = board.read(symbol, len(found))
        found += page.events
        if not page.more:
            return found


def test_what_the_reader_stored_is_what_the_fold_gives(consumer: Any, board: Any) -> None:
    records = [trade.record() for trade in TAPE]
    for start in range(0, len(records), 150):
        given = batch(records[start : start + 150])
        assert consumer.handler(given, None) == {"batchItemFailures": []}
        assert consumer.handler(given, None) == {"batchItemFailures": []}  # Lambda delivers at least once
    for symbol in handler.tape.SYMBOLS:
        market = Market(symbol, candle_seconds=60)
        assert everything(board, symbol) == market.apply([trade for trade in TAPE if trade.symbol == symbol])
        state = board.read(symbol, None).state
        assert state == {**market.to_json(), "version": 7}


def test_records_that_are_no_trades_are_passed_over_and_viewers_learn_of_the_hole(consumer: Any, board: Any) -> None:
    good = [trade.record() for trade in TAPE if trade.symbol == "ACME"][:4]
    assert consumer.handler(batch([good[0], b"secret?", b"", good[3]]), None) == {"batchItemFailures": []}
    [gap] = everything(board, "ACME")
    assert (gap["kind"], gap["trades"]) == ("gap", {"from": 2, "to": 3})


def test_a_symbol_that_another_reader_stored_meanwhile_is_delivered_again_and_the_others_are_not_lost(
    consumer: Any, board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    firsts = [next(trade for trade in TAPE if trade.symbol == symbol) for symbol in ("ACME", "BOLT")]
    given = batch([trade.record() for trade in firsts])
    load_once = consumer.BOARD.load

    def overtaken(symbol: str) -> Any:
        stored = load_once(symbol)
        if symbol == "BOLT":
            market = Market("BOLT", candle_seconds=60)
            market.version = 1
            board.store("BOLT", market.to_json(), [], now=0)
        return stored

    monkeypatch.setattr(consumer.BOARD, "load", overtaken)
    assert consumer.handler(given, None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    monkeypatch.undo()
    assert board.read("ACME", None).state["number"] == 1
    assert consumer.handler(given, None) == {"batchItemFailures": []}
    assert board.read("BOLT", None).state["number"] == 1


def test_a_reader_that_died_between_events_and_state_leaves_nothing_twice(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    market = Market("ACME", candle_seconds=60)
    events = market.apply([trade for trade in TAPE if trade.symbol == "ACME"])
    market.version = 2  # of which the first never came: the condition fails where the process died
    stranger = {**Market("ACME", candle_seconds=60).to_json(), "version": 9}
    board.store("ACME", stranger, [], now=0)
    with pytest.raises(Overtaken):
        board.store("ACME", market.to_json(), events, now=0)
    market.version = 10
    board.store("ACME", market.to_json(), events, now=0)
    assert everything(board, "ACME") == events


def test_a_state_and_an_event_are_each_one_write_unit(board: Any, aws: LocalAws, table: str) -> None:
    for symbol in handler.tape.SYMBOLS:
        market = Market(symbol, candle_seconds=60)
        events = market.apply([trade for trade in TAPE if trade.symbol == symbol])
        market.version = 1
        board.store(symbol, market.to_json(), events, now=1_795_444_200)
    items = aws.client("dynamodb").scan(TableName=table)["Items"]
    assert len(items) == 34
    assert max(len(json.dumps(item)) for item in items) < 1024
    assert {item["ttl"]["N"] for item in items if "ttl" in item} == {"1795444260"}


class Growing:
    """A source that a writer fills while a viewer looks."""

    def __init__(self) -> None:
        self.market = Market("ACME", candle_seconds=60)
        self.events: list[dict[str, Any]] = []
        self.trades = iter([trade for trade in TAPE if trade.symbol == "ACME"])

    def grow(self, batches: int) -> None:
        for _ in range(batches):
            self.events += self.market.apply(itertools.islice(self.trades, 10))
            self.market.version += 1

    def read(self, symbol: str, after: int | None) -> Any:
        kept = [] if after is None else [event for event in self.events if event["n"] > after][:3]
        more = len(kept) == 3
        return Page(kept, None if more else json.loads(json.dumps(self.market.to_json())), more)


def watch(
    source: Any, after: dict[str, int] | None = None, looks: int = 1, wait: Any = lambda: None
) -> Iterator[tuple[str, Any]]:
    left = iter(range(looks - 1, -1, -1))
    for event in live(source, ["ACME"], after or {}, candle_seconds=60, over=lambda: next(left, 0) == 0, wait=wait):
        yield getattr(event, "name", "finish"), getattr(event, "value", None)


def test_a_slow_viewer_is_shown_the_newest_state_and_told_how_many_it_was_not_shown() -> None:
    source = Growing()
    source.grow(1)
    shown = watch(source, {"ACME": 0}, looks=3, wait=lambda: source.grow(8))
    _, quote = next(value for value in shown if value[0] == "quote")
    assert quote["skipped"] == 0
    quotes = [value for name, value in shown if name == "quote"]
    assert [quote["skipped"] for quote in quotes] == [7, 7]
    assert quotes[-1]["at"] == source.market.quote()["at"]


def test_a_viewer_of_any_speed_is_shown_every_event_once_and_in_order() -> None:
    for batches in (1, 5, 33):
        source = Growing()
        source.grow(1)
        shown = list(watch(source, {"ACME": 0}, looks=40, wait=lambda source=source, batches=batches: source.grow(batches)))
        numbers = [value["n"] for name, value in shown if name in ("candle", "anomaly") or (name == "gap" and "n" in value)]
        assert numbers == list(range(1, len(source.events) + 1))
        assert len(numbers) == 10


def test_a_viewer_that_comes_back_goes_on_where_it_was() -> None:
    source = Growing()
    source.grow(20)
    first = list(watch(source, {"ACME": 0}))
    assert [name for name, _ in first][-2:] == ["resume", "finish"]
    after = first[-2][1]["after"]
    source.grow(14)
    second = list(watch(source, after))
    numbers = [value["n"] for name, value in first + second if name in ("candle", "anomaly")]
    assert numbers == list(range(1, 11))


def test_a_viewer_without_a_place_begins_with_the_present() -> None:
    source = Growing()
    source.grow(34)
    shown = list(watch(source))
    assert [name for name, _ in shown] == ["quote", "resume", "finish"]
    assert shown[1][1] == {"after": {"ACME": 10}}


def test_events_that_are_no_longer_kept_are_announced() -> None:
    source = Growing()
    source.grow(34)
    source.events = source.events[6:]
    shown = list(watch(source, {"ACME": 2}))
    assert shown[0] == ("gap", {"symbol": "ACME", "reason": "expired", "events": {"from": 3, "to": 6}})
    assert [value["n"] for name, value in shown if name == "candle"] == [7, 8, 9, 10]


def test_a_market_that_began_anew_is_announced() -> None:
    source = Growing()
    source.grow(1)
    shown = list(watch(source, {"ACME": 40}))
    assert shown[0] == ("gap", {"symbol": "ACME", "reason": "restarted", "events": {"from": 1, "to": 40}})


def test_a_viewer_of_a_symbol_that_was_never_traded_is_told_so_at_once_and_sees_its_first_trade() -> None:
    class Silent(Growing):
        def read(self, symbol: str, after: int | None) -> Any:
            return super().read(symbol, after) if self.market.version else Page([], None)

    source = Silent()
    growth = iter([0, 0, 1])
    shown = list(watch(source, looks=4, wait=lambda: source.grow(next(growth))))
    assert [name for name, _ in shown] == ["waiting", "quote", "resume", "finish"]


def test_a_replay_shows_what_the_table_would() -> None:
    clock = itertools.count(0, 0.5)
    replay = handler.replay.Replay(TAPE, speed=60, candle_seconds=60, clock=lambda: next(clock))
    shown = []
    for event in live(replay, ["BOLT"], {}, candle_seconds=60, over=lambda: replay.over, wait=lambda: None):
        shown.append((getattr(event, "name", "finish"), getattr(event, "value", None)))
    expected = Market("BOLT", candle_seconds=60).apply([trade for trade in TAPE if trade.symbol == "BOLT"])
    assert [value["n"] for name, value in shown if "n" in (value or {})] == [event["n"] for event in expected]


def test_a_view_is_read_from_the_query() -> None:
    view = View.parse({"symbols": "ACME,BOLT,ACME", "after": "BOLT:7", "seconds": "5"})
    assert (view.symbols, view.after, view.seconds) == (("ACME", "BOLT"), {"BOLT": 7}, 5)
    assert View.parse({"symbols": "ACME"}).seconds == 780


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({}, "symbols"),
        ({"symbols": ""}, "symbols"),
        ({"symbols": "acme"}, "symbols"),
        ({"symbols": "ACME,"}, "symbols"),
        ({"symbols": ",".join(f"A{n}" for n in range(11))}, "symbols"),
        ({"symbols": "ACME", "after": "BOLT:1"}, "after"),
        ({"symbols": "ACME", "after": "ACME"}, "after"),
        ({"symbols": "ACME", "after": "ACME:-1"}, "after"),
        ({"symbols": "ACME", "after": "ACME:²"}, "after"),
        ({"symbols": "ACME", "seconds": "0"}, "seconds"),
        ({"symbols": "ACME", "seconds": "781"}, "seconds"),
        ({"symbols": "ACME", "seconds": "1e2"}, "seconds"),
        ({"symbols": "ACME", "symbol": "BOLT"}, "symbol"),
    ],
)
def test_a_wrong_view_is_refused_by_name(query: dict[str, str], param: str) -> None:
    from streaming_runtime import BadRequest

    with pytest.raises(BadRequest) as refused:
        View.parse(query)
    assert refused.value.param == param
