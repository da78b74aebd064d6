"""Lambda's API as aws-sdk-js calls it, unmodified, from npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from constructs_pkg.emulator.cache import cache_folder
from constructs_pkg.emulator.folders import CodeUnusable
from constructs_pkg.emulator.runtimes import npm


@pytest.fixture(scope="module")
def seen(target, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the client saw of the streaming function."""
    try:
        node = npm.find_node(24)
        packages = npm.install_packages(node, ["@aws-sdk/client-lambda"], cache_folder() / "nodejs" / "conformance-client")
    except CodeUnusable as unusable:
        pytest.skip(str(unusable))
    folder = tmp_path_factory.mktemp("aws-sdk-js")
    shutil.copy(Path(__file__).with_name("client.mjs"), folder)
    (folder / "node_modules").symlink_to(packages)
    credentials = target.session.get_credentials().get_frozen_credentials()
    environment = {
        **os.environ,
        "AWS_REGION": target.region,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        **({"AWS_SESSION_TOKEN": credentials.token} if credentials.token else {}),
    }
    command = [node.path, str(folder / "client.mjs"), target.name("Streaming"), target.endpoint or ""]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
    found: dict = json.loads(answer.stdout)
    return found


def test_invoke_gives_the_whole_answer(seen) -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html: a streaming function may be asked by Invoke, too,
    # and its answer then comes whole.
    assert seen["whole"].endswith("row\n")
    assert seen["version"] == "$LATEST"


def test_a_stream_comes_as_it_is_written(seen) -> None:
    # https://docs.aws.amazon.com/AWSJavaScriptSDK/v3/latest/client/lambda/command/InvokeWithResponseStreamCommand/
    chunks = seen["slow"]["chunks"]
    assert "".join(text for _, text in chunks) == "onetwo"
    assert chunks[-1][0] - chunks[0][0] > 1.0, "the handler pauses for 1.5 s between the two"
    assert seen["slow"]["complete"]["LogResult"]
    assert "ErrorCode" not in seen["slow"]["complete"]


def test_a_stream_that_fails_says_so_at_its_end(seen) -> None:
    # https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStreamCompleteEvent.html
    assert seen["after"]["chunks"][0][1].startswith("one")
    assert seen["after"]["complete"]["ErrorCode"]


def test_errors_are_the_ones_that_the_client_knows(seen) -> None:
    # https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
    assert seen["missing"] == ["ResourceNotFoundException", 404]
    assert seen["qualifier"] == ["ResourceNotFoundException", 404]
    assert seen["malformed"] == ["InvalidRequestContentException", 400]
