"""Nothing that was done to a REST API afterwards makes it buffer."""

from __future__ import annotations

from typing import Any

import jsii
from aws_cdk import Stack
from aws_cdk import aws_apigateway as apigateway
from constructs import IValidation


@jsii.implements(IValidation)
class StaysUnbuffered:
    """Looks at the L1 resources at synthesis, after everyone who reached for them."""

    def __init__(self, api: apigateway.RestApi, stage: apigateway.Stage) -> None:
        self._api = api
        self._stage = stage

    def validate(self) -> list[str]:
        """Called by CDK: one message per finding."""
        try:
            _refuse_buffering(self._api, self._stage)
        except ValueError as refusal:
            return [str(refusal)]
        return []


def _refuse_buffering(api: apigateway.RestApi, stage: apigateway.Stage) -> None:
    found = None
    resource, stage_resource = api.node.default_child, stage.node.default_child
    assert isinstance(resource, apigateway.CfnRestApi)
    assert isinstance(stage_resource, apigateway.CfnStage)
    settings: list[dict[str, Any]] = Stack.of(api).resolve(stage_resource.method_settings) or []
    if resource.minimum_compression_size is not None:
        found = "compression (minimumCompressionSize)"
    elif stage_resource.cache_cluster_enabled or any(setting.get("cachingEnabled") for setting in settings):
        found = "a cache"
    if found is not None:
        raise ValueError(
            f"REST_BUFFERS: {api.node.path} streams and has {found}, which needs the whole answer; API Gateway does not stream with it. "
            "Remove it; the function compresses by itself where the caller accepts it."
        )
