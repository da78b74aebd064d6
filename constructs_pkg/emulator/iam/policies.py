"""May this principal do this to that: identity and resource policies, within an account and across accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs_pkg.assembly import CloudAssembly
    from constructs_pkg.emulator.iam.principals import Principal, Principals

Context = Mapping[str, str | Sequence[str]]
"""Condition keys and values of a request, for example `{"lambda:FunctionUrlAuthType": "AWS_IAM"}`. Case of keys does not matter."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether, and why, for the log. The caller of AWS sees only AWS's own words: `iam.refusals`."""

    allowed: bool
    reason: str
    principal: Principal | None = None
    action: str = ""
    resource: str = ""
    denied_by: str | None = None
    """The kind of policy with an explicit Deny, in AWS's words: `identity-based policy`."""
    missing: str | None = None
    """The kind of policy whose Allow is missing."""


class Authorizer:
    """Evaluates the policies of an assembly's templates."""

    warnings: tuple[str, ...]
    """What was met in a policy and is not understood (a condition operator): such a statement allows nothing and, if Deny, denies."""

    def __init__(self, assembly: CloudAssembly, principals: Principals) -> None:
        raise NotImplementedError

    def authorize(self, principal: Principal | None, action: str, resource_arn: str, context: Context | None = None) -> Decision:
        """One action on one resource. `principal` None is an anonymous caller."""
        raise NotImplementedError

    def authorize_function_url(
        self, principal: Principal | None, function_arn_qualified: str, auth_type: str, context: Context | None = None
    ) -> Decision:
        """A call of a Function URL: lambda:InvokeFunctionUrl and lambda:InvokeFunction must both be allowed."""
        raise NotImplementedError
