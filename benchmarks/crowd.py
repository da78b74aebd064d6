"""Many streams at the same time, each of 20 tokens a second: how late a token is. One process, one thread, sockets and a poll."""

from __future__ import annotations

import select
import socket
import time
from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks import rows
from benchmarks.measures import births
from benchmarks.ratios import quantile
from benchmarks.server import PATIENCE_SECONDS, BenchmarkError

if TYPE_CHECKING:
    from benchmarks.emulated import Emulated

TOKEN_MILLISECONDS = 50
APART_SECONDS = 0.0075
"""Pause between two calls: not all tokens of real callers fall due at the same moment."""

_END = b"0\r\n\r\n"


def measure(emulated: Emulated, size: int, seconds: float) -> dict[str, float | list[float]]:
    """How late tokens are while all streams run, and the emulator's CPU time for each.

    Args:
        emulated: It keeps so many environments of the function `Crowd` warm.
        size: How many streams.
        seconds: How long all of them run at the same time.
    """
    count = int((seconds + size * APART_SECONDS + 1) * 1000 / TOKEN_MILLISECONDS)
    address = urlsplit(emulated.url("Crowd"))
    request = f"GET /paced/20/{count}/{TOKEN_MILLISECONDS} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    streams = [socket.create_connection((address.hostname or "", address.port or 80), PATIENCE_SECONDS) for _ in range(size)]
    try:
        arrivals, spent = _read(emulated, streams, request)
    finally:
        for stream in streams:
            stream.close()
    tokens = {descriptor: _tokens(pieces) for descriptor, pieces in arrivals.items()}
    if any(len(found) != count for found in tokens.values()):
        raise BenchmarkError(f"found {sorted({len(found) for found in tokens.values()})} tokens of {count}\n{emulated.said()}")
    begin = max(found[0][0] for found in tokens.values())
    end = min(found[-1][0] for found in tokens.values())
    delays = [(arrived - born) / 1e3 for found in tokens.values() for arrived, born in found if begin <= arrived <= end]
    if begin >= end or not delays:
        raise BenchmarkError("the streams did not run at the same time")
    return {
        rows.CROWD_P99: quantile(delays, 0.99),
        rows.CROWD_MEDIAN: median(delays),
        rows.CROWD_CPU: spent / (count * size) * 1e6,
    }


def _read(emulated: Emulated, streams: list[socket.socket], request: bytes) -> tuple[dict[int, list[tuple[int, bytes]]], float]:
    """What came of each, with when, by time.monotonic_ns(), to the end of all; and the emulator's CPU time."""
    poll = select.poll()
    waiting = list(streams)
    open_ones = {stream.fileno(): stream for stream in streams}
    arrivals: dict[int, list[tuple[int, bytes]]] = {descriptor: [] for descriptor in open_ones}
    for stream in streams:
        poll.register(stream, select.POLLIN)
    cpu = emulated.cpu_seconds()
    next_at = time.monotonic()
    while open_ones:
        if waiting and time.monotonic() >= next_at:
            next_at += APART_SECONDS
            waiting.pop().sendall(request)
        ready = poll.poll(max(0.0, next_at - time.monotonic()) * 1e3 if waiting else PATIENCE_SECONDS * 1e3)
        if not ready and not waiting:
            raise BenchmarkError(f"nothing comes any more\n{emulated.said()}")
        for descriptor, _ in ready:
            data = open_ones[descriptor].recv(65_536)
            arrivals[descriptor].append((time.monotonic_ns(), data))
            if not data or data.endswith(_END):
                poll.unregister(descriptor)
                del open_ones[descriptor]
    return arrivals, emulated.cpu_seconds() - cpu


def _tokens(pieces: list[tuple[int, bytes]]) -> list[tuple[int, int]]:
    """When each token came, and when it was born. A token that came in two pieces came with the second."""
    found: list[tuple[int, int]] = []
    unread = b""
    for arrived, data in pieces:
        *lines, unread = (unread + data).split(b"\r\n")
        found += [(arrived, born) for line in lines for born in births(line)]
    return found
