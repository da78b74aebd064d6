"""What is to be summarised, in which order: the sections, then their summaries, ten at a time, until one is left. Pure.

The plan follows from the number of sections alone. What is done is then a list of summaries, and where to go on is its length: all that a
caller has to bring along to resume.
"""

from __future__ import annotations

from typing import NamedTuple

AT_ONCE = 10
"""Summaries that are summarised together."""


class Step(NamedTuple):
    """One question to the model.

    Attributes:
        kind: `section`, `part` (of several summaries) or `summary` (of the whole).
        number: Which of its kind, from 1 on.
        section: The section's index; None where it is about summaries.
        summaries: The indices of the steps that it is about; empty for a section.
    """

    kind: str
    number: int
    section: int | None
    summaries: tuple[int, ...]


def plan(sections: int) -> list[Step]:
    """The steps for a document of so many sections; the last is the summary of the whole."""
    steps = [Step("section", index + 1, index, ()) for index in range(sections)]
    if sections == 1:
        return [Step("summary", 1, 0, ())]
    open_steps, parts = list(range(sections)), 0
    while len(open_steps) > 1:
        groups = [tuple(open_steps[start : start + AT_ONCE]) for start in range(0, len(open_steps), AT_ONCE)]
        open_steps = []
        for group in groups:
            open_steps.append(len(steps))
            if len(groups) == 1:
                steps.append(Step("summary", 1, None, group))
            else:
                parts += 1
                steps.append(Step("part", parts, None, group))
    return steps
