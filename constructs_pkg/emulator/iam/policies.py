"""May this principal do this to that: identity and resource policies, within an account and across accounts.

Rules: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
Function URLs: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from constructs_pkg.emulator.iam import identity_policies, resource_policies
from constructs_pkg.emulator.iam.conditions import Context, RequestContext
from constructs_pkg.emulator.iam.documents import Match, Request, Statement
from constructs_pkg.emulator.iam.identity_policies import IdentityPolicies
from constructs_pkg.emulator.iam.patterns import account_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from constructs_pkg.assembly import CloudAssembly
    from constructs_pkg.emulator.iam.principals import Principal, Principals

__all__ = ["Authorizer", "Context", "Decision"]

_IDENTITY = "identity-based policy"
_RESOURCE = "resource-based policy"
_BOUNDARY = "permissions boundary"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether, and why, for the log. The caller of AWS sees only AWS's own words: `iam.refusals`.

    Attributes:
        allowed: The verdict.
        reason: What decided: the statement, or the permission that is missing.
        principal: Who asked; None for an anonymous caller.
        action: What was asked.
        resource: Of which resource.
        denied_by: The kind of policy with an explicit Deny, in AWS's words: `identity-based policy`.
        missing: The kind of policy whose Allow is missing.
    """

    allowed: bool
    reason: str
    principal: Principal | None = None
    action: str = ""
    resource: str = ""
    denied_by: str | None = None
    missing: str | None = None


class Authorizer:
    """Evaluates the policies of an assembly's templates. Reads them once; evaluating does no I/O.

    Attributes:
        warnings: What was met in a policy and is not understood, a line each. Such an Allow allows nothing; such a Deny denies.
    """

    def __init__(
        self, assembly: CloudAssembly, principals: Principals, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """
        Args:
            assembly: The assembly.
            principals: Its principals.
            clock: Gives aws:CurrentTime. Default: the system's.
        """
        self._clock = clock
        self._accounts = frozenset(stack.account for stack in assembly.stacks)
        gathered = identity_policies.gather(assembly)
        self._identity: dict[str, IdentityPolicies] = {
            **gathered.by_arn,
            principals.admin.arn: identity_policies.everything("admin may do everything"),
            principals.outsider.arn: identity_policies.everything("outsider's own account allows everything"),
            principals.stranger.arn: IdentityPolicies(),
        }
        self._resource = resource_policies.gather(assembly)
        self.warnings = tuple(dict.fromkeys(self._not_understood(gathered.unattached)))

    def authorize(self, principal: Principal | None, action: str, resource_arn: str, context: Context | None = None) -> Decision:
        """One action on one resource.

        Args:
            principal: Who asks; None is an anonymous caller.
            action: `lambda:InvokeFunction`.
            resource_arn: The whole ARN, of an alias with its name. `:$LATEST` counts as the function itself.
            context: Condition keys that only the caller of this knows, such as aws:SourceIp or aws:SourceArn. Those about the
                principal, the time and the resource are filled in.
        """
        resource = resource_arn.removesuffix(":$LATEST")
        request = Request(
            caller=principal,
            action=action,
            resource=resource,
            context=RequestContext({**self._standing(principal, resource), **(context or {})}),
        )
        carried = self._identity.get(principal.arn, IdentityPolicies()) if principal else IdentityPolicies()
        asked = Decision(allowed=False, reason="", principal=principal, action=action, resource=resource)

        denied = self._explicit_deny(request, carried)
        if denied is not None:
            statement, kind = denied
            return replace(asked, reason=f"{action} on {resource} is denied by {statement.source}", denied_by=kind)
        named = [(s, s.names(principal)) for s in self._resource if s.allows and s.applies(request)]
        best, how = max(named, key=lambda pair: pair[1], default=(None, Match.NONE))
        identity = next((s for s in carried.statements if s.allows and s.applies(request)), None)
        bounded = carried.boundary is None or any(s.allows and s.applies(request) for s in carried.boundary)

        if principal is None or principal.service is not None:
            who = "anybody" if principal is None else principal.service
            if best is not None and how in (Match.ANYONE, Match.SELF):
                return replace(asked, allowed=True, reason=f"{action} on {resource} is allowed to {who} by {best.source}")
            return replace(asked, reason=f"no resource policy allows {action} on {resource} to {who}", missing=_RESOURCE)
        if self._same_account(principal, resource):
            return self._within(asked, best, how, identity, bounded)
        return self._across(asked, best, how, identity, bounded)

    def authorize_function_url(
        self, principal: Principal | None, function_arn_qualified: str, auth_type: str, context: Context | None = None
    ) -> Decision:
        """A call of a Function URL: lambda:InvokeFunctionUrl and lambda:InvokeFunction must both be allowed.

        So for AWS_IAM and for NONE, where the resource policy must allow both to everybody and who signed does not count.

        Args:
            principal: Who signed.
            function_arn_qualified: The ARN of the function, with the URL's qualifier where it has one.
            auth_type: `AWS_IAM` or `NONE`, as the URL has it.
            context: As for `authorize`.
        """
        caller = principal if auth_type == "AWS_IAM" else None
        first = self.authorize(
            caller,
            "lambda:InvokeFunctionUrl",
            function_arn_qualified,
            {**(context or {}), "lambda:FunctionUrlAuthType": auth_type},
        )
        second = self.authorize(
            caller,
            "lambda:InvokeFunction",
            function_arn_qualified,
            {**(context or {}), "lambda:InvokedViaFunctionUrl": "true"},
        )
        if first.allowed and second.allowed:
            return replace(first, reason=f"{first.reason}; {second.reason}")
        refused = second if first.allowed else first
        if first.allowed != second.allowed:
            allowed = first if first.allowed else second
            return replace(
                refused, reason=f"{refused.reason} (a Function URL needs both permissions; {allowed.action} alone is allowed)"
            )
        return refused

    def _within(self, asked: Decision, best: Statement | None, how: Match, identity: Statement | None, bounded: bool) -> Decision:
        """One account: either side is enough. A resource policy that names only the account passes nothing on by itself."""
        what = f"{asked.action} on {asked.resource}"
        who = asked.principal.name if asked.principal else ""
        # A boundary limits what a resource policy gives to a role, not what it gives to a user or to one session of it.
        limited = asked.principal is not None and asked.principal.is_session and how is not Match.SELF
        if best is not None and how > Match.ACCOUNT and (bounded or not limited):
            return replace(asked, allowed=True, reason=f"{what} is allowed to {who} by {best.source}")
        if identity is not None and bounded:
            return replace(asked, allowed=True, reason=f"{what} is allowed to {who} by {identity.source}")
        if not bounded and (identity is not None or how > Match.ACCOUNT):
            return replace(asked, reason=f"the permissions boundary of {who} does not allow {what}", missing=_BOUNDARY)
        return replace(asked, reason=f"neither a policy of {who} nor the resource's own policy allows {what}", missing=_IDENTITY)

    def _across(self, asked: Decision, best: Statement | None, how: Match, identity: Statement | None, bounded: bool) -> Decision:
        """Two accounts: both sides must allow."""
        what = f"{asked.action} on {asked.resource}"
        who = f"{asked.principal.name} (account {asked.principal.account})" if asked.principal else ""
        if best is None or how is Match.NONE:
            return replace(
                asked, reason=f"no resource policy allows {what} to {who}, who is of another account", missing=_RESOURCE
            )
        if identity is None:
            return replace(
                asked, reason=f"no policy of {who} allows {what}, which another account requires too", missing=_IDENTITY
            )
        if not bounded:
            return replace(asked, reason=f"the permissions boundary of {who} does not allow {what}", missing=_BOUNDARY)
        return replace(asked, allowed=True, reason=f"{what} is allowed to {who} by {best.source} and {identity.source}")

    def _explicit_deny(self, request: Request, carried: IdentityPolicies) -> tuple[Statement, str] | None:
        kinds: tuple[tuple[Iterable[Statement], str], ...] = (
            (carried.statements, _IDENTITY),
            (carried.boundary or (), _BOUNDARY),
            ((s for s in self._resource if s.names(request.caller) is not Match.NONE), _RESOURCE),
        )
        for found, kind in kinds:
            for statement in found:
                if not statement.allows and statement.applies(request):
                    return statement, kind
        return None

    def _same_account(self, principal: Principal, resource: str) -> bool:
        account = account_of(resource)
        if principal.at_home_everywhere and account in self._accounts:
            return True
        return account in ("", "aws", principal.account)

    def _standing(self, principal: Principal | None, resource: str) -> Mapping[str, str | Sequence[str]]:
        """Condition keys that hold whatever is asked.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
        """
        now = self._clock()
        parts = resource.split(":")
        keys: dict[str, str | Sequence[str]] = {
            "aws:CurrentTime": now.isoformat(),
            "aws:EpochTime": str(int(now.timestamp())),
            # The emulated endpoint stands for one that speaks TLS alone.
            "aws:SecureTransport": "true",
        }
        if len(parts) > 5:
            keys["aws:RequestedRegion"] = parts[3]
            keys["aws:ResourceAccount"] = parts[4]
        if principal is None:
            return {**keys, "aws:PrincipalType": "Anonymous"}
        if principal.service is not None:
            return {**keys, "aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": principal.service}
        keys |= {
            "aws:PrincipalArn": principal.arn,
            "aws:PrincipalAccount": principal.account,
            "aws:PrincipalType": "AssumedRole" if principal.is_session else "User",
            "aws:PrincipalIsAWSService": "false",
            "aws:userid": principal.unique_id,
        }
        if not principal.is_session:
            keys["aws:username"] = principal.arn.rsplit("/", 1)[-1]
        if principal.organization is not None:
            keys["aws:PrincipalOrgID"] = principal.organization
        return keys

    def _not_understood(self, unattached: tuple[Statement, ...]) -> Iterable[str]:
        carried = [s for policies in self._identity.values() for s in (*policies.statements, *(policies.boundary or ()))]
        for statement in (*carried, *self._resource, *unattached):
            effect = "allows nothing" if statement.allows else "denies what else fits it"
            for what in statement.unknown:
                yield f"POLICY_NOT_UNDERSTOOD: {statement.source}: {what}; here it {effect}"
