"""One emulated endpoint a dialect, behind IAM, for clients that others wrote: the request's text says what is to happen to its stream."""

from __future__ import annotations

import sys
import sysconfig
from contextlib import contextmanager
from typing import TYPE_CHECKING

from constructs_pkg.emulator import Emulator
from tests.emulator.support import App
from tests.runtime.test_dialects import encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DIALECTS = ("openai-chat", "openai-responses", "anthropic-messages", "ui-message-stream", "ag-ui")
TEXT = "Hällo, wörld"
NOTICES_A_CLEAN_END = {
    # client: whether it takes a stream that ends as HTTP ends one, but without its terminal event, for the error that it is
    "openai (Python)": False,
    "openai (Node.js)": False,
    "anthropic (Python)": False,
    "anthropic (Node.js)": True,
    "ai (Vercel)": False,
    "@ag-ui/client": False,
    "LangChain ChatOpenAI": False,
    "mcp (Python)": True,
    "EventSource": False,
    "streaming-lambda-constructs": True,
}

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


_ENDED = """
from streaming_runtime import HttpResponse

WIRES = WIRES_HERE

def handler(event, context):
    dialect = event["rawPath"].split("/")[1]
    yield HttpResponse(200, {"content-type": "text/event-stream; charset=utf-8", **HEADERS_HERE.get(dialect, {})})
    yield WIRES[dialect].encode()
"""


def _ended() -> str:
    """A handler that ends each dialect's stream as HTTP ends one, without its terminal event: what a proxy's time limit looks like."""
    wires, headers = {}, {}
    for dialect in DIALECTS:
        using = encoder(dialect, {"model": "m-1", "stream": True})
        wires[dialect] = using.text("Hällo").decode()
        headers[dialect] = {**using.headers, "x-stream-dialect": dialect}  # as a proxy in between would leave it
    return _ENDED.replace("WIRES_HERE", repr(wires)).replace("HEADERS_HERE", repr(headers))


def public(app: App, name: str, code: str, **environment: str) -> None:
    """A function at a URL that anybody may call."""
    app.function(name, code, auth="NONE", environment={"STREAM_HEARTBEAT_SECONDS": "1", **environment}, Timeout=30)
    permission = {"FunctionName": {"Ref": f"{name}Alias"}, "Principal": "*"}
    url = {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"}
    app.add(f"{name}UrlPermission", "AWS::Lambda::Permission", {**permission, **url})
    invoke = {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True}
    app.add(f"{name}Permission", "AWS::Lambda::Permission", {**permission, **invoke})


def asgi(app: App, name: str, code: str, attribute: str = "app", **properties: object) -> None:
    """A function as `StreamingCode.asgi` makes it, of the packages that the tests themselves have."""
    variables = {"STREAM_ASGI_APP": f"main:{attribute}"}
    # In the code and not in PYTHONPATH: a repository that lies under /tmp is not under a function's own /tmp.
    code = f"import sys\n\nsys.path.insert(0, {sysconfig.get_path('purelib')!r})\n{code}"
    runtime = f"python3.{sys.version_info.minor}"
    handler = "streaming_runtime.asgi.handler"
    app.function(
        name, {"main.py": code}, environment=variables, Handler=handler, Runtime=runtime, **{"Timeout": 30, **properties}
    )


@contextmanager
def endpoints(folder: Path, more: Callable[[App], None] = lambda app: None) -> Iterator[Emulator]:
    """Runs them and what `more` adds; the URL of a dialect is `urls["Test/<its name without hyphens>"]`."""
    app = App(folder)
    more(app)
    for dialect in DIALECTS:
        code = _HANDLER.replace("DIALECT", repr(dialect))
        app.function(dialect.replace("-", ""), code, environment={"STREAM_HEARTBEAT_SECONDS": "1"})
    app.function("ended", _ended())
    with Emulator(app.write(), model=None, mounts=False) as emulator:  # an ASGI app's packages may lie under /tmp
        yield emulator


def url_of(emulator: Emulator, dialect: str, scenario: str = "complete") -> str:
    """The endpoint that speaks `dialect`."""
    if scenario == "ended":
        return f"{emulator.urls['Test/ended']}{dialect}/"
    return emulator.urls[f"Test/{dialect.replace('-', '')}"]
