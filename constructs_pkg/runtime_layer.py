"""The layer that teaches a Python function to stream."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final, cast

from aws_cdk import AssetHashType
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ._assets import NEVER_SHIPPED, RUNTIME_LAYER_DIRECTORY, WRAPPER_NAME, WRAPPER_PATH, fingerprint
from ._behind import remember_heartbeat
from ._lasting import arm_64, node_of, python_runtime, resource_of, runtime_name_of, stack_of, x86_64
from ._tokens import is_unresolved
from ._variables import variables_of
from .defaults import StreamingDefaults
from .limits import StreamLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import IConstruct

_RUNTIMES: Final = ("python3.11", "python3.12", "python3.13", "python3.14")
_WRAPPER_VARIABLE: Final = "AWS_LAMBDA_EXEC_WRAPPER"
_HEARTBEAT_VARIABLE: Final = "STREAM_HEARTBEAT_SECONDS"
_SHARED_ID: Final = "StreamingRuntimeLayer"


class StreamingRuntimeLayer(Construct):
    """A Lambda layer with our runtime, and the wrapper script that puts it in the place of AWS's own Python client.

    AWS's client for Python cannot stream (https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html);
    this one speaks the Runtime API's streaming form. It needs nothing but the standard library and works on the managed
    runtimes python3.11 to python3.14, on both architectures.

    Attributes:
        layer: The `LayerVersion`.
        fingerprint: Hash over the layer's content, run bits among it; part of the hash of each version that uses it.
    """

    def __init__(self, scope: Construct, id: str) -> None:
        """Makes the layer version from the files that ship with this package.

        Raises:
            ValueError: `WRAPPER_NOT_EXECUTABLE` when the installed wrapper script has lost its run bit.
        """
        super().__init__(scope, id)
        wrapper = RUNTIME_LAYER_DIRECTORY / WRAPPER_NAME
        if not wrapper.stat().st_mode & stat.S_IXUSR:
            raise ValueError(
                f"WRAPPER_NOT_EXECUTABLE: {wrapper} has no run bit, so Lambda could not start it. "
                f"Reinstall the package, or run: chmod 755 {wrapper}"
            )
        self.fingerprint = fingerprint(RUNTIME_LAYER_DIRECTORY)
        self.layer = lambda_.LayerVersion(
            self,
            "Layer",
            code=lambda_.Code.from_asset(
                str(RUNTIME_LAYER_DIRECTORY),
                exclude=list(NEVER_SHIPPED),
                asset_hash=self.fingerprint,
                asset_hash_type=AssetHashType.CUSTOM,
            ),
            compatible_runtimes=[python_runtime(name) for name in _RUNTIMES],
            compatible_architectures=[arm_64(), x86_64()],
            description="Streams the responses of Python functions (streaming-lambda-constructs)",
        )

    @staticmethod
    def shared(scope: Construct) -> StreamingRuntimeLayer:
        """The one layer of the scope's stack, made at the first call: functions of a stack share it."""
        stack = stack_of(scope)
        found = node_of(stack).try_find_child(_SHARED_ID)
        return cast("StreamingRuntimeLayer", found) if found is not None else StreamingRuntimeLayer(stack, _SHARED_ID)

    def attach_to(self, function: lambda_.Function, *, limits: StreamLimits | None = None) -> None:
        """Makes a plain Python function stream, also after its alias exists.

        Args:
            function: A `Function` of this app, on a managed Python runtime from 3.11 on.
            limits: The stream's bounds; a STREAM_* variable that the function sets itself stays. Default: those of
                `StreamingDefaults`, else `StreamLimits()`.

        Raises:
            ValueError: `LAYER_ON_IMPORTED` for an imported function, `LAYER_RUNTIME` for a runtime that the layer does not
                serve, `LAYER_WRAPPER_TAKEN` when another wrapper script is set already.
        """
        resource = _cfn_function(function)
        _require_python(function)
        own = variables_of(resource)
        limits = limits or StreamingDefaults.of(function).limits or StreamLimits()
        variables = with_layer_variables(own, limits, function)
        function.add_layers(self.layer)
        for name, value in variables.items():
            if name not in own:
                function.add_environment(name, value)
        note_layer(self, function, variables)


def note_layer(layer: StreamingRuntimeLayer, function: lambda_.Function, variables: Mapping[str, str]) -> None:
    """Notes, on a function that has this layer and these variables, what others have to know of that. `attach_to` does it too."""
    heartbeat = str(variables.get(_HEARTBEAT_VARIABLE, ""))
    if heartbeat.isdigit():
        remember_heartbeat(function, int(heartbeat))
    # Without this a changed layer publishes no new version, and the alias stays on the old one (aws/aws-cdk#19098).
    function.invalidate_version_based_on(layer.fingerprint)


def with_layer_variables(own: Mapping[str, str], limits: StreamLimits, where: IConstruct) -> dict[str, str]:
    """A function's own variables and, where it does not set them itself, those by which it streams on the layer.

    Raises:
        ValueError: `LAYER_WRAPPER_TAKEN` when another wrapper script is set already.
    """
    taken = own.get(_WRAPPER_VARIABLE, WRAPPER_PATH)
    if taken != WRAPPER_PATH:
        raise ValueError(
            f"LAYER_WRAPPER_TAKEN: {where.node.path} already sets {_WRAPPER_VARIABLE} to {taken!r}, and Lambda runs one "
            "wrapper only. Remove that variable, or start our wrapper from yours with the same arguments."
        )
    return {_WRAPPER_VARIABLE: WRAPPER_PATH, **limits.to_environment(), **own}


def _cfn_function(function: lambda_.IFunction) -> lambda_.CfnFunction:
    resource = resource_of(function)
    if not isinstance(resource, lambda_.CfnFunction) or not isinstance(function, lambda_.Function):
        raise ValueError(
            f"LAYER_ON_IMPORTED: {function.node.path} is not a function of this app, so no layer can be added to it. "
            "Attach the layer where the function is defined."
        )
    return resource


def _require_python(function: lambda_.Function) -> None:
    name = runtime_name_of(function.runtime)
    if not is_unresolved(name) and name not in _RUNTIMES:
        raise ValueError(
            f"LAYER_RUNTIME: {function.node.path} runs on {name}; the streaming runtime serves {', '.join(_RUNTIMES)}. "
            "Move the function to one of these, or use StreamingCode for its language."
        )
