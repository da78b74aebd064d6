"""What the emulator adds to the functions that it runs: beside a bare Runtime API loop on the same function, in turns.

Run by itself (`python -m benchmarks.emulator ROUNDS [quick]`) it prints its samples as JSON. The bare loop is `server.py`: it hands the
same function its next invocation as soon as it is asked for, and reads the answer. Whatever is slower in the emulator is its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, Self

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks import crowd, growth, rows
from benchmarks.emulated import Caller, Emulated
from benchmarks.measures import births
from benchmarks.programs import RUNTIME, Program
from benchmarks.ratios import rotated
from benchmarks.relay import Relay
from benchmarks.server import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

APP_SECONDS = 300
LENGTHS = (10, 1_000, 100_000)
CHUNK = 1024
WARM_UP = 2


class Effort(NamedTuple):
    """How much is done in a round.

    Attributes:
        blocks: So many times each program takes its turn.
        calls: Of a turn, whose mean is taken; of the turns it is the median.
        burst: So many of these, the first ones, are looked at by themselves, too.
        chunks: Of a long answer.
        paced: Chunks of an answer with 5 ms before each.
        firsts: Answers of each length whose first byte is waited for.
        crowd: Streams at the same time.
        crowd_seconds: How long each is.
        streams: Through one emulator, to see what grows.
        tokens: Of each of these.
    """

    blocks: int
    calls: int
    burst: int
    chunks: int
    paced: int
    firsts: int
    crowd: int
    crowd_seconds: float
    streams: int
    tokens: int


FULL = Effort(
    blocks=4, calls=300, burst=60, chunks=20_000, paced=200, firsts=15, crowd=200, crowd_seconds=20, streams=12_000, tokens=1_200
)
QUICK = Effort(blocks=1, calls=4, burst=2, chunks=50, paced=5, firsts=1, crowd=4, crowd_seconds=1, streams=60, tokens=20)

Sample = dict[str, float | list[float]]


class Bare:
    """The same function, and nothing but the Runtime API around it."""

    def __init__(self) -> None:
        command = [sys.executable, "-S", "-m", "streaming_runtime"]
        layer = {"PYTHONPATH": str(RUNTIME / "python")}
        each = {**layer, "STREAM_FLUSH_INTERVAL_MICROSECONDS": "0"}
        self.calls = Program("bare", command, "ours", "index.handler", layer).start(spin=False)
        self.chunks = Program("bare", command, "ours", "index.handler", each).start(spin=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.close()
        self.chunks.close()


class Relays:
    """The same function again, and between it and its caller no more than has to be."""

    def __init__(self) -> None:
        self.calls = Relay({})
        self.chunks = Relay({"STREAM_FLUSH_INTERVAL_MICROSECONDS": "0"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.close()
        self.chunks.close()


class Emulation:
    """One emulator, and a connection to each of its functions."""

    def __init__(self, assembly: Path) -> None:
        self.emulated = Emulated(assembly)
        self.open, self.signed, self.chunks = (Caller(self.emulated.url(name)) for name in ("Open", "Signed", "Chunks"))
        principal = self.emulated.principal("Caller")
        credentials = Credentials(principal["access_key_id"], principal["secret_access_key"], principal["session_token"])
        self._signer = SigV4Auth(credentials, "lambda", self.emulated.ready["region"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for caller in (self.open, self.signed, self.chunks):
            caller.socket.close()
        self.emulated.close()

    def sign(self, count: int) -> list[bytes]:
        """Requests for the URL with IAM auth, no two alike."""
        found = []
        for number in range(count):
            request = AWSRequest(method="GET", url=f"http://{self.signed.host}/first", headers={"X-Bench": f"{number}"})
            self._signer.add_auth(request)
            found.append(self.signed.request("/first", dict(request.headers.items())))
        return found


# ---- one round


def _loop(call: Callable[[bytes], object], requests: Sequence[bytes], burst: int) -> tuple[float, float]:
    """Seconds of each call, one following the other at once, on average: of all of them, and of the first `burst`.

    Whatever a program leaves for later is in the one, because later comes; in the other is what it costs to come out of a rest.
    """
    for request in requests[:WARM_UP]:  # the first ones thaw what was frozen
        call(request)
    begin = time.perf_counter()
    for request in requests[WARM_UP : WARM_UP + burst]:
        call(request)
    paused = time.perf_counter()
    for request in requests[WARM_UP + burst :]:
        call(request)
    return (time.perf_counter() - begin) / (len(requests) - WARM_UP), (paused - begin) / burst


def one_round(programs: dict[str, Emulation], bare: Bare, relays: Relays, effort: Effort, number: int) -> dict[str, Sample]:
    """What each emulator adds, by its name, what a relay does, and what the bare loop takes by itself."""
    names = [*programs, rows.BARE, rows.RELAY]
    loops: dict[tuple[str, str], list[tuple[float, float]]] = {}
    cpu = dict.fromkeys(programs, 0.0)
    count = effort.calls + WARM_UP

    def loop(name: str, kind: str, call: Callable[[bytes], object], requests: Sequence[bytes]) -> None:
        loops.setdefault((name, kind), []).append(_loop(call, requests, effort.burst))

    for block in range(effort.blocks):
        for name in rotated(names, number + block):
            if name == rows.BARE:
                loop(name, "", lambda _: bare.calls.invoke("/first", marker=b"hello"), [b""] * count)
            elif name == rows.RELAY:
                caller = relays.calls.caller
                loop(name, "", caller.call, [caller.request("/first")] * count)
            else:
                one = programs[name]
                signed = one.sign(count)
                before = one.emulated.cpu_seconds()
                loop(name, "open", one.open.call, [one.open.request("/first")] * count)
                cpu[name] += one.emulated.cpu_seconds() - before
                loop(name, "signed", one.signed.call, signed)

    def typical(name: str, kind: str = "") -> tuple[float, float]:
        """Microseconds of a call of all, and of a burst."""
        every, first = zip(*loops[name, kind], strict=True)
        return median(every) * 1e6, median(first) * 1e6

    alone, alone_burst = typical(rows.BARE)
    found: dict[str, Sample] = {
        rows.BARE: {rows.EMULATOR_LOOP: alone},
        rows.RELAY: {rows.EMULATOR_OPEN: typical(rows.RELAY)[0] - alone},
    }
    for name in programs:
        opened, opened_burst = typical(name, "open")
        signed_, signed_burst = typical(name, "signed")
        found[name] = {
            rows.EMULATOR_LOOP: opened,
            rows.EMULATOR_OPEN: opened - alone,
            rows.EMULATOR_SIGNED: signed_ - alone,
            rows.EMULATOR_OPEN_BURST: opened_burst - alone_burst,
            rows.EMULATOR_SIGNED_BURST: signed_burst - alone_burst,
            rows.EMULATOR_CPU: cpu[name] / (effort.blocks * count) * 1e6,
        }
    _chunks(programs, bare, relays, effort, number, found)
    _first_bytes(programs, effort, number, found)
    return found


def _chunks(
    programs: dict[str, Emulation], bare: Bare, relays: Relays, effort: Effort, number: int, found: dict[str, Sample]
) -> None:
    """Chunks of 1 KiB, each written by itself: as fast as they go, and one every 5 ms."""
    fast, paced = f"/bytes/{CHUNK}/{effort.chunks}", f"/paced/{CHUNK}/{effort.paced}/5"
    totals: dict[str, list[float]] = {name: [] for name in (*programs, rows.BARE)}
    delays: dict[str, list[float]] = {name: [] for name in (*programs, rows.BARE, rows.RELAY)}
    cpu: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(3):
        for name in rotated(list(totals), number + turn):
            if name == rows.BARE:
                totals[name].append(bare.chunks.invoke(fast).total)
                delays[name] += _delays(bare.chunks.invoke(paced, keep=True).arrivals, effort.paced)
                continue
            one = programs[name]
            totals[name].append(one.chunks.call(one.chunks.request(fast))[1])
            before = one.emulated.cpu_seconds()
            delays[name] += _delays(one.chunks.arrivals(one.chunks.request(paced)), effort.paced)
            cpu[name].append((one.emulated.cpu_seconds() - before) / effort.paced)
        relayed = relays.chunks.caller
        delays[rows.RELAY] += _delays(relayed.arrivals(relayed.request(paced)), effort.paced)
    found[rows.RELAY][rows.EMULATOR_CHUNK_ALONE] = (median(delays[rows.RELAY]) - median(delays[rows.BARE])) / 1e3
    for name in programs:
        many = median(totals[name]) - median(totals[rows.BARE])
        alone = median(delays[name]) - median(delays[rows.BARE])
        found[name][rows.EMULATOR_CHUNK_MANY] = many / effort.chunks * 1e6
        found[name][rows.EMULATOR_CHUNK_ALONE] = alone / 1e3
        found[name][rows.EMULATOR_CHUNK_CPU] = median(cpu[name]) * 1e6


def _delays(arrivals: list[tuple[int, bytes]], count: int) -> list[float]:
    """Nanoseconds from each chunk's birth, which it carries, to its arrival."""
    found = []
    unread = b""
    for arrived, data in arrivals:
        *lines, unread = (unread + data).split(b"\r\n")
        found += [float(arrived - born) for line in lines for born in births(line, CHUNK)]
    if len(found) != count:
        raise BenchmarkError(f"found {len(found)} chunks of {count}")
    return found


def _first_bytes(programs: dict[str, Emulation], effort: Effort, number: int, found: dict[str, Sample]) -> None:
    """The first byte of answers of several lengths, of 20-byte tokens written as fast as they go."""
    taken: dict[tuple[str, int], list[float]] = {(name, length): [] for name in programs for length in LENGTHS}
    for turn in range(effort.firsts):
        for name, length in rotated(list(taken), number + turn):
            caller = programs[name].open
            taken[name, length].append(caller.call(caller.request(f"/text/20/{length}"))[0])
    for (name, length), seconds in taken.items():
        found[name][rows.EMULATOR_FIRST.format(length)] = median(seconds) * 1e6


# ---- all of it


def samples(rounds: int, effort: Effort) -> dict[str, list[Sample]]:
    """One sample a round, by program; of the crowd and of what grows one alone."""
    found: dict[str, list[Sample]] = {}
    with tempfile.TemporaryDirectory() as folder:
        _synthesize(Path(folder), effort.crowd)
        for number in range(rounds):
            with ExitStack() as stack:
                bare, relays = stack.enter_context(Bare()), stack.enter_context(Relays())
                programs = {
                    name: stack.enter_context(Emulation(Path(folder) / "calls")) for name in (rows.EMULATOR, rows.EMULATOR_AGAIN)
                }
                for name, sample in one_round(programs, bare, relays, effort, number).items():
                    found.setdefault(name, []).append(sample)
        with Emulated(Path(folder) / "crowd") as emulated:
            found[rows.CROWD] = [crowd.measure(emulated, effort.crowd, effort.crowd_seconds)]
        with Emulated(Path(folder) / "calls") as emulated:
            grown = growth.measure(emulated, effort.streams, effort.tokens)
            if grown is not None:
                found[rows.HOUR] = [grown]
    return found


def _synthesize(folder: Path, size: int) -> None:
    command = [sys.executable, "-m", "benchmarks.emulator_app", str(folder), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=APP_SECONDS, check=False, env=dict(os.environ))
    if done.returncode:
        raise BenchmarkError((done.stderr.strip().splitlines() or ["the app cannot be synthesized"])[-1])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("it was ended"))
    print(json.dumps(samples(int(sys.argv[1]), QUICK if "quick" in sys.argv[2:] else FULL)))
