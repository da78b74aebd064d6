"""What a `StreamingCode` comes to in one function."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aws_cdk import AssetHashType
from aws_cdk import aws_lambda as lambda_

from ._assets import NEVER_SHIPPED
from ._lasting import node_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from constructs import Construct

    from ._bundling import Bundle
    from ._bundling.size import AssetSize

SIZE_METADATA: Final = "streaming-lambda:code-size"
"""Metadata of a construct, in the assembly: what its code weighs unzipped, and the largest parts of it."""


@dataclass(frozen=True, kw_only=True)
class BoundCode:
    """What a `StreamingCode` comes to in one function: parameters of the L2 `Function`, and what else it needs.

    Attributes:
        code: The asset.
        handler: As Lambda takes it, `module.function` for Python; `Handler.FROM_IMAGE` for an image.
        runtime: The Lambda runtime; `Runtime.FROM_IMAGE` for an image.
        needs_runtime_layer: Whether our layer has to make it stream.
        takes_limits: Whether our runtime is inside without the layer (an image), so that `StreamLimits` has to be set as
            environment variables.
        redactable: Whether our runtime sees the text that leaves, so that it can take secrets out of it.
        environment: Variables that the code needs; the function's own may not replace them.
        layers: Layers that the code needs.
        size: What is shipped; None for an image, which is built later.
    """

    code: lambda_.Code
    handler: str
    runtime: lambda_.Runtime
    needs_runtime_layer: bool = False
    takes_limits: bool = False
    redactable: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    layers: Sequence[lambda_.ILayerVersion] = ()
    size: AssetSize | None = None

    def environment_with(self, own: Mapping[str, str] | None) -> dict[str, str]:
        """The function's variables: what the code needs, and its owner's.

        Raises:
            ValueError: `CODE_ENVIRONMENT_TAKEN` when the owner's would replace one that the code needs.
        """
        own = own or {}
        taken = sorted(name for name, value in own.items() if self.environment.get(name, value) != value)
        if taken:
            raise ValueError(
                f"CODE_ENVIRONMENT_TAKEN: environment sets {', '.join(taken)}, which this kind of code sets itself to stream "
                f"({', '.join(f'{name}={self.environment[name]}' for name in taken)}). Leave it out of environment; StreamingCode's "
                "parameters change it where that makes sense."
            )
        return {**self.environment, **own}


def asset(scope: Construct, bundle: Bundle) -> lambda_.Code:
    """The asset of a folder, and a note of its size in the assembly."""
    node_of(scope).add_metadata(SIZE_METADATA, bundle.size.to_json(), stack_trace=False)
    return lambda_.Code.from_asset(
        str(bundle.folder),
        exclude=list(NEVER_SHIPPED),
        asset_hash=bundle.fingerprint,
        asset_hash_type=AssetHashType.CUSTOM,
    )
