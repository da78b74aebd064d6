"""A private REST API is one that can be deployed, and reached."""

from __future__ import annotations

import jsii
from aws_cdk import Stack
from aws_cdk import aws_apigateway as apigateway
from constructs import IValidation


def refuse_domain(path: str, name: str | None) -> None:
    """Refuses a domain name of the public kind, which is the one that CDK makes.

    Raises:
        ValueError: `PRIVATE_DOMAIN`.
    """
    if name is not None:
        raise ValueError(
            f"PRIVATE_DOMAIN: {path} is PRIVATE and is to be called {name}; a private API takes a domain name of another kind "
            "(AWS::ApiGateway::DomainNameV2), which names the VPC endpoints that may use it. Leave domain_name out, and make a "
            "CfnDomainNameV2, a CfnBasePathMappingV2 and a CfnDomainNameAccessAssociation for `.api`."
        )


@jsii.implements(IValidation)
class NamesItsCallers:
    """Looks for the API's resource policy at synthesis, after everyone who may have given it one."""

    def __init__(self, api: apigateway.RestApi) -> None:
        self._api = api

    def validate(self) -> list[str]:
        """Called by CDK: one message per finding."""
        try:
            _refuse_without_policy(self._api)
        except ValueError as refusal:
            return [str(refusal)]
        return []


def _refuse_without_policy(api: apigateway.RestApi) -> None:
    resource = api.node.default_child
    assert isinstance(resource, apigateway.CfnRestApi)
    if Stack.of(api).resolve(resource.policy) is None:
        raise ValueError(
            f"PRIVATE_WITHOUT_POLICY: {api.node.path} is PRIVATE and has no resource policy, without which API Gateway refuses to deploy "
            "it. Say who may come: .api.grant_invoke_from_vpc_endpoints_only([endpoint])."
        )
