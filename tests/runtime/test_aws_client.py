"""Signed calls without boto3: connections, retries, credentials, and what is left to boto3."""

from __future__ import annotations

import gc
import json
import os
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from streaming_runtime.aws import (
    BEDROCK_RUNTIME,
    DYNAMODB,
    AwsClient,
    ConfigurationError,
    Unreachable,
    client,
    connection,
    credentials,
    endpoints,
    retrying,
    why_not,
)
from streaming_runtime.aws.answers import AnswerParser, MalformedAnswer
from streaming_runtime.aws.client import Answer, OpenAnswer
from tests.runtime.aws_server import AwsServer, Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEYS = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
}

Serve = "Callable[..., AwsServer]"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    credentials.forget()
    yield
    client.close_all()
    client._clients.clear()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    servers: list[AwsServer] = []

    def start(*script: Callable[[Exchange], None]) -> AwsServer:
        server = AwsServer(*script)
        servers.append(server)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url)
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client meant to sleep, with the longest jitter; it does not."""
    slept: list[float] = []
    monkeypatch.setattr(client.time, "sleep", slept.append)
    monkeypatch.setattr(retrying, "_fraction", lambda: 1.0)
    return slept


def ok(exchange: Exchange) -> None:
    exchange.answer(200, b'{"fine": true}')


def call(**more: Any) -> Answer:
    return AwsClient(DYNAMODB, **more).call("/", {"x-amz-target": "T"}, b"{}")


# ---- what goes over the wire


def test_a_call_is_signed_and_answered(serve: Serve) -> None:
    server = serve(ok)
    answer = call()
    assert (answer.status, answer.code, json.loads(answer.body)) == (200, "", {"fine": True})
    [request] = server.requests
    assert (request.method, request.headers["x-amz-security-token"], request.headers["host"]) == (
        "POST",
        "token",
        f"127.0.0.1:{server.port}",
    )
    authorization = request.headers["authorization"]
    names = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert names == ["host", "x-amz-date", "x-amz-security-token", "x-amz-target"]
    theirs = AWSRequest("POST", server.url + "/", {name: request.headers[name] for name in names}, request.body)
    theirs.context["timestamp"] = request.headers["x-amz-date"]
    signer = SigV4Auth(ReadOnlyCredentials("AKIDEXAMPLE", "secret", "token"), "dynamodb", "eu-west-1")
    text = signer.string_to_sign(theirs, signer.canonical_request(theirs))
    assert authorization.endswith("Signature=" + signer.signature(text, theirs))


def test_a_path_of_the_endpoint_goes_in_front(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(ok)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url + "/base/")
    call()
    assert server.requests[0].target == "/base/"


def test_keys_set_later_are_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(ok)
    caller = AwsClient(DYNAMODB)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDLATER")
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    caller.call("/", {}, b"")
    assert "Credential=AKIDLATER/" in server.requests[0].headers["authorization"]
    assert "x-amz-security-token" not in server.requests[0].headers


@pytest.mark.parametrize("headers", [{"a": "b\r\nc: d"}, {"a\n": "b"}])
def test_a_line_break_cannot_become_a_header(serve: Serve, headers: dict[str, str]) -> None:
    serve(ok)
    with pytest.raises(ValueError, match="AWS_REQUEST"):
        AwsClient(DYNAMODB).call("/", headers, b"")


# ---- connections


def test_a_connection_is_used_again(serve: Serve) -> None:
    server = serve(ok)
    caller = AwsClient(DYNAMODB)
    assert [caller.call("/", {}, b"").status for _ in range(3)] == [200] * 3
    assert server.connections == 1
    caller.close()
    caller.call("/", {}, b"")
    assert server.connections == 2


def test_a_connection_that_was_closed_meanwhile_is_not_noticed_by_the_caller(serve: Serve) -> None:
    closed = threading.Event()

    def answer_and_close(exchange: Exchange) -> None:
        ok(exchange)
        exchange.hang_up()
        closed.set()

    server = serve(answer_and_close, ok)
    caller = AwsClient(DYNAMODB, attempts=1)
    caller.call("/", {}, b"")
    assert closed.wait(5)
    assert caller.call("/", {}, b"").status == 200
    assert server.connections == 2


def test_a_connection_that_is_closed_as_the_next_request_comes_is_made_again(serve: Serve) -> None:
    server = serve(ok, Exchange.hang_up, ok)
    caller = AwsClient(DYNAMODB, attempts=1)
    caller.call("/", {}, b"")
    assert caller.call("/", {}, b"").status == 200
    assert server.connections == 2


@pytest.mark.parametrize("reason", ["idle", "clock", "fork"])
def test_a_connection_that_may_be_stale_is_not_trusted(serve: Serve, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    server = serve(ok)
    caller = AwsClient(DYNAMODB)
    caller.call("/", {}, b"")
    now = time.time()
    if reason == "fork":
        monkeypatch.setattr(connection.os, "getpid", lambda: -1)
    else:
        monkeypatch.setattr(connection.time, "time", lambda: now + (100 if reason == "idle" else -100))
    caller.call("/", {}, b"")
    assert server.connections == 2


def test_connection_close_is_heeded(serve: Serve) -> None:
    server = serve(lambda exchange: exchange.answer(200, connection="close"))
    caller = AwsClient(DYNAMODB)
    caller.call("/", {}, b"")
    caller.call("/", {}, b"")
    assert server.connections == 2


def test_two_threads_use_two_connections(serve: Serve) -> None:
    barrier = threading.Barrier(2, timeout=5)

    def together(exchange: Exchange) -> None:
        barrier.wait()
        ok(exchange)

    server = serve(together)
    caller = AwsClient(DYNAMODB)
    threads = [threading.Thread(target=caller.call, args=("/", {}, b"")) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert server.connections == 2


def test_a_thread_that_comes_too_late_for_a_kept_connection_makes_its_own(serve: Serve) -> None:
    class Taken(list[Any]):
        """Has one when it is asked, and none when it is taken: another thread was faster."""

        def __bool__(self) -> bool:
            return True

    server = serve(ok)
    caller = AwsClient(DYNAMODB)
    caller._idle = Taken()
    assert caller.call("/", {}, b"").status == 200
    assert server.connections == 1


def test_a_connection_that_breaks_while_it_is_written_to() -> None:
    server = AwsServer(ok)
    made = connection.Connection(endpoints.Endpoint(server.url))
    server.close()
    with pytest.raises(Unreachable, match="the connection broke"):
        made.send(bytes(64 * 1_048_576))  # more than any buffer takes from a writer nobody reads
    made.close()


def test_an_answer_may_end_with_its_connection(serve: Serve) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        exchange.hang_up()

    serve(answer)
    assert call().body == b"all of it"


def test_a_client_that_nobody_needs_any_more_leaves_nothing_behind(serve: Serve) -> None:
    serve(ok)
    before = len(client._clients)
    AwsClient(DYNAMODB)
    gc.collect()
    assert len(client._clients) == before


def test_before_a_snapshot_nothing_is_kept(serve: Serve) -> None:
    server = serve(ok)
    caller = AwsClient(DYNAMODB)
    caller.call("/", {}, b"")
    client.close_all()
    caller.call("/", {}, b"")
    assert server.connections == 2


# ---- attempts


def refuse(status: int, code: str, **headers: str) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.answer(status, json.dumps({"__type": f"com.amazonaws#{code}"}).encode(), **headers)


@pytest.mark.parametrize(
    ("refusal", "paused"),
    [
        (refuse(500, "InternalServerError"), [0.05, 0.1]), (refuse(503, "X"), [0.05, 0.1]), (Exchange.hang_up, [0.05, 0.1]),
        (refuse(400, "ProvisionedThroughputExceededException"), [0.5, 1.0]), (refuse(429, "X"), [0.5, 1.0]),
        (refuse(429, "X", retry_after="1"), [1.5, 2.0]), (lambda e: e.send(b"nonsense\r\n\r\n"), [0.05, 0.1]),
    ],
)  # fmt: skip
def test_what_may_pass_is_tried_again_with_growing_pauses(
    serve: Serve, pauses: list[float], refusal: Any, paused: list[float]
) -> None:
    server = serve(refusal, refusal, ok)
    assert call().status == 200
    assert (len(server.requests), pauses) == (3, paused)


@pytest.mark.parametrize(
    "refusal", [refuse(400, "ValidationException"), refuse(403, "AccessDeniedException"), refuse(429, "X", retry_after="60")]
)
def test_what_will_not_pass_is_not_tried_again(serve: Serve, pauses: list[float], refusal: Any) -> None:
    server = serve(refusal)
    assert call().status in (400, 403, 429)
    assert (len(server.requests), pauses) == (1, [])


def test_attempts_are_bounded(serve: Serve, pauses: list[float]) -> None:
    server = serve(refuse(500, "InternalServerError"))
    assert (call().status, call(attempts=1).status) == (500, 500)
    assert len(server.requests) == 4
    server.script = [Exchange.hang_up]
    with pytest.raises(Unreachable):
        call()


def test_pauses_have_jitter() -> None:
    drawn = {retrying._fraction() for _ in range(100)}
    assert len(drawn) > 90
    assert all(0 <= one <= 1 for one in drawn)


def test_silence_is_bounded_and_is_not_the_sign_of_a_closed_connection(serve: Serve) -> None:
    server = serve(ok, lambda exchange: exchange.is_left() or None)
    caller = AwsClient(DYNAMODB, read_timeout=0.1, attempts=1)
    caller.call("/", {}, b"")
    with pytest.raises(Unreachable, match="timed out"):
        caller.call("/", {}, b"")
    assert server.connections == 1


def test_an_answer_without_end_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_ANSWER_BYTES", 10)
    serve(lambda exchange: exchange.answer(200, b"x" * 11))
    with pytest.raises(Unreachable, match="more than 10 bytes"):
        call(attempts=1)


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(Unreachable, match="no connection to 127"):
        call(attempts=1)


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"x-amzn-errortype": "ValidationException:http://internal.amazon.com/"}, b"", "ValidationException"),
        ({}, b'{"__type":"com.amazon.coral#AccessDeniedException"}', "AccessDeniedException"),
        ({}, b'{"code":"Odd"}', "Odd"), ({}, b"{not json", ""), ({}, b"<xml>", ""), ({}, b"{}", ""),
    ],
)  # fmt: skip
def test_an_errors_code(headers: dict[str, str], body: bytes, code: str) -> None:
    assert Answer(400, headers, body).code == code
    assert Answer(200, headers, body).code == ""


# ---- answers as they come


def stream(**more: Any) -> OpenAnswer:
    answer = AwsClient(DYNAMODB, **more).stream("/", {}, b"")
    assert isinstance(answer, OpenAnswer)
    return answer


def test_pieces_arrive_as_they_are_sent(serve: Serve) -> None:
    heard = threading.Semaphore(0)

    def slowly(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in (b"one", b"two"):
            exchange.send(b"3\r\n" + piece + b"\r\n")
            assert heard.acquire(timeout=5)
        exchange.send(b"0\r\n\r\n")

    server = serve(slowly, ok)
    caller = AwsClient(DYNAMODB)
    answer = caller.stream("/", {}, b"")
    assert isinstance(answer, OpenAnswer)
    pieces = []
    for piece in answer.pieces():
        pieces.append(piece)
        heard.release()
    assert pieces == [b"one", b"two"]
    answer.close()
    caller.call("/", {}, b"")
    assert server.connections == 1, "read to its end, the connection is kept"


def test_closed_early_it_hangs_up(serve: Serve) -> None:
    left = threading.Event()

    def watch(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
        if exchange.is_left():
            left.set()

    serve(watch)
    answer = stream()
    assert next(answer.pieces()) == b"x"
    answer.close()
    assert left.wait(5)
    assert list(answer.pieces()) == []


def test_broken_off_it_says_so(serve: Serve) -> None:
    def break_off(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        exchange.hang_up()

    server = serve(break_off)
    pieces = stream().pieces()
    assert next(pieces) == b"half"
    with pytest.raises(Unreachable, match="broke off"):
        next(pieces)
    assert len(server.requests) == 1, "once something arrived, nothing is asked twice"


def test_a_refusal_is_whole(serve: Serve) -> None:
    serve(refuse(400, "ValidationException"))
    answer = AwsClient(DYNAMODB).stream("/", {}, b"")
    assert isinstance(answer, Answer)
    assert answer.code == "ValidationException"


# ---- the parser

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n"
KEPT = b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx"
ANSWERS = [
    (OK + b"Content-Length: 5\r\nA: 1\r\na: 2\r\n\r\nhello", 200, {"content-length": "5", "a": "1, 2"}, b"hello", True),
    (CHUNKED, 200, {"transfer-encoding": "Chunked"}, b"hello", True),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", 204, {}, b"", True),
    (OK + b"connection: close\r\ncontent-length: 0\r\n\r\n", 200, {"connection": "close", "content-length": "0"}, b"", False),
    (KEPT, 200, {"connection": "keep-alive", "content-length": "1"}, b"x", True),
]


@pytest.mark.parametrize(("wire", "status", "headers", "body", "keep"), ANSWERS)
def test_an_answer_cut_anywhere_is_the_same(wire: bytes, status: int, headers: dict[str, str], body: bytes, keep: bool) -> None:
    cuts = [[wire], [bytes((byte,)) for byte in wire], *([wire[:at], wire[at:]] for at in range(1, len(wire)))]
    for pieces in cuts:
        parser = AnswerParser()
        assert b"".join(parser.feed(piece) for piece in pieces) == body
        assert (parser.status, parser.headers, parser.complete, parser.keep_alive) == (status, headers, True, keep)
        parser.close()


def test_without_a_length_the_end_is_the_end_of_the_connection() -> None:
    parser = AnswerParser()
    assert parser.feed(b"HTTP/1.1 200 OK\r\n\r\nbody") == b"body"
    assert not parser.complete
    parser.close()
    assert (parser.complete, parser.keep_alive) == (True, False)


@pytest.mark.parametrize(
    "wire",
    [
        b"SSH-2.0", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 2x0\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na : b\r\n\r\n", b"HTTP/1.1 200 OK\r\n: b\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxy",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxy\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000,
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(wire: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        AnswerParser().feed(wire)


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nx"])
def test_an_answer_without_its_end_is_refused(wire: bytes) -> None:
    parser = AnswerParser()
    parser.feed(wire)
    with pytest.raises(MalformedAnswer):
        parser.close()


# ---- endpoints, and what is left to boto3


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "bedrock-runtime.eu-west-1.amazonaws.com"), ("us-gov-west-1", "bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
    ],
)  # fmt: skip
def test_a_regions_endpoint(region: str, host: str) -> None:
    found = endpoints.endpoint_of(BEDROCK_RUNTIME, {"AWS_REGION": region})
    assert (found.host, found.port, found.tls, found.path) == (host, 443, True, "")
    assert why_not(BEDROCK_RUNTIME, {**KEYS, "AWS_REGION": region}) is None


def test_boto3_finds_the_same_endpoints() -> None:
    import boto3

    for region in ("eu-west-1", "us-east-1", "ap-southeast-2", "mx-central-1", "us-gov-west-1", "cn-north-1"):
        theirs = boto3.client("dynamodb", region_name=region, aws_access_key_id="x", aws_secret_access_key="y")
        assert theirs.meta.endpoint_url == f"https://{endpoints.endpoint_of(DYNAMODB, {'AWS_REGION': region}).authority}"
        theirs.close()


def test_given_endpoints() -> None:
    own, general = {"AWS_ENDPOINT_URL_DYNAMODB": "http://[::1]:8000/x/"}, {"AWS_ENDPOINT_URL": "https://general"}
    found = endpoints.endpoint_of(DYNAMODB, {**own, **general})
    assert (found.host, found.port, found.authority, found.path, found.tls) == ("::1", 8000, "[::1]:8000", "/x", False)
    assert endpoints.endpoint_of(DYNAMODB, general).authority == "general"
    ignored = {**general, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert endpoints.endpoint_of(DYNAMODB, ignored).authority == "dynamodb.eu-west-1.amazonaws.com"
    assert endpoints.Endpoint("http://[::1]").port == 80


@pytest.mark.parametrize(
    "url", ["", "host:80", "ftp://host", "http://", "http://user@host", "http://host:port", "http://host?x", "http://ho st"]
)
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT: found"):
        endpoints.Endpoint(url)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"AWS_PROFILE": "dev"}, "AWS_PROFILE is set"), ({"AWS_USE_FIPS_ENDPOINT": "true"}, "AWS_USE_FIPS_ENDPOINT is set"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "TRUE"}, "AWS_USE_DUALSTACK_ENDPOINT is set"), ({"HTTPS_PROXY": "http://p"}, "HTTPS_PROXY is set"),
        ({"https_proxy": "http://p"}, "https_proxy is set"), ({"AWS_REGION": "us-iso-east-1"}, "AWS_PARTITION"),
        ({"AWS_REGION": "moon-1"}, "AWS_PARTITION"), ({"AWS_REGION": "eu-west-1/x"}, "AWS_PARTITION"), ({"AWS_REGION": ""}, "AWS_REGION"),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "AWS_ENDPOINT"), ({"AWS_ACCESS_KEY_ID": ""}, "neither keys"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "x", "AWS_WEB_IDENTITY_TOKEN_FILE": "t"}, "neither keys"),
        ({"http_proxy": "http://p", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "http_proxy is set"),
        ({"AWS_REGION": "", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "AWS_REGION"),
    ],
)  # fmt: skip
def test_what_is_left_to_boto3(more: dict[str, str], said: str) -> None:
    found = why_not(BEDROCK_RUNTIME, {**KEYS, **more})
    assert found is not None
    assert said in found


def test_what_is_not() -> None:
    neutral = {"AWS_USE_FIPS_ENDPOINT": "false", "HTTP_PROXY": "http://p", "AWS_PROFILE": ""}
    assert why_not(BEDROCK_RUNTIME, {**KEYS, **neutral}) is None
    assert (
        why_not(BEDROCK_RUNTIME, {"AWS_REGION": "eu-west-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9001/c"})
        is None
    )


# ---- credentials


def container(exchange: Exchange, lives: float = 3600, **more: Any) -> None:
    until = datetime.fromtimestamp(time.time() + lives, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = {"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "t", "Expiration": until, **more}
    exchange.answer(200, json.dumps(document).encode())


@pytest.fixture
def from_container(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AwsServer]:
    def start(*script: Callable[[Exchange], None]) -> AwsServer:
        server = serve(*script)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url + "/credentials?x=1")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc")
        return server

    return start


def test_a_containers_credentials_are_fetched_once(from_container: Any) -> None:
    server = from_container(container)
    first = credentials.current()
    assert (first.access_key, first.secret_key, first.token) == ("ASIA", "s", "t")
    assert 3500 < first.expires_at - time.time() <= 3600
    assert credentials.current() is first
    assert [(r.method, r.target, r.headers["authorization"]) for r in server.requests] == [
        ("GET", "/credentials?x=1", "Basic abc")
    ]
    client.close_all()
    assert credentials.current() is not first


def test_they_are_renewed_before_they_expire_or_used_up_where_that_fails(from_container: Any) -> None:
    server = from_container(lambda e: container(e, 200), container)
    first = credentials.current()
    second = credentials.current()
    assert second is not first
    server.script = [lambda e: container(e, 200), lambda e: e.answer(500)]
    credentials.forget()
    third = credentials.current()
    assert credentials.current() is third, "an endpoint that fails now does not make good keys bad"
    server.script = [lambda e: container(e, 5), lambda e: e.answer(500)]
    credentials.forget()
    credentials.current()
    with pytest.raises(Unreachable, match="answered 500"):
        credentials.current()


def test_credentials_that_do_not_expire(from_container: Any) -> None:
    from_container(lambda e: container(e, Expiration=None))
    assert credentials.current().expires_at == float("inf")


@pytest.mark.parametrize("body", [b"nonsense", b"{}", b"[]", b'{"AccessKeyId":"a","SecretAccessKey":"b","Expiration":"soon"}'])
def test_an_endpoint_that_gives_no_credentials(from_container: Any, body: bytes) -> None:
    from_container(lambda e: e.answer(200, body))
    with pytest.raises(Unreachable, match="gave no credentials"):
        credentials.current()


def test_a_relative_address_and_a_token_in_a_file(from_container: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = from_container(container)
    monkeypatch.setattr(credentials, "CONTAINER_HOST", server.url)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/c")
    (tmp_path / "token").write_text("from a file")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    credentials.current()
    assert (server.requests[0].target, server.requests[0].headers["authorization"]) == ("/v2/c", "from a file")


@pytest.mark.parametrize(
    ("uri", "token", "said"),
    [
        ("http://example.com/c", "t", "or http to the machine itself"), ("", "t", "no AWS_ACCESS_KEY_ID"),
        ("http://localhost:1/c", "a\nb", "a line break"),
    ],
)  # fmt: skip
def test_an_endpoint_that_may_not_be_asked(monkeypatch: pytest.MonkeyPatch, uri: str, token: str, said: str) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)
    with pytest.raises(ConfigurationError, match=said):
        credentials.current()


# ---- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no openssl that makes a certificate: {error}")
    return folder


@pytest.fixture
def secure(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    server = AwsServer(ok, tls=context)
    monkeypatch.setattr(connection._Tls, "context", None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://localhost:{server.port}")
    yield server
    monkeypatch.setattr(connection._Tls, "context", None)
    server.close()


def test_over_tls_with_an_authority_of_ones_own(secure: AwsServer, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate / "cert.pem"))
    caller = AwsClient(DYNAMODB, attempts=1)
    assert [caller.call("/", {}, b"").status for _ in range(2)] == [200, 200]
    assert secure.connections == 1
    assert connection.tls_context() is connection.tls_context()


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_who_cannot_prove_who_he_is_gets_nothing(
    secure: AwsServer, certificate: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    if wrong == "name":
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate / "cert.pem"))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{secure.port}")
    with pytest.raises(Unreachable, match="no TLS with"):
        call(attempts=1)
    assert secure.requests == []
