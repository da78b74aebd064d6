"""Who a permission is granted to: what CDK's own grants get wrong is refused or mended here."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

import jsii
from aws_cdk import Resource, Stack
from aws_cdk import aws_iam as iam
from constructs import IConstruct, Node

from ._tokens import is_unresolved

if TYPE_CHECKING:
    from collections.abc import Mapping


def reachable(grantee: iam.IGrantable) -> iam.IGrantable:
    """`grantee`, or its ARN where it is an imported role or user.

    An imported role of another account, or one imported as immutable, takes no policy: CDK's grant then succeeds and does
    nothing (seen on 2.275.0). The function's own policy can always name it.
    """
    principal = grantee.grant_principal
    construct = construct_of(principal)
    if construct is None or Resource.is_owned_resource(construct):
        return grantee
    arns = principal.policy_fragment.principal_json.get("AWS") or []
    return iam.ArnPrincipal(arns[0]) if arns else grantee


def with_source(grantee: iam.IGrantable, source_arn: str | None, source_account: str | None) -> iam.IGrantable:
    """`grantee` on behalf of that source, where it is a service; refuses everyone, and a service without a source."""
    principal = grantee.grant_principal
    fragment = principal.policy_fragment
    named = fragment.principal_json
    if named.get("LiteralString") == ["*"] or (named.get("AWS") == ["*"] and not fragment.conditions):
        raise ValueError(
            "GRANT_TO_EVERYONE: the grantee is everyone (*). Grant to a role, an account or an organisation; for a public endpoint "
            "say so with auth_type=FunctionUrlAuthType.NONE."
        )
    if "Service" not in named:
        if source_arn is not None or source_account is not None:
            raise ValueError(
                f"GRANT_SOURCE_UNUSED: source_arn and source_account are for services; {name_of(grantee)} is none. Leave them out."
            )
        return grantee
    conditions: dict[str, dict[str, str]] = {}
    if source_arn is not None:
        conditions["ArnLike"] = {"aws:SourceArn": source_arn}
    if source_account is not None:
        conditions["StringEquals"] = {"aws:SourceAccount": source_account}
    if not conditions and not fragment.conditions:
        raise ValueError(
            f"GRANT_NEEDS_SOURCE: {name_of(grantee)} is a service, which acts for everyone who uses it. Say on whose behalf it may call: "
            "source_arn=<the resource's ARN>, source_account=<your account>, or both."
        )
    if not conditions:
        return grantee
    return cast("iam.PrincipalBase", principal).with_conditions(conditions)


def told_apart(grantee: iam.IGrantable, stack: Stack) -> iam.IGrantable:
    """`grantee` under a name by which CDK tells it from others in a function's policy.

    CDK remembers what it has granted by the principal's name, which leaves the conditions out: a service's second grant, on
    behalf of another resource, would succeed and do nothing. And it makes construct ids of that name, which a value that is only
    known at deployment cannot be part of (both seen on 2.275.0).
    """
    principal = grantee.grant_principal
    if construct_of(principal) is not None:
        return grantee
    fragment = principal.policy_fragment
    told = json.dumps([fragment.principal_json, fragment.conditions], sort_keys=True)
    if not isinstance(principal, iam.PrincipalWithConditions) and not is_unresolved(told):
        return grantee
    resolved = json.dumps(stack.resolve([fragment.principal_json, fragment.conditions]), sort_keys=True)
    return _Told(
        _unwrapped(principal),
        fragment.conditions,
        f"{type(principal).__name__}-{hashlib.sha256(resolved.encode()).hexdigest()[:8]}",
    )


def _unwrapped(principal: iam.IPrincipal) -> iam.IPrincipal:
    """Without its conditions: a function's policy takes one wrapping, and of a second one loses who is in it."""
    named = principal.policy_fragment.principal_json
    if not isinstance(principal, iam.PrincipalWithConditions):
        return principal
    if "Service" in named:
        return iam.ServicePrincipal(named["Service"][0])
    return iam.ArnPrincipal(named["AWS"][0]) if "AWS" in named else principal


class _Told(iam.PrincipalWithConditions):
    def __init__(self, principal: iam.IPrincipal, conditions: Mapping[str, Any], name: str) -> None:
        super().__init__(principal, conditions)
        self._name = name

    @jsii.member(jsii_name="toString")
    def to_string(self) -> str:
        return self._name


def name_of(grantee: iam.IGrantable) -> str:
    """What a message calls it."""
    construct = construct_of(grantee)
    if construct is not None:
        return construct.node.path
    principal = grantee.grant_principal
    if isinstance(principal, iam.ServicePrincipal):
        return principal.service
    return type(principal).__name__


def construct_of(value: object) -> IConstruct | None:
    """`value` when it stands in the construct tree: an imported role does, a bare principal does not."""
    return cast("IConstruct", value) if isinstance(getattr(value, "node", None), Node) else None
