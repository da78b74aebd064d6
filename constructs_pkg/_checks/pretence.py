"""Functions that are set to stream and cannot."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Final

from ._rule import Found, rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .model import Function, StreamingApp

_BUFFERING: Final = ("python", "java", "dotnet", "ruby")
_OUR_WRAPPER: Final = "/opt/streaming-wrapper"
_ADAPTER_WRAPPER: Final = "/opt/bootstrap"
_WRAPPER: Final = "AWS_LAMBDA_EXEC_WRAPPER"
_SCRIPTS: Final = (".js", ".mjs", ".cjs")
_WRAPS: Final = b"streamifyResponse"


@rule("RUNTIME_BUFFERS", "a function set to stream on a runtime that buffers")
def runtime_buffers(app: StreamingApp) -> Iterator[Found]:
    """AWS's clients for these languages collect the whole response
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html).
    """
    for function in app.streaming_functions:
        runtime = _runtime(app, function)
        if runtime.startswith(_BUFFERING) and app.variable(function, _WRAPPER) is None:
            yield Found(
                function.resource,
                f"its endpoint is set to stream, and AWS's own client for {runtime} buffers the whole response",
                "Attach StreamingRuntimeLayer (Python) or the Lambda Web Adapter, or set the endpoint to buffer.",
                "Runtime",
            )


@rule("WRAPPER_WITHOUT_LAYER", "a wrapper script in /opt on a function without layers")
def wrapper_without_layer(app: StreamingApp) -> Iterator[Found]:
    """The wrapper script comes with a layer: without it Lambda cannot start the function."""
    for function in app.streaming_functions:
        wrapper = app.variable(function, _WRAPPER)
        if wrapper in (_OUR_WRAPPER, _ADAPTER_WRAPPER) and _runtime(app, function) and not function.resource.raw.get("Layers"):
            yield Found(
                function.resource,
                f"{_WRAPPER} names {wrapper}, and no layer brings it: the function cannot start",
                "Attach the layer: StreamingRuntimeLayer(...).attach_to(function), or the Lambda Web Adapter's.",
                "Layers",
            )


@rule("ADAPTER_BUFFERS", "a Lambda Web Adapter that is not told to stream")
def adapter_buffers(app: StreamingApp) -> Iterator[Found]:
    """The adapter buffers unless AWS_LWA_INVOKE_MODE says response_stream."""
    for function in app.streaming_functions:
        mode = (app.variable(function, "AWS_LWA_INVOKE_MODE") or "buffered").lower()
        if app.variable(function, _WRAPPER) == _ADAPTER_WRAPPER and mode != "response_stream":
            yield Found(
                function.resource,
                f"its endpoint is set to stream, and the Lambda Web Adapter buffers (AWS_LWA_INVOKE_MODE is {mode})",
                "Set AWS_LWA_INVOKE_MODE to response_stream.",
                "Environment.Variables",
            )


@rule("NODE_BUFFERS", "a Node.js function set to stream whose code nowhere calls streamifyResponse", severity="warning")
def node_buffers(app: StreamingApp) -> Iterator[Found]:
    """Only a doubt: a layer may wrap the handler."""
    for function in app.streaming_functions:
        if not _runtime(app, function).startswith("nodejs") or app.variable(function, _WRAPPER):
            continue
        if _wraps(app, function) is False:
            yield Found(
                function.resource,
                "its endpoint is set to stream, and its code nowhere calls streamifyResponse, without which Node.js buffers",
                "Wrap the handler in awslambda.streamifyResponse, or set the endpoint to buffer.",
                "Code",
            )


def _runtime(app: StreamingApp, function: Function) -> str:
    """Empty for an image, whose content no template tells."""
    return str(app.value(function.resource, "Runtime", default="") or "")


def _wraps(app: StreamingApp, function: Function) -> bool | None:
    """Whether the code mentions streamifyResponse; None where the code is not at hand."""
    inline = app.value(function.resource, "Code", "ZipFile")
    if inline is not None:
        return _WRAPS in str(inline).encode()
    asset = app.asset(function)
    if asset is None:
        return None
    return any(_WRAPS in content for content in _scripts(asset))


def _scripts(asset: Path) -> Iterator[bytes]:
    if asset.is_dir():
        for path in asset.rglob("*"):
            if path.suffix in _SCRIPTS and path.is_file():
                yield path.read_bytes()
    elif zipfile.is_zipfile(asset):
        with zipfile.ZipFile(asset) as archive:
            for name in archive.namelist():
                if name.endswith(_SCRIPTS):
                    yield archive.read(name)
