"""Whether the metrics of a function can be named where somebody wants to look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_

from constructs_pkg._lasting import account_of, function_of, region_of, resource_of, stack_of
from constructs_pkg._tokens import is_unresolved

if TYPE_CHECKING:
    from constructs import Construct


def out_of_reach(scope: Construct, alias: lambda_.IAlias, *, own_region_alone: bool) -> str | None:
    """Why what is made in `scope` cannot look at the alias's metrics; None where it can.

    Args:
        scope: Where one wants to look.
        alias: Whose metrics.
        own_region_alone: Whether it takes the metrics of its own region alone, as an alarm does.
    """
    function = function_of(alias)
    here = stack_of(scope)
    resource = resource_of(function)
    if resource is not None and here is stack_of(function):
        return None
    made_up = isinstance(resource, lambda_.CfnFunction) and (
        resource.function_name is None or is_unresolved(resource.function_name)
    )
    env = function.env
    for kind, mine, its in (("region", region_of(here), env.region), ("account", account_of(here), env.account)):
        if is_unresolved(mine) or is_unresolved(its) or mine == its:
            continue
        where = f"{scope.node.path} is in {kind} {mine}, the function {function.node.path} in {its}"
        if kind == "region" and own_region_alone:
            return f"{where}, and CloudWatch watches metrics of an alarm's own region alone"
        if made_up:
            return f"{where}, and its name, which the metrics carry, is made up at deployment"
    return None
