"""What is measured of each program, once a round, in a process of its own."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks.server import Answer, BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.programs import Program, WebServer
    from benchmarks.server import Session

SPAWN = "spawn_ms"
FIRST_BYTE = "first_byte_us"
CPU = "cpu_us"
BIG, MIDDLE, SMALL = "64KiB_MB_s", "1KiB_MB_s", "20B_tokens_s"
FIRST_BYTE_GZIP, CPU_GZIP, SMALL_GZIP = "first_byte_gzip_us", "cpu_gzip_us", "20B_tokens_gzip_s"
DELAYS = "paced_delays_us"
GZIP = {"accept-encoding": "gzip"}


class Effort:
    """How much is done.

    Attributes:
        rounds: How often everything is measured.
        warm_up: Invocations before the first that counts: Node compiles as it goes.
        invocations: Whose median and mean are taken.
        megabytes: Sent for each throughput, at most; below Lambda's limit of 200 MB.
        tokens: Of 20 bytes each, sent for their throughput.
        paced: Tokens sent with a pause before each.
        repeats: Of each throughput, whose median is taken.
    """

    def __init__(
        self, rounds: int, warm_up: int, invocations: int, megabytes: int, tokens: int, paced: int, repeats: int
    ) -> None:
        self.rounds = rounds
        self.warm_up = warm_up
        self.invocations = invocations
        self.megabytes = megabytes
        self.tokens = tokens
        self.paced = paced
        self.repeats = repeats


FULL = Effort(rounds=15, warm_up=200, invocations=400, megabytes=96, tokens=200_000, paced=150, repeats=3)
QUICK = Effort(rounds=2, warm_up=5, invocations=10, megabytes=1, tokens=1000, paced=5, repeats=1)

Sample = dict[str, float | list[float]]


def check(program: Program, streams: bool) -> None:
    """Makes sure that a program answers what the others answer, or its numbers would mean nothing.

    Raises:
        BenchmarkError: It does not.
    """
    with program.start() as session:
        _require(program, session.invoke("/first", marker=b"hello", keep=True), {b"hello", b'"hello"'})
        if streams:
            _require(program, session.invoke("/bytes/65536/3", keep=True), {b"x" * 3 * 65_536})
            _require(program, session.invoke("/text/20/1000", keep=True), {b"x" * 20_000})


def _require(program: Program, answer: Answer, allowed: set[bytes]) -> None:
    body = answer.body()
    if body not in allowed:
        raise BenchmarkError(f"{program.name} answered {len(body)} bytes: {body[:100]!r}")


def invocations(program: Program, effort: Effort, *, gzip: bool = False) -> Sample:
    """Its start, and many small answers."""
    with program.start() as session:
        sample: Sample = {SPAWN: session.await_next() * 1e3}
        _small_answers(session, effort, sample, FIRST_BYTE, CPU, {})
        if gzip:
            _small_answers(session, effort, sample, FIRST_BYTE_GZIP, CPU_GZIP, GZIP)
    return sample


def streams(program: Program, effort: Effort, *, gzip: bool = False) -> Sample:
    """What `invocations` measures, and throughput and delay of long answers."""
    with program.start() as session:
        sample: Sample = {SPAWN: session.await_next() * 1e3}
        _small_answers(session, effort, sample, FIRST_BYTE, CPU, {})
        if gzip:
            _small_answers(session, effort, sample, FIRST_BYTE_GZIP, CPU_GZIP, GZIP)
            sample[SMALL_GZIP] = effort.tokens / _duration(session, f"/text/20/{effort.tokens}", effort, GZIP)
        big, middle = effort.megabytes * 16, effort.megabytes * 512
        sample[BIG] = big * 65_536 / 1e6 / _duration(session, f"/bytes/65536/{big}", effort)
        sample[MIDDLE] = middle * 1024 / 1e6 / _duration(session, f"/bytes/1024/{middle}", effort)
        sample[SMALL] = effort.tokens / _duration(session, f"/text/20/{effort.tokens}", effort)
        sample[DELAYS] = _delays(session, effort)
    return sample


def start(program: Program) -> Sample:
    """Its start alone."""
    with program.start() as session:
        return {SPAWN: session.await_next() * 1e3}


def web_server(begin: Callable[[], WebServer], effort: Effort) -> Sample:
    """The start and the first bytes of a web server."""
    with begin() as server:
        sample: Sample = {SPAWN: server.await_ready() * 1e3}
        times = [server.first_byte() for _ in range(effort.warm_up + effort.invocations)]
    sample[FIRST_BYTE] = median(times[effort.warm_up :]) * 1e6
    return sample


def _small_answers(session: Session, effort: Effort, sample: Sample, first_byte: str, cpu: str, headers: dict[str, str]) -> None:
    # An answer that is compressed is known by nothing; with headers of its own, what follows the prelude's is waited for.
    marker = b"" if headers else b"hello"
    for _ in range(effort.warm_up):
        session.invoke("/first", headers, marker)
    session.await_next()
    before = session.cpu_seconds()
    times = [session.invoke("/first", headers, marker).first_byte for _ in range(effort.invocations)]
    session.await_next()  # its record is written by then
    sample[cpu] = (session.cpu_seconds() - before) / effort.invocations * 1e6
    sample[first_byte] = median(times) * 1e6


def _duration(session: Session, path: str, effort: Effort, headers: dict[str, str] | None = None) -> float:
    session.invoke(path, headers)
    return median(session.invoke(path, headers).total for _ in range(effort.repeats))


def _delays(session: Session, effort: Effort) -> list[float]:
    """From a token's birth, which it carries by the machine's monotonic clock, to its arrival, in microseconds."""
    answer = session.invoke(f"/paced/20/{effort.paced}/5", keep=True)
    unread, delays = b"", []
    for arrived, data in answer.arrivals:
        *lines, unread = (unread + data).split(b"\r\n")
        delays += [(arrived - born) / 1e3 for line in lines for born in births(line)]
    if len(delays) != effort.paced:
        raise BenchmarkError(f"found {len(delays)} tokens of {effort.paced}")
    return delays


def births(line: bytes, size: int = 20) -> list[int]:
    """What the tokens in one line say: a chunk's data may be one token, several, or a prelude and one."""
    tokens = line.rpartition(b"\0")[2]
    if not tokens.isdigit() or len(tokens) % size:
        return []
    return [int(tokens[start : start + size]) for start in range(0, len(tokens), size)]
