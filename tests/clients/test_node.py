"""The vendors' own Node.js clients against emulated URLs with IAM auth: what each reads, and what each notices."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.endpoints import DIALECTS, NOTICES_A_CLEAN_END, TEXT, endpoints, url_of
from tests.clients.patient_relay import patient_relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
REGION = "eu-west-1"
TIME_TO_READ = {"error": 3.0, "truncated": 1.0}  # seconds; fetch drops what it has not read when the connection breaks

pytestmark = pytest.mark.skipif(
    not (ROOT / "node_modules" / "ai").exists(), reason="the npm packages are not installed: make node_modules/.ready"
)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], dict[str, Any]]]:
    node = os.environ.get("JSII_NODE") or shutil.which("node")
    assert node is not None
    with endpoints(tmp_path_factory.mktemp("endpoints")) as emulator:
        keys = emulator.principals["admin"]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ACCESS_KEY_ID": keys["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
            "AWS_SESSION_TOKEN": keys["session_token"] or "",
            "AWS_REGION": REGION,
        }

        def run(client: str, scenario: str) -> dict[str, Any]:
            url = url_of(emulator, client, scenario)
            with patient_relay(url, TIME_TO_READ[scenario]) if scenario in TIME_TO_READ else nullcontext(url) as reached:
                command = [node, str(HERE / "node" / "read.mjs"), client, reached, scenario]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout.splitlines()[-1])

        yield run


FINISHES = {
    "openai-chat": "stop",
    "openai-responses": "completed",
    "anthropic-messages": "end_turn",
    "ui-message-stream": "stop",
    "ag-ui": "finished",
}


@pytest.mark.parametrize("client", DIALECTS)
def test_it_reads_a_stream_to_its_end(read, client) -> None:
    assert read(client, "complete") == {"text": TEXT, "finish": FINISHES[client], "error": None}


@pytest.mark.parametrize("client", DIALECTS)
def test_it_lives_through_heartbeats(read, client) -> None:
    assert read(client, "heartbeats") == {"text": TEXT, "finish": FINISHES[client], "error": None}


@pytest.mark.parametrize("client", DIALECTS)
def test_it_sees_an_error_in_the_stream_as_an_error(read, client) -> None:
    seen = read(client, "error")
    assert seen["error"] is not None
    assert "The model gave up." in seen["error"]["message"]
    assert seen["finish"] is None


@pytest.mark.parametrize("client", DIALECTS)
def test_it_sees_a_throttled_request_as_one(read, client) -> None:
    seen = read(client, "throttled")
    assert seen["text"] == ""
    assert "The model is busy." in seen["error"]["message"] or seen["error"]["status"] == 429


@pytest.mark.parametrize("client", DIALECTS)
def test_it_notices_a_stream_that_was_cut(read, client) -> None:
    seen = read(client, "truncated")
    assert seen["text"] == "Hällo"
    assert seen["error"] is not None


NAMES = {
    "openai-chat": "openai (Node.js)",
    "openai-responses": "openai (Node.js)",
    "anthropic-messages": "anthropic (Node.js)",
    "ui-message-stream": "ai (Vercel)",
    "ag-ui": "@ag-ui/client",
}


@pytest.mark.parametrize("client", DIALECTS)
def test_what_it_makes_of_an_end_without_the_terminal_event(read, client) -> None:
    seen = read(client, "ended")
    assert seen["text"] == "Hällo"
    assert (seen["error"] is not None) is NOTICES_A_CLEAN_END[NAMES[client]], seen
