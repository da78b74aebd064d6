"""Which policies a principal carries: its own, its groups', attached ones, and its permissions boundary.

What an assembly cannot tell is an `unknown` statement, which fails closed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import UnresolvedIntrinsic
from constructs_pkg.emulator.iam.attachments import ATTACHING, attached_to
from constructs_pkg.emulator.iam.documents import Statement, statements
from constructs_pkg.emulator.iam.managed_policies import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs_pkg.assembly import CloudAssembly, Resource

_HOLDERS = {"role": "AWS::IAM::Role", "user": "AWS::IAM::User", "group": "AWS::IAM::Group"}


@dataclass(frozen=True, kw_only=True)
class IdentityPolicies:
    """The policies of one principal. `boundary` None is no boundary."""

    statements: tuple[Statement, ...] = ()
    boundary: tuple[Statement, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Policies by the ARN of the role or user, and those that no principal is known to hold."""

    by_arn: dict[str, IdentityPolicies]
    unattached: tuple[Statement, ...]


@dataclass
class _Holder:
    """A role, user or group, while its policies are gathered."""

    statements: list[Statement] = field(default_factory=list)
    boundary: tuple[Statement, ...] | None = None
    groups: list[str] = field(default_factory=list)


def everything(source: str) -> IdentityPolicies:
    """Policies that allow all."""
    return IdentityPolicies(statements=(Statement(source=source, allows=True, actions=("*",), resources=("*",)),))


def gather(assembly: CloudAssembly) -> Gathered:
    """The identity policies of an assembly."""
    return _Gathering(assembly).gathered()


class _Gathering:
    def __init__(self, assembly: CloudAssembly) -> None:
        self._assembly = assembly
        self._holders: dict[str, _Holder] = {}
        self._unattached: list[Statement] = []
        self._managed = {str(policy.ref): _document(policy) for policy in assembly.of_type("AWS::IAM::ManagedPolicy")}
        self._arns = {
            (kind, resource.stack.account, str(resource.ref)): str(resource.get_att("Arn"))
            for kind, type in _HOLDERS.items()
            for resource in assembly.of_type(type)
        }

    def gathered(self) -> Gathered:
        for type in _HOLDERS.values():
            for resource in self._assembly.of_type(type):
                self._own(resource)
        for type in ATTACHING:
            for policy in self._assembly.of_type(type):
                self._attach(policy)
        for addition in self._assembly.of_type("AWS::IAM::UserToGroupAddition"):
            self._add_to_group(addition)
        found = {}
        for arn, holder in self._holders.items():
            through_groups = [s for group in holder.groups if group in self._holders for s in self._holders[group].statements]
            found[arn] = IdentityPolicies(statements=(*holder.statements, *through_groups), boundary=holder.boundary)
        return Gathered(by_arn=found, unattached=tuple(self._unattached))

    def _own(self, resource: Resource) -> None:
        """Inline policies, attached managed ones, groups and boundary, as the resource itself lists them."""
        holder = self._holder(str(resource.get_att("Arn")))
        resolve = resource.stack.resolve
        inline = resource.raw.get("Policies", [])
        for number, policy in enumerate(inline if isinstance(inline, list) else [inline], start=1):
            # Only the document is opened up: an unknown name must not cost the policy.
            document = policy.get("PolicyDocument") if "PolicyDocument" in policy else {"Statement": [policy]}
            holder.statements += statements(document, f"inline policy {number} of {resource.path}", resolve)
        for arn in _values(resource, "ManagedPolicyArns", holder.statements):
            holder.statements += self._managed_policy(str(arn), resource)
        for group in _values(resource, "Groups", holder.statements):
            holder.groups.append(self._arn(resource, "group", str(group)))
        if "PermissionsBoundary" in resource.raw:
            boundary: list[Statement] = []
            arns = [str(arn) for arn in _values(resource, "PermissionsBoundary", boundary)]
            for arn in arns:
                boundary += self._managed_policy(arn, resource)
            # AWS::NoValue leaves neither a name nor an unknown statement: then there is no boundary.
            holder.boundary = tuple(boundary) if arns or boundary else None

    def _attach(self, policy: Resource) -> None:
        attachment = attached_to(policy)
        document = _document(policy)
        for kind, name in attachment.names:
            self._holder(self._arn(policy, kind, name)).statements.extend(document)
        self._unattached += [_unknown(f"policy {policy.path}", why) for why in attachment.unknown]

    def _add_to_group(self, addition: Resource) -> None:
        try:
            group, users = addition.property("GroupName"), addition.property("Users", default=[])
        except UnresolvedIntrinsic as error:
            self._unattached.append(_unknown(f"group membership {addition.path}", str(error)))
            return
        for user in users:
            self._holder(self._arn(addition, "user", str(user))).groups.append(self._arn(addition, "group", str(group)))

    def _managed_policy(self, arn: str, resource: Resource) -> tuple[Statement, ...]:
        if arn in self._managed:
            return self._managed[arn]
        name = arn.partition(":aws:policy/")[2]
        source = f"managed policy {arn}"
        if name in ACTIONS:
            return (Statement(source=source, allows=True, actions=ACTIONS[name], resources=("*",)),)
        return (_unknown(source, f"{resource.path} has it attached, and what it says is not known here"),)

    def _arn(self, beside: Resource, kind: str, name: str) -> str:
        """ARN of a role, user or group by its name; those of the templates may have a path in theirs."""
        stack = beside.stack
        return self._arns.get((kind, stack.account, name), f"arn:{stack.partition}:iam::{stack.account}:{kind}/{name}")

    def _holder(self, arn: str) -> _Holder:
        return self._holders.setdefault(arn, _Holder())


def _document(policy: Resource) -> tuple[Statement, ...]:
    return tuple(statements(policy.raw.get("PolicyDocument", {}), f"policy {policy.path}", policy.stack.resolve))


def _values(resource: Resource, name: str, into: list[Statement]) -> Iterator[Any]:
    """A property's values; an unknown one becomes an unknown statement."""
    raw = resource.raw.get(name, [])
    for value in raw if isinstance(raw, list) else [raw]:
        try:
            resolved = resource.stack.resolve(value)
        except UnresolvedIntrinsic as error:
            into.append(_unknown(f"{name} of {resource.path}", str(error)))
            continue
        if isinstance(resolved, list):
            yield from resolved
        elif resolved is not None:
            yield resolved


def _unknown(source: str, why: str) -> Statement:
    return Statement(source=source, allows=True, unknown=(why,))
