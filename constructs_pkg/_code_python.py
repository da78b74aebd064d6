"""Python code through our runtime layer: handlers and ASGI apps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from . import _code_checks as checks
from ._assets import fingerprint
from ._bundling import Bundle, Target, bundle
from ._bundling.size import measure
from ._code_binding import BoundCode, asset
from ._lasting import architecture_name_of, runtime_name_of, stack_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct

PYTHON_RUNTIMES: Final = ("python3.11", "python3.12", "python3.13", "python3.14")
_ASGI_HANDLER: Final = "streaming_runtime.asgi.handler"
_ASGI_VARIABLE: Final = "STREAM_ASGI_APP"
_ASGI_APP: Final = re.compile(r"^([A-Za-z_][\w.]*):([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)$")


def python(entry: str | Path, handler: str, runtime: lambda_.Runtime) -> Callable[[Construct, lambda_.Architecture], BoundCode]:
    """See `StreamingCode.python`."""
    directory = checks.folder(entry)
    module, function = checks.split_handler(handler)
    checks.find_module(directory, module_files(module), function, handler)
    checks.require_runtime(runtime, PYTHON_RUNTIMES, "through the runtime layer")
    return _binding(directory, handler, runtime, {})


def asgi(entry: str | Path, app: str, runtime: lambda_.Runtime) -> Callable[[Construct, lambda_.Architecture], BoundCode]:
    """See `StreamingCode.asgi`."""
    directory = checks.folder(entry)
    form = _ASGI_APP.match(app)
    if form is None:
        raise ValueError(
            f"CODE_APP_FORM: app is {app!r}; it has to be module:name as uvicorn takes it, such as main:app for `app = FastAPI()` in "
            "main.py."
        )
    checks.find_module(directory, module_files(form[1]), form[2], app)
    checks.require_runtime(runtime, PYTHON_RUNTIMES, "through the runtime layer")
    return _binding(directory, _ASGI_HANDLER, runtime, {_ASGI_VARIABLE: app})


def module_files(module: str) -> tuple[str, str]:
    """Where a module may lie: `a.b` and `a/b` are a/b.py or the package a/b."""
    path = module.replace(".", "/")
    return f"{path}.py", f"{path}/__init__.py"


def bundled(scope: Construct, directory: Path, target: Target | None, scripts: Mapping[str, str] | None = None) -> Bundle:
    """The folder with its packages; as it is when the CLI was not asked for this stack."""
    if not stack_of(scope).bundling_required:
        return Bundle(folder=directory, fingerprint=fingerprint(directory), size=measure(directory))
    return bundle(directory, target, scripts=scripts)


def _binding(
    directory: Path, handler: str, runtime: lambda_.Runtime, environment: Mapping[str, str]
) -> Callable[[Construct, lambda_.Architecture], BoundCode]:
    def bind(scope: Construct, architecture: lambda_.Architecture) -> BoundCode:
        target = Target(python=runtime_name_of(runtime).removeprefix("python"), architecture=architecture_name_of(architecture))
        made = bundled(scope, directory, target)
        return BoundCode(
            code=asset(scope, made),
            handler=handler,
            runtime=runtime,
            needs_runtime_layer=True,
            redactable=handler != _ASGI_HANDLER,  # an app of its own writes bytes of its own
            environment=environment,
            size=made.size,
        )

    return bind
