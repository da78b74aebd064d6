"""Which books a reader may like, by the stars that they gave to others. Pure, and in whole numbers: everywhere the same order.

Three stages, each better and dearer than the last: genres alone; each book against each rated one; and a list in which not all are alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from catalogue import Book

MIDDLE_STARS = 3
"""Neither liked nor disliked."""

SLICE = 32
"""Books that are scored before the ranking is looked at again."""

SAME_AUTHOR = 300
SAME_TIME = 100  # less one for each year between the two
REPEATED_AUTHOR = 300
CLOSE = 500  # from here on a book is said to be like another


class Ranking(NamedTuple):
    """The best books that are known at a moment.

    Attributes:
        stage: `genres`, `neighbours` or `varied`.
        scored: How many books this stage has scored.
        books: The best first, as readers see them, each with its `score` and what it is recommended `because` of.
        complete: Whether nothing better will come.
    """

    stage: str
    scored: int
    books: list[dict[str, Any]]
    complete: bool


def rankings(books: Mapping[str, Book], stars: Mapping[str, int], limit: int) -> Iterator[Ranking]:
    """Each ranking that is better than the one before it; the last is complete.

    Args:
        books: By id.
        stars: What the reader gave, 1 to 5, by the books' ids. Those books are not recommended.
        limit: How many books a ranking has.
    """
    reader = _Reader(books, stars)
    scores: dict[str, int] = {}
    last: list[str] = []
    for stage, score in (("genres", reader.by_genres), ("neighbours", reader.by_neighbours)):
        for scored, chunk in _slices(reader.candidates):
            scores.update({book.id: score(book) for book in chunk})
            best = _best(scores, limit)
            if best != last:
                last = best
                yield Ranking(stage, scored, [reader.shown(id, scores[id]) for id in best], complete=False)
    best = reader.varied(scores, limit)
    yield Ranking("varied", len(reader.candidates), [reader.shown(id, scores[id]) for id in best], complete=True)


def similarity(one: Book, other: Book) -> int:
    """How alike two books are, in thousandths: the genres that they share, the author, the time."""
    shared = 1000 * len(one.genres & other.genres) // len(one.genres | other.genres)
    return shared + SAME_AUTHOR * (one.author == other.author) + max(0, SAME_TIME - abs(one.year - other.year))


class _Reader:
    """One reader's liking, and what can be recommended to them."""

    def __init__(self, books: Mapping[str, Book], stars: Mapping[str, int]) -> None:
        self._books = books
        self._rated = [(books[id], given - MIDDLE_STARS) for id, given in stars.items() if id in books]
        self.candidates = [book for book in books.values() if book.id not in stars]
        self._tastes: dict[str, int] = {}
        for book, liking in self._rated:
            for genre in book.genres:
                self._tastes[genre] = self._tastes.get(genre, 0) + liking

    def by_genres(self, book: Book) -> int:
        return self._per_rating(1000 * sum(self._tastes.get(genre, 0) for genre in book.genres))

    def by_neighbours(self, book: Book) -> int:
        return self.by_genres(book) + self._per_rating(sum(liking * similarity(book, rated) for rated, liking in self._rated))

    def varied(self, scores: Mapping[str, int], limit: int) -> list[str]:
        """Takes the best, one after the other; a book loses by each one like it, or of its author, that stands before it."""
        open_ids, chosen = list(scores), list[str]()
        losses = dict.fromkeys(open_ids, 0)
        while open_ids and len(chosen) < limit:
            best = max(open_ids, key=lambda book: scores[book] - losses[book])  # of equals the first: the order of the catalogue
            open_ids.remove(best)
            chosen.append(best)
            for id in open_ids:
                one, other = self._books[id], self._books[best]
                losses[id] += similarity(one, other) // 10 + REPEATED_AUTHOR * (one.author == other.author)
        return chosen

    def shown(self, id: str, score: int) -> dict[str, Any]:
        book = self._books[id]
        liked = [(similarity(book, rated), rated.title) for rated, liking in self._rated if liking > 0]
        tastes = sorted((-self._tastes[genre], genre) for genre in book.genres if self._tastes.get(genre, 0) > 0)
        because = [genre for _, genre in tastes[:2]]
        if liked and max(liked)[0] >= CLOSE:
            because.append(f"like {max(liked)[1]}")
        return {**book.shown(), "score": score, "because": because}

    def _per_rating(self, total: int) -> int:
        return total // max(1, len(self._rated))


def _slices(books: Sequence[Book]) -> Iterator[tuple[int, Sequence[Book]]]:
    for start in range(0, len(books), SLICE):
        chunk = books[start : start + SLICE]
        yield start + len(chunk), chunk


def _best(scores: Mapping[str, int], limit: int) -> list[str]:
    return sorted(scores, key=lambda book: -scores[book])[:limit]  # stable: of equals the first in the catalogue
