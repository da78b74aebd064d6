"""Summarises a document step by step, and stops in time with a cursor to go on from. Pure but for the model and the clock it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cursor import encode
from plan import Step, plan

from streaming_runtime import Data, Finish, HttpError, Text, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sections import Section

    from streaming_runtime import Internal

    Event = Text | Data | Finish | Internal
    Model = Callable[[str], Iterator[Event]]

LEAVE_SECONDS = 120
"""Of the function's time, for a step that takes longer than any before it; and an answer then ends before the alarm takes it for one that hit
the timeout."""

SLOWER = 1.5
"""The next step may take this many times as long as the longest so far."""

_SECTION = "Summary of the text in two or three sentences:"
_SUMMARIES = (
    "The text consists of summaries of the parts of one document, in order. Summary of the document in one short paragraph:"
)


def summarise(
    sections: Sequence[Section],
    done: Sequence[str],
    *,
    document: str,
    model: Model,
    clock: Callable[[], float],
    ends_at: float,
    most_steps: int | None = None,
) -> Iterator[Event]:
    """Yields each step's heading, its summary as it comes, and its summary as a whole.

    Args:
        sections: The document.
        done: The summaries that the caller has already.
        document: Its identity, for the cursor.
        model: Answers a prompt by events, the last of them a Finish.
        clock: In seconds.
        ends_at: By this clock, when the answer has to be over.
        most_steps: How many steps at most. Default: all.

    Raises:
        HttpError: What the model raised. A cursor has gone out before, where there is something to go on from.
    """
    steps, summaries, counted, longest = plan(len(sections)), list(done), Usage(0, 0), 0.0
    first = len(summaries)
    yield Data({"sections": len(sections), "steps": len(steps), "done": first}, name="document")
    for step in steps[first:]:
        started = clock()
        if len(summaries) > first and (len(summaries) - first == most_steps or started + SLOWER * longest > ends_at):
            yield Data({"cursor": encode(document, summaries)}, name="resume")
            yield Finish("length", counted)
            return
        yield Data(_heading(step, sections), name="step")
        pieces: list[str] = []
        try:
            for event in model(_prompt(step, sections, summaries)):
                if isinstance(event, Finish):
                    counted = _sum(counted, event.usage)
                else:
                    if isinstance(event, Text):
                        pieces.append(event.text)
                    yield event
        except HttpError:
            if len(summaries) > first:
                yield Data({"cursor": encode(document, summaries)}, name="resume")
            raise
        summaries.append("".join(pieces).strip() or "(nothing)")
        yield Data({"kind": step.kind, "number": step.number, "summary": summaries[-1]}, name=step.kind)
        longest = max(longest, clock() - started)
    yield Finish("stop", counted)


def _heading(step: Step, sections: Sequence[Section]) -> dict[str, object]:
    heading: dict[str, object] = {"kind": step.kind, "number": step.number}
    if step.section is not None:
        section = sections[step.section]
        heading |= {"title": section.title, "characters": len(section.text)}
    return heading


def _prompt(step: Step, sections: Sequence[Section], summaries: Sequence[str]) -> str:
    """The text stands between tags, and what is wanted stands behind it: what the text itself asks for is not the last word."""
    if step.section is not None:
        task, text = _SECTION, sections[step.section].text.strip()
    else:
        task, text = _SUMMARIES, "\n\n".join(summaries[index] for index in step.summaries)
    return f"<text>\n{text}\n</text>\n\n{task}"


def _sum(one: Usage, other: Usage | None) -> Usage:
    if other is None:
        return one
    return Usage(one.input_tokens + other.input_tokens, one.output_tokens + other.output_tokens)
