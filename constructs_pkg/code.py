"""The one place that knows how a kind of code streams."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aws_cdk import AssetHashType, Stack
from aws_cdk import aws_lambda as lambda_

from ._assets import NEVER_SHIPPED, fingerprint
from ._bundling import Target, bundle

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs import Construct

_PYTHON_RUNTIMES: Final = ("python3.11", "python3.12", "python3.13", "python3.14")


@dataclass(frozen=True, kw_only=True)
class BoundCode:
    """What a `StreamingCode` comes to in one function: the parameters of the L2 `Function`, and what else it needs.

    Attributes:
        code: The asset.
        handler: As Lambda takes it, `module.function` for Python.
        runtime: The Lambda runtime.
        needs_runtime_layer: Whether our layer has to make it stream.
    """

    code: lambda_.Code
    handler: str
    runtime: lambda_.Runtime
    needs_runtime_layer: bool


class StreamingCode:
    """Code that can stream. Make one with a factory: `StreamingCode.python(...)`.

    A zip of Python code with RESPONSE_STREAM alone deploys and then buffers, since AWS's Python client cannot stream; each
    factory adds what its language needs.
    """

    def __init__(self, bind: Callable[[Construct, lambda_.Architecture], BoundCode]) -> None:
        """Use a factory instead."""
        self._bind = bind

    def bind(self, scope: Construct, architecture: lambda_.Architecture) -> BoundCode:
        """Makes the asset for a function in `scope`. Called by `StreamingFunction`."""
        return self._bind(scope, architecture)

    @staticmethod
    def python(
        entry: str | Path,
        *,
        handler: str = "index.handler",
        runtime: lambda_.Runtime = lambda_.Runtime.PYTHON_3_13,
    ) -> StreamingCode:
        """A folder of Python code, native through our runtime layer.

        A `requirements.txt` in the folder is resolved for Lambda's platform and the function's architecture, without Docker,
        by uv where there is one and by pip otherwise, and put beside the code. What was built once is kept in a cache, by
        content: a second synthesis builds nothing.

        Args:
            entry: The folder; absolute, or from the working directory. Stacks pass `Path(__file__).parent / "handler"`.
            handler: `module.function` within the folder; `package/module.function` below it. Default: `index.handler`.
            runtime: python3.11 to python3.14. Default: python3.13.

        Raises:
            ValueError: `CODE_ENTRY_MISSING` when the folder is not there, `CODE_HANDLER_FORM` when the handler is not of that
                form, `CODE_HANDLER_MISSING` when no such module lies in the folder, `CODE_RUNTIME` for another runtime. At
                binding, `BUNDLE_*` when the requirements cannot be resolved (see `docs/errors.md`).
        """
        directory = Path(entry).absolute()
        _check_entry(directory, handler)
        if runtime.name not in _PYTHON_RUNTIMES:
            raise ValueError(
                f"CODE_RUNTIME: {runtime.name} cannot stream through the runtime layer; it serves {', '.join(_PYTHON_RUNTIMES)}. "
                "Choose one of these."
            )

        def bind(scope: Construct, architecture: lambda_.Architecture) -> BoundCode:
            folder = directory
            if Stack.of(scope).bundling_required:
                target = Target(python=runtime.name.removeprefix("python"), architecture=architecture.name)
                folder = bundle(directory, target)
            return BoundCode(
                code=lambda_.Code.from_asset(
                    str(folder),
                    exclude=list(NEVER_SHIPPED),
                    asset_hash=fingerprint(folder),
                    asset_hash_type=AssetHashType.CUSTOM,
                ),
                handler=handler,
                runtime=runtime,
                needs_runtime_layer=True,
            )

        return StreamingCode(bind)


def _check_entry(directory: Path, handler: str) -> None:
    if not directory.is_dir():
        raise ValueError(
            f"CODE_ENTRY_MISSING: {directory} is not a folder. `entry` names the folder that holds the handler, absolute or from the "
            'working directory; beside a stack, pass Path(__file__).parent / "handler".'
        )
    module, dot, function = handler.rpartition(".")
    if not dot or not module or not function.isidentifier():
        raise ValueError(
            f"CODE_HANDLER_FORM: handler is {handler!r}; it has to be module.function, such as index.handler for a function "
            "`handler` in index.py."
        )
    path = directory.joinpath(*module.replace(".", "/").split("/"))
    if not path.with_suffix(".py").is_file() and not (path / "__init__.py").is_file():
        raise ValueError(
            f"CODE_HANDLER_MISSING: handler {handler!r} asks for {path.with_suffix('.py').relative_to(directory)}, which is not in "
            f"{directory}. Add the module, or name the one that is there."
        )
