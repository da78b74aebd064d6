"""One emulated endpoint a dialect, behind IAM, for clients that others wrote: the request's text says what is to happen to its stream."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from constructs_pkg.emulator import Emulator
from tests.emulator.support import App

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIALECTS = ("openai-chat", "openai-responses", "anthropic-messages", "ui-message-stream", "ag-ui")
SCENARIOS = ("complete", "heartbeats", "error", "truncated", "throttled")
TEXT = "Hällo, wörld"

_HANDLER = """
import os, re, time
from streaming_runtime import Error, Finish, Text, Throttled, Usage, streaming_handler

@streaming_handler(dialect=DIALECT)
def handler(request, context):
    found = re.search(r"scenario:([a-z]+)", request.body.decode())
    scenario = found[1] if found else "complete"
    if scenario == "throttled":
        raise Throttled("The model is busy.", retry_after=7)
    yield Text("Hällo")
    if scenario == "heartbeats":
        time.sleep(2.5)
    if scenario == "error":
        yield Error("model_error", "The model gave up.")
        return
    if scenario == "truncated":
        time.sleep(0.2)
        os._exit(1)
    yield Text(", wörld")
    yield Finish("stop", Usage(input_tokens=3, output_tokens=4))
"""


@contextmanager
def endpoints(folder: Path) -> Iterator[Emulator]:
    """Runs them; the URL of a dialect is `urls["Test/<its name without hyphens>"]`."""
    app = App(folder)
    for dialect in DIALECTS:
        code = _HANDLER.replace("DIALECT", repr(dialect))
        app.function(dialect.replace("-", ""), code, environment={"STREAM_HEARTBEAT_SECONDS": "1"})
    with Emulator(app.write(), model=None) as emulator:
        yield emulator


def url_of(emulator: Emulator, dialect: str) -> str:
    """The endpoint that speaks `dialect`."""
    return emulator.urls[f"Test/{dialect.replace('-', '')}"]
