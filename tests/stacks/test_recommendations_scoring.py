"""The recommendations example's scorer, catalogue and wire formats: the order is known, and so are the bytes."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from typing import Any

import pytest

from tests.stacks.handlers import load

handler = load("recommendations", "catalogue", "scoring", "wire")
rankings, wire = handler.scoring.rankings, handler.wire
BOOKS = handler.catalogue.read_books()
SAILOR = {"treasure-island": 5, "moby-dick": 4, "anna-karenina": 2}


def ids(ranking: Any) -> list[str]:
    return [book["book"] for book in ranking.books]


def test_the_catalogue_has_real_books_each_once_and_each_with_three_genres() -> None:
    assert len(BOOKS) == 127
    assert all(book.title and book.author and 1600 < book.year < 1930 for book in BOOKS.values())
    assert {len(book.genres) for book in BOOKS.values()} == {3}
    assert len({(book.title, book.author) for book in BOOKS.values()}) == 127


def test_who_likes_the_sea_is_sent_to_sea() -> None:
    *_, best = rankings(BOOKS, SAILOR, 6)
    assert best.complete
    assert ids(best) == ["sea-wolf", "typee", "twenty-thousand-leagues", "lord-jim", "robinson-crusoe", "princess-and-goblin"]
    assert best.books[0]["because"] == ["adventure", "sea", "like Moby-Dick"]


def test_who_likes_ghosts_is_sent_to_old_houses() -> None:
    *_, best = rankings(BOOKS, {"dracula": 5, "frankenstein": 4, "emma": 1}, 5)
    assert ids(best) == ["turn-of-the-screw", "jekyll-and-hyde", "house-of-usher", "the-monk", "sleepy-hollow"]


def exact(stars: dict[str, int], id: str) -> Fraction:
    """The score of the stage `neighbours`, in exact fractions and by the words of the README alone."""
    book, total = BOOKS[id], Fraction(0)
    for other_id, given in stars.items():
        other = BOOKS[other_id]
        shared = Fraction(len(book.genres & other.genres), len(book.genres | other.genres))
        alike = shared + Fraction(3, 10) * (book.author == other.author)
        alike += max(Fraction(0), Fraction(100 - abs(book.year - other.year), 1000))
        total += (given - 3) * (len(book.genres & other.genres) + alike)
    return total / len(stars)


@pytest.mark.parametrize("stars", [SAILOR, {"dracula": 5, "emma": 1}, {"alice": 5, "candide": 5, "tess": 2, "styles": 4}])
def test_the_neighbours_are_ordered_as_exact_fractions_order_them(stars: dict[str, int]) -> None:
    last = [ranking for ranking in rankings(BOOKS, stars, 127) if ranking.stage == "neighbours"][-1]
    found = [exact(stars, id) for id in ids(last)]
    rounding = Fraction(2 * len(stars) + 2, 1000)
    assert all(later <= earlier + rounding for earlier, later in itertools.pairwise(found))
    assert found[0] == pytest.approx(float(max(exact(stars, id) for id in BOOKS if id not in stars)), abs=float(rounding))


def test_each_ranking_differs_from_the_one_before_and_only_the_last_is_complete() -> None:
    found = list(rankings(BOOKS, SAILOR, 6))
    assert [ranking.complete for ranking in found] == [False] * (len(found) - 1) + [True]
    assert all(ids(one) != ids(other) for one, other in itertools.pairwise(found[:-1]))
    stages = [ranking.stage for ranking in found]
    assert stages == sorted(stages, key=["genres", "neighbours", "varied"].index)
    assert len(found) >= 4


def test_what_was_rated_is_not_recommended() -> None:
    assert all(not set(ids(ranking)) & set(SAILOR) for ranking in rankings(BOOKS, SAILOR, 50))


def test_a_new_reader_is_shown_books_that_are_not_alike() -> None:
    *_, best = rankings(BOOKS, {}, 6)
    authors = {book["author"] for book in best.books}
    genres = {genre for book in best.books for genre in book["genres"]}
    assert (len(authors), len(genres) >= 12) == (6, True)


def test_stars_of_a_book_that_left_the_catalogue_count_for_nothing() -> None:
    *_, best = rankings(BOOKS, {**SAILOR, "gone": 5}, 6)
    *_, expected = rankings(BOOKS, SAILOR, 6)
    assert ids(best) == ids(expected)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", wire.NDJSON),
        ("*/*", wire.NDJSON),
        ("text/event-stream", wire.SSE),
        ("TEXT/Event-Stream; charset=utf-8", wire.SSE),
        ("text/*", wire.SSE),
        ("application/x-ndjson;q=0.5, text/event-stream;q=0.9", wire.SSE),
        ("text/event-stream;q=0.2, */*", wire.NDJSON),
        ("application/*;q=0.1, text/event-stream", wire.SSE),
        ("*/*, application/x-ndjson;q=0", wire.SSE),
        ("text/html", None),
        ("application/x-ndjson;q=0", None),
        ("text/event-stream;q=much", None),
    ],
)
def test_the_form_is_the_one_that_accept_likes_best(accept: str, form: str | None) -> None:
    assert wire.preferred(accept) == form


def test_both_forms_are_those_of_the_runtimes_dialects() -> None:
    from streaming_runtime import Data, Error, Finish, Request
    from streaming_runtime.dialects import Dialect

    value = {"titel": "Über allen Gipfeln\nist Ruh", "n": 1}
    for form, dialect in wire.DIALECTS.items():
        encoder = Dialect(dialect).encoder(Request({}))
        assert wire.event(form, "ranking", value) == encoder.data(Data(value, name="ranking"))
        assert wire.finish(form) == encoder.finish(Finish("stop"))
        assert wire.error(form, "x", "y") == encoder.error(Error("x", "y"))
    assert json.loads(wire.event(wire.NDJSON, "ranking", value)) == {"type": "ranking", "data": value}
