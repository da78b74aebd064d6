"""The garbage collector rests while a function starts, and works as ever afterwards."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from streaming_runtime.collector import AtRest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.runtime.conftest import Start


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_it_rests_meanwhile_and_what_is_there_is_set_aside() -> None:
    before = gc.get_threshold()
    with AtRest():
        assert gc.get_threshold()[0] > 10 * before[0]
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() > 1_000


def test_what_the_function_set_itself_stays() -> None:
    with AtRest():
        gc.set_threshold(7, 7, 7)
    assert gc.get_threshold()[0] == 7


def test_requests_have_their_garbage_collected(start: Start, interpreter: str) -> None:
    runtime = start("""
        import gc
        class Node: pass
        @streaming_handler
        def handler(request, context):
            nodes = len([item for item in gc.get_objects() if type(item) is Node])
            for _ in range(30_000):
                one, other = Node(), Node()
                one.other, other.other = other, one
            yield Data([nodes, gc.isenabled(), gc.get_threshold()[0] < 10_000])
        """)
    for _ in range(4):
        nodes, enabled, usual = runtime.invoke({}).json
        assert nodes < 30_000
        assert (enabled, usual) == (True, True)
