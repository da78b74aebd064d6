"""Which roles, users and groups a template's policy resource is attached to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs_pkg.assembly import UnresolvedIntrinsic

if TYPE_CHECKING:
    from constructs_pkg.assembly import Resource

_LISTS = (("role", "Roles"), ("user", "Users"), ("group", "Groups"))

ATTACHING = {
    "AWS::IAM::Policy": _LISTS,
    "AWS::IAM::ManagedPolicy": _LISTS,
    "AWS::IAM::RolePolicy": (("role", "RoleName"),),
    "AWS::IAM::UserPolicy": (("user", "UserName"),),
    "AWS::IAM::GroupPolicy": (("group", "GroupName"),),
}
"""By resource type: kinds of holders, and the properties that name them."""


@dataclass(frozen=True)
class Attachment:
    """Whom a policy is attached to.

    Attributes:
        names: (`role`, `user` or `group`, its name).
        unknown: Those whose names only deployment would tell, a line each.
    """

    names: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]


def attached_to(policy: Resource) -> Attachment:
    """Whom one of the ATTACHING resources is attached to."""
    names: list[tuple[str, str]] = []
    unknown: list[str] = []
    for kind, property_name in ATTACHING[policy.type]:
        try:
            found = policy.property(property_name, default=[])
        except UnresolvedIntrinsic as error:
            unknown.append(f"it is attached to somebody unknown: {error}")
            continue
        names += [(kind, str(name)) for name in (found if isinstance(found, list) else [found])]
    return Attachment(tuple(names), tuple(unknown))
