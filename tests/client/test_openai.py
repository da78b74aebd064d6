"""openai's own package, unmodified, reads a signed stream: with either HTTP library that it takes, sync and async."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import openai
import pytest

from constructs_pkg.client import SigV4Auth
from constructs_pkg.client.httpx2 import SigV4Auth as SigV4AuthForHttpx2
from tests.client import reference_sigv4
from tests.client.conftest import SECRET_KEY
from tests.client.server import Connection, Received, ScriptedServer, chat

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3

CLIENTS = [
    pytest.param(httpx2, SigV4Auth, id="httpx2"),
    pytest.param(httpx2, SigV4AuthForHttpx2, id="httpx2's own"),
    pytest.param(httpx, SigV4Auth, id="httpx"),
]
MESSAGES: Any = [{"role": "user", "content": "Grüße 😀"}]


def streams(connection: Connection, request: Received) -> None:
    reference_sigv4.verify(request.method, request.target, request.headers, request.body, secret_key=SECRET_KEY)
    connection.stream(chat("Hel", "lo"), content_type="text/event-stream")


def throttles(connection: Connection, _: Received) -> None:
    connection.answer(
        "429 Too Many Requests",
        b'{"error":{"message":"slow","type":"t","code":"c"}}',
        content_type="application/json",
        retry_after="0.01",
    )


@pytest.mark.parametrize(("library", "auth"), CLIENTS)
def test_openai_reads_a_signed_stream(
    serve: Callable[..., ScriptedServer], session: boto3.Session, library: Any, auth: Any
) -> None:
    server = serve(throttles, streams)  # its retry is signed anew
    with openai.OpenAI(
        base_url=server.url + "v1", api_key="unused", http_client=library.Client(auth=auth(session), trust_env=False)
    ) as client:
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "Hello"
    assert [request.target for request in server.received] == ["/v1/chat/completions"] * 2
    assert json.loads(server.received[1].body)["messages"] == MESSAGES


@pytest.mark.parametrize(("library", "auth"), CLIENTS)
def test_async_openai_reads_a_signed_stream(
    serve: Callable[..., ScriptedServer], session: boto3.Session, library: Any, auth: Any
) -> None:
    server = serve(streams)

    async def call() -> str:
        http = library.AsyncClient(auth=auth(session), trust_env=False)
        async with openai.AsyncOpenAI(base_url=server.url + "v1", api_key="unused", http_client=http) as client:
            stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(call()) == "Hello"
