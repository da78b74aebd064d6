"""A reader's recommendations as they get better: what was found last time, then each better ranking, then the best."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from scoring import rankings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from catalogue import Book
    from readers import Known, Readers

MODEL = "1"
"""Raise it when the scoring changes: what is cached is then out of date."""


def recommend(
    books: Mapping[str, Book], readers: Readers, reader: str, known: Known, limit: int, *, now: float
) -> Iterator[dict[str, Any]]:
    """What is sent, one ranking after the other; the last is complete, and kept for the next time.

    A cached ranking that nothing has changed since is the only one. Of one that is out of date, what has been rated meanwhile is left out.
    """
    of = made_of(books, known.stars, limit)
    if known.cached is not None:
        fresh = known.cached_of == of
        shown = [book for book in known.cached if book["book"] not in known.stars][:limit]
        yield {"stage": "cached", "scored": 0, "complete": fresh, "books": shown}
        if fresh:
            return
    for ranking in rankings(books, known.stars, limit):
        if ranking.complete:
            readers.keep(reader, ranking.books, of, now=now)
        yield ranking._asdict()


def made_of(books: Mapping[str, Book], stars: Mapping[str, int], limit: int) -> str:
    """All that a ranking depends on, in short."""
    text = json.dumps([MODEL, sorted(books), sorted(stars.items()), limit])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
