"""The recommendations stack end to end: the FastAPI app in the emulator, a real DynamoDB interface, signed requests, both wire formats."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from constructs_pkg.client import AccessDenied, Data, SigV4Auth, StreamingClient
from constructs_pkg.emulator import Emulator
from tests.stacks.conftest import session_of
from tests.stacks.handlers import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stacks.conftest import LocalAws, Synthesized

FUNCTION, CALLER = "RecommendationsStack/Recommendations/Function", "RecommendationsStack/Caller"
SEA = ["sea-wolf", "typee", "twenty-thousand-leagues", "lord-jim", "robinson-crusoe", "princess-and-goblin"]
JSON = {"content-type": "application/json"}
SAILOR = {"treasure-island": 5, "moby-dick": 4, "anna-karenina": 2}


@pytest.fixture(scope="module")
def emulator(recommendations: Synthesized, aws: LocalAws) -> Iterator[Emulator]:
    with Emulator(recommendations.directory, model=None, endpoints={"dynamodb": aws.endpoint}) as running:
        [service] = [service for service in running.services.values() if service.function.path == FUNCTION]
        [readers] = recommendations.of_type("AWS::DynamoDB::GlobalTable")
        aws.make_table(service.function.environment["TABLE"], readers)
        yield running


@pytest.fixture
def http(emulator: Emulator) -> Iterator[httpx.Client]:
    auth = SigV4Auth(session_of(emulator, CALLER), region=emulator.region)
    with httpx.Client(base_url=emulator.urls[FUNCTION], auth=auth, trust_env=False, timeout=60) as made:
        yield made


def rate(http: httpx.Client, reader: str, stars: dict[str, int]) -> None:
    for book, given in stars.items():
        assert http.put(f"/readers/{reader}/stars/{book}", json={"stars": given}).status_code == 204


def ask(http: httpx.Client, reader: str, limit: int = 6) -> list[dict[str, Any]]:
    """The rankings of a stream, which is whole."""
    answer = http.get(f"/readers/{reader}/recommendations?limit={limit}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    *lines, last = [json.loads(line) for line in answer.text.splitlines()]
    assert last == {"type": "finish", "reason": "stop", "usage": None}
    assert {line["type"] for line in lines} == {"ranking"}
    return [line["data"] for line in lines]


def ids(ranking: dict[str, Any]) -> list[str]:
    return [book["book"] for book in ranking["books"]]


def test_rankings_get_better_until_the_best_and_the_next_time_the_best_comes_at_once(http: httpx.Client) -> None:
    rate(http, "ann", SAILOR)
    first = ask(http, "ann")
    assert [ranking["stage"] for ranking in first] == ["genres"] * 3 + ["neighbours"] * 2 + ["varied"]
    assert [ranking["complete"] for ranking in first] == [False] * 5 + [True]
    assert ids(first[-1]) == SEA
    [again] = ask(http, "ann")
    assert (again["stage"], again["complete"], ids(again)) == ("cached", True, SEA)


def test_after_new_stars_the_old_ranking_comes_first_without_what_was_rated_and_better_ones_follow(http: httpx.Client) -> None:
    rate(http, "bob", SAILOR)
    ask(http, "bob")
    rate(http, "bob", {"sea-wolf": 1, "typee": 5})
    stale, *_, best = ask(http, "bob")
    assert (stale["stage"], stale["complete"], ids(stale)) == ("cached", False, SEA[2:])
    handler = load("recommendations", "catalogue", "scoring")
    *_, expected = handler.scoring.rankings(handler.catalogue.read_books(), {**SAILOR, "sea-wolf": 1, "typee": 5}, 6)
    assert ids(best) == [book["book"] for book in expected.books]
    assert ids(best) != SEA


def test_the_same_rankings_come_as_server_sent_events_to_who_accepts_them(emulator: Emulator, http: httpx.Client) -> None:
    rate(http, "cyd", SAILOR)
    with (
        StreamingClient(emulator.urls[FUNCTION], session=session_of(emulator, CALLER)) as client,
        client.stream("GET", "/readers/cyd/recommendations?limit=6", headers={"accept": "text/event-stream"}) as stream,
    ):
        events = list(stream)
        assert stream.finish is not None
        assert stream.finish.reason == "stop"
    rankings = [event.value for event in events if isinstance(event, Data)]
    assert {event.name for event in events if isinstance(event, Data)} == {"ranking"}
    assert ids(rankings[-1]) == SEA


def test_readers_do_not_see_each_others_rankings(http: httpx.Client) -> None:
    rate(http, "dan", SAILOR)
    ask(http, "dan")
    assert ask(http, "eve")[0]["stage"] == "genres"


def test_the_catalogue_is_listed(http: httpx.Client) -> None:
    listed = http.get("/books").json()["books"]
    assert len(listed) == 127
    assert listed[0]["title"] == "Dracula"


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/readers/a%20b/recommendations", {}, 400, "bad_request"),
        ("GET", f"/readers/{'a' * 65}/recommendations", {}, 400, "bad_request"),
        ("GET", "/readers/ann/recommendations?limit=0", {}, 400, "bad_request"),
        ("GET", "/readers/ann/recommendations?limit=51", {}, 400, "bad_request"),
        ("GET", "/readers/ann/recommendations?limit=ten", {}, 400, "bad_request"),
        ("GET", "/readers/ann/recommendations", {"headers": {"accept": "text/html"}}, 406, "not_acceptable"),
        ("PUT", "/readers/ann/stars/emma", {"json": {"stars": 6}}, 400, "bad_request"),
        ("PUT", "/readers/ann/stars/emma", {"json": {"stars": "5"}}, 400, "bad_request"),
        ("PUT", "/readers/ann/stars/emma", {"json": {}}, 400, "bad_request"),
        ("PUT", "/readers/ann/stars/emma", {"content": b"{"}, 400, "bad_request"),
        ("PUT", "/readers/ann/stars/emma", {"content": b"{", "headers": JSON}, 400, "invalid_json"),
        ("PUT", "/readers/ann/stars/emma", {"content": b"\xff", "headers": JSON}, 400, "invalid_json"),
        ("PUT", "/readers/ann/stars/emma", {"content": b"[" * 100_000, "headers": JSON}, 400, "invalid_json"),
        ("PUT", "/readers/ann/stars/emma", {"json": [5]}, 400, "bad_request"),
        ("PUT", "/readers/ann/stars/emma", {"json": {"stars": True}}, 400, "bad_request"),
        ("PUT", "/readers/ann/stars/emma", {"json": {"stars": 4.5}}, 400, "bad_request"),
        ("GET", "/readers/%F0%9F%93%9A/recommendations", {}, 400, "bad_request"),
        ("GET", "/readers/ann/recommendations/", {}, 404, "not_found"),
        ("GET", "/openapi.json", {}, 404, "not_found"),
        ("OPTIONS", "/books", {}, 405, "method_not_allowed"),
        ("PUT", "/readers/ann/stars/no-such-book", {"json": {"stars": 5}}, 404, "not_found"),
        ("POST", "/books", {}, 405, "method_not_allowed"),
        ("GET", "/docs", {}, 404, "not_found"),
        ("GET", "/", {}, 404, "not_found"),
    ],
)
def test_wrong_requests_are_refused_in_the_runtimes_shape_of_an_error(
    method: str, path: str, options: dict[str, Any], status: int, code: str, http: httpx.Client
) -> None:
    answer = http.request(method, path, **options)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error.keys() == {"code", "message"}
    assert error["code"] == code
    assert error["message"].endswith(".")


def test_a_table_that_fails_shows_nothing_internal(http: httpx.Client, emulator: Emulator, aws: LocalAws) -> None:
    [service] = [service for service in emulator.services.values() if service.function.path == FUNCTION]
    table = service.function.environment["TABLE"]
    client = aws.client("dynamodb")
    described = client.describe_table(TableName=table)["Table"]
    client.delete_table(TableName=table)
    try:
        answer = http.get("/readers/ann/recommendations")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"]["code"] == "unavailable"
        assert table not in answer.text
    finally:
        aws.make_table(table, described)


@pytest.mark.parametrize("principal", ["stranger", "outsider", "RecommendationsStack/Recommendations/Role"])
def test_nobody_but_the_caller_role_may_ask(principal: str, emulator: Emulator) -> None:
    with (
        StreamingClient(emulator.urls[FUNCTION], session=session_of(emulator, principal)) as other,
        pytest.raises(AccessDenied),
        other.stream("GET", "/books") as stream,
    ):
        stream.collect()
