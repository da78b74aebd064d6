"""The environment variables of an L2 function, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import TreeInspector

from ._lasting import stack_of

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_


def variables_of(resource: lambda_.CfnFunction) -> dict[str, Any]:
    """The variables as they will be written. `resource.environment` is empty in Python: jsii takes what is rendered later for a struct."""
    inspector = TreeInspector()
    resource.inspect(inspector)
    properties = inspector.attributes["aws:cdk:cloudformation:props"]
    environment = stack_of(resource).resolve(properties.get("environment")) or {}
    return dict(environment.get("variables") or {})
