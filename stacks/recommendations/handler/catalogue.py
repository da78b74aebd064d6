"""The books that can be recommended: books.csv, read once, while the function starts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple


class Book(NamedTuple):
    """A book.

    Attributes:
        id: What readers name it by.
        title: As printed.
        author: As printed.
        year: Of its first edition.
        genres: What it is.
    """

    id: str
    title: str
    author: str
    year: int
    genres: frozenset[str]

    def shown(self) -> dict[str, object]:
        """As readers see it."""
        return {"book": self.id, "title": self.title, "author": self.author, "year": self.year, "genres": sorted(self.genres)}


def read_books() -> dict[str, Book]:
    """All books by their ids, in the order of the file."""
    with (Path(__file__).parent / "books.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        books = [Book(row["id"], row["title"], row["author"], int(row["year"]), frozenset(row["genres"].split())) for row in rows]
    return {book.id: book for book in books}
