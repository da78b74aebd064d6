"""Container images: Python on our own minimal Dockerfile, or whatever a Dockerfile of yours makes."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Final

from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_lambda as lambda_

from . import _code_checks as checks
from ._assets import IMAGE_DIRECTORY, RUNTIME_LAYER_DIRECTORY, fingerprint, shipped_files
from ._bundling import Target
from ._bundling.cache import built, name_of
from ._code_binding import BoundCode
from ._code_python import PYTHON_RUNTIMES, bundled, module_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from constructs import Construct

_DOCKERFILE: Final = "Dockerfile"
_BUFFERING_BASE: Final = re.compile(
    r"^\s*FROM\s+(?:--\S+\s+)*\S*lambda/(python|java|ruby|dotnet)\b", re.IGNORECASE | re.MULTILINE
)
_STREAMING_MARKS: Final = ("streaming_runtime", "lambda-adapter")
_PLATFORMS: Final = {"arm64": ecr_assets.Platform.LINUX_ARM64, "x86_64": ecr_assets.Platform.LINUX_AMD64}


def image(
    directory: str | Path,
    handler: str | None,
    python: lambda_.Runtime,
    build_args: Mapping[str, str] | None,
    target: str | None,
    assume_streaming: bool,
) -> Callable[[Construct, lambda_.Architecture], BoundCode]:
    """See `StreamingCode.image`."""
    context = checks.folder(directory)
    if (context / _DOCKERFILE).is_file():
        return _own(context, handler, build_args, target, assume_streaming)
    if build_args or target is not None:
        raise ValueError(
            f"IMAGE_OPTIONS_UNUSED: {context} has no Dockerfile, so ours is used, which knows neither build_args nor target. Leave them "
            "out, or write a Dockerfile of your own."
        )
    return _ours(context, handler or "index.handler", python)


def _own(
    context: Path, handler: str | None, build_args: Mapping[str, str] | None, target: str | None, assume_streaming: bool
) -> Callable[[Construct, lambda_.Architecture], BoundCode]:
    text = (context / _DOCKERFILE).read_text(encoding="utf-8")
    found = _BUFFERING_BASE.search(text)
    if found and not assume_streaming and not any(mark in text for mark in _STREAMING_MARKS):
        raise ValueError(
            f"IMAGE_DOES_NOT_STREAM: {context / _DOCKERFILE} starts from AWS's image for {found[1].lower()}, whose client buffers the whole "
            "response. Start `python -m streaming_runtime` or the Lambda Web Adapter in it, remove the Dockerfile to use ours, or, if it "
            "streams in a way that cannot be seen, say assume_streaming=True."
        )

    def bind(_: Construct, architecture: lambda_.Architecture) -> BoundCode:
        return _bound(
            lambda_.Code.from_asset_image(
                str(context),
                platform=_PLATFORMS[architecture.name],
                build_args=dict(build_args) if build_args else None,
                target=target,
                cmd=[handler] if handler else None,
            ),
            takes_limits="streaming_runtime" in text,
        )

    return bind


def _ours(context: Path, handler: str, python: lambda_.Runtime) -> Callable[[Construct, lambda_.Architecture], BoundCode]:
    module, function = checks.split_handler(handler)
    checks.find_module(context, module_files(module), function, handler)
    checks.require_runtime(python, PYTHON_RUNTIMES, "through the streaming runtime")
    version = python.name.removeprefix("python")

    def bind(scope: Construct, architecture: lambda_.Architecture) -> BoundCode:
        # The image has no boto3 of its own, and its Debian has a newer glibc than any of Lambda's.
        target = Target(python=version, architecture=architecture.name, has_boto3=False)
        made = bundled(scope, context, target)
        staged = _staged(made.folder, made.fingerprint)
        return _bound(
            lambda_.Code.from_asset_image(
                str(staged),
                platform=_PLATFORMS[architecture.name],
                build_args={"PYTHON_VERSION": version},
                cmd=[handler],
            ),
            takes_limits=True,
        )

    return bind


def _staged(code: Path, content: str) -> Path:
    """A build context: our Dockerfile, the runtime and the code, side by side."""
    runtime = RUNTIME_LAYER_DIRECTORY / "python"
    name = name_of("image", fingerprint(IMAGE_DIRECTORY), fingerprint(runtime), content)

    def fill(work: Path) -> None:
        shutil.copy2(IMAGE_DIRECTORY / _DOCKERFILE, work / _DOCKERFILE)
        _copy(runtime, work / "runtime")
        _copy(code, work / "function")

    return built(name, fill)


def _copy(source: Path, place: Path) -> None:
    for path in shipped_files(source):
        copied = place / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copied)


def _bound(code: lambda_.Code, *, takes_limits: bool) -> BoundCode:
    return BoundCode(
        code=code,
        handler=lambda_.Handler.FROM_IMAGE,
        runtime=lambda_.Runtime.FROM_IMAGE,
        takes_limits=takes_limits,
        redactable=takes_limits,
    )
