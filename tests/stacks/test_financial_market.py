"""The financial example's arithmetic: candles, anomalies and gaps of a tape whose answers are known."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stacks.financial_answers import candles
from tests.stacks.handlers import load

handler = load("financial", "trades", "market", "tape")
Trade, Market, tape = handler.trades.Trade, handler.market.Market, handler.tape
TAPE = tape.make_tape()


def of(symbol: str) -> list[Any]:
    return [trade for trade in TAPE if trade.symbol == symbol]


def kinds(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["kind"] == kind]


def events_of(symbol: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Market(symbol, candle_seconds=60).apply(of(symbol))
    return found


@pytest.mark.parametrize("symbol", ["ACME", "BOLT", "CROW"])
def test_every_closed_candle_is_the_one_that_fractions_give(symbol: str) -> None:
    market = Market(symbol, candle_seconds=60)
    closed = [
        {name: value for name, value in event.items() if name not in ("kind", "n", "symbol")}
        for event in kinds(market.apply(of(symbol)), "candle")
    ]
    expected = candles(TAPE, symbol)
    assert len(closed) == 9
    assert closed == expected[:-1]
    assert market.quote()["candle"] == expected[-1]


def test_the_tape_is_the_same_on_every_machine() -> None:
    assert (len(TAPE), TAPE[0], TAPE[-1].number) == (
        1010,
        Trade("CROW", "2026-11-23", 1, 1795444200563, 2259900, 60, 2259800, 2260000),
        336,
    )
    assert candles(TAPE, "ACME")[0] == {
        "start": 1795444200000,
        "open": 101.26,
        "high": 101.34,
        "low": 101.23,
        "close": 101.24,
        "vwap": 101.27,
        "volume": 1690,
        "trades": 34,
    }


def test_the_three_anomalies_that_the_tape_has_are_found_and_no_others() -> None:
    found = [event for symbol in tape.SYMBOLS for event in kinds(events_of(symbol), "anomaly")]
    assert [(event["symbol"], event["rule"], event["trade"]) for event in found] == [
        ("ACME", "move", tape.JUMP[1]),
        ("BOLT", "spread", tape.WIDE[1]),
        ("CROW", "size", tape.BLOCK[1]),
    ]
    assert [event["value"] for event in found] == [1.51, 1.24, 25000]


def test_trades_that_the_feed_lost_are_announced_by_their_numbers_and_nothing_else_is() -> None:
    gaps = [event for symbol in tape.SYMBOLS for event in kinds(events_of(symbol), "gap")]
    assert [(gap["symbol"], gap["reason"], gap["trades"]) for gap in gaps] == [("BOLT", "feed", {"from": 140, "to": 144})]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=8), st.sampled_from(["ACME", "BOLT", "CROW"]))
def test_however_the_stream_is_cut_into_batches_and_redelivered_the_events_are_the_same(cuts: list[int], symbol: str) -> None:
    trades = of(symbol)
    events: list[dict[str, Any]] = []
    stored: dict[str, Any] | None = None
    borders = sorted({0, *cuts, len(trades)})
    for start, end in itertools.pairwise(borders):
        market = Market(symbol, candle_seconds=60, stored=stored)
        events += market.apply(trades[max(0, start - 25) : end])  # the end of the batch before is delivered again
        stored = json.loads(json.dumps(market.to_json()))
    whole = Market(symbol, candle_seconds=60)
    assert events == whole.apply(trades)
    assert stored == whole.to_json()
    assert [event["n"] for event in events] == list(range(1, len(events) + 1))


def trade(number: int, at: int = 0, day: str = "2026-11-23", price: int = 1_000_000) -> Any:
    return Trade("ACME", day, number, 1_800_000_000_000 + at, price, 10, price - 100, price + 100)


def test_a_trade_whose_clock_ran_behind_does_not_change_a_candle_that_was_shown_as_closed() -> None:
    market = Market("ACME", candle_seconds=60)
    [closed] = market.apply([trade(1), trade(2, at=61_000)])
    assert closed["kind"] == "candle"
    assert market.apply([trade(3, at=59_000, price=9_000_000)]) == []
    assert market.quote()["candle"]["high"] == 900.0


def test_a_new_day_begins_its_numbers_anew_and_loses_nothing_in_silence() -> None:
    market = Market("ACME", candle_seconds=60)
    market.apply([trade(1), trade(2)])
    events = market.apply([trade(3, at=86_400_000, day="2026-11-24")])
    assert [(event["kind"], event.get("trades")) for event in events] == [("gap", {"from": 1, "to": 2}), ("candle", 2)]


def test_a_market_that_never_moved_has_no_anomaly_of_one_tick() -> None:
    market = Market("ACME", candle_seconds=60)
    assert market.apply([trade(number) for number in range(1, 30)]) == []
    assert market.apply([trade(30, price=1_000_100)]) == []
    assert [event["rule"] for event in market.apply([trade(31, price=1_001_100)])] == ["move"]


def test_a_trade_survives_the_feed() -> None:
    assert all(Trade.parse(found.record()) == found for found in TAPE[:50])


GOOD = {
    "symbol": "ACME",
    "day": "2026-11-23",
    "trade": 1,
    "at": 1_795_444_200_000,
    "price": "1.5",
    "size": 1,
    "bid": "1.4",
    "ask": "1.6",
}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"symbol": "acme"}, "symbol"),
        ({"symbol": None}, "symbol"),
        ({"day": "23.11.2026"}, "day"),
        ({"day": "9999-12-31"}, "day"),
        ({"day": "2026-11-25"}, "day"),
        ({"at": 2**53 - 1}, "at"),
        ({"trade": 0}, "trade"),
        ({"trade": True}, "trade"),
        ({"at": "1"}, "at"),
        ({"at": 2**60}, "at"),
        ({"size": -1}, "size"),
        ({"price": "1.23456"}, "price"),
        ({"price": "-1"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"ask": "1.3"}, "ask"),
    ],
)
def test_a_record_that_is_no_trade_is_refused_by_name_and_not_quoted(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"'{named}'"):
        Trade.parse(json.dumps({**GOOD, **wrong}).encode())


@pytest.mark.parametrize("day", ["2026-11-22", "2026-11-23", "2026-11-24"])
def test_a_day_is_the_date_somewhere_on_earth(day: str) -> None:
    midnight = 1_795_392_000_000
    early, late = midnight + 3_600_000, midnight + 23 * 3_600_000
    at = early if day < "2026-11-24" else late
    assert Trade.parse(json.dumps({**GOOD, "day": day, "at": at}).encode()).day == day


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_record_that_is_no_json_object_is_refused(record: bytes) -> None:
    with pytest.raises(ValueError, match="^not (a )?JSON"):
        Trade.parse(record)
