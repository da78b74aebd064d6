"""A handler that never returns: its caller hears of it in time, and the process is fit for the next invocation or ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from streaming_runtime.deadline import GRACE_SECONDS, Deadline, Leaving
from tests.runtime.neutral_api import Runtime, url_event

if TYPE_CHECKING:
    from tests.runtime.conftest import Start

BLOCKS = {
    "sleeps": "time.sleep(3600)",
    "reads a socket": "import socket; a, b = socket.socketpair(); a.recv(1)",
    "waits for a lock": "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()",
    # Something before the loop: where a loop is the first thing in a `try`, CPython before 3.13 looks for the handler of what a signal
    # raises one instruction too early, finds none, and runs no `finally`.
    "loops": "number = 0\n                while True: number += 1",
    "loops over Internal": "while True: yield Internal(1)",
    "waits for a process": "import subprocess; subprocess.run(['sleep', '3600'])",
}
TOLD = (
    b'event: error\ndata: {"code":"deadline_exceeded","message":"The time limit was reached before the answer was complete."}\n\n'
)
MARGIN = {"STREAM_DEADLINE_MARGIN_MS": "700"}


def handler(block: str, first: str = "yield Text('x')") -> str:
    return f"""
        @streaming_handler(dialect="sse")
        def handler(request, context):
            if request.path == "/quick":
                yield Text("quick")
                return
            {first}
            try:
                {block}
            finally:
                print("CLEANED UP")
            yield
    """


def assert_fit_for_the_next(runtime: Runtime) -> None:
    assert b'{"text":"quick"}' in runtime.invoke(url_event(path="/quick")).body
    runtime.await_next()
    assert runtime.log().count("CLEANED UP") == 1


@pytest.mark.parametrize("block", BLOCKS)
def test_a_handler_that_blocks_is_cut_off_in_order(start: Start, block: str) -> None:
    runtime = start(handler(BLOCKS[block]), environment=MARGIN)
    reply = runtime.invoke(url_event(), timeout=1.2)
    taken = time.monotonic() - runtime.delivered_at
    assert reply.body == b'event: text\ndata: {"text":"x"}\n\n' + TOLD
    assert reply.trailers == {}, "an orderly end"
    assert 0.5 < taken < 1.2
    assert_fit_for_the_next(runtime)


def test_on_every_interpreter(start: Start, interpreter: str) -> None:
    runtime = start(handler(BLOCKS["sleeps"]), environment=MARGIN)
    assert runtime.invoke(url_event(), timeout=1.2).body.endswith(TOLD)
    assert_fit_for_the_next(runtime)


@pytest.mark.parametrize("block", ["sleeps", "loops"])
@pytest.mark.parametrize("dialect", ["text", "sse", "openai-chat"])
def test_nothing_sent_by_then_is_a_504(start: Start, block: str, dialect: str) -> None:
    runtime = start(handler(BLOCKS[block], first="pass").replace("sse", dialect), environment=MARGIN)
    reply = runtime.invoke(url_event("POST", body='{"stream":true}'), timeout=1.2)
    assert reply.status == 504
    assert reply.json["error"]["code"] == "deadline_exceeded"
    assert reply.trailers == {}


def test_a_buffered_handler_is_cut_off_too(start: Start) -> None:
    runtime = start("def handler(event, context):\n    time.sleep(3600)", environment=MARGIN)
    assert runtime.invoke(url_event(), timeout=1.0).status == 504
    direct = runtime.invoke({}, timeout=1.0)
    assert direct.is_error
    assert direct.json["errorType"] == "Function.DeadlineExceeded"


@pytest.mark.parametrize(
    ("dialect", "end"),
    [
        ("text", b"x"),
        (
            "openai-chat",
            (
                b'data: {"error":{"message":"The time limit was reached before the answer was complete.","type":"server_error",'
                b'"param":null,"code":"deadline_exceeded"}}\n\ndata: [DONE]\n\n'
            ),
        ),
    ],
)
def test_each_dialect_tells_it_in_its_form(start: Start, dialect: str, end: bytes) -> None:
    runtime = start(handler(BLOCKS["sleeps"]).replace("sse", dialect), environment=MARGIN)
    reply = runtime.invoke(url_event("POST", body='{"stream":true}'), timeout=1.2)
    assert reply.body.endswith(end)


def test_a_stream_that_is_complete_is_not_told_again(start: Start) -> None:
    runtime = start(handler(BLOCKS["sleeps"], first="yield Finish()"), environment=MARGIN)
    assert runtime.invoke(url_event(), timeout=1.0).body == b'event: finish\ndata: {"reason":"stop","usage":null}\n\n'
    assert_fit_for_the_next(runtime)


def test_the_longest_stream_is_a_limit_of_its_own(start: Start) -> None:
    runtime = start(handler(BLOCKS["sleeps"]), environment={"STREAM_MAX_DURATION_SECONDS": "1"})
    assert runtime.invoke(url_event(), timeout=60).body.endswith(TOLD)
    assert 0.9 < time.monotonic() - runtime.delivered_at < 5
    assert_fit_for_the_next(runtime)


def test_a_busy_generator_is_cut_off(start: Start) -> None:
    runtime = start(handler("while True: yield Text('y')"), environment=MARGIN)
    assert runtime.invoke(url_event(), timeout=1.0).body.endswith(TOLD)
    assert_fit_for_the_next(runtime)


ASYNC = """
        import asyncio

        @streaming_handler(dialect="sse")
        async def handler(request, context):
            if request.path == "/quick":
                yield Text("quick")
                return
            yield Text("x")
            try:
                BLOCK
            finally:
                await asyncio.sleep(0.01)
                print("CLEANED UP")
"""


@pytest.mark.parametrize("block", ["await asyncio.sleep(3600)", "time.sleep(3600)", "while True: await asyncio.sleep(0)"])
def test_an_async_handler_is_cut_off_and_cleans_up_in_its_loop(start: Start, interpreter: str, block: str) -> None:
    runtime = start(ASYNC.replace("BLOCK", block), environment=MARGIN)
    assert runtime.invoke(url_event(), timeout=1.2).body.endswith(TOLD)
    assert_fit_for_the_next(runtime)


def test_a_handler_that_swallows_its_interruption_is_interrupted_again(start: Start) -> None:
    block = "time.sleep(3600)\n            except BaseException:\n                time.sleep(3600)"
    runtime = start(handler(block), environment=MARGIN)
    assert runtime.invoke(url_event(), timeout=1.2).body.endswith(TOLD)
    assert_fit_for_the_next(runtime)


def test_a_handler_that_will_not_go_costs_its_process(start: Start) -> None:
    runtime = start(
        """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            yield Text("x")
            while True:
                try:
                    time.sleep(3600)
                except BaseException:
                    pass
        """,
        environment={"STREAM_DEADLINE_MARGIN_MS": "4000"},
    )
    runtime.deliver(url_event(), timeout=4.5)
    assert runtime.rest(runtime.head()).body.endswith(TOLD)
    code, log = runtime.exit()
    assert code == 1
    assert time.monotonic() - runtime.delivered_at < 4.5, "before Lambda's own timeout"
    assert log.count("RUNTIME_EXIT") == 1


def test_a_reader_that_stopped_does_not_hold_the_process(start: Start) -> None:
    runtime = start(handler("while True: yield Text('y' * 65536)"), environment=MARGIN)
    runtime.deliver(url_event(), timeout=1.2)
    reply = runtime.head()
    runtime.chunk(reply)
    stopped = runtime.connection
    assert stopped is not None
    runtime.connection = None  # nobody reads on; the runtime comes back on a connection of its own
    assert_fit_for_the_next(runtime)
    stopped.socket.close()


def test_a_short_timeout_leaves_half_of_it_to_work() -> None:
    assert Deadline(100.0, 1.0, 30.0, None).cut_off_at == 100.5


def test_the_margin_counts_back_from_lambdas_timeout() -> None:
    deadline = Deadline(100.0, 30.0, 1.0, None)
    assert (deadline.cut_off_at, deadline.killed_at) == (129.0, 130.0)


@pytest.mark.parametrize(("longest", "cut_off_at"), [(5.0, 105.0), (900.0, 129.0)])
def test_whichever_limit_comes_first(longest: float, cut_off_at: float) -> None:
    assert Deadline(100.0, 30.0, 1.0, longest).cut_off_at == cut_off_at


def test_a_deadline_in_the_past_cuts_off_at_once() -> None:
    assert Deadline(100.0, -5.0, 1.0, None).cut_off_at == 100.0


def test_a_handler_has_grace_but_not_beyond_lambdas_timeout() -> None:
    deadline = Deadline(100.0, 30.0, 1.0, None)
    assert deadline.exit_at(110.0) == 110.0 + GRACE_SECONDS
    assert deadline.exit_at(129.0) == pytest.approx(129.8)


def test_interrupted_soon_again_at_half_time_and_no_more() -> None:
    leaving = Leaving(100.0, 102.0)
    assert not leaving.interrupts(100.0)
    assert leaving.due() == pytest.approx(100.01)
    assert leaving.interrupts(100.01)
    assert leaving.due() == 101.0
    assert not leaving.interrupts(100.9)
    assert leaving.interrupts(101.0)
    assert not leaving.interrupts(101.5)
    assert leaving.due() == 102.0


@pytest.mark.parametrize("then", ["return", "raise ValueError('late')"])
def test_what_a_handler_does_after_its_end_is_nobodys_business(start: Start, then: str) -> None:
    block = f"time.sleep(3600)\n            except BaseException:\n                {then}"
    runtime = start(handler(block), environment=MARGIN)
    assert runtime.invoke(url_event(), timeout=1.2).body.endswith(TOLD)
    assert_fit_for_the_next(runtime)


def test_a_document_that_comes_after_its_end_is_not_sent(start: Start) -> None:
    runtime = start(
        """
        def handler(event, context):
            if event == "quick":
                return "quick"
            try:
                time.sleep(3600)
            except BaseException:
                return {"too": "late"}
        """,
        environment=MARGIN,
    )
    late = runtime.invoke({}, timeout=1.0)
    assert late.is_error
    assert late.json["errorType"] == "Function.DeadlineExceeded"
    assert runtime.invoke("quick").body == b'"quick"'


def test_a_handler_that_returns_nothing_after_its_end_adds_nothing(start: Start) -> None:
    runtime = start(
        """
        @streaming_handler(dialect="sse")
        def handler(request, context):
            if request.path != "/quick":
                try:
                    time.sleep(3600)
                except BaseException:
                    return None
            return ["quick"]
        """,
        environment=MARGIN,
    )
    assert runtime.invoke(url_event(), timeout=1.0).status == 504
    assert b'{"text":"quick"}' in runtime.invoke(url_event(path="/quick")).body
