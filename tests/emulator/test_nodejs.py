"""Node.js functions on AWS's own client, aws-lambda-ric, as it comes from npm."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

from constructs_pkg.emulator.cache import cache_folder
from constructs_pkg.emulator.folders import CodeUnusable
from constructs_pkg.emulator.runtimes import nodejs, npm
from tests.emulator.running import alive
from tests.emulator.support import call, grant, wait_for
from tests.emulator.test_failures import lambda_client

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = """
import fs from 'node:fs';

const until = async (file) => {
  while (!fs.existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 2));
};

export const handler = awslambda.streamifyResponse(async (event, responseStream, context) => {
  const path = event.rawPath ?? event.path;
  if (path === '/before') throw new TypeError('the secret word');
  if (path === '/http') {
    const metadata = { statusCode: 201, headers: { 'Content-Type': 'text/plain', 'X-Id': context.awsRequestId }, cookies: ['a=1', 'b=2'] };
    responseStream = awslambda.HttpResponseStream.from(responseStream, metadata);
  } else {
    responseStream.setContentType('text/csv');
  }
  for (const word of ['one', 'two', 'three']) {
    responseStream.write(word);
    if (process.env.FOLDER) await until(`${process.env.FOLDER}/${word}`);
    if (path === '/after') {
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new TypeError('the secret word');
    }
  }
  responseStream.end();
});
"""


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> None:
    """AWS's client, fetched once for all tests here; where that cannot be, they are skipped and say so."""
    try:
        node = npm.find_node(24)
        folder = cache_folder() / "nodejs" / f"aws-lambda-ric-{nodejs.CLIENT_VERSION}"
        npm.fetch_package(node, "aws-lambda-ric", nodejs.CLIENT_VERSION, folder)
    except CodeUnusable as unusable:
        pytest.skip(str(unusable))


def node(app, code: str, name: str = "index.mjs", **options) -> str:
    path = app.function("Fn", {name: code}, layer=None, **{"Runtime": "nodejs24.x", **options})
    del app.resources["Fn"]["Properties"]["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    return path


def test_each_chunk_arrives_before_the_next_is_written(app, emulate, cached, tmp_path: Path) -> None:
    path = node(app, HANDLER, environment={"FOLDER": str(tmp_path)})
    emulator = emulate(app)
    response = call(emulator.urls[path] + "http", emulator.principals["admin"])
    assert (response.status, response.header("content-type")) == (201, "text/plain")
    assert response.header("x-id") == response.header("x-amzn-requestid")
    assert [value for name, value in response.response_headers if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    for word in ("one", "two", "three"):
        assert response.chunk() == word.encode()
        (tmp_path / word).touch()
    assert response.chunk() == b""


def test_a_stream_without_metadata_has_its_own_type(app, emulate, cached) -> None:
    path = node(app, HANDLER)
    emulator = emulate(app)
    response = call(emulator.urls[path], emulator.principals["admin"])
    assert (response.status, response.header("content-type"), response.read()) == (200, "text/csv", b"onetwothree")


def test_errors_before_and_in_the_middle_of_a_stream(app, emulate, cached) -> None:
    path = node(app, HANDLER)
    emulator = emulate(app)
    name = emulator.json()["functions"][0]["function_name"]
    assert call(emulator.urls[path] + "before", emulator.principals["admin"]).status == 502
    chunks, complete = call(emulator.urls[path] + "after", emulator.principals["admin"]).chunks()
    assert (b"".join(chunks)[:3], complete) == (b"one", False)
    for what in ("/before", "/after"):
        answer = lambda_client(emulator).invoke_with_response_stream(FunctionName=name, Payload=json.dumps({"path": what}))
        complete = list(answer["EventStream"])[-1]["InvokeComplete"]
        assert "TypeError" in complete["ErrorCode"] + complete["ErrorDetails"]
    assert call(emulator.urls[path], emulator.principals["admin"]).read() == b"onetwothree"


def test_an_ordinary_handler_answers_in_one_piece(app, emulate, cached, logs) -> None:
    code = """
exports.handler = async (event, context) => {
  console.log('said by node');
  if (event.rawPath === '/throw') throw new RangeError('the secret word');
  return { statusCode: 202, headers: { 'x-version': process.version }, body: `${event.rawPath} ${__dirname === process.env.LAMBDA_TASK_ROOT}` };
};
"""
    path = node(app, code, "index.js", mode="BUFFERED")
    emulator = emulate(app)
    response = call(emulator.urls[path] + "hi", emulator.principals["admin"])
    assert (response.status, response.read()) == (202, b"/hi true")
    assert response.header("x-version").startswith("v")
    assert call(emulator.urls[path] + "throw", emulator.principals["admin"]).status == 502
    wait_for(lambda: logs.having("said by node") and logs.having("the secret word"))


def test_a_module_that_cannot_be_loaded_is_an_init_error(app, emulate, cached) -> None:
    node(app, "import 'nowhere-to-be-found';\nexport const handler = () => {};\n")
    emulator = emulate(app)
    answer = lambda_client(emulator).invoke(FunctionName=emulator.json()["functions"][0]["function_name"])
    assert answer["FunctionError"] == "Unhandled"
    assert "nowhere-to-be-found" in json.loads(answer["Payload"].read())["errorMessage"]


def test_layers_are_found_by_modules_of_both_kinds(app, emulate, cached) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html: nodejs/node_modules of a layer
    files = {
        "nodejs/node_modules/shared/package.json": '{"name":"shared","main":"index.js"}',
        "nodejs/node_modules/shared/index.js": "module.exports = { who: 'layer' };",
    }
    layer = app.asset("lib", files)
    code = """
import { createRequire } from 'node:module';
import shared from 'shared';
const again = createRequire(import.meta.url)('shared');
export const handler = async () => ({ statusCode: 200, body: shared.who + again.who });
"""
    path = app.function("Fn", {"index.mjs": code}, layer=layer, mode="BUFFERED", Runtime="nodejs24.x")
    del app.resources["Fn"]["Properties"]["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    emulator = emulate(app)
    assert call(emulator.urls[path], emulator.principals["admin"]).read() == b"layerlayer"


def test_a_function_that_hangs_ends_at_its_timeout(app, emulate, cached) -> None:
    path = node(app, "export const handler = () => new Promise(() => setInterval(() => {}, 1000));\n", Timeout=1)
    emulator = emulate(app)
    started = time.monotonic()
    assert call(emulator.urls[path], emulator.principals["admin"]).status == 502
    assert time.monotonic() - started < 6


def test_a_client_that_cannot_be_fetched_is_one_clear_line(app, emulate, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("npm_config_offline", "true")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    node(app, HANDLER)
    app.function("Ours", "def handler(event, context):\n    yield 'streamed'\n")
    emulator = emulate(app)
    rows = {row["logical_id"]: row for row in emulator.json()["functions"]}
    assert rows["Fn"]["broken"].startswith(("NPM_FAILED: ", "NODE_MISSING: ", "NPM_MISSING: "))
    assert "\n" not in rows["Fn"]["broken"]
    assert call(emulator.urls["Test/Ours"], emulator.principals["admin"]).read() == b"streamed"


def test_a_machine_without_node_is_one_clear_line(app, emulate, monkeypatch) -> None:
    monkeypatch.setattr(npm, "_candidates", lambda: iter(["/nowhere/node"]))
    npm.find_node.cache_clear()
    node(app, HANDLER)
    emulator = emulate(app)
    npm.find_node.cache_clear()
    assert emulator.json()["functions"][0]["broken"].startswith("NODE_MISSING: ")


def test_the_sdk_that_lambda_ships_is_there_where_the_code_asks_for_it(app, emulate, cached) -> None:
    code = """
import { LambdaClient, InvokeWithResponseStreamCommand } from '@aws-sdk/client-lambda';
export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
  const command = new InvokeWithResponseStreamCommand({ FunctionName: process.env.OTHER, Qualifier: 'live', Payload: '{}' });
  const answer = await new LambdaClient({}).send(command);
  for await (const part of answer.EventStream) if (part.PayloadChunk) responseStream.write(part.PayloadChunk.Payload);
  responseStream.end();
});
"""
    # aws-sdk-js, unmodified, reads another function's stream through the emulated Lambda API, with the role's own credentials.
    app.function("Other", "def handler(event, context):\n    yield 'from '\n    yield 'python'\n", auth=None)
    may = grant("lambda:InvokeFunction", {"Fn::Sub": "${Other.Arn}:live"})
    path = node(app, code, environment={"OTHER": {"Ref": "Other"}}, role_statements=(may,))
    emulator = emulate(app)
    broken = next(row["broken"] for row in emulator.json()["functions"] if row["logical_id"] == "Fn")
    if broken is not None and "NPM_FAILED" in broken:
        pytest.skip(broken)
    assert call(emulator.urls[path], emulator.principals["admin"]).read() == b"from python"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_killed_while_npm_fetches_it_leaves_nothing_behind(
    app,
    run,
    monkeypatch,
    tmp_path: Path,
    ending: signal.Signals,
) -> None:
    # A Node.js of a version that nobody else has, with an npm that never comes to an end.
    tools, pid, cache = tmp_path / "bin", tmp_path / "pid", tmp_path / "cache"
    tools.mkdir()
    for name, script in (("node", "echo v98.0.0"), ("npm", f"echo $$ > {pid}.part; mv {pid}.part {pid}; sleep 300")):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("JSII_NODE", str(tools / "node"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    node(app, HANDLER, Runtime="nodejs98.x")
    running = run("--json", "--model", "echo", "--assembly", str(app.write()))
    wait_for(pid.exists)
    running.process.send_signal(ending)
    code, stderr = running.finish()
    assert code == (0 if ending is not signal.SIGKILL else -9)
    assert "Traceback" not in stderr
    wait_for(lambda: not alive(int(pid.read_text())))
    wait_for(lambda: not any(running.tmp.iterdir()))
    wait_for(lambda: not list(cache.rglob("aws-lambda-ric*")))
