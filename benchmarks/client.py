"""What the Python client costs beside bare httpx, which iterates over lines and calls json.loads on each: in one process, in turns.

Run by itself (`python -m benchmarks.client ROUNDS [quick]`) it prints its samples as JSON; its server is a process of its own, so that the CPU
time is the readers' alone. Both sign, with the same object: a URL that asks for IAM auth takes nothing else.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import boto3
import httpx

from benchmarks import rows
from benchmarks.ratios import rotated
from constructs_pkg.client import SigV4Auth, StreamingClient, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Read: TypeAlias = Callable[[str], Iterator[str]]

DIALECTS = ("openai-chat", "sse")
BODY = {"model": "m-1", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
TOKEN = "a token of twenty bs"


class Effort(NamedTuple):
    """How much is done in a round.

    Attributes:
        burst: Events of an answer that comes at once.
        alone: Events of an answer with a pause before each.
        turns: How often each of them is read.
        calls: For the time to the first event.
    """

    burst: int
    alone: int
    turns: int
    calls: int


FULL = Effort(burst=5000, alone=200, turns=3, calls=200)
QUICK = Effort(burst=50, alone=5, turns=1, calls=3)
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.0005


# ---- the server


def frames(dialect: str, count: int) -> list[bytes]:
    """An answer of `count` tokens, frame by frame, its terminal event last."""
    if dialect == "sse":
        frame = f'event: text\ndata: {{"text":"{TOKEN}"}}\n\n'
        last = 'event: finish\ndata: {"reason":"stop","usage":null}\n\n'
    else:
        head = '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795428000,"model":"m-1","choices":[{"index":0,"delta":'
        frame = f'data: {head}{{"content":"{TOKEN}"}},"finish_reason":null}}]}}\n\n'
        last = f'data: {head}{{}},"finish_reason":"stop"}}]}}\n\ndata: [DONE]\n\n'
    return [frame.encode()] * count + [last.encode()]


def chunk(data: bytes) -> bytes:
    """One chunk of HTTP's, as the runtime sends one event."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def serve() -> None:
    """Answers `POST /<dialect>/<count>/<alone or burst>`, one connection after the other; says its port first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                _serve_connection(connection)


def _serve_connection(connection: socket.socket) -> None:
    unread = b""
    answers: dict[bytes, tuple[bytes, list[bytes]]] = {}
    while True:
        while b"\r\n\r\n" not in unread:
            data = connection.recv(65_536)
            if not data:
                return
            unread += data
        head, _, unread = unread.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(unread) < length:
            unread += connection.recv(65_536)
        unread = unread[length:]
        path = head.split(b" ", 2)[1]
        if path not in answers:
            answers[path] = _answer(path.decode())
        begin, pieces = answers[path]
        connection.sendall(begin)
        for piece in pieces:
            time.sleep(_PAUSE_SECONDS)
            connection.sendall(piece)


def _answer(path: str) -> tuple[bytes, list[bytes]]:
    """What is sent at once, and what follows piece by piece."""
    _, dialect, count, how = path.split("/")
    chunks = [chunk(frame) for frame in frames(dialect, int(count))]
    head = (
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
        f"x-stream-dialect: {dialect}\r\ntransfer-encoding: chunked\r\n\r\n"
    ).encode()
    if how == "alone":
        return head, [*chunks, b"0\r\n\r\n"]
    return head + b"".join(chunks) + b"0\r\n\r\n", []


@contextmanager
def serving() -> Iterator[str]:
    """The URL of a server in a process of its own."""
    command = [sys.executable, "-c", "from benchmarks.client import serve; serve()"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            if not select.select([process.stdout], [], [], _PATIENCE_SECONDS)[0]:
                raise RuntimeError("the server does not start")
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


# ---- the readers


@contextmanager
def ours(url: str, session: boto3.Session) -> Iterator[Read]:
    """As a user writes it."""
    with StreamingClient(url, session=session) as client:

        def read(path: str) -> Iterator[str]:
            with client.stream("POST", path, json=BODY) as stream:
                for event in stream:
                    if isinstance(event, Text):
                        yield event.text

        yield read


@contextmanager
def bare(url: str, session: boto3.Session) -> Iterator[Read]:
    """What a user would write instead: it finds no error and no cut, and measures nothing."""
    with httpx.Client(base_url=url, auth=SigV4Auth(session), trust_env=False, timeout=60) as client:

        def read(path: str) -> Iterator[str]:
            with client.stream("POST", path, json=BODY) as response:
                for line in response.iter_lines():
                    if not line.startswith("data: ") or line == "data: [DONE]":
                        continue
                    value = json.loads(line[6:])
                    text = value.get("text") if path.startswith("/sse/") else value["choices"][0]["delta"].get("content")
                    if text:
                        yield text

        yield read


PROGRAMS = {rows.CLIENT: ours, rows.HTTPX: bare, rows.CLIENT_AGAIN: ours}


def cpu(read: Read, path: str, count: int) -> float:
    """Microseconds of CPU time of each event of one answer."""
    begin = time.process_time()
    seen = sum(1 for _ in read(path))
    spent = time.process_time() - begin
    if seen != count:
        raise RuntimeError(f"found {seen} events of {count}")
    return spent / count * 1e6


def first_event(read: Read) -> float:
    """Microseconds from a call to its first event, on a connection kept alive."""
    begin = time.perf_counter()
    events = read("/openai-chat/3/burst")
    next(events)
    spent = time.perf_counter() - begin
    sum(1 for _ in events)
    return spent * 1e6


def samples(rounds: int, effort: Effort) -> dict[str, list[dict[str, float]]]:
    """One sample a round, by program. They take turns call by call: what slows this machine down for a moment slows all of them."""
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="eu-west-1")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in PROGRAMS}
    for number in range(-1, rounds):  # the first round warms up
        with ExitStack() as stack:
            reads = {}
            for name, program in PROGRAMS.items():
                reads[name] = stack.enter_context(program(stack.enter_context(serving()), session))
            sample = _round(reads, effort)
        if number >= 0:
            for name, values in sample.items():
                found[name].append(values)
    return found


def _round(reads: dict[str, Read], effort: Effort) -> dict[str, dict[str, float]]:
    calls: list[tuple[str, int, Callable[[Read], float]]] = [(rows.CLIENT_FIRST, effort.calls, first_event)]
    for dialect in DIALECTS:
        for how, key, count in (("burst", rows.CLIENT_BURST, effort.burst), ("alone", rows.CLIENT_ALONE, effort.alone)):
            read = partial(cpu, path=f"/{dialect}/{count}/{how}", count=count)
            calls.append((key.format(dialect), effort.turns, read))
    values: dict[str, dict[str, float]] = {name: {} for name in reads}
    for key, turns, call in calls:
        taken: dict[str, list[float]] = {name: [] for name in reads}
        for turn in range(turns):
            for name in rotated(list(reads), turn):
                taken[name].append(call(reads[name]))
        for name in reads:
            values[name][key] = median(taken[name])
    return values


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("it was ended"))
    print(json.dumps(samples(int(sys.argv[1]), QUICK if "quick" in sys.argv[2:] else FULL)))
