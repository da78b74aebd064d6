"""The summarization example's parts: how a text is cut, what is asked in which order, where a caller goes on, and when it stops in time."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.summarization import cost
from streaming_runtime import BadRequest, Data, Finish, HttpError, NotFound, Text, Throttled, Usage
from tests.stacks.handlers import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stacks.conftest import LocalAws

handler = load("summarization", "sections", "plan", "cursor", "asked", "documents", "summarising")
split, plan, cursor, Asked = handler.sections.split, handler.plan.plan, handler.cursor, handler.asked.Asked
ALICE = (Path(__file__).parents[2] / "stacks" / "summarization" / "texts" / "alice.txt").read_text()

PIECES = st.sampled_from(["word ", "A sentence. ", "\n", "\n\n", " ", "# Head\n\n", "Chapter 2\n\n", "x" * 30, "ä😀", "\t\n  \n"])


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=60).map("".join), st.integers(8, 90))
def test_the_sections_joined_are_the_document_and_none_is_too_long(text: str, most: int) -> None:
    found = split(text, most)
    assert "".join(section.text for section in found) == text
    assert all(len(section.text.strip()) <= most for section in found)


def test_alice_is_cut_at_her_chapters_and_between_paragraphs() -> None:
    found = split(ALICE, 5_000)
    assert [section.title for section in found] == ["CHAPTER I. Down the Rabbit-Hole"] * 3 + ["CHAPTER II. The Pool of Tears"] * 3
    assert found[3].text.startswith("CHAPTER II. The Pool of Tears\n\n`Curiouser and curiouser!' cried Alice")
    assert all(section.text.endswith("\n") for section in found)


def test_a_paragraph_that_is_too_long_is_cut_after_a_sentence() -> None:
    found = split("One is short. Two is short too. " + "Three goes on. " * 10, 40)
    assert found[0].text == "One is short. Two is short too. "
    assert all(section.text.rstrip().endswith(".") for section in found)


@pytest.mark.parametrize("sections", [1, 2, 10, 11, 100, 101, 300])
def test_every_section_and_every_summary_goes_into_the_whole_exactly_once(sections: int) -> None:
    steps = plan(sections)
    assert [step.section for step in steps if step.section is not None] == list(range(sections))
    used = [index for step in steps for index in step.summaries]
    assert sorted(used) == list(range(len(steps) - 1))
    assert all(max(step.summaries, default=-1) < place for place, step in enumerate(steps))
    assert [step.kind for step in steps].count("summary") == 1
    assert steps[-1].kind == "summary"
    assert max(len(step.summaries) for step in steps) <= 10
    assert len(steps) == cost.steps(sections)


def test_a_cursor_gives_back_the_summaries_of_its_document_alone() -> None:
    one, other = cursor.identity("Alice", 100), cursor.identity("Bob", 100)
    made = cursor.encode(one, ["Erste – 😀", "Zweite"])
    assert made.isascii()
    assert cursor.decode(made, one, 3) == ["Erste – 😀", "Zweite"]
    with pytest.raises(cursor.StaleCursor):
        cursor.decode(made, other, 3)
    with pytest.raises(ValueError, match="no cursor"):
        cursor.decode(made, one, 2)  # a document that is done has nowhere to go on
    assert cursor.identity("Alice", 200) != one


def packed(value: Any) -> str:
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(value).encode())).decode().rstrip("=")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "!",
        "Ä",
        "AAAA",
        packed({}),
        packed(["d"]),
        packed(["d", "x"]),
        packed(["d", [1]]),
        packed(["d", [""]]),
        packed(["d", ["x" * 2_000_000]]),
        packed(["d", ["x"]])[:-6],
        base64.urlsafe_b64encode(zlib.compress(b"[" * 100_000)).decode(),
    ],
)
def test_what_is_no_cursor_is_refused_and_never_unpacked_without_bound(wrong: str) -> None:
    with pytest.raises(ValueError, match="no cursor"):
        cursor.decode(wrong, "d", 10)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def model_of(clock: Clock, seconds: float, fails_at: int = -1) -> Any:
    """A model that says how many words it was given, in two pieces, and takes its time."""
    calls = iter(range(1_000))

    def answer(prompt: str) -> Iterator[Any]:
        call = next(calls)
        clock.now += seconds
        words = len(prompt.split("<text>")[1].split("</text>")[0].split())
        yield Text(f"{words} ")
        if call == fails_at:
            raise Throttled
        yield Text("words")
        yield Finish("stop", Usage(words, 2))

    return answer


def run(text: str, done: list[str], **options: Any) -> list[Any]:
    clock = options.pop("clock", None) or Clock()
    model = options.pop("model", None) or model_of(clock, 1)
    given = {"document": "d", "model": model, "clock": clock, "ends_at": 1e9, **options}
    return list(handler.summarising.summarise(split(text, 5_000), done, **given))


def named(events: list[Any], name: str) -> list[Any]:
    return [event.value for event in events if isinstance(event, Data) and event.name == name]


def test_each_section_is_asked_for_with_its_own_words_and_the_whole_with_all_summaries() -> None:
    events = run(ALICE, [])
    words = [len(section.text.split()) for section in split(ALICE, 5_000)]
    assert [value["summary"] for value in named(events, "section")] == [f"{count} words" for count in words]
    assert sum(words) == len(ALICE.split())
    assert [value["summary"] for value in named(events, "summary")] == ["12 words"]
    assert events[-1] == Finish("stop", Usage(sum(words) + 12, 14))


def test_what_streams_under_a_heading_is_its_summary() -> None:
    under: list[list[str]] = []
    for event in run(ALICE, []):
        if isinstance(event, Data) and event.name == "step":
            under.append([])
        elif isinstance(event, Text):
            under[-1].append(event.text)
    assert ["".join(pieces) for pieces in under][-1] == "12 words"
    assert {len(pieces) for pieces in under} == {2}


def test_a_document_that_takes_longer_than_there_is_time_goes_on_where_it_stopped() -> None:
    shown, done, answers = [], [], 0
    while True:
        clock = Clock()
        events = run(ALICE, done, clock=clock, model=model_of(clock, 10), ends_at=36)
        answers += 1
        shown += [event for event in events if isinstance(event, Data) and event.name in ("section", "summary")]
        assert clock.now <= 36
        [resume] = named(events, "resume") or [None]
        if resume is None:
            break
        assert events[-1].reason == "length"
        done = cursor.decode(resume["cursor"], "d", 7)
    whole = [event for event in run(ALICE, []) if isinstance(event, Data) and event.name in ("section", "summary")]
    assert shown == whole
    assert answers == 3


def test_at_least_one_step_is_done_however_little_time_there_is() -> None:
    events = run(ALICE, [], ends_at=-5)
    assert len(named(events, "section")) == 1
    assert len(named(events, "resume")) == 1


def test_no_more_steps_are_done_than_were_asked_for() -> None:
    assert [value["number"] for value in named(run(ALICE, [], most_steps=2), "section")] == [1, 2]
    assert named(run(ALICE, ["a"] * 6, most_steps=1), "resume") == []


def collect(running: Iterator[Any], events: list[Any]) -> None:
    """Keeps what came, also where it then broke off."""
    for event in running:
        events.append(event)


def test_what_was_done_before_the_model_failed_is_not_lost() -> None:
    clock = Clock()
    events: list[Any] = []
    running = handler.summarising.summarise(
        split(ALICE, 5_000), [], document="d", model=model_of(clock, 1, fails_at=2), clock=clock, ends_at=1e9
    )
    with pytest.raises(Throttled):
        collect(running, events)
    assert len(cursor.decode(events[-1].value["cursor"], "d", 7)) == 2


def test_a_model_that_fails_at_once_leaves_the_error_to_be_a_status() -> None:
    clock = Clock()

    def failing(prompt: str) -> Iterator[Any]:
        raise Throttled
        yield

    events = handler.summarising.summarise(split("Hello.", 100), [], document="d", model=failing, clock=clock, ends_at=1)
    with pytest.raises(Throttled):
        list(events)


def test_a_document_of_one_section_has_one_summary() -> None:
    events = run("Just this. And that.", [])
    assert [value["kind"] for value in named(events, "step")] == ["summary"]
    assert named(events, "summary")[0]["summary"] == "4 words"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({}, "text"),
        ({"text": "a", "key": "documents/a"}, "text"),
        ({"text": ""}, "text"),
        ({"text": " \n"}, "text"),
        ({"text": 1}, "text"),
        ({"key": "secrets/a"}, "key"),
        ({"key": "documents/../a"}, "key"),
        ({"key": "documents/ä"}, "key"),
        ({"key": "documents/" + "a" * 900}, "key"),
        ({"text": "a", "cursor": 1}, "cursor"),
        ({"text": "a", "cursor": "a" * 200_001}, "cursor"),
        ({"text": "a", "most_steps": 0}, "most_steps"),
        ({"text": "a", "most_steps": True}, "most_steps"),
        ({"text": "a", "words": 3}, "words"),
    ],
)
def test_a_wrong_request_is_refused_by_name(body: Any, param: str | None) -> None:
    with pytest.raises(BadRequest) as refused:
        Asked.parse(body)
    assert refused.value.param == param


def test_documents_are_read_from_the_bucket_and_what_is_no_document_is_refused(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="summarization-documents")
    for key, body in {"good": "Grüße".encode(), "long": b"x" * 101, "binary": b"\xff\xfe\x00", "empty": b" \n"}.items():
        s3.put_object(Bucket="summarization-documents", Key=f"documents/{key}", Body=body)
    documents = handler.documents.Documents(s3, "summarization-documents", most_bytes=100)
    assert documents.read("documents/good") == "Grüße"
    for key, code in {"long": "too_long", "binary": "not_text", "empty": "bad_request"}.items():
        with pytest.raises(BadRequest) as refused:
            documents.read(f"documents/{key}")
        assert refused.value.code == code
    with pytest.raises(NotFound):
        documents.read("documents/none")
    with pytest.raises(HttpError) as unavailable:
        handler.documents.Documents(s3, "no-such-bucket", most_bytes=100).read("documents/good")
    assert unavailable.value.status == 503
