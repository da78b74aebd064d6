"""A market in the terminal: the financial stack's recorded tape, streamed through the emulated Function URL."""

from __future__ import annotations

import sys
import time
from typing import Any, Final

from constructs_pkg.client import Data, StreamingClientError
from tools import terminal
from tools.local_stack import running

SYMBOLS: Final = ("ACME", "BOLT", "CROW")
HEIGHT: Final = 12


def main() -> int:
    with running("FinancialStack", context={"financial:feed": "replay"}) as stack:
        row = stack.function("FinancialStack/Viewers")
        print(f"Function URL   {row['url']}live  ({row['invoke_mode']}, auth {row['auth_type']})")
        print("Ten minutes of three invented symbols, sixty times as fast:\n")
        print("UTC    symbol   close  change  volume              average price\n", flush=True)
        candles: dict[str, list[dict[str, Any]]] = {symbol: [] for symbol in SYMBOLS}
        started, lines = time.monotonic(), 0
        try:
            with (
                stack.client("FinancialStack/Viewers", "FinancialStack/Caller") as client,
                client.stream(
                    "GET", f"/live?symbols={','.join(SYMBOLS)}&after={','.join(f'{symbol}:0' for symbol in SYMBOLS)}"
                ) as stream,
            ):
                for event in stream:
                    if isinstance(event, Data):
                        lines += 1
                        show(event.name or "data", event.value, candles)
        except StreamingClientError as error:
            print(f"\nThe stream failed: {error}", file=sys.stderr)
            return 1
        for symbol in SYMBOLS:
            print(f"\n{symbol}")
            print("\n".join(chart(candles[symbol])))
        print("\n█ a minute in which the price rose   ░ or fell   │ the highest and the lowest price of it")
        print(f"\n{lines} lines in {time.monotonic() - started:.1f} s, over one request")
        return 0


def show(kind: str, data: Any, candles: dict[str, list[dict[str, Any]]]) -> None:
    if kind == "candle":
        candles[data["symbol"]].append(data)
        change = data["close"] - data["open"]
        minute = time.strftime("%H:%M", time.gmtime(data["start"] / 1000))
        print(
            f"{minute}  {data['symbol']}  {data['close']:8.2f}  {change:+6.2f}  "
            f"{data['volume']:6d} in {data['trades']:2d} trades  {data['vwap']:8.2f}",
            flush=True,
        )
    elif kind == "anomaly":
        print(
            f"  !!   {data['symbol']}  {data['rule']} of {data['value']:g}, usually {data['usual']:.2g}, at trade {data['trade']}",
            flush=True,
        )
    elif kind == "gap":
        what = "trades" if "trades" in data else "events"
        missing = data[what]
        print(f"  ??   {data['symbol']}  {what} {missing['from']} to {missing['to']} never came ({data['reason']})", flush=True)


def chart(candles: list[dict[str, Any]]) -> list[str]:
    """Candles as terminals can draw them: bodies of blocks, wicks of lines."""
    highest, lowest = max(candle["high"] for candle in candles), min(candle["low"] for candle in candles)
    step = (highest - lowest) / HEIGHT or 1.0
    rows = []
    for row in range(HEIGHT, 0, -1):
        top, bottom = lowest + row * step, lowest + (row - 1) * step
        cells = []
        for candle in candles:
            low, high = sorted((candle["open"], candle["close"]))
            if low < top and high >= bottom:
                cells.append("█" if candle["close"] >= candle["open"] else "░")
            else:
                cells.append("│" if candle["low"] < top and candle["high"] >= bottom else " ")
        rows.append(f"{top:9.2f} ┤ {'  '.join(cells)}".rstrip())
    return rows


if __name__ == "__main__":
    sys.exit(terminal.run(main))
