"""Who exists: the template's roles and users, and three stand-ins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_pkg.assembly import CloudAssembly
    from constructs_pkg.emulator.iam.sigv4 import Credentials

ORGANIZATION_ID = "o-emulated00"


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Somebody who can sign.

    Attributes:
        name: `admin`, `stranger`, `outsider`, or the construct path of the role or user.
        arn: The role's or user's ARN.
        session_arn: What CloudTrail and the event call it: the assumed-role ARN for a role's session, else `arn`.
        unique_id: The IAM id; `AROA...:session` for a role's session.
        account: Twelve digits.
        organization: The organization's id, or None.
        credentials: Made anew at every start.
    """

    name: str
    arn: str
    session_arn: str
    unique_id: str
    account: str
    organization: str | None
    credentials: Credentials


class Principals:
    """The principals of an assembly."""

    admin: Principal
    stranger: Principal
    outsider: Principal
    named: Mapping[str, Principal]
    """By name: `admin`, `stranger`, `outsider`, and roles and users by construct path, as `local --json` prints them."""

    @classmethod
    def from_assembly(cls, assembly: CloudAssembly) -> Principals:
        """Gives each IAM role and user of the templates credentials of its own."""
        raise NotImplementedError

    def by_access_key(self, access_key_id: str) -> Principal | None:
        raise NotImplementedError

    def by_arn(self, arn: str) -> Principal | None:
        """The role or user with this ARN: a function's execution role, for one."""
        raise NotImplementedError

    def credentials(self, access_key_id: str) -> Credentials | None:
        """The `lookup` of `verify`."""
        raise NotImplementedError
