"""What a StreamingFunction costs to synthesize, beside the same resources written out by hand: in one process, one after the other.

Run by itself (`python -m benchmarks.synthesis ROUNDS`) it prints its samples as JSON: CDK is loaded here and nowhere else.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk

from benchmarks.hand_written import HandWritten
from benchmarks.ratios import rotated
from constructs_pkg import StreamingCode, StreamingFunction

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRY = Path(__file__).parent / "programs" / "ours"
_FLAGS = json.loads((Path(__file__).parents[1] / "cdk.json").read_text(encoding="utf-8"))["context"]


def ours(stack: cdk.Stack) -> None:
    """As a user writes it."""
    StreamingFunction(stack, "Chat", code=StreamingCode.python(ENTRY))


def by_hand(stack: cdk.Stack) -> None:
    """As a user would have to write it."""
    HandWritten(stack, "Chat", ENTRY)


PROGRAMS: dict[str, Callable[[cdk.Stack], None]] = {
    "StreamingFunction": ours,
    "hand-written L2": by_hand,
    "StreamingFunction again": ours,
}


def synthesize(make: Callable[[cdk.Stack], None], folder: Path) -> tuple[float, dict[str, Any]]:
    """Milliseconds from the app to its template, and the template."""
    begin = time.perf_counter()
    app = cdk.App(outdir=str(folder), context=_FLAGS)
    stack = cdk.Stack(app, "Stack")
    make(stack)
    assembly = app.synth()
    spent = (time.perf_counter() - begin) * 1e3
    template: dict[str, Any] = assembly.get_stack_by_name("Stack").template
    return spent, template


def shape(template: dict[str, Any]) -> Counter[tuple[str, tuple[str, ...]]]:
    """The resources by type and by which properties they have."""
    return Counter(
        (str(resource["Type"]), tuple(sorted(resource.get("Properties", {})))) for resource in template["Resources"].values()
    )


def samples(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each round, by program.

    Raises:
        RuntimeError: The two do not make the same resources, so that there is nothing to compare.
    """
    found: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as folder:
        shapes = {name: shape(synthesize(make, Path(folder))[1]) for name, make in PROGRAMS.items()}
        if len({frozenset(one.items()) for one in shapes.values()}) != 1:
            more, less = shapes["StreamingFunction"], shapes["hand-written L2"]
            raise RuntimeError(f"hand_written.py is not what StreamingFunction makes: lacks {more - less}, has {less - more}")
        for number in range(-2 if rounds > 5 else 0, rounds):
            for name in rotated(list(PROGRAMS), number):
                spent, _ = synthesize(PROGRAMS[name], Path(folder))
                if number >= 0:
                    found[name].append(spent)
    return found


if __name__ == "__main__":
    print(json.dumps(samples(int(sys.argv[1]))))
