"""A function behind a streaming endpoint does more than pretend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import jsii
from aws_cdk import aws_lambda as lambda_
from constructs import IValidation

from ._tokens import is_unresolved
from ._variables import variables_of

if TYPE_CHECKING:
    from constructs import Construct

_BUFFERING: Final = ("python", "java", "ruby", "dotnet")
"""AWS's clients for these collect the whole answer: https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html"""
_WRAPPER_VARIABLE: Final = "AWS_LAMBDA_EXEC_WRAPPER"
_KNOWN: Final = "_streaming_lambda_streams"


def known_to_stream(alias: lambda_.IAlias) -> None:
    """Notes that the function behind an alias was made to stream, which saves the look at its variables."""
    vars(alias)[_KNOWN] = True


def require_streaming(scope: Construct, alias: lambda_.IAlias) -> None:
    """Refuses, at synthesis, a streaming endpoint in `scope` on a function that buffers: `RUNTIME_BUFFERS`."""
    if not vars(alias).get(_KNOWN, False):
        scope.node.add_validation(_ReallyStreams(alias))


@jsii.implements(IValidation)
class _ReallyStreams:
    """Looks at the function behind an alias at synthesis, after everyone who may have taught it to stream."""

    def __init__(self, alias: lambda_.IAlias) -> None:
        self._alias = alias

    def validate(self) -> list[str]:
        """Called by CDK: one message per finding."""
        try:
            _refuse_pretence(self._alias)
        except ValueError as refusal:
            return [str(refusal)]
        return []


def _refuse_pretence(alias: lambda_.IAlias) -> None:
    resource = alias.version.lambda_.node.default_child
    if not isinstance(resource, lambda_.CfnFunction) or resource.runtime is None or is_unresolved(resource.runtime):
        return  # imported, or an image, of which nothing is known here
    if resource.runtime.startswith(_BUFFERING) and _WRAPPER_VARIABLE not in variables_of(resource):
        raise ValueError(
            f"RUNTIME_BUFFERS: {alias.version.lambda_.node.path} runs on {resource.runtime}, where AWS's client buffers the whole response: the "
            "endpoint would be set to stream, and never would. Teach it: StreamingRuntimeLayer(...).attach_to(function) for Python, the "
            "Lambda Web Adapter for the others; or give it a plain FunctionUrl."
        )
