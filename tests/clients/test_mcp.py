"""The mcp package on both sides: its server as an ASGI app on our runtime, its client over streamable HTTP with a signature."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from constructs_pkg.client.httpx2 import SigV4Auth
from constructs_pkg.emulator import Emulator
from tests.clients.endpoints import NOTICES_A_CLEAN_END, asgi
from tests.emulator.support import ACCOUNT, App

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

httpx2 = pytest.importorskip("httpx2")
mcp = pytest.importorskip("mcp")
streamable_http = pytest.importorskip("mcp.client.streamable_http")

REGION = "eu-west-1"
MODES = ("2026-07-28", "auto", "legacy")
PATIENCE = 60
WORDS = ("one", "two", "three")
APP = """
import asyncio
import os

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.transport_security import TransportSecuritySettings

server = MCPServer("tools")


@server.tool()
async def spell(word: str, ctx: Context) -> str:
    '''Tells the letters one by one, then the whole word.'''
    for number, letter in enumerate(word, 1):
        await ctx.report_progress(number, len(word), letter)
        await asyncio.sleep(0.15)
    return word


@server.tool()
def fail() -> str:
    '''Cannot be done.'''
    raise ValueError("no such word")


@server.tool()
async def die(ctx: Context) -> str:
    '''Takes the process with it.'''
    await ctx.report_progress(1, 2, "h")
    await asyncio.sleep(0.2)
    os._exit(1)


@server.tool()
async def last(ctx: Context) -> str:
    '''Runs into the time limit.'''
    await ctx.report_progress(1, 2, "h")
    await asyncio.sleep(60)
    return "never"


@server.tool()
def who(ctx: Context) -> str:
    '''The caller, whom IAM knows.'''
    return ctx.request_context.request.scope["aws.event"]["requestContext"]["authorizer"]["iam"]["userArn"]


protection = TransportSecuritySettings(enable_dns_rebinding_protection=False)
mcp_app = server.streamable_http_app(stateless_http=True, transport_security=protection)


async def app(scope, receive, send):
    if scope["type"] == "http" and scope["method"] != "POST":
        await send({"type": "http.response.start", "status": 405, "headers": [(b"allow", b"POST")]})
        await send({"type": "http.response.body", "body": b""})
    else:
        await mcp_app(scope, receive, send)
"""
ENDED = """
from streaming_runtime import HttpResponse

def handler(event, context):
    yield HttpResponse(200, {"content-type": "text/event-stream"})
    yield b'event: message\\r\\ndata: {"jsonrpc":"2.0","method":"notifications/progress",'
    yield b'"params":{"progressToken":1,"progress":1.0}}\\r\\n\\r\\n'
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    app = App(tmp_path_factory.mktemp("mcp"))
    asgi(app, "mcp", APP)
    asgi(app, "short", APP, Timeout=3)
    asgi(app, "busy", APP, ReservedConcurrentExecutions=0)
    asgi(app, "open", APP, "mcp_app", Timeout=3)
    asgi(app, "guarded", APP.replace("enable_dns_rebinding_protection=False", "").replace("TransportSecuritySettings()", "None"))
    app.function("ended", ENDED)
    with Emulator(app.write(), model=None, mounts=False) as running:
        yield running


class Caller:
    """A client of one of the functions, and the progress that it was told of, with the time of each."""

    client: Any

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.told: list[tuple[float, str | None]] = []

    async def note(self, response: Any) -> None:
        self.statuses.append(response.status_code)

    async def call(self, tool: str, **arguments: Any) -> Any:
        async def progress(done: float, total: float | None, message: str | None) -> None:
            self.told.append((asyncio.get_running_loop().time(), message))

        return await self.client.call_tool(tool, arguments, progress_callback=progress)


def auth(emulator: Emulator) -> SigV4Auth:
    keys = emulator.principals["admin"]
    return SigV4Auth(boto3.Session(keys["access_key_id"], keys["secret_access_key"], keys["session_token"], region_name=REGION))


@asynccontextmanager
async def calling(emulator: Emulator, function: str = "mcp", mode: str = "2026-07-28") -> AsyncIterator[Caller]:
    caller = Caller()
    url = f"{emulator.urls[f'Test/{function}']}mcp"
    hooks = {"response": [caller.note]}
    async with (
        asyncio.timeout(PATIENCE),
        httpx2.AsyncClient(auth=auth(emulator), trust_env=False, timeout=20, event_hooks=hooks) as http,
        mcp.Client(streamable_http.streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        caller.client = client
        yield caller


def text_of(result: Any) -> str:
    return "".join(block.text for block in result.content)


@pytest.mark.parametrize("mode", MODES)
def test_it_connects_and_lists_the_tools(emulator: Emulator, mode: str) -> None:
    async def run() -> list[str]:
        async with calling(emulator, mode=mode) as caller:
            return [tool.name for tool in (await caller.client.list_tools()).tools]

    assert asyncio.run(run())[:2] == ["spell", "fail"]


@pytest.mark.parametrize("mode", MODES)
def test_a_tools_progress_comes_as_it_is_made(emulator: Emulator, mode: str) -> None:
    async def run() -> tuple[Caller, str]:
        async with calling(emulator, mode=mode) as caller:
            return caller, text_of(await caller.call("spell", word="hello"))

    caller, text = asyncio.run(run())
    assert text == "hello"
    assert [message for _, message in caller.told] == list("hello")
    assert caller.told[-1][0] - caller.told[0][0] > 0.3, "it was held back"


@pytest.mark.parametrize("mode", MODES)
def test_a_tool_that_fails_is_an_error_in_its_result(emulator: Emulator, mode: str) -> None:
    async def run() -> Any:
        async with calling(emulator, mode=mode) as caller:
            return await caller.call("fail")

    result = asyncio.run(run())
    assert result.is_error
    assert text_of(result) == "Error executing tool fail"


def test_a_tool_knows_who_called_it(emulator: Emulator) -> None:
    async def run() -> str:
        async with calling(emulator) as caller:
            return text_of(await caller.call("who"))

    assert asyncio.run(run()) == f"arn:aws:iam::{ACCOUNT}:user/emulator/admin"


def test_calls_at_the_same_time_reach_processes_of_their_own(emulator: Emulator) -> None:
    async def run() -> list[str]:
        async with calling(emulator) as caller:
            return [text_of(result) for result in await asyncio.gather(*(caller.call("spell", word=word) for word in WORDS))]

    assert asyncio.run(run()) == list(WORDS)


@pytest.mark.parametrize(
    ("function", "tool", "mode"),
    [("mcp", "die", "2026-07-28"), ("mcp", "die", "legacy"), ("short", "last", "2026-07-28")],
    ids=["the process died", "the process died, legacy", "Lambda's time limit"],
)
def test_the_client_notices_a_stream_that_was_cut(emulator: Emulator, function: str, tool: str, mode: str) -> None:
    async def run() -> tuple[Caller, str]:
        async with calling(emulator, function, mode) as caller:
            with pytest.raises(mcp.MCPError, match="SSE stream ended without a response") as caught:
                await caller.call(tool)
            # the session lives on
            return caller, f"{caught.value.code} {text_of(await caller.call('spell', word='on'))}"

    caller, said = asyncio.run(run())
    assert said == "-32000 on"
    assert [message for _, message in caller.told] == list("hon")


def test_the_client_notices_a_stream_that_ended_early(emulator: Emulator) -> None:
    async def run() -> Caller:
        async with calling(emulator, "ended") as caller:
            with pytest.raises(mcp.MCPError, match="SSE stream ended without a response"):
                await caller.call("spell", word="hello")
            return caller

    assert len(asyncio.run(run()).told) == NOTICES_A_CLEAN_END["mcp (Python)"]


def test_the_client_takes_throttling_for_any_error_but_its_http_client_knows(emulator: Emulator) -> None:
    async def run() -> Caller:
        async with calling(emulator, "busy") as caller:
            with pytest.raises(mcp.MCPError, match="Server returned an error response"):
                await caller.call("spell", word="hello")
            return caller

    assert asyncio.run(run()).statuses == [429]


@pytest.mark.parametrize(("function", "status"), [("mcp", 405), ("open", 504)])
def test_a_get_holds_a_function_to_its_deadline_unless_it_is_refused(emulator: Emulator, function: str, status: int) -> None:
    """Why the guide's server refuses it: clients of before 2026-07-28 may ask for a stream of the server's own news."""
    with httpx2.Client(auth=auth(emulator), trust_env=False, timeout=20) as http:
        answer = http.get(f"{emulator.urls[f'Test/{function}']}mcp", headers={"accept": "text/event-stream"})
    assert answer.status_code == status


@pytest.mark.parametrize(("function", "status"), [("mcp", 400), ("guarded", 421)])
def test_a_host_of_aws_is_refused_unless_the_guard_is_off(emulator: Emulator, function: str, status: int) -> None:
    host = {"host": "abc.lambda-url.eu-west-1.on.aws", "accept": "application/json, text/event-stream"}
    with httpx2.Client(auth=auth(emulator), trust_env=False, timeout=20) as http:
        answer = http.post(f"{emulator.urls[f'Test/{function}']}mcp", headers=host, json={})
    assert answer.status_code == status, answer.text
