"""What the speech example costs: by the recording. A month in which nobody speaks costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stacks import costs

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORDINGS: Final = 1_000
SECONDS: Final = 60
"""Of each."""

STARTS_SECONDS: Final = 1
"""Before the first piece is sent, and after the last."""


def thousand_streams(template: Mapping[str, Any]) -> list[costs.Line]:
    """A thousand recordings of a minute, sent in the request. A function listens as long as somebody spoke, whoever recognises."""
    function = costs.properties(template, "AWS::Lambda::Function")
    listened = costs.invocations(function, count=RECORDINGS, seconds=SECONDS + STARTS_SECONDS)
    if function["Environment"]["Variables"]["RECOGNISER"] != "transcribe":
        return listened
    heard = RECORDINGS * max(SECONDS, costs.TRANSCRIBE_LEAST_SECONDS)
    return [
        costs.Line(
            what=f"Transcribe: {RECORDINGS:,} times {SECONDS} s, at least {costs.TRANSCRIBE_LEAST_SECONDS} s each",
            amount=heard,
            unit="seconds",
            price=costs.TRANSCRIBE_SECOND,
        ),
        *listened,
    ]
