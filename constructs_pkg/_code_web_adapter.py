"""Any web server, reached through the Lambda Web Adapter."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_

from . import _code_checks as checks
from ._bundling import Target
from ._code_binding import BoundCode, asset
from ._code_nodejs import NODE_RUNTIMES, require_packages
from ._code_python import PYTHON_RUNTIMES, bundled
from ._tokens import is_unresolved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from constructs import Construct

_VERSION: Final = 30
"""Of the layer: adapter 1.1.0, September 2026 (https://github.com/aws/aws-lambda-web-adapter/pull/871)."""
_ACCOUNT: Final = "753240598075"
_CHINA: Final = {"cn-north-1": "041581134020", "cn-northwest-1": "069767869989"}
_LAYERS: Final = {"x86_64": "LambdaAdapterLayerX86", "arm64": "LambdaAdapterLayerArm64"}
_ELSEWHERE: Final = ("cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-")
_TAKEN_PORTS: Final = (3000, 9001)
_START: Final = "streaming-lambda-start.sh"
_RUNTIMES: Final = (*PYTHON_RUNTIMES, *NODE_RUNTIMES, "java17", "java21", "java25", "ruby3.3", "ruby3.4", "dotnet8", "dotnet10")


def web_adapter(
    entry: str | Path,
    command: Sequence[str],
    runtime: lambda_.Runtime,
    port: int,
    readiness_path: str,
    layer_arn: str | None,
) -> Callable[[Construct, lambda_.Architecture], BoundCode]:
    """See `StreamingCode.web_adapter`."""
    directory = checks.folder(entry)
    checks.require_runtime(runtime, _RUNTIMES, "through the Lambda Web Adapter's wrapper script")
    _check_command(command)
    _check_port(port)
    if runtime.name in NODE_RUNTIMES:
        require_packages(directory, f"Run `npm ci --omit=dev` in {directory}.")
    if not readiness_path.startswith("/"):
        raise ValueError(
            f"WEB_ADAPTER_PATH: readiness_path is {readiness_path!r}; it is a path of the web server, from the slash on. "
            f"Write readiness_path={'/' + readiness_path!r}."
        )

    def bind(scope: Construct, architecture: lambda_.Architecture) -> BoundCode:
        target = None
        if runtime.name in PYTHON_RUNTIMES:
            target = Target(python=runtime.name.removeprefix("python"), architecture=architecture.name)
        made = bundled(scope, directory, target, {_START: _start_script(command, target is not None)})
        arn = layer_arn or _layer_arn(scope, architecture)
        return BoundCode(
            code=asset(scope, made),
            handler=_START,
            runtime=runtime,
            environment={
                "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
                "AWS_LWA_INVOKE_MODE": "response_stream",
                "AWS_LWA_PORT": str(port),
                "AWS_LWA_READINESS_CHECK_PATH": readiness_path,
                "PORT": str(port),
            },
            layers=[lambda_.LayerVersion.from_layer_version_arn(scope, "WebAdapterLayer", arn)],
            size=made.size,
        )

    return bind


def _start_script(command: Sequence[str], is_python: bool) -> str:
    """What the adapter's wrapper runs: `exec -- "$LAMBDA_TASK_ROOT/$_HANDLER"`."""
    search_path = 'export PYTHONPATH="$LAMBDA_TASK_ROOT:/opt/python:${LAMBDA_RUNTIME_DIR:-/var/runtime}"\n' if is_python else ""
    return (
        "#!/bin/sh\n"
        'cd "$LAMBDA_TASK_ROOT" || exit 1\n'
        'export PATH="$LAMBDA_TASK_ROOT/bin:$LAMBDA_TASK_ROOT/node_modules/.bin:$PATH"\n'
        f"{search_path}"
        f"exec {shlex.join(command)}\n"
    )


def _check_command(command: Sequence[str]) -> None:
    if isinstance(command, str) or not command or not all(isinstance(word, str) and word for word in command):
        raise ValueError(
            f"WEB_ADAPTER_COMMAND: command is {command!r}; it has to be a list of words that starts the web server, such as "
            '["python", "-m", "uvicorn", "main:app", "--port", "8080"].'
        )


def _check_port(port: int) -> None:
    if is_unresolved(port):
        return
    if not 1024 <= port <= 65_535 or port in _TAKEN_PORTS:
        raise ValueError(
            f"WEB_ADAPTER_PORT: port is {port}; inside Lambda a server takes 1024 to 65535, but not 3000 (Lambda Insights) or 9001 (the "
            "Runtime API). Let the server listen on 8080."
        )


def _layer_arn(scope: Construct, architecture: lambda_.Architecture) -> str:
    """The layer that the adapter's authors publish.

    Source: https://github.com/aws/aws-lambda-web-adapter/blob/main/docs/guide/src/getting-started/zip-packages.md
    """
    region = Stack.of(scope).region
    name = _LAYERS[architecture.name]
    if is_unresolved(region) or not region.startswith(_ELSEWHERE):
        return f"arn:aws:lambda:{region}:{_ACCOUNT}:layer:{name}:{_VERSION}"
    account = _CHINA.get(region) if architecture.name == "x86_64" else None
    if account is None:
        raise ValueError(
            f"WEB_ADAPTER_REGION: nobody publishes the Lambda Web Adapter's layer for {architecture.name} in {region}; it is in the "
            "commercial regions and, for x86_64, in China. Publish a copy of it there and pass layer_arn=<its ARN>."
        )
    return f"arn:aws-cn:lambda:{region}:{account}:layer:{name}:{_VERSION}"
