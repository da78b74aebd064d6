"""Policy documents: statements, and whether one applies to a request.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
What is not understood fails closed: an Allow with it allows nothing, a Deny with it denies whatever the rest of it fits.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import UnresolvedIntrinsic, is_intrinsic
from constructs_pkg.emulator.iam import conditions, patterns

if TYPE_CHECKING:
    from constructs_pkg.emulator.iam.principals import Principal

_VARIABLES_SINCE = "2012-10-17"


class Match(enum.IntEnum):
    """How the Principal of a resource policy names a caller; the account rules need to know."""

    NONE = 0
    ACCOUNT = 1
    """By its account: that account may then pass the right on, by identity policies."""
    ROLE = 2
    """By its role's ARN: a permissions boundary still limits it."""
    ANYONE = 3
    """`*`."""
    SELF = 4
    """By the ARN of the session or the user, or as a service."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked. `caller` None is an anonymous one."""

    caller: Principal | None
    action: str
    resource: str
    context: conditions.RequestContext


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement. `source` says where it stands, for the log.

    Attributes:
        source: `policy Chat/Role/DefaultPolicy, statement 1`.
        allows: Effect.
        variables: Whether `${...}` are variables in it.
        actions: Patterns of Action, None where NotAction stands.
        not_actions: Patterns of NotAction.
        resources: Patterns of Resource.
        not_resources: Patterns of NotResource.
        principals: The Principal element, None in identity policies.
        not_principals: The NotPrincipal element.
        conditions: All must hold.
        unknown: What of it is not understood.
    """

    source: str
    allows: bool
    variables: bool = True
    actions: tuple[str, ...] | None = None
    not_actions: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    not_resources: tuple[str, ...] | None = None
    principals: Mapping[str, tuple[str, ...]] | None = None
    not_principals: Mapping[str, tuple[str, ...]] | None = None
    conditions: tuple[conditions.Condition, ...] = ()
    unknown: tuple[str, ...] = ()

    def applies(self, request: Request) -> bool:
        """Whether action, resource and conditions fit; who asks is another question."""
        if self.unknown and self.allows:
            return False
        look_up = request.context.variable if self.variables else patterns.no_variables
        return (
            self._fits(self.actions, self.not_actions, lambda p: patterns.matches(p, request.action, ignore_case=True))
            and self._fits(self.resources, self.not_resources, lambda p: patterns.matches(p, request.resource, look_up))
            and all(conditions.holds(c, request.context, variables=self.variables) for c in self.conditions)
        )

    def names(self, caller: Principal | None) -> Match:
        """How a resource policy's statement names the caller."""
        if self.principals is not None:
            return _best(self.principals, caller)
        if self.not_principals is not None:
            # Documented for Deny alone. An account in NotPrincipal does not spare the callers in it, so only a direct name does.
            spared = _best(self.not_principals, caller) in (Match.ROLE, Match.ANYONE, Match.SELF)
            return Match.NONE if spared else Match.ANYONE
        # Neither: not understood. An Allow is then for nobody, a Deny for everybody.
        return Match.NONE if self.allows else Match.ANYONE

    @staticmethod
    def _fits(wanted: tuple[str, ...] | None, unwanted: tuple[str, ...] | None, test: Callable[[str], bool]) -> bool:
        if wanted is not None:
            return any(test(pattern) for pattern in wanted)
        # Neither: only in a Deny of which this part is not understood. It then fits everything.
        return not any(test(pattern) for pattern in unwanted or ())


def statements(document: Any, source: str, resolve: Callable[[Any], Any]) -> Iterator[Statement]:
    """The statements of a policy document as it stands in a template.

    Args:
        document: The document, intrinsics unresolved.
        source: What to call it in the log.
        resolve: Resolves a part of it. Each part is resolved by itself, so that one unknown value costs one statement.
    """
    try:
        document = _opened(document, resolve) or {}
        version = str(_opened(document.get("Version", "2008-10-17"), resolve))
        found = _opened(document.get("Statement", []), resolve) or []
    except (UnresolvedIntrinsic, AttributeError) as error:
        yield Statement(source=source, allows=False, unknown=(f"it is no policy document, or an unknown one: {error}",))
        return
    for number, statement in enumerate(found if isinstance(found, list) else [found], start=1):
        where = f"{source}, statement {number}"
        try:
            opened = _opened(statement, resolve)
        except UnresolvedIntrinsic as error:
            yield Statement(source=where, allows=False, unknown=(str(error),))
            continue
        if opened is not None:
            yield _statement(opened, where, version >= _VARIABLES_SINCE, resolve)


def _opened(value: Any, resolve: Callable[[Any], Any]) -> Any:
    """A value, resolved only where it is an intrinsic itself (an Fn::If around a statement, for one)."""
    return resolve(value) if is_intrinsic(value) else value


def _statement(raw: Any, source: str, variables: bool, resolve: Callable[[Any], Any]) -> Statement:
    unknown: list[str] = []
    parts: dict[str, Any] = {}
    if not isinstance(raw, Mapping) or raw.get("Effect") not in ("Allow", "Deny"):
        return Statement(source=source, allows=False, unknown=("its Effect is neither Allow nor Deny",))
    for name, value in raw.items():
        try:
            parts[name] = resolve(value)
        except UnresolvedIntrinsic as error:
            unknown.append(f"its {name} is unknown: {error}")
    parsed: list[conditions.Condition] = []
    try:
        parsed.extend(conditions.parse(parts.get("Condition", {})))
    except conditions.ConditionNotUnderstood as error:
        unknown.append(str(error))
    allows = raw["Effect"] == "Allow"
    for this, other in (("Action", "NotAction"), ("Resource", "NotResource")):
        if this not in raw and other not in raw and not (this == "Resource" and ("Principal" in raw or "NotPrincipal" in raw)):
            unknown.append(f"it has neither {this} nor {other}")
    return Statement(
        source=source,
        allows=allows,
        variables=variables,
        actions=_patterns(parts.get("Action")),
        not_actions=_patterns(parts.get("NotAction")),
        resources=_patterns(parts.get("Resource")),
        not_resources=_patterns(parts.get("NotResource")),
        principals=_principals(parts.get("Principal")),
        not_principals=_principals(parts.get("NotPrincipal")),
        conditions=tuple(parsed),
        unknown=tuple(unknown),
    )


def _patterns(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(str(item) for item in value) if isinstance(value, list) else (str(value),)


def _principals(value: Any) -> Mapping[str, tuple[str, ...]] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return {"AWS": (str(value),)}
    return {kind: _patterns(names) or () for kind, names in value.items()}


def _best(principals: Mapping[str, Sequence[str]], caller: Principal | None) -> Match:
    found = [_names(name, caller) for name in principals.get("AWS", ())]
    if caller is not None and caller.service is not None:
        found += [Match.SELF for name in principals.get("Service", ()) if name == caller.service]
    return max(found, default=Match.NONE)


def _names(name: str, caller: Principal | None) -> Match:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html: no wildcards but a lone `*`."""
    if name == "*":
        return Match.ANYONE
    if caller is None:
        return Match.NONE
    if name == caller.session_arn:
        return Match.SELF
    if name == caller.arn:
        return Match.ROLE
    account = patterns.account_of(name) if name.startswith("arn:") and name.endswith(":root") else name
    return Match.ACCOUNT if account == caller.account else Match.NONE
