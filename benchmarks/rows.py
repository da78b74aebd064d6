"""What is promised: which program against which, in what, and how much at most or at least. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import measures as m
from benchmarks.ratios import paired, quantile, summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Row:
    """One line of the table.

    Args:
        name: What it measures.
        key: In each sample.
        ours: The program that is measured.
        peer: What it is compared with. Empty: the limit is for the number itself.
        again: The same program a second time, for the noise. Empty: there is none.
        at_most: The largest ratio that keeps the promise.
        at_least: The smallest. Neither: the row is there to be seen.
    """

    def __init__(
        self,
        name: str,
        key: str,
        ours: str,
        peer: str = "",
        again: str = "",
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        ours_key: str = "",
    ) -> None:
        self.name = name
        self.key = key
        self.ours_key = ours_key or key
        self.ours = ours
        self.peer = peer
        self.again = again
        self.at_most = at_most
        self.at_least = at_least


STOCK, NODE, OURS, AGAIN = "awslambdaric", "Node", "ours", "ours again"
WRAPPED = "ours, by its wrapper"
APP, APP_AGAIN = "ours, FastAPI", "ours, FastAPI again"
SERVER, FAST_SERVER = "uvicorn", "uvicorn, uvloop"
FLOOR, APP_FLOOR = "a bare loop", "importing FastAPI"
CONSTRUCT, HAND_WRITTEN, CONSTRUCT_AGAIN = "StreamingFunction", "hand-written L2", "StreamingFunction again"
SYNTHESIS = "synthesis_ms"
CLIENT, HTTPX, CLIENT_AGAIN = "StreamingClient", "bare httpx", "StreamingClient again"
CLIENT_FIRST, CLIENT_ALONE, CLIENT_BURST = "client_first_event_us", "client_{}_alone_us", "client_{}_burst_us"
EMULATOR, EMULATOR_AGAIN, BARE, CROWD, HOUR = "emulator", "emulator again", "bare loop", "emulator, a crowd", "emulator, an hour"
RELAY = "bare relay"
EMULATOR_LOOP, EMULATOR_CPU = "emulator_loop_us", "emulator_cpu_us"
EMULATOR_OPEN, EMULATOR_SIGNED = "emulator_open_us", "emulator_signed_us"
EMULATOR_OPEN_BURST, EMULATOR_SIGNED_BURST = "emulator_open_burst_us", "emulator_signed_burst_us"
EMULATOR_CHUNK_MANY, EMULATOR_CHUNK_ALONE, EMULATOR_CHUNK_CPU = (
    "emulator_chunk_many_us",
    "emulator_chunk_alone_us",
    "emulator_chunk_cpu_us",
)
EMULATOR_FIRST = "emulator_first_byte_{}_us"
CROWD_P99, CROWD_MEDIAN, CROWD_CPU = "crowd_p99_us", "crowd_median_us", "crowd_cpu_us"
HOUR_MEMORY, HOUR_FILES = "hour_KiB", "hour_things"

ROWS = (
    Row("next to first byte", m.FIRST_BYTE, OURS, STOCK, AGAIN, at_most=0.5),
    Row("next to first byte", m.FIRST_BYTE, OURS, NODE, AGAIN, at_most=0.4),
    Row("CPU of an invocation", m.CPU, OURS, STOCK, AGAIN, at_most=0.5),
    Row("CPU of an invocation", m.CPU, OURS, NODE, AGAIN, at_most=0.3),
    Row("next to first byte, of a bare loop", m.FIRST_BYTE, FLOOR, STOCK),
    Row("CPU of an invocation, of a bare loop", m.CPU, FLOOR, STOCK),
    Row("throughput, 64 KiB chunks", m.BIG, OURS, NODE, AGAIN, at_least=1.0),
    Row("throughput, 1 KiB chunks", m.MIDDLE, OURS, NODE, AGAIN, at_least=1.0),
    Row("throughput, 20-byte tokens", m.SMALL, OURS, NODE, AGAIN, at_least=1.3),
    Row("paced tokens, p99 of the delay", m.DELAYS, OURS, "", AGAIN, at_most=1000.0),
    Row("paced tokens, p99 of the delay", m.DELAYS, OURS, NODE, AGAIN),
    Row("spawn to next", m.SPAWN, OURS, STOCK, AGAIN, at_most=0.85),
    Row("spawn to next", m.SPAWN, OURS, NODE, AGAIN),
    Row("spawn to next, through the layer's wrapper", m.SPAWN, WRAPPED, STOCK, AGAIN),
    Row("spawn to next, from a layer without bytecode", m.SPAWN, "ours, no bytecode", STOCK, AGAIN),
    Row("first byte, caller accepts gzip", m.FIRST_BYTE, OURS, STOCK, AGAIN, ours_key=m.FIRST_BYTE_GZIP),
    Row("CPU of an invocation, caller accepts gzip", m.CPU, OURS, STOCK, AGAIN, ours_key=m.CPU_GZIP),
    Row("20-byte tokens, caller accepts gzip", m.SMALL, OURS, NODE, AGAIN, ours_key=m.SMALL_GZIP),
    Row("FastAPI, first byte", m.FIRST_BYTE, APP, SERVER, APP_AGAIN, at_most=0.6),
    Row("FastAPI, spawn to ready", m.SPAWN, APP, SERVER, APP_AGAIN, at_most=0.6),
    Row("FastAPI, spawn to ready, its import alone", m.SPAWN, APP_FLOOR, SERVER),
    Row("FastAPI, first byte", m.FIRST_BYTE, APP, FAST_SERVER, APP_AGAIN),
    Row("FastAPI, spawn to ready", m.SPAWN, APP, FAST_SERVER, APP_AGAIN),
    *(
        Row(f"client, CPU of an event {how}, {dialect}", key.format(dialect), CLIENT, HTTPX, CLIENT_AGAIN, at_most=1.25)
        for how, key in (("by itself", CLIENT_ALONE), ("of a burst", CLIENT_BURST))
        for dialect in ("openai-chat", "sse")
    ),
    Row("client, call to first event", CLIENT_FIRST, CLIENT, HTTPX, CLIENT_AGAIN, at_most=1.05),
    Row("emulator, added to an invocation", EMULATOR_OPEN, EMULATOR, "", EMULATOR_AGAIN, at_most=300.0),
    Row("emulator, added to an invocation with IAM auth", EMULATOR_SIGNED, EMULATOR, "", EMULATOR_AGAIN, at_most=300.0),
    Row("emulator, added to one of 60 after a rest", EMULATOR_OPEN_BURST, EMULATOR, "", EMULATOR_AGAIN),
    Row("emulator, added to one of 60 after a rest, with IAM auth", EMULATOR_SIGNED_BURST, EMULATOR, "", EMULATOR_AGAIN),
    Row("emulator, invocations in a loop", EMULATOR_LOOP, EMULATOR, BARE, EMULATOR_AGAIN),
    Row("bare relay, added to an invocation", EMULATOR_OPEN, RELAY),
    Row("emulator, CPU of an invocation", EMULATOR_CPU, EMULATOR, "", EMULATOR_AGAIN),
    Row("emulator, added to a 1 KiB chunk of many", EMULATOR_CHUNK_MANY, EMULATOR, "", EMULATOR_AGAIN, at_most=50.0),
    Row("emulator, added to a 1 KiB chunk by itself", EMULATOR_CHUNK_ALONE, EMULATOR, "", EMULATOR_AGAIN, at_most=50.0),
    Row("bare relay, added to a 1 KiB chunk by itself", EMULATOR_CHUNK_ALONE, RELAY),
    Row("emulator, CPU of a 1 KiB chunk by itself", EMULATOR_CHUNK_CPU, EMULATOR, "", EMULATOR_AGAIN),
    *(
        Row(
            f"emulator, first byte of {long:,} tokens and of 10",
            EMULATOR_FIRST.format(10),
            EMULATOR,
            EMULATOR,
            EMULATOR_AGAIN,
            at_most=1.25,
            ours_key=EMULATOR_FIRST.format(long),
        )
        for long in (1_000, 100_000)
    ),
    Row("emulator, 200 streams of 20 tokens a second, p99 of the delay", CROWD_P99, CROWD, at_most=20_000.0),
    Row("emulator, the same, median", CROWD_MEDIAN, CROWD),
    Row("emulator, CPU of a token of these", CROWD_CPU, CROWD),
    Row("emulator, memory after the second half of an hour's streams", HOUR_MEMORY, HOUR, at_most=2048.0),
    Row("emulator, open files, threads, children and files then", HOUR_FILES, HOUR, at_most=0.0),
    Row("synthesis", SYNTHESIS, CONSTRUCT, HAND_WRITTEN, CONSTRUCT_AGAIN, at_most=1.15),
)


def told(row: Row, samples: Mapping[str, Sequence[m.Sample]], missing: Mapping[str, str]) -> dict[str, Any]:
    """One row's result: medians, ratio, noise and whether the promise holds; or why there is none."""
    found: dict[str, Any] = {"name": row.name, "measure": row.key, "program": row.ours, "peer": row.peer or None}
    found |= {"at_most": row.at_most, "at_least": row.at_least}
    lacking = [name for name in (row.ours, row.peer) if name and not samples.get(name)]
    if lacking:
        return {**found, "left_out": "; ".join(f"{name}: {missing.get(name, 'not measured')}" for name in lacking)}
    ours = _series(samples[row.ours], row.ours_key)
    found["value"] = summary(ours)
    if row.peer:
        peer = _series(samples[row.peer], row.key)
        found["peer_value"] = summary(peer)
        found["ratio"] = summary(paired(ours, peer))
    elif delays := [delay for sample in samples[row.ours] if isinstance(some := sample[row.ours_key], list) for delay in some]:
        found["value"]["pooled"] = quantile(delays, 0.99)
    if samples.get(row.again):
        found["noise"] = summary(paired(_series(samples[row.again], row.ours_key), ours))
    judged = found["ratio"]["median"] if row.peer else found["value"].get("pooled", found["value"]["median"])
    if row.at_most is not None:
        found["kept"] = judged <= row.at_most
    elif row.at_least is not None:
        found["kept"] = judged >= row.at_least
    return found


def _series(samples: Sequence[m.Sample], key: str) -> list[float]:
    """One number a round; of delays their 99th percentile."""
    return [quantile(value, 0.99) if isinstance(value := sample[key], list) else value for sample in samples]
