"""Provisioned concurrency: environments that are initialised before the first request comes."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Token
from aws_cdk import aws_lambda as lambda_


@dataclass(frozen=True, kw_only=True)
class ProvisionedConcurrency:
    """How many execution environments of an alias are kept warm. Make one with `.fixed(n)`.

    It sits on the alias, because a Function URL uses it only when the URL points to that same alias
    (https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html).

    Attributes:
        minimum: Environments that are always warm.
        maximum: Most environments that can be warm; equal to `minimum` when fixed.
    """

    minimum: int
    maximum: int

    @staticmethod
    def fixed(environments: int) -> ProvisionedConcurrency:
        """Keeps `environments` warm at all times, and bills for them at all times.

        Args:
            environments: How many; at least 1. One environment serves one stream at a time, so this is the number of
                streams that start without a cold start.

        Raises:
            ValueError: `PC_BELOW_ONE` when it is not an integer from 1 on.
        """
        if not Token.is_unresolved(environments) and (
            isinstance(environments, bool) or not isinstance(environments, int) or environments < 1
        ):
            raise ValueError(
                f"PC_BELOW_ONE: provisioned concurrency is {environments!r}; Lambda takes an integer from 1 on. "
                "Leave `concurrency` out for a function without warm environments."
            )
        return ProvisionedConcurrency(minimum=environments, maximum=environments)

    def apply_to(self, alias: lambda_.Alias) -> None:
        """Puts the warm environments on `alias`, whatever its function runs.

        Args:
            alias: An alias of this app. It must point to a published version.

        Raises:
            ValueError: `PC_ON_IMPORTED` for an imported alias, `PC_ON_LATEST` for one that points to $LATEST,
                `PC_ALREADY_SET` when it carries provisioned concurrency already, `PC_WITH_WEIGHTS` when it splits its traffic
                between versions, `PC_WITH_SNAPSTART` when its function uses SnapStart, `PC_ABOVE_RESERVED` when the
                function's reserved concurrency is smaller. Each of these Lambda refuses at deployment, or serves cold.
        """
        resource = alias.node.default_child
        if not isinstance(resource, lambda_.CfnAlias):
            raise ValueError(
                f"PC_ON_IMPORTED: {alias.node.path} is not an alias of this app. Apply provisioned concurrency where the alias is defined."
            )
        if resource.function_version == "$LATEST":
            raise ValueError(
                f"PC_ON_LATEST: {alias.node.path} points to $LATEST, which cannot be kept warm. "
                "Point it to a published version: version=function.current_version"
            )
        if resource.provisioned_concurrency_config is not None:
            raise ValueError(
                f"PC_ALREADY_SET: {alias.node.path} carries provisioned concurrency already. Remove provisioned_concurrent_executions "
                "from the alias, or do not apply a second ProvisionedConcurrency."
            )
        if resource.routing_config is not None:
            raise ValueError(
                f"PC_WITH_WEIGHTS: {alias.node.path} splits its traffic between versions; Lambda takes no change of provisioned "
                "concurrency meanwhile. Remove additional_versions, or the provisioned concurrency."
            )
        self._check_function(alias.lambda_)
        resource.provisioned_concurrency_config = lambda_.CfnAlias.ProvisionedConcurrencyConfigurationProperty(
            provisioned_concurrent_executions=self.minimum
        )

    def _check_function(self, function: lambda_.IFunction) -> None:
        resource = function.node.default_child
        if not isinstance(resource, lambda_.CfnFunction):
            return  # imported: its configuration is not known here
        if resource.snap_start is not None:
            raise ValueError(
                f"PC_WITH_SNAPSTART: {function.node.path} uses SnapStart, which Lambda does not combine with provisioned concurrency. "
                "Choose one of the two."
            )
        reserved = resource.reserved_concurrent_executions
        if reserved is None or Token.is_unresolved(reserved) or Token.is_unresolved(self.maximum):
            return
        if self.maximum > reserved:
            raise ValueError(
                f"PC_ABOVE_RESERVED: provisioned concurrency {self.maximum} is above the function's reserved concurrency {reserved:g}; "
                f"Lambda refuses this at deployment. Raise reserved_concurrent_executions to at least {self.maximum}, or lower the "
                "provisioned concurrency."
            )
