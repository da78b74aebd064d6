"""JavaScript and TypeScript on Lambda's Node.js runtimes, which stream by themselves when the handler is wrapped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from aws_cdk import Stack

from . import _code_checks as checks
from ._assets import fingerprint, shipped_files
from ._bundling import Bundle
from ._bundling.esbuild import Script, bundle_script
from ._bundling.size import measure, require_size
from ._code_binding import BoundCode, asset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct

NODE_RUNTIMES: Final = ("nodejs22.x", "nodejs24.x")
_JAVASCRIPT: Final = (".js", ".mjs", ".cjs")
_TYPESCRIPT: Final = (".ts", ".mts", ".cts", ".tsx")
_PROVIDED: Final = ("@aws-sdk/*", "@smithy/*")
_STREAMS: Final = b"streamifyResponse"


def nodejs(
    entry: str | Path,
    handler: str,
    runtime: lambda_.Runtime,
    bundle: bool | None,
    external_modules: Sequence[str] | None,
    minify: bool,
    assume_streaming: bool,
) -> Callable[[Construct, lambda_.Architecture], BoundCode]:
    """See `StreamingCode.nodejs`."""
    directory = checks.folder(entry)
    name, function = checks.split_handler(handler)
    module = checks.find_module(directory, [f"{name}{suffix}" for suffix in (*_JAVASCRIPT, *_TYPESCRIPT)], function, handler)
    checks.require_runtime(runtime, NODE_RUNTIMES, "by streamifyResponse")
    typescript = module.suffix in _TYPESCRIPT
    if typescript and bundle is False:
        raise ValueError(
            f"CODE_NEEDS_BUNDLING: {module} is TypeScript, and Lambda's Node.js runs a module beside its packages as JavaScript. Leave "
            "bundle out, or compile it yourself and point entry to the result."
        )
    script = None
    if bundle or typescript:
        external = tuple(_PROVIDED if external_modules is None else external_modules)
        node = runtime.name.removeprefix("nodejs").removesuffix(".x")
        script = Script(module=module, node=node, external=external, minify=minify, output=name)
    elif external_modules is not None or minify:
        raise ValueError(
            f"CODE_NOT_BUNDLED: external_modules and minify are for bundled code, and {module} is shipped as it is. Set bundle=True, or "
            "leave them out."
        )
    else:
        require_packages(directory, f"Run `npm ci --omit=dev` in {directory}, or set bundle=True.")

    def bind(scope: Construct, _: lambda_.Architecture) -> BoundCode:
        if not Stack.of(scope).bundling_required:
            made = Bundle(folder=directory, fingerprint=fingerprint(directory), size=measure(directory))
        else:
            made = bundle_script(script, directory) if script else _as_it_is(directory)
            if not assume_streaming:
                _require_streaming(module, made)
        return BoundCode(code=asset(scope, made), handler=handler, runtime=runtime, size=made.size)

    return bind


def _as_it_is(directory: Path) -> Bundle:
    size = measure(directory)
    require_size(size)
    return Bundle(folder=directory, fingerprint=fingerprint(directory), size=size)


def require_packages(directory: Path, mend: str) -> None:
    """Code that is shipped as it is needs its packages inside its folder: Lambda installs nothing.

    Raises:
        ValueError: `CODE_PACKAGES_MISSING`.
    """
    path = directory / "package.json"
    if not path.is_file() or (directory / "node_modules").is_dir():
        return
    dependencies = json.loads(path.read_text(encoding="utf-8")).get("dependencies", {})
    missing = sorted(name for name in dependencies if not name.startswith(("@aws-sdk/", "@smithy/")))
    if missing:
        raise ValueError(
            f"CODE_PACKAGES_MISSING: {path} asks for {', '.join(missing)}, and there is no node_modules beside it to ship. {mend}"
        )


def _require_streaming(module: Path, made: Bundle) -> None:
    # The handler's own module first: it nearly always decides, and node_modules may be large.
    if _STREAMS in module.read_bytes() or _mentions(shipped_files(made.folder)):
        return
    raise ValueError(
        f"CODE_DOES_NOT_STREAM: {module} and what it imports nowhere call streamifyResponse, without which Lambda's Node.js buffers the "
        "whole response (https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html). Wrap the handler: "
        "awslambda.streamifyResponse(async (event, responseStream, context) => {...}). If it is wrapped in a way that cannot be seen, "
        "say assume_streaming=True."
    )


def _mentions(files: Iterable[Path]) -> bool:
    return any(path.suffix in _JAVASCRIPT and _STREAMS in path.read_bytes() for path in files)
