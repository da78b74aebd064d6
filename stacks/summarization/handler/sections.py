"""A text cut into sections that a model can take at once: at headings, else between paragraphs, else between sentences. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARAGRAPH = re.compile(r"\n\s*\n")
_HEADING = re.compile(r"(?:#{1,6} +|chapter +)(?=\S)[^\n]{1,100}", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?]['\"\u2019\u201d)]*\s+|\n")
_SPACE = re.compile(r"\s+")


class Section(NamedTuple):
    """A part of a document. The parts joined are the document again.

    Attributes:
        title: The heading that it stands under; empty where there is none.
        text: What is in it.
    """

    title: str
    text: str


def split(text: str, most: int) -> list[Section]:
    """Cuts `text` into sections of at most `most` characters, as few as that allows within each heading's part."""
    sections: list[Section] = []
    title, begun = "", ""
    for paragraph in _paragraphs(text):
        heading = _HEADING.fullmatch(paragraph.strip())
        if heading or len(begun) + len(paragraph) > most:
            if begun.strip():
                sections.append(Section(title, begun))
                begun = ""
            title = paragraph.strip().lstrip("# ") if heading else title
        *whole, rest = _pieces(begun + paragraph, most)
        sections += [Section(title, piece) for piece in whole]
        begun = rest
    if begun.strip() or not sections:
        return [*sections, Section(title, begun)]
    last = sections.pop()
    return [*sections, Section(last.title, last.text + begun)]


def _paragraphs(text: str) -> Iterator[str]:
    """Each with the empty lines behind it."""
    start = 0
    for gap in _PARAGRAPH.finditer(text):
        yield text[start : gap.end()]
        start = gap.end()
    if start < len(text):
        yield text[start:]


def _pieces(text: str, most: int) -> list[str]:
    """A text cut where it hurts least: after the last sentence that fits, else after the last word, else anywhere."""
    pieces = []
    while len(text) > most:
        ends = [found.end() for form in (_SENTENCE_END, _SPACE) for found in list(form.finditer(text, 0, most))[-1:]]
        end = ends[0] if ends else most
        pieces.append(text[:end])
        text = text[end:]
    return [*pieces, text]
