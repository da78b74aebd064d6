"""Cancel, resume and streams per caller, from end to end: runtimes in processes of their own, and a real DynamoDB wire."""

from __future__ import annotations

import json
import re
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime.dialects import MODULES
from tests.runtime.dynamodb_server import KEYS, Server, serving
from tests.runtime.neutral_api import PATIENCE, Reply, Runtime, rest_event, running, url_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Fleet = Callable[..., Runtime]

ALICE = {"callerId": "AIDAALICE", "userArn": "arn:aws:iam::111122223333:user/alice"}
BOB = {"callerId": "AIDABOB", "userArn": "arn:aws:iam::111122223333:user/bob"}
UNKNOWN = {"error": {"code": "stream_not_found", "message": "There is no such stream."}}
SOURCE = """
    import pathlib
    from streaming_runtime import *
    GO = pathlib.Path(__file__).parent / "go"
    RUNS = pathlib.Path(__file__).parent / "runs"

    @streaming_handler(dialect=os.environ.get("DIALECT", "sse"))
    def handler(request, context):
        with RUNS.open("a") as runs:
            runs.write("x")
        try:
            yield Text("one")
            yield Text("two")
            while request.path == "/wait" and not GO.exists():
                time.sleep(0.02)
            yield Text("three")
            while request.path == "/endless":
                time.sleep(0.01)
                yield Text("more")
            while request.path == "/blocked":
                time.sleep(3600)
        finally:
            print("CLEANED UP", flush=True)
"""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture
def table(server: Server) -> str:
    return server.table()


@pytest.fixture
def fleet(tmp_path: Path, server: Server, table: str) -> Iterator[Fleet]:
    """Starts runtimes that share a table and a handler, as execution environments do."""
    import textwrap

    with ExitStack() as stack:

        def start(source: str = SOURCE, *, interpreter: str | None = None, **environment: str) -> Runtime:
            (tmp_path / "index.py").write_text("import os, sys, time, json\n" + textwrap.dedent(source), encoding="utf-8")
            variables = {**server.environment, "STREAM_STORE_TABLE": table, **environment}
            more = {} if interpreter is None else {"interpreter": interpreter}
            return stack.enter_context(running(tmp_path, environment=variables, **more))

        yield start


def stream_id(reply: Reply) -> str:
    return str(reply.prelude["headers"]["x-stream-id"])


def ask(method: str = "POST", path: str = "/", *, who: dict[str, str] | None = ALICE, **headers: str) -> dict[str, Any]:
    return url_event(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}, iam=who)


def read_until(runtime: Runtime, reply: Reply, what: bytes) -> None:
    while what not in reply.raw:
        assert runtime.chunk(reply) is not None, reply.raw


def eventually(look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    until = time.monotonic() + seconds
    while True:
        found = look()
        if found or time.monotonic() > until:
            assert found
            return found
        time.sleep(0.02)


def without_ids(body: bytes) -> bytes:
    return re.sub(rb"id: [^\n]*\n", b"", body)


# ---- resume


def test_a_caller_who_comes_back_gets_exactly_the_rest_and_the_model_does_not_run_again(
    interpreter: str, fleet: Fleet, tmp_path: Path
) -> None:
    producer, reader = fleet(interpreter=interpreter), fleet(interpreter=interpreter)
    whole = producer.invoke(ask())
    frames = whole.body.split(b"\n\n")[:-1]
    stream = stream_id(whole)
    assert [frame.split(b"\n")[0] for frame in frames] == [b"id: %b:%d" % (stream.encode(), n) for n in (1, 2, 3, 4)]
    for seen in range(4):
        rest = reader.invoke(ask("GET", last_event_id=f"{stream}:{seen}"))
        assert rest.status == 200
        assert rest.body.split(b"\n\n")[:-1] == frames[seen:]
        assert rest.prelude["headers"] == whole.prelude["headers"]
        assert rest.trailer_error is None
    over = reader.invoke(ask("GET", last_event_id=f"{stream}:4"))
    assert (over.status, over.body) == (204, b""), "at which an EventSource stops coming back"
    assert (tmp_path / "runs").read_text() == "x"


def test_a_stream_that_still_runs_is_followed_to_its_end(fleet: Fleet, tmp_path: Path) -> None:
    producer, reader = fleet(), fleet()
    producer.deliver(ask(path="/wait"))
    first = producer.head()
    read_until(producer, first, b"two")
    reader.deliver(ask("GET", last_event_id=f"{stream_id(first)}:1"))
    second = reader.head()
    read_until(reader, second, b"two")
    assert b"one" not in second.body
    assert b"three" not in second.body
    (tmp_path / "go").touch()
    whole = producer.rest(first)
    rest = reader.rest(second)
    assert rest.body == whole.body.partition(b"\n\n")[2]
    assert rest.body.endswith(b'data: {"reason":"stop","usage":null}\n\n')


@pytest.mark.parametrize("dialect", sorted(set(MODULES) - {"text", "bytes", "ndjson"}))
def test_every_dialect_of_server_sent_events_numbers_every_frame(fleet: Fleet, dialect: str) -> None:
    runtime = fleet(DIALECT=dialect)
    body = json.dumps({"stream": True, "model": "m"})
    whole = runtime.invoke(url_event("POST", "/", body=body, iam=ALICE))
    stream = stream_id(whole)
    frames = whole.body.split(b"\n\n")[:-1]
    assert [frame.partition(b"\n")[0].decode() for frame in frames] == [f"id: {stream}:{n + 1}" for n in range(len(frames))]
    assert b"retry:" not in whole.body
    for seen in (0, 1, len(frames) - 1):
        rest = runtime.invoke(ask("GET", last_event_id=f"{stream}:{seen}"))
        assert rest.body.split(b"\n\n")[:-1] == frames[seen:]
        assert rest.prelude["headers"] == whole.prelude["headers"]


@pytest.mark.parametrize("dialect", ["text", "bytes"])
def test_bytes_are_counted_where_there_are_no_events(fleet: Fleet, dialect: str) -> None:
    runtime = fleet(DIALECT=dialect)
    whole = runtime.invoke(ask())
    assert whole.body == b"onetwothree"
    for seen in range(len(whole.body)):
        assert runtime.invoke(ask(last_event_id=f"{stream_id(whole)}:{seen}")).body == whole.body[seen:]
    assert runtime.invoke(ask(last_event_id=f"{stream_id(whole)}:11")).status == 204


def test_lines_are_counted_in_ndjson(fleet: Fleet) -> None:
    runtime = fleet(DIALECT="ndjson")
    whole = runtime.invoke(ask())
    lines = whole.body.splitlines(keepends=True)
    assert len(lines) == 4
    assert b"id" not in whole.body
    for seen in range(4):
        assert runtime.invoke(ask(last_event_id=f"{stream_id(whole)}:{seen}")).body == b"".join(lines[seen:])


def test_a_stream_is_its_callers_alone(fleet: Fleet) -> None:
    runtime = fleet()
    stream = stream_id(runtime.invoke(ask()))
    mine = runtime.invoke(ask(last_event_id=f"{stream}:0"))
    assert mine.status == 200
    answers = [
        runtime.invoke(ask(last_event_id=f"{stream}:0", who=BOB)),
        runtime.invoke(ask(last_event_id=f"{stream}:0", who=None)),
        runtime.invoke(ask(last_event_id=f"{'A' * 24}:0")),
        runtime.invoke(ask(last_event_id="whatever")),
        runtime.invoke(ask("DELETE", x_stream_id=stream, who=BOB)),
        runtime.invoke(ask("DELETE", x_stream_id="A" * 24)),
        runtime.invoke(ask("DELETE", x_stream_id="../META")),
    ]
    assert [answer.status for answer in answers] == [404] * len(answers)
    assert [answer.json for answer in answers] == [UNKNOWN] * len(answers)
    assert len({json.dumps(answer.prelude) for answer in answers}) == 1, "nothing tells one reason from another"


def test_on_a_url_without_auth_the_id_alone_protects_a_stream(fleet: Fleet) -> None:
    runtime = fleet()
    whole = runtime.invoke(ask(who=None))
    assert runtime.invoke(ask(who=None, last_event_id=f"{stream_id(whole)}:3")).status == 200


def test_what_is_kept_is_compressed_owned_by_a_hash_and_expires(fleet: Fleet, server: Server, table: str) -> None:
    runtime = fleet(STREAM_STORE_RETENTION_SECONDS="600")
    whole = runtime.invoke(ask())
    runtime.await_next()
    items = {item["sk"]: item for item in server.items(table)}
    meta = items["META"]
    assert meta["pk"] == f"STREAM#{stream_id(whole)}"
    assert re.fullmatch("[0-9a-f]{64}", meta["owner"]["S"])
    assert (meta["status"], meta["cancel"], meta["kept"]) == ({"S": "completed"}, {"BOOL": False}, {"BOOL": True})
    assert (meta["last_event"], meta["dialect"]) == ({"N": "4"}, {"S": "sse"})
    assert 590 < int(meta["ttl"]["N"]) - time.time() <= 600
    events = [item for key, item in sorted(items.items()) if key.startswith("EVENT#")]
    assert events[0]["first"] == {"N": "1"}
    assert events[-1]["last"] == {"N": "4"}
    assert all(int(item["ttl"]["N"]) > time.time() + 600 for item in events), "none goes before the stream does"
    assert "AIDAALICE" not in json.dumps(list(items.values()))


def test_a_stream_whose_time_is_up_is_like_none(fleet: Fleet, server: Server, table: str) -> None:
    runtime = fleet()
    stream = stream_id(runtime.invoke(ask()))
    eventually(lambda: [item for item in server.items(table) if item.get("status") == {"S": "completed"}])
    server.call(
        "DynamoDB_20120810.UpdateItem",
        {
            "TableName": table,
            "Key": {"pk": {"S": f"STREAM#{stream}"}, "sk": {"S": "META"}},
            "UpdateExpression": "SET #ttl = :past",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {":past": {"N": str(int(time.time()) - 1)}},
        },
    )
    assert runtime.invoke(ask(last_event_id=f"{stream}:0")).json == UNKNOWN
    assert runtime.invoke(ask("DELETE", x_stream_id=stream)).json == UNKNOWN


def test_a_stream_whose_environment_died_is_said_to_be_lost(fleet: Fleet, server: Server, table: str) -> None:
    producer, reader = fleet(), fleet()
    producer.deliver(ask(path="/blocked"))
    first = producer.head()
    read_until(producer, first, b"three")
    stream = stream_id(first)
    eventually(lambda: [item for item in server.items(table) if "EVENT" in item["sk"] and item["last"] == {"N": "3"}])
    producer.process.kill()
    server.call(
        "DynamoDB_20120810.UpdateItem",
        {
            "TableName": table,
            "Key": {"pk": {"S": f"STREAM#{stream}"}, "sk": {"S": "META"}},
            "UpdateExpression": "SET #seen_at = :past",
            "ExpressionAttributeNames": {"#seen_at": "seen_at"},
            "ExpressionAttributeValues": {":past": {"N": str(int(time.time()) - 21)}},
        },
    )
    rest = reader.invoke(ask(last_event_id=f"{stream}:1"))
    assert rest.status == 200
    *frames, error = rest.body.split(b"\n\n")[:-1]
    assert [b"two" in frames[0], b"three" in frames[1]] == [True, True]
    assert error.startswith(b'event: error\ndata: {"code":"stream_lost"')
    nothing = reader.invoke(ask(last_event_id=f"{stream}:3"))
    assert (nothing.status, nothing.json["error"]["code"]) == (410, "stream_lost")


def test_an_answer_that_its_author_does_not_want_kept_is_not(fleet: Fleet, server: Server, table: str) -> None:
    runtime = fleet(SOURCE.replace("@streaming_handler(", "@streaming_handler(resumable=False, "))
    runtime.deliver(ask(path="/endless"))
    reply = runtime.head()
    read_until(runtime, reply, b"more")
    assert b"id:" not in reply.body
    eventually(lambda: server.items(table))
    other = fleet(SOURCE.replace("@streaming_handler(", "@streaming_handler(resumable=False, "))
    assert other.invoke(ask(last_event_id=f"{stream_id(reply)}:0")).json == UNKNOWN
    assert other.invoke(ask("DELETE", x_stream_id=stream_id(reply))).status == 202
    assert b'"code":"cancelled"' in runtime.rest(reply).body
    runtime.await_next()
    assert [item["sk"] for item in server.items(table)] == ["META"]


def test_a_whole_answer_has_no_id_and_leaves_nothing(fleet: Fleet, server: Server, table: str) -> None:
    runtime = fleet(
        """
        from streaming_runtime import *
        @streaming_handler(dialect="openai-chat")
        def handler(request, context):
            if request.path == "/v1/models":
                return HttpResponse.json({"data": []})
            if request.path == "/bad":
                raise BadRequest("no")
            return [Text("whole")]
        """
    )
    for event in (ask("GET", "/v1/models"), ask(path="/bad"), url_event("POST", "/", body='{"stream":false}', iam=ALICE)):
        assert "x-stream-id" not in runtime.invoke(event).prelude["headers"]
    runtime.await_next()
    assert server.items(table) == []


def test_direct_invocations_resume_and_cancel_by_their_client_context(fleet: Fleet) -> None:
    producer, other = fleet(), fleet()
    whole = producer.invoke({"path": "/"})
    stream = whole.body.partition(b"\n")[0].decode().removeprefix("id: ").rpartition(":")[0]
    context = {"Lambda-Runtime-Client-Context": json.dumps({"custom": {"last-event-id": f"{stream}:3"}})}
    assert other.invoke({}, headers=context).body == whole.body.split(b"\n\n")[3] + b"\n\n"
    context = {"Lambda-Runtime-Client-Context": json.dumps({"custom": {"cancel-stream": stream}})}
    assert other.invoke({}, headers=context).body == b""
    context = {"Lambda-Runtime-Client-Context": json.dumps({"custom": {"cancel-stream": "unknown"}})}
    refused = other.invoke({}, headers=context)
    assert refused.is_error
    assert refused.json["errorType"] == "Function.NotFound"
    for odd in ("{", "[]", '{"custom": 3}'):
        assert other.invoke({}, headers={"Lambda-Runtime-Client-Context": odd}).body.count(b"id: ") == 4


# ---- cancel


@pytest.mark.parametrize("path", ["/endless", "/blocked"])
def test_a_cancel_stops_the_handler_within_two_seconds(interpreter: str, fleet: Fleet, path: str) -> None:
    producer, other = fleet(interpreter=interpreter), fleet(interpreter=interpreter)
    other.invoke(ask())
    producer.deliver(ask(path=path), timeout=60)
    reply = producer.head()
    read_until(producer, reply, b"three")
    begin = time.monotonic()
    assert other.invoke(ask("DELETE", x_stream_id=stream_id(reply))).status == 202
    producer.rest(reply)
    assert time.monotonic() - begin < 2
    assert without_ids(reply.body).endswith(b'event: error\ndata: {"code":"cancelled","message":"The stream was cancelled."}\n\n')
    assert reply.trailer_error is None, "an orderly end"
    producer.await_next()
    rest = other.invoke(ask(last_event_id=f"{stream_id(reply)}:3"))
    assert reply.body.endswith(rest.body)
    assert b"cancelled" in rest.body
    assert other.invoke(ask("DELETE", x_stream_id=stream_id(reply))).status == 204, "it is over already"
    log = producer.log()
    assert log.count("CLEANED UP") == 1
    assert "STREAM_CANCELLED" in log
    assert "Traceback" not in log


def test_a_cancel_stops_an_asyncio_handler_and_lets_it_clean_up(fleet: Fleet) -> None:
    source = """
        import asyncio
        from streaming_runtime import *
        @streaming_handler(dialect="sse")
        async def handler(request, context):
            try:
                yield Text("one")
                await asyncio.sleep(3600)
            finally:
                print("CLEANED UP", flush=True)
        """
    producer, other = fleet(source), fleet(source)
    producer.deliver(ask(), timeout=60)
    reply = producer.head()
    read_until(producer, reply, b"one")
    begin = time.monotonic()
    assert other.invoke(ask("DELETE", x_stream_id=stream_id(reply))).status == 202
    assert b'"code":"cancelled"' in producer.rest(reply).body
    assert time.monotonic() - begin < 3
    producer.await_next()
    assert producer.log().count("CLEANED UP") == 1


def test_a_handler_that_swallows_its_closing_costs_the_process_and_not_the_caller(fleet: Fleet) -> None:
    source = """
        from streaming_runtime import *
        @streaming_handler(dialect="sse")
        def handler(request, context):
            yield Text("one")
            while True:
                try:
                    time.sleep(3600)
                except BaseException:
                    pass
        """
    producer, other = fleet(source), fleet(source)
    producer.deliver(ask(), timeout=60)
    reply = producer.head()
    read_until(producer, reply, b"one")
    assert other.invoke(ask("DELETE", x_stream_id=stream_id(reply))).status == 202
    assert b'"code":"cancelled"' in producer.rest(reply).body
    code, log = producer.exit()
    assert code == 1
    assert "RUNTIME_EXIT" in log
    rest = other.invoke(ask(last_event_id=f"{stream_id(reply)}:1"))
    assert b'"code":"cancelled"' in rest.body, "the table has its end although the process had to go"


def test_a_cancel_frees_a_handler_that_waits_for_a_reader_who_reads_no_more(fleet: Fleet, server: Server, table: str) -> None:
    source = """
        from streaming_runtime import *
        @streaming_handler(dialect="sse", resumable=False)
        def handler(request, context):
            try:
                yield Text("one")
                while True:
                    yield Text("x" * 100_000)
            finally:
                print("CLEANED UP", flush=True)
        """
    producer, other = fleet(source), fleet(source)
    producer.deliver(ask(), timeout=60)
    reply = producer.head()
    read_until(producer, reply, b"one")
    assert other.invoke(ask("DELETE", x_stream_id=stream_id(reply))).status == 202
    unread = producer.connection
    producer.connection = None
    producer.await_next()
    assert unread is not None
    unread.socket.close()
    [found] = server.items(table)
    assert found["status"] == {"S": "truncated"}, "its last word was never said"
    assert producer.log().count("CLEANED UP") == 1


def test_one_record_says_that_a_stream_was_cancelled_and_none_that_somebody_came_back(fleet: Fleet) -> None:
    function = {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_LOG_FORMAT": "JSON"}
    producer, other = fleet(**function), fleet(**function)
    producer.deliver(ask(path="/endless"), timeout=60)
    reply = producer.head()
    read_until(producer, reply, b"three")
    other.invoke(ask("DELETE", x_stream_id=stream_id(reply)))
    producer.rest(reply)
    other.invoke(ask(last_event_id=f"{stream_id(reply)}:0"))
    producer.await_next()
    records = [json.loads(line) for line in producer.log().splitlines() if '"_aws"' in line]
    assert [(record["outcome"], record["Cancelled"]) for record in records] == [("cancelled", 1)]
    other.await_next()
    log = other.log()
    assert '"_aws"' not in log
    assert stream_id(reply) not in log, "on a URL without auth the id is all that protects it"


# ---- streams per caller


def test_one_stream_too_many_is_429_before_the_handler_runs(fleet: Fleet, tmp_path: Path) -> None:
    first, second, third = (fleet(STREAM_STORE_STREAMS_PER_CALLER="2") for _ in range(3))
    replies = []
    for runtime in (first, second):
        runtime.deliver(ask(path="/wait"), timeout=60)
        replies.append(runtime.head())
        read_until(runtime, replies[-1], b"two")
    refused = third.invoke(ask())
    assert (refused.status, refused.prelude["headers"]["retry-after"]) == (429, "2")
    assert refused.json == {"error": {"code": "too_many_streams", "message": "At most 2 streams may run at a time."}}
    assert third.invoke(ask(who=BOB)).status == 200, "every caller has a bound of his own"
    assert third.invoke(ask("GET", last_event_id=f"{stream_id(replies[0])}:0", path="/"), timeout=3).status == 200
    (tmp_path / "go").touch()
    for runtime, reply in zip((first, second), replies, strict=True):
        runtime.rest(reply)
    assert third.invoke(ask()).status == 200, "who has finished may begin again at once"
    assert (tmp_path / "runs").read_text() == "xxxx"


@pytest.mark.parametrize(
    ("dialect", "kind"), [("openai-chat", "rate_limit_error"), ("anthropic-messages", "rate_limit_error"), ("ag-ui", None)]
)
def test_the_refusal_has_the_dialects_own_form(fleet: Fleet, server: Server, table: str, dialect: str, kind: str | None) -> None:
    from streaming_runtime.store.callers import owner_of

    far = str(int(time.time()) + 1000)
    key = {"pk": {"S": f"CALLER#{owner_of('iam:AIDAALICE')}"}, "sk": {"S": "SLOT#0000"}}
    taken = {**key, "stream": {"S": "another"}, "expires_at": {"N": far}, "ttl": {"N": far}}
    server.call("DynamoDB_20120810.PutItem", {"TableName": table, "Item": taken})
    refused = fleet(DIALECT=dialect, STREAM_STORE_STREAMS_PER_CALLER="1").invoke(ask())
    assert refused.status == 429
    assert refused.json["error"].get("type") == kind


def test_a_stream_that_crashed_gives_its_slot_back_when_its_lease_is_over(fleet: Fleet, server: Server, table: str) -> None:
    crashed, other = (fleet(STREAM_STORE_STREAMS_PER_CALLER="1") for _ in range(2))
    crashed.deliver(ask(path="/blocked"), timeout=3)
    read_until(crashed, crashed.head(), b"three")
    crashed.process.kill()
    [slot] = [item for item in server.items(table) if item["pk"].startswith("CALLER#")]
    assert float(slot["expires_at"]["N"]) - time.time() < 3, "no longer than Lambda would have let it run"
    assert other.invoke(ask()).status == 429
    eventually(lambda: time.time() > float(slot["expires_at"]["N"]))
    assert other.invoke(ask()).status == 200


def test_whole_answers_count_too(fleet: Fleet, server: Server, table: str) -> None:
    from streaming_runtime.store.callers import owner_of

    runtime = fleet(DIALECT="openai-chat", STREAM_STORE_STREAMS_PER_CALLER="1")
    for _ in range(3):
        assert runtime.invoke(url_event("POST", "/", body="{}", iam=ALICE)).status == 200
    key = {"pk": {"S": f"CALLER#{owner_of('iam:AIDAALICE')}"}, "sk": {"S": "SLOT#0000"}}
    far = {"N": str(int(time.time()) + 1000)}
    server.call(
        "DynamoDB_20120810.PutItem",
        {"TableName": table, "Item": {**key, "stream": {"S": "another"}, "expires_at": far, "ttl": far}},
    )
    assert runtime.invoke(url_event("POST", "/", body="{}", iam=ALICE)).status == 429


def test_the_handler_may_name_the_user_for_whom_a_backend_calls(fleet: Fleet) -> None:
    source = SOURCE.replace(
        "@streaming_handler(", "@streaming_handler(caller=lambda request: request.headers.get('x-user') or refuse(), "
    ).replace("RUNS =", "def refuse():\n        raise Forbidden('who?')\n    RUNS =")
    runtime = fleet(source)
    whole = runtime.invoke(ask(x_user="ann"))
    assert runtime.invoke(ask(x_user="ann", last_event_id=f"{stream_id(whole)}:3", who=BOB)).status == 200
    assert runtime.invoke(ask(x_user="bert", last_event_id=f"{stream_id(whole)}:3")).json == UNKNOWN
    assert [runtime.invoke(ask()).status, runtime.invoke(ask("DELETE", x_stream_id=stream_id(whole))).status] == [403, 403]


# ---- a table that does not work


def test_a_stream_goes_on_without_its_table(fleet: Fleet) -> None:
    runtime = fleet(AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9", STREAM_STORE_STREAMS_PER_CALLER="1")
    for _ in range(2):
        begin = time.monotonic()
        whole = runtime.invoke(ask())
        assert without_ids(whole.body).count(b"event: text") == 3
        assert whole.trailer_error is None
        assert time.monotonic() - begin < 5
    lost = runtime.invoke(ask(last_event_id=f"{stream_id(whole)}:1"))
    assert (lost.status, lost.json["error"]["code"], lost.prelude["headers"]["retry-after"]) == (503, "store_unavailable", "1")
    assert runtime.invoke(ask("DELETE", x_stream_id=stream_id(whole))).status == 503
    log = runtime.log()
    assert log.count("STORE_UNAVAILABLE") in (2, 3), "once for each stream, and once for the start"
    assert "Traceback" not in log


def test_a_table_that_is_not_there_is_said_at_once_and_streams_go_on(fleet: Fleet) -> None:
    runtime = fleet(STREAM_STORE_TABLE="no-such-table")
    assert without_ids(runtime.invoke(ask()).body).count(b"event: text") == 3
    runtime.await_next()
    log = runtime.log()
    assert "STORE_REFUSED" in log
    assert "ResourceNotFoundException" in log


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_ACCESS_KEY_ID"])
def test_a_function_without_region_or_credentials_streams_all_the_same(fleet: Fleet, variable: str) -> None:
    runtime = fleet(**{variable: ""})
    assert without_ids(runtime.invoke(ask()).body).count(b"event: text") == 3


def test_nothing_of_the_store_is_loaded_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text(
        "import sys\nfrom streaming_runtime import *\n@streaming_handler\ndef handler(request, context):\n"
        "    yield ' '.join(name for name in sys.modules if name.startswith(('streaming_runtime.store', 'streaming_runtime.aws')))\n"
    )
    with running(tmp_path, environment=KEYS) as runtime:
        whole = runtime.invoke(ask(last_event_id="any"))
        assert whole.body == b""
        assert "x-stream-id" not in whole.prelude["headers"]


def test_behind_api_gateway_it_is_the_same(fleet: Fleet) -> None:
    runtime = fleet()
    who = {"requestContext": {"identity": {"sourceIp": "127.0.0.1", "userArn": "arn", "caller": "AIDAALICE"}}}
    whole = runtime.invoke(rest_event("POST", **who))
    rest = runtime.invoke(rest_event("GET", headers={"Last-Event-ID": f"{stream_id(whole)}:3"}, **who))
    assert rest.body == whole.body.split(b"\n\n")[3] + b"\n\n"
    assert runtime.invoke(rest_event("DELETE", headers={"X-Stream-Id": stream_id(whole)}, **who)).status == 204


def test_a_delete_without_a_streams_name_and_an_empty_id_are_the_handlers(fleet: Fleet) -> None:
    runtime = fleet()
    assert b"three" in runtime.invoke(ask("DELETE")).body
    assert b"three" in runtime.invoke(ask(last_event_id="")).body, "as an EventSource without one would not send it at all"


def test_values_are_kept_as_text_is(fleet: Fleet) -> None:
    runtime = fleet(
        """
        from streaming_runtime import *
        @streaming_handler(dialect="sse")
        def handler(request, context):
            yield Data({"n": 1})
            yield Data([2], name="pair")
        """
    )
    whole = runtime.invoke(ask())
    rest = runtime.invoke(ask(last_event_id=f"{stream_id(whole)}:1"))
    assert rest.body == whole.body.partition(b"\n\n")[2]
    assert without_ids(rest.body).startswith(b"event: pair\ndata: [2]\n\n")


# ---- how else a stream may end


def test_a_table_that_does_not_answer_holds_nobody_for_long_and_that_is_said(fleet: Fleet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        runtime = fleet(AWS_ENDPOINT_URL_DYNAMODB=f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert without_ids(runtime.invoke(ask()).body).count(b"event: text") == 3
        begin = time.monotonic()
        runtime.await_next()
        assert time.monotonic() - begin < PATIENCE
        assert "STORE_UNFINISHED: the table did not take the stream's end in time" in runtime.log()


def test_a_stream_cut_off_at_its_deadline_has_that_as_its_end(fleet: Fleet, server: Server, table: str) -> None:
    runtime = fleet(STREAM_MAX_DURATION_SECONDS="1")
    whole = runtime.invoke(ask(path="/blocked"))
    assert b'"code":"deadline_exceeded"' in whole.body
    rest = runtime.invoke(ask(last_event_id=f"{stream_id(whole)}:1"))
    assert whole.body.endswith(rest.body)
    assert b'"code":"deadline_exceeded"' in rest.body
    assert [item["status"]["S"] for item in server.items(table) if item["sk"] == "META"] == ["deadline"]


def test_a_stream_that_failed_has_its_error_as_its_end(fleet: Fleet) -> None:
    runtime = fleet(
        """
        from streaming_runtime import *
        @streaming_handler(dialect="sse")
        def handler(request, context):
            yield Text("one")
            raise RuntimeError("secret")
        """
    )
    whole = runtime.invoke(ask())
    rest = runtime.invoke(ask(last_event_id=f"{stream_id(whole)}:1"))
    assert rest.body == whole.body.partition(b"\n\n")[2]
    assert b"internal_error" in rest.body
    assert rest.trailer_error is None, "this invocation did not fail"


def test_a_stream_that_the_runtime_api_broke_off_is_lost_from_there_on(fleet: Fleet) -> None:
    producer, other = fleet(), fleet()
    producer.deliver(ask(path="/endless"))
    reply = producer.head()
    read_until(producer, reply, b"more")
    assert producer.connection is not None
    producer.connection.socket.close()
    producer.connection = None
    producer.await_next()
    rest = other.invoke(ask(last_event_id=f"{stream_id(reply)}:1"))
    assert rest.body.startswith(reply.body.split(b"\n\n")[1])
    assert b'event: error\ndata: {"code":"stream_lost"' in rest.body
    assert rest.trailer_error is not None


def test_following_a_stream_ends_at_the_readers_own_deadline(fleet: Fleet) -> None:
    producer, reader = fleet(), fleet(STREAM_MAX_DURATION_SECONDS="2")
    producer.deliver(ask(path="/blocked"), timeout=60)
    reply = producer.head()
    read_until(producer, reply, b"three")
    rest = reader.invoke(ask(last_event_id=f"{stream_id(reply)}:0"))
    *frames, last = rest.body.split(b"\n\n")[:-1]
    assert len(frames) == 3
    assert b'"code":"deadline_exceeded"' in last
    assert b"id:" not in last, "so that whoever comes back goes on behind what was sent"


def test_a_reader_who_has_seen_everything_waits_through_heartbeats_for_the_end(fleet: Fleet, tmp_path: Path) -> None:
    producer, reader = fleet(), fleet(STREAM_HEARTBEAT_SECONDS="1")
    producer.deliver(ask(path="/wait"), timeout=60)
    reply = producer.head()
    read_until(producer, reply, b"two")
    reader.deliver(ask(last_event_id=f"{stream_id(reply)}:4"), timeout=60)
    followed = reader.head()
    read_until(reader, followed, b": heartbeat\n")
    (tmp_path / "go").touch()
    producer.rest(reply)
    assert set(reader.rest(followed).body.split(b"\n")) == {b": heartbeat", b""}


def test_what_redaction_takes_out_is_not_in_the_table_either(fleet: Fleet, server: Server, table: str) -> None:
    import base64
    import zlib

    runtime = fleet(
        """
        from streaming_runtime import *
        @streaming_handler(dialect="sse", redact=["email"])
        def handler(request, context):
            for piece in ("write to ann", "@exam", "ple.com now"):
                yield Text(piece)
        """
    )
    whole = runtime.invoke(ask())
    assert b"ann@" not in whole.body.replace(b'"}\n\nevent: text\ndata: {"text":"', b"")
    runtime.await_next()
    kept = [zlib.decompress(base64.b64decode(item["data"]["B"])) for item in server.items(table) if "data" in item]
    assert b"".join(kept) == whole.body
    assert b"ann" not in b"".join(kept)


def test_what_is_kept_is_not_compressed_for_one_caller_and_sent_to_another(fleet: Fleet) -> None:
    import gzip

    runtime = fleet()
    packed = runtime.invoke(ask(accept_encoding="gzip"))
    assert packed.prelude["headers"]["content-encoding"] == "gzip"
    plain = runtime.invoke(ask(last_event_id=f"{stream_id(packed)}:0"))
    assert plain.body == gzip.decompress(packed.body)
    again = runtime.invoke(ask(last_event_id=f"{stream_id(packed)}:2", accept_encoding="gzip"))
    assert gzip.decompress(again.body) == b"".join(frame + b"\n\n" for frame in plain.body.split(b"\n\n")[2:-1])


def test_a_content_type_that_the_handler_chose_comes_back_with_the_rest(fleet: Fleet) -> None:
    runtime = fleet(
        """
        from streaming_runtime import *
        @streaming_handler(dialect="bytes")
        def handler(request, context):
            yield HttpResponse(headers={"content-type": "image/png"})
            yield bytes(range(256)) * 4000
        """
    )
    whole = runtime.invoke(ask())
    rest = runtime.invoke(ask(last_event_id=f"{stream_id(whole)}:777777"))
    assert rest.prelude["headers"]["content-type"] == "image/png"
    assert rest.body == (bytes(range(256)) * 4000)[777777:]


def test_callers_whom_nothing_tells_apart_are_mentioned_once_where_there_is_a_bound(fleet: Fleet) -> None:
    runtime = fleet(STREAM_STORE_STREAMS_PER_CALLER="3")
    for _ in range(3):
        runtime.invoke(ask(who={"callerId": "AROA:CognitoIdentityCredentials"}))
    runtime.await_next()
    assert runtime.log().count("STORE_SHARED_CALLER") == 1


def test_an_undecorated_handler_has_nothing_to_do_with_it(fleet: Fleet, server: Server, table: str) -> None:
    runtime = fleet("def handler(event, context):\n    yield 'as it is'")
    whole = runtime.invoke(ask(last_event_id="mine"))
    assert (whole.body, "x-stream-id" in whole.prelude["headers"]) == (b"as it is", False)
    runtime.await_next()
    assert server.items(table) == []


def test_an_asgi_app_keeps_its_own_ids_and_counts_for_the_bound(fleet: Fleet) -> None:
    source = """
        from streaming_runtime.asgi import asgi
        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                raise RuntimeError
            seen = dict(scope["headers"]).get(b"last-event-id", b"none")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": scope["method"].encode() + b" " + seen})
        handler = asgi(app)
        """
    runtime = fleet(source, STREAM_STORE_STREAMS_PER_CALLER="1")
    assert runtime.invoke(ask(last_event_id="its own")).body == b"POST its own"
    assert runtime.invoke(ask("DELETE", x_stream_id="A" * 24)).body == b"DELETE none"


def test_a_names_giver_that_hangs_is_cut_off_like_a_handler(fleet: Fleet, server: Server, table: str) -> None:
    runtime = fleet(
        """
        from streaming_runtime import *
        @streaming_handler(dialect="sse", caller=lambda request: time.sleep(60))
        def handler(request, context):
            yield Text("never")
        """,
        STREAM_HEARTBEAT_SECONDS="1",
        STREAM_MAX_DURATION_SECONDS="2",
    )
    whole = runtime.invoke(ask())
    assert whole.body.startswith(b": heartbeat\n")
    assert b'"code":"deadline_exceeded"' in whole.body
    runtime.await_next()
    assert server.items(table) == []


def test_nothing_is_left_behind_by_streams_that_were_kept_cancelled_or_refused(fleet: Fleet) -> None:
    from pathlib import Path

    if not Path("/proc/self/fd").exists():
        pytest.skip("counts descriptors in /proc, which only Linux has")
    runtime, other = fleet(STREAM_STORE_STREAMS_PER_CALLER="2"), fleet()
    process = Path("/proc") / str(runtime.process.pid)
    counts = []
    for number in range(12):
        runtime.deliver(ask(path="/endless" if number % 3 == 0 else "/"), timeout=60)
        reply = runtime.head()
        if number % 3 == 0:
            read_until(runtime, reply, b"more")
            assert other.invoke(ask("DELETE", x_stream_id=stream_id(reply))).status == 202
        runtime.rest(reply)
        runtime.invoke(ask(last_event_id=f"{stream_id(reply)}:1"))
        counts.append((len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))))
    assert len(set(counts[3:])) == 1, counts
    assert counts[-1][1] == 3, "the handler's thread, the clock's, and the one beside the stream"
