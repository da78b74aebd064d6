"""`SigV4Auth` in the hands of httpx and httpx2, sync and async: what goes over the wire is signed, and nothing gives a secret away."""

from __future__ import annotations

import asyncio
import logging
import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import httpx2
import pytest
from botocore.credentials import RefreshableCredentials

from constructs_pkg.client import ConfigurationError, SigV4Auth
from constructs_pkg.client.httpx2 import SigV4Auth as SigV4AuthForHttpx2
from tests.client import reference_sigv4
from tests.client.conftest import ACCESS_KEY, SECRET_KEY, TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import ModuleType

    from tests.client.server import Connection, Received, ScriptedServer

USES = [
    pytest.param(httpx, SigV4Auth, id="httpx"),
    pytest.param(httpx2, SigV4AuthForHttpx2, id="httpx2"),
    pytest.param(httpx2, SigV4Auth, id="httpx2 with httpx's"),
]


def ok(connection: Connection, _: Received) -> None:
    connection.answer("200 OK", b"ok")


def send(library: ModuleType, auth: Any, asynchronous: bool, method: str, url: str, **arguments: Any) -> Any:
    if not asynchronous:
        with library.Client(auth=auth, trust_env=False) as client:
            return client.request(method, url, **arguments)

    async def call() -> Any:
        async with library.AsyncClient(auth=auth, trust_env=False) as client:
            return await client.request(method, url, **arguments)

    return asyncio.run(call())


def verified(request: Received) -> reference_sigv4.Signature:
    return reference_sigv4.verify(request.method, request.target, request.headers, request.body, secret_key=SECRET_KEY)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("library", "auth"), USES)
@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("", {}),
        ("v1/chat/completions", {"json": {"prompt": "é€😀"}}),
        ("a%20b//c/./d;e=f/é", {"content": bytes(range(256))}),
        ("a b+c:d@e~'()*!/%2F", {"params": {"q": "a/b c+d&e=é", "empty": ""}}),
        ("?a=b/c&a=%2f&d+e=f+g&&h", {"headers": [("x-note", "two  spaces"), ("x-note", "again"), ("x-utf8", "é".encode())]}),
        ("", {"files": {"file": ("name", b"content\x00\xff")}}),
        ("", {"data": {"form": "a b&c"}}),
    ],
    ids=["plain", "json", "binary on an awkward path", "query", "spelled query", "multipart", "form"],
)
def test_what_goes_over_the_wire_is_signed(
    serve: Callable[..., ScriptedServer], session: boto3.Session, library: ModuleType, auth: Any, asynchronous: bool, target: str, arguments: Any
) -> None:  # fmt: skip
    server = serve(ok)
    method = "POST" if {"json", "content", "files", "data"} & set(arguments) else "GET"
    arguments = {
        **arguments,
        "headers": [("authorization", "Bearer key-of-an-sdk"), ("connection", "keep-alive"), *arguments.get("headers", [])],
    }
    assert send(library, auth(session), asynchronous, method, server.url + target, **arguments).text == "ok"
    [request] = server.received
    found = verified(request)
    assert (found.access_key, found.region, found.service) == (ACCESS_KEY, "eu-west-1", "lambda")
    assert request.header("x-amz-security-token") == TOKEN
    assert [name for name, _ in request.headers if name.lower() in ("authorization", "connection")] == ["authorization"]


def pieces() -> Iterator[bytes]:
    yield b"one "
    yield b"two"


async def async_pieces() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


@pytest.mark.parametrize(("library", "auth"), USES)
def test_a_streamed_body_is_read_and_signed(
    serve: Callable[..., ScriptedServer], session: boto3.Session, library: ModuleType, auth: Any
) -> None:
    server = serve(ok)
    send(library, auth(session), False, "POST", server.url, content=pieces())
    assert server.received[0].body == b"one two"
    verified(server.received[0])


@pytest.mark.parametrize(("library", "auth"), USES[:2])
def test_an_async_streamed_body_is_read_and_signed(
    serve: Callable[..., ScriptedServer], session: boto3.Session, library: ModuleType, auth: Any
) -> None:
    server = serve(ok)
    send(library, auth(session), True, "POST", server.url, content=async_pieces())
    assert server.received[0].body == b"one two"
    verified(server.received[0])


def test_an_async_body_that_cannot_be_read_is_refused_with_the_mend(
    serve: Callable[..., ScriptedServer], session: boto3.Session
) -> None:
    with pytest.raises(ConfigurationError, match=r"STREAMED_BODY: .*constructs_pkg\.client\.httpx2\.SigV4Auth"):
        send(httpx2, SigV4Auth(session), True, "POST", serve(ok).url, content=async_pieces())


def test_one_auth_signs_each_request_anew(serve: Callable[..., ScriptedServer], session: boto3.Session) -> None:
    server = serve(ok)
    with httpx.Client(auth=SigV4Auth(session), trust_env=False) as client:
        request = client.build_request("POST", server.url, json=[1])
        client.send(request)
        client.send(request)  # as an SDK's retry may: it carries the first signature already
    for received in server.received:
        verified(received)


def requested(auth: SigV4Auth, url: str) -> reference_sigv4.Signature:
    request = next(auth.sync_auth_flow(httpx.Request("GET", url)))
    return reference_sigv4.Signature(request.headers["authorization"])


def test_the_region_is_the_argument_then_the_hosts_then_the_sessions(session: boto3.Session) -> None:
    url = "https://abc.lambda-url.ap-south-1.on.aws/"
    assert requested(SigV4Auth(session, region="sa-east-1"), url).region == "sa-east-1"
    assert requested(SigV4Auth(session), url).region == "ap-south-1"
    assert requested(SigV4Auth(session), "https://example.com/").region == "eu-west-1"


def test_another_service_can_be_signed_for(session: boto3.Session) -> None:
    assert requested(SigV4Auth(session, service="execute-api"), "https://example.com/").service == "execute-api"


def test_the_region_may_stand_where_boto3_does_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert requested(SigV4Auth(boto3.Session(ACCESS_KEY, SECRET_KEY)), "https://example.com/").region == "us-west-2"


def test_no_region_anywhere_is_refused_with_the_mend() -> None:
    auth = SigV4Auth(boto3.Session(ACCESS_KEY, SECRET_KEY))
    with pytest.raises(
        ConfigurationError, match=r"NO_REGION: neither the host name '127\.0\.0\.1' nor the session .*region=.*AWS_REGION"
    ):
        requested(auth, "http://127.0.0.1:1/")


def test_no_credentials_is_refused_with_the_mend() -> None:
    with pytest.raises(ConfigurationError, match="NO_CREDENTIALS: .*AWS_PROFILE.*session="):
        requested(SigV4Auth(region="eu-west-1"), "https://example.com/")


def test_the_environments_credentials_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = SigV4Auth(region="eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    assert requested(auth, "https://example.com/").access_key == "AKIDFROMENV"


def test_a_profile_that_does_not_exist_is_refused_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    with pytest.raises(ConfigurationError, match=r"CREDENTIALS_FAILED: .*nowhere.*AWS_PROFILE"):
        requested(SigV4Auth(region="eu-west-1"), "https://example.com/")


class SessionOf:
    """A session whose credentials are the test's."""

    region_name = "eu-west-1"

    def __init__(self, credentials: Any) -> None:
        self.credentials = credentials

    def get_credentials(self) -> Any:
        if isinstance(self.credentials, Exception):
            raise self.credentials
        return self.credentials


def test_refreshable_credentials_are_refreshed_in_mid_life() -> None:
    given: list[str] = []

    def refresh() -> dict[str, str]:
        given.append(f"AKID{len(given)}")
        expiry = datetime.now(UTC) + timedelta(seconds=1 if len(given) == 1 else 7200)
        return {"access_key": given[-1], "secret_key": SECRET_KEY, "token": TOKEN, "expiry_time": expiry.isoformat()}

    credentials = RefreshableCredentials.create_from_metadata(refresh(), refresh, "test", advisory_timeout=0, mandatory_timeout=0)
    auth = SigV4Auth(SessionOf(credentials))
    assert requested(auth, "https://example.com/").access_key == "AKID0"
    credentials._expiry_time -= timedelta(seconds=10)
    assert requested(auth, "https://example.com/").access_key == "AKID1"


def test_an_event_loop_does_not_wait_for_a_refresh(serve: Callable[..., ScriptedServer]) -> None:
    import threading

    threads: list[threading.Thread] = []

    def refresh() -> dict[str, str]:
        threads.append(threading.current_thread())
        expiry = datetime.now(UTC) + timedelta(hours=2)
        return {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "token": TOKEN, "expiry_time": expiry.isoformat()}

    from botocore.credentials import DeferredRefreshableCredentials

    auth = SigV4Auth(SessionOf(DeferredRefreshableCredentials(refresh, "test")))
    server = serve(ok)
    send(httpx, auth, True, "GET", server.url)
    verified(server.received[0])
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_credentials_that_cannot_be_had_are_refused_in_one_sentence() -> None:
    auth = SigV4Auth(SessionOf(RuntimeError("the token\nhas expired.")))
    with pytest.raises(
        ConfigurationError,
        match=r"CREDENTIALS_FAILED: boto3 could not give AWS credentials: the token has expired; set AWS_PROFILE",
    ):
        requested(auth, "https://example.com/")


def test_an_async_session_is_refused_with_the_mend() -> None:
    class AsyncSession:
        async def get_credentials(self) -> None: ...

    with pytest.raises(ConfigurationError, match=r"ASYNC_SESSION: .*AsyncSession.*boto3\.Session"):
        requested(SigV4Auth(AsyncSession(), region="eu-west-1"), "https://example.com/")


def test_nothing_gives_a_secret_away(
    session: boto3.Session, caplog: pytest.LogCaptureFixture, serve: Callable[..., ScriptedServer]
) -> None:
    caplog.set_level(logging.DEBUG)
    auth = SigV4Auth(session)
    server = serve(ok)
    send(httpx, auth, False, "POST", server.url, json={})
    signature = verified(server.received[0]).value
    try:
        send(httpx, SigV4Auth(boto3.Session(ACCESS_KEY, SECRET_KEY, TOKEN)), False, "GET", server.url)
    except ConfigurationError:
        told = traceback.format_exc()
    for text in (repr(auth), str(auth), repr(auth._credentials), told, caplog.text):
        for secret in (SECRET_KEY, TOKEN, signature, ACCESS_KEY):
            assert secret not in text
    assert TOKEN not in server.received[0].target
