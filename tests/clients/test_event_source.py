"""EventSource, the npm package and Node's own, on URLs without auth: it cannot sign. With a StreamStore and without."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from constructs_pkg.emulator import Emulator
from tests.clients.endpoints import NOTICES_A_CLEAN_END, TEXT, public
from tests.emulator.support import App
from tests.runtime.dynamodb_server import serving

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE = 60

pytestmark = pytest.mark.skipif(
    not (ROOT / "node_modules" / "eventsource").exists(), reason="the npm packages are not installed: make node_modules/.ready"
)

HANDLER = """
import os, time
from streaming_runtime import Error, Finish, Text, Throttled, streaming_handler

@streaming_handler(dialect="sse")
def handler(request, context):
    scenario = request.query.get("scenario", "complete")
    if scenario == "throttled":
        raise Throttled("The model is busy.", retry_after=7)
    yield Text("Hällo")
    if scenario == "heartbeats":
        time.sleep(2.5)
    if scenario == "error":
        yield Error("model_error", "The model gave up.")
        return
    time.sleep(float(os.environ.get("PAUSE", "0")))
    yield Text(", wörld")
    yield Finish("stop")
"""
ENDED = """
from streaming_runtime import HttpResponse

def handler(event, context):
    yield HttpResponse(200, {"content-type": "text/event-stream; charset=utf-8"})
    yield 'event: text\\ndata: {"text":"Hällo"}\\n\\n'.encode()
"""
CUT = 'event: text\ndata: {"text":"Hällo"}\n\n'.encode()
NUMBERED = b"id: " + b"A" * 24 + b":1\n" + CUT


@pytest.fixture(scope="module", params=["npm", "Node"])
def pages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a page saw of each stream, by name. All of them are read at the same time: most of it is EventSource's own waiting."""
    node = os.environ.get("JSII_NODE") or shutil.which("node")
    assert node is not None
    app = App(tmp_path_factory.mktemp("sse"))
    with serving() as dynamodb:
        public(app, "plain", HANDLER)
        public(app, "cut", HANDLER, PAUSE="2")  # what came before the cut is read before it: `fetch` throws away what is not
        public(app, "kept", HANDLER, STREAM_STORE_TABLE=dynamodb.table())
        public(app, "keptcut", HANDLER, STREAM_STORE_TABLE=dynamodb.table(), PAUSE="2")
        public(app, "ended", ENDED)
        # The connection breaks within the second text, once; the function runs on.
        faults = [f"reset:{len(CUT) + 20},times=1@Test/cut", f"reset:{len(NUMBERED) + 20},times=1@Test/keptcut"]
        with Emulator(app.write(), model=None, mounts=False, faults=faults, endpoints={"dynamodb": dynamodb.url}) as emulator:
            urls = {name: emulator.urls[f"Test/{name}"] for name in ("plain", "cut", "kept", "keptcut", "ended")}
            reads = {
                "complete-closing": urls["plain"],
                "complete": urls["plain"],
                "heartbeats-closing": f"{urls['plain']}?scenario=heartbeats",
                "error-closing": f"{urls['plain']}?scenario=error",
                "throttled": f"{urls['plain']}?scenario=throttled",
                "cut-closing": urls["cut"],
                "ended": urls["ended"],
                "kept": urls["kept"],
                "kept-error": f"{urls['kept']}?scenario=error",
                "kept-cut": urls["keptcut"],
            }
            command = [node, *(["--experimental-eventsource"] if request.param == "Node" else [])]
            command += [str(HERE / "node" / "event_source.mjs"), str(PATIENCE), *(f"{name}={url}" for name, url in reads.items())]
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE + 10, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def said(page: dict[str, Any], connection: int) -> str:
    return "".join(text for number, text in page["texts"] if number == connection)


@pytest.mark.parametrize("scenario", ["complete", "heartbeats"])
def test_a_page_that_closes_at_the_terminal_event_has_read_one_whole_answer(pages: dict[str, Any], scenario: str) -> None:
    page = pages[f"{scenario}-closing"]
    assert (said(page, 1), page["finish"]["reason"], page["opened"], page["failed"]) == (TEXT, "stop", 1, 0)
    assert (page["others"], page["closed"]) == (0, True)


def test_a_page_that_does_not_close_asks_for_the_answer_again(pages: dict[str, Any]) -> None:
    page = pages["complete"]
    assert (said(page, 1), said(page, 2), page["closed"]) == (TEXT, TEXT, False)


def test_an_error_in_the_stream_is_an_error_event_with_data(pages: dict[str, Any]) -> None:
    page = pages["error-closing"]
    assert page["said"] == [{"code": "model_error", "message": "The model gave up."}]
    assert (said(page, page["opened"]), page["finish"], page["closed"]) == ("Hällo", None, True)


def test_a_throttled_request_is_the_end_without_a_reason(pages: dict[str, Any]) -> None:
    page = pages["throttled"]
    assert (page["opened"], page["failed"], page["said"], page["closed"]) == (0, 1, [], True)


def test_it_comes_back_after_a_cut_and_gets_another_answer(pages: dict[str, Any]) -> None:
    page = pages["cut-closing"]
    assert (said(page, 1), said(page, 2), page["failed"]) == ("Hällo", TEXT, 1)


def test_it_takes_an_end_without_the_terminal_event_for_a_cut(pages: dict[str, Any]) -> None:
    page = pages["ended"]
    assert (said(page, 1), said(page, 2), page["closed"]) == ("Hällo", "Hällo", NOTICES_A_CLEAN_END["EventSource"])


# ---- with a StreamStore


def test_it_comes_back_to_a_stream_that_is_kept_for_its_rest(pages: dict[str, Any]) -> None:
    page = pages["kept-cut"]
    assert (said(page, 1), said(page, 2), page["finish"]["reason"]) == ("Hällo", ", wörld", "stop")
    assert len(page["streams"]) == 1


def test_it_stops_coming_back_to_a_stream_that_is_over(pages: dict[str, Any]) -> None:
    page = pages["kept"]
    assert (page["texts"], page["opened"], page["failed"]) == ([[1, "Hällo"], [1, ", wörld"]], 1, 2)
    assert page["closed"]


def test_it_gets_the_error_of_a_stream_that_is_kept_once(pages: dict[str, Any]) -> None:
    page = pages["kept-error"]
    assert page["said"] == [{"code": "model_error", "message": "The model gave up."}]
    assert [text for _, text in page["texts"]] == ["Hällo"]
