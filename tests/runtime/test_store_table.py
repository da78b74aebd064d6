"""The table's requests on the real wire: what they do, that nothing but the granted actions is needed, and every kind of refusal."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streaming_runtime.request import Request
from streaming_runtime.settings import Settings
from streaming_runtime.store import callers, dynamodb, ids, streams, worker
from streaming_runtime.store.errors import StoreRefused, StoreUnavailable
from streaming_runtime.store.table import MAX_DATA_BYTES, Batch, Table, behind, event_key
from tests.runtime.dynamodb_server import KEYS, Server, environment, serving
from tests.runtime.neutral_api import rest_event, url_event

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_700_000_000.5
STREAM, OWNER = "A" * 24, "f" * 64
CONTRACT = json.loads((Path(__file__).parents[1] / "contract" / "store.json").read_text(encoding="utf-8"))
ACTIONS = tuple(action.removeprefix("dynamodb:") for action in CONTRACT["actions"])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture(params=["our own client", "boto3"])
def table(request: pytest.FixtureRequest, server: Server, monkeypatch: pytest.MonkeyPatch) -> Table:
    name = server.table()
    for variable, value in server.environment.items():
        monkeypatch.setenv(variable, value)
    if request.param == "boto3":
        monkeypatch.setattr(dynamodb, "why_not", lambda service: "the test wants it so")
    return Table(name, dynamodb.caller())


def begin(table: Table, **changes: Any) -> None:
    about = {
        "stream": STREAM, "owner": OWNER, "dialect": "sse", "content_type": "text/event-stream", "kept": True, "now": NOW,
        "ttl": int(NOW) + 60,
    }  # fmt: skip
    table.begin(**{**about, **changes})


def test_a_streams_life(table: Table) -> None:
    assert table.find(STREAM, OWNER, NOW) is None
    begin(table)
    begin(table, owner="another", now=NOW + 1)
    found = table.find(STREAM, OWNER, NOW)
    assert found is not None, "the second beginning changed nothing"
    assert (found.status, found.cancel, found.kept, found.last, found.dialect) == ("running", False, True, 0, "sse")
    assert (found.content_type, found.seen_at, found.ttl) == ("text/event-stream", NOW, int(NOW) + 60)
    assert not table.is_cancelled(STREAM)
    assert table.beat(STREAM, False, NOW + 5) is False
    beaten = table.find(STREAM, OWNER, NOW)
    assert beaten is not None
    assert (beaten.kept, beaten.seen_at) == (False, NOW + 5)
    assert table.cancel(STREAM, OWNER, NOW) is not None
    assert table.is_cancelled(STREAM)
    assert table.beat(STREAM, True, NOW + 6) is True
    table.end(STREAM, "cancelled", 7, True, NOW + 7, int(NOW) + 100)
    ended = table.cancel(STREAM, OWNER, NOW)
    assert ended is not None
    assert (ended.status, ended.last, ended.ttl) == ("cancelled", 7, int(NOW) + 100)


@pytest.mark.parametrize(("owner", "now"), [("another", NOW), (OWNER, NOW + 100)])
def test_another_owner_and_a_late_one_find_nothing(table: Table, owner: str, now: float) -> None:
    begin(table)
    assert table.find(STREAM, owner, now) is None
    assert table.cancel(STREAM, owner, now) is None
    assert not table.is_cancelled(STREAM)


def test_nothing_is_made_by_asking_for_it(table: Table) -> None:
    assert table.cancel(STREAM, OWNER, NOW) is None
    assert table.beat(STREAM, True, NOW) is False
    table.end(STREAM, "completed", 1, True, NOW, 1)
    assert not table.is_cancelled(STREAM)
    assert table.find(STREAM, OWNER, 0) is None


def test_events_come_back_in_order_from_any_key(table: Table) -> None:
    written = [Batch(1, 9, b"one"), Batch(10, 10, b"a", 0, 2), Batch(10, 10, b"b", 1, 2), Batch(11, 1_000_000, bytes(range(256)))]
    for batch in reversed(written):
        table.append(STREAM, batch, int(NOW))
        table.append(STREAM, batch, int(NOW))
    begin(table)

    def read(key: str) -> list[tuple[int, int, bytes, int, int]]:
        return [(batch.first, batch.last, batch.data, batch.part, batch.parts) for batch in table.batches(STREAM, key)]

    everything = [(batch.first, batch.last, batch.data, batch.part, batch.parts) for batch in written]
    assert read(event_key(0)) == everything
    assert read(behind(written[0].key)) == everything[1:]
    assert read(behind(written[-1].key)) == []
    holding = {0: event_key(0), 1: event_key(1), 9: event_key(1), 10: event_key(10), 11: event_key(11), 10**9: event_key(11)}
    assert {number: table.key_holding(STREAM, number) for number in holding} == holding
    assert table.key_holding("B" * 24, 5) == event_key(0)


def test_the_largest_items_fit_and_pages_are_turned(table: Table) -> None:
    import os

    written = [Batch(first, first, os.urandom(MAX_DATA_BYTES)) for first in range(1, 7)]  # 1.5 MB that nothing compresses
    for batch in written:
        table.append(STREAM, batch, int(NOW))
    assert [batch.data for batch in table.batches(STREAM, event_key(0))] == [batch.data for batch in written]


def test_slots_are_taken_once_held_again_and_given_back(table: Table) -> None:
    assert table.taken_slots(OWNER, NOW) == set()
    assert table.take_slot(OWNER, 3, STREAM, NOW, NOW + 10)
    assert table.take_slot(OWNER, 3, STREAM, NOW, NOW + 20), "one's own lease is renewed"
    assert not table.take_slot(OWNER, 3, "B" * 24, NOW, NOW + 10)
    assert table.take_slot(OWNER, 12, "B" * 24, NOW, NOW + 10)
    assert table.taken_slots(OWNER, NOW) == {3, 12}
    assert table.taken_slots(OWNER, NOW + 15) == {3}, "a lease that ran out"
    table.release_slot(OWNER, 3, "B" * 24)
    assert table.taken_slots(OWNER, NOW) == {3, 12}, "nobody gives back what another has"
    assert table.take_slot(OWNER, 3, "B" * 24, NOW + 21, NOW + 30)
    table.release_slot(OWNER, 3, STREAM)
    table.release_slot(OWNER, 3, "B" * 24)
    assert table.taken_slots(OWNER, NOW) == {12}
    assert table.taken_slots("another", NOW) == set()


def test_of_many_who_want_the_last_slot_one_gets_it(table: Table) -> None:
    """That a condition and its write are one step is DynamoDB's promise, which the server keeps by one request at a time."""
    got: list[bool] = []
    start = threading.Barrier(8)

    def take(number: int) -> None:
        start.wait(10)
        got.append(table.take_slot(OWNER, 0, f"{number}" * 24, NOW, NOW + 10))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(got) == [False] * 7 + [True]


def test_the_actions_of_the_contract_are_enough_and_each_is_needed() -> None:
    """With signatures and policies checked, and each action left out once."""
    with serving() as server:
        name = server.table()
        for granted in (ACTIONS, *(tuple(action for action in ACTIONS if action != without) for without in ACTIONS)):
            needed: set[str] = set()
            with environment({**server.environment, **user(server, granted)}):
                call = dynamodb.caller()

                def watched(action: str, parameters: dict[str, Any]) -> Any:
                    needed.add(action)  # noqa: B023 - used up before the next round
                    return call(action, parameters)  # noqa: B023

                if granted == ACTIONS:
                    everything(Table(name, watched))
                    assert needed == set(ACTIONS)
                else:
                    [missing] = set(ACTIONS) - set(granted)
                    with pytest.raises(StoreUnavailable, match=f"not authorized to perform: dynamodb:{missing}"):
                        everything(Table(name, watched))
            server.post("/moto-api/reset-auth", "Infinity")


def everything(table: Table) -> None:
    begin(table)
    table.append(STREAM, Batch(1, 1, b"x"), 1)
    table.is_cancelled(STREAM)
    table.beat(STREAM, True, NOW)
    table.end(STREAM, "completed", 1, True, NOW, int(NOW) + 60)
    table.cancel(STREAM, OWNER, NOW)
    table.find(STREAM, OWNER, NOW)
    table.key_holding(STREAM, 1)
    list(table.batches(STREAM, event_key(0)))
    table.take_slot(OWNER, 0, STREAM, NOW, NOW + 1)
    table.taken_slots(OWNER, NOW)
    table.release_slot(OWNER, 0, STREAM)


def user(server: Server, actions: tuple[str, ...]) -> dict[str, str]:
    """An IAM user of the server with these actions, after whose making every request is checked."""
    import uuid

    import boto3

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-west-1", "endpoint_url": server.url}
    iam = boto3.client("iam", **keys)
    name = f"u{uuid.uuid4().hex}"
    iam.create_user(UserName=name)
    statement = {
        "Effect": "Allow",
        "Action": [f"dynamodb:{action}" for action in actions],
        "Resource": "*",
    }  # moto knows no other
    iam.put_user_policy(
        UserName=name, PolicyName="store", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    iam.close()
    server.post("/moto-api/reset-auth", "0")
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


# ---- refusals


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ProvisionedThroughputExceededException", 400, StoreUnavailable),
        ("RequestLimitExceeded", 400, StoreUnavailable),
        ("ThrottlingException", 400, StoreUnavailable),
        ("InternalServerError", 500, StoreUnavailable),
        ("", 503, StoreUnavailable),
        ("ResourceNotFoundException", 400, StoreRefused),
        ("AccessDeniedException", 400, StoreRefused),
        ("ValidationException", 400, StoreRefused),
        ("ExpiredTokenException", 400, StoreRefused),
    ],
)
def test_what_may_pass_and_what_will_not(code: str, status: int, kind: type[StoreUnavailable]) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        dynamodb.refuse("PutItem", code, "so it is", status)
    assert type(caught.value) is kind
    assert str(caught.value) == f"PutItem: {status} {code}: so it is"


def test_a_condition_that_does_not_hold_is_no_error() -> None:
    dynamodb.refuse("PutItem", "ConditionalCheckFailedException", "", 400)


def test_a_table_that_is_not_there_is_refused(table: Table) -> None:
    with pytest.raises(StoreRefused, match="ResourceNotFoundException"):
        Table("no-such-table", table._call).is_cancelled(STREAM)


@pytest.mark.parametrize("over", ["our own client", "boto3"])
def test_nobody_there_is_an_outage(monkeypatch: pytest.MonkeyPatch, over: str) -> None:
    if over == "boto3":
        monkeypatch.setattr(dynamodb, "why_not", lambda service: "so")
    with environment({**KEYS, "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}):
        table = Table("t", dynamodb.caller())
        with pytest.raises(StoreUnavailable) as caught:
            table.is_cancelled(STREAM)
    assert type(caught.value) is StoreUnavailable


def test_where_boto3_cannot_help_either_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with environment({**KEYS, "AWS_PROFILE": "no-such-profile"}), pytest.raises(StoreRefused, match="boto3: ProfileNotFound"):
        dynamodb.caller()


def test_an_answer_that_is_not_json_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        dynamodb.AwsClient, "call", lambda *_, **__: type("A", (), {"status": 200, "body": b"<html>", "code": ""})
    )
    with (
        environment({**KEYS, "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}),
        pytest.raises(StoreUnavailable, match="not JSON"),
    ):
        dynamodb.caller()("GetItem", {})


def test_credentials_that_are_gone_are_a_refusal(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with environment(server.environment):
        call = dynamodb.caller()
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        with pytest.raises(StoreRefused, match="AWS_CREDENTIALS"):
            call("GetItem", {})


def test_the_variables_are_those_of_the_contract() -> None:
    from streaming_runtime import settings as found

    numbers = {
        s.name: {"default": s.default, "low": s.low, "high": s.high} for s in found.ALL if s.name.startswith("STREAM_STORE_")
    }
    assert {found.STORE_TABLE: {}, **numbers} == CONTRACT["variables"]


# ---- names


def test_names_are_long_random_and_fit_a_header() -> None:
    made = {ids.new_stream() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(ids.is_stream(name) and len(name) * 6 >= 128 for name in made)


@pytest.mark.parametrize(
    "text", ["", ":", "A" * 24, f"{'A' * 24}:", f"{'A' * 23}:1", f"{'A' * 24}:-1", f"{'A' * 24}:²", f"{'A' * 24}:1:1", f"{'/' * 24}:1",
             f"{'A' * 24}:{'9' * 13}", "é" * 24 + ":1"],
)  # fmt: skip
def test_what_is_no_event_id_is_none(text: str) -> None:
    assert ids.parse_event_id(text) is None


@given(st.text(alphabet="AZaz09-_", min_size=24, max_size=24), st.integers(0, 10**12 - 1))
def test_an_event_id_says_stream_and_number(name: str, number: int) -> None:
    assert ids.parse_event_id(f" {name}:{number} ") == (name, number)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=5)), st.integers(0, 8))
def test_events_are_cut_where_they_end(pieces: list[bytes], count: int) -> None:
    for unit, end in ((ids.LINES, b"\n"), (ids.FRAMES, b"\n\n")):
        events = [piece.replace(b"\n", b"") + end for piece in pieces]
        assert ids.split(b"".join(events), unit) == events
        assert ids.without_first(b"".join(events), unit, count) == b"".join(events[count:])
    assert ids.split(b"a\nb", ids.LINES) == [b"a\n", b"b"]
    assert ids.without_first(b"abc", ids.BYTES, count) == b"abc"[count:]


# ---- callers


def caller(event: dict[str, Any], named: str | None = None, cognito: str | None = None) -> str:
    return callers.caller_of(Request(event), named, cognito)


IAM = {"callerId": "AROA:session", "userArn": "arn", "cognitoIdentity": None}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (caller(url_event(iam=IAM), named="ann"), "handler:ann"),
        (caller(url_event(iam=IAM)), "iam:AROA:session"),
        (caller(url_event(iam=IAM), named=""), "iam:AROA:session"),
        (caller(url_event()), "anonymous"),
        (caller({}), "anonymous"),
        (caller({}, cognito="eu-west-1:1"), "cognito:eu-west-1:1"),
        (caller(url_event(iam={**IAM, "cognitoIdentity": {"identityId": "eu-west-1:2"}})), "cognito:eu-west-1:2"),  # type: ignore[dict-item]
        (caller(rest_event(requestContext={"identity": {"userArn": "arn", "caller": "AIDA"}})), "iam:AIDA"),
        (caller(rest_event(requestContext={"identity": {"userArn": "arn", "cognitoIdentityId": "eu:3"}})), "cognito:eu:3"),
        (
            caller(rest_event(requestContext={"identity": {"caller": None}, "authorizer": {"claims": {"sub": "s"}}})),
            "authorizer:s",
        ),
        (caller(rest_event(requestContext={"authorizer": {"principalId": "p"}})), "authorizer:p"),
        (caller(rest_event()), "anonymous"),
        (caller(rest_event(requestContext={"authorizer": "odd", "identity": 3})), "anonymous"),
    ],
)
def test_the_surest_name_counts(found: str, expected: str) -> None:
    assert found == expected


def test_callers_whom_nothing_tells_apart_are_known_as_such() -> None:
    shared = [caller(url_event()), caller(url_event(iam={**IAM, "callerId": "AROA:CognitoIdentityCredentials"}))]
    assert all(map(callers.is_shared, shared))
    assert not callers.is_shared("iam:AROA:session")
    assert len({callers.owner_of(name) for name in ("iam:a", "cognito:a", "iam:b", "\ud800")}) == 4


# ---- the thread


class Rounds:
    """A keeper whose rounds are counted."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = threading.Semaphore(0)
        self.error = error

    def round(self) -> float:
        self.begun.release()
        if self.error is not None:
            raise self.error
        return float("inf")


def test_a_bug_beside_the_stream_is_logged_and_the_thread_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[BaseException] = []
    monkeypatch.setattr(worker, "log_exception", logged.append)
    thread = worker.Worker(lambda: None)
    bug = RuntimeError("a bug")
    for _ in range(2):
        keeper = Rounds(bug)
        thread.watch(keeper)  # type: ignore[arg-type]
        assert keeper.begun.acquire(timeout=10)
        thread.wake()
        assert keeper.begun.acquire(timeout=10)
        thread.release()
    assert logged[0] is bug


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, []),
        (StoreRefused("no"), ["ERROR STORE_REFUSED: streams are neither kept nor bounded: no"]),
        (StoreUnavailable("silence"), ["WARN STORE_UNAVAILABLE: silence"]),
    ],
)
def test_the_start_makes_the_connection_and_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None, said: list[str]
) -> None:
    asked: list[str] = []
    lines: list[str] = []

    def call(self: object, action: str, parameters: dict[str, Any]) -> None:
        asked.append(action)
        if error is not None:
            raise error

    monkeypatch.setattr(streams, "Worker", lambda first: first())
    monkeypatch.setattr(streams, "log", lambda level, message: lines.append(f"{level} {message}"))
    monkeypatch.setattr(streams.Streams, "_call", call)
    streams.Streams(Settings({"STREAM_STORE_TABLE": "t"}))
    assert (asked, lines) == (["GetItem"], said)
