"""Who exists: the template's roles and users, and three stand-ins."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from constructs_pkg.assembly import AssemblyError
from constructs_pkg.emulator.iam.attachments import ATTACHING, attached_to
from constructs_pkg.emulator.iam.sigv4 import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_pkg.assembly import CloudAssembly, Resource

OUTSIDE_ACCOUNT = "999999999999"
"""Account of `outsider`, unless the assembly itself is of it."""

_SESSION = "emulator"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Somebody who can sign.

    Attributes:
        name: `admin`, `stranger`, `outsider`, the construct path of the role or user, or the ARN of an imported one.
        arn: The role's or user's ARN.
        session_arn: What CloudTrail and the event call it: the assumed-role ARN for a role's session, else `arn`.
        unique_id: The IAM id; `AROA...:session` for a role's session.
        account: Twelve digits.
        organization: The organization's id, or None.
        credentials: Made anew at every start.
        service: For an AWS service as caller (`apigateway.amazonaws.com`), its name; it has no identity policies.
        at_home_everywhere: Whether it counts as of each account of the assembly (`admin` and `stranger` of an app of several).
    """

    name: str
    arn: str
    session_arn: str
    unique_id: str
    account: str
    organization: str | None
    credentials: Credentials
    service: str | None = None
    at_home_everywhere: bool = False

    @property
    def is_session(self) -> bool:
        """Whether a role's session, whose rights its role's policies give."""
        return self.session_arn != self.arn


class Principals:
    """The principals of an assembly.

    Attributes:
        admin: May do everything in the accounts of the assembly.
        stranger: Of the same account, without any right of its own.
        outsider: Of another account, whose own policies allow everything.
        named: By name: these three, and roles and users by construct path, as `local --json` prints them.
    """

    def __init__(self, admin: Principal, stranger: Principal, outsider: Principal, others: tuple[Principal, ...] = ()) -> None:
        self.admin = admin
        self.stranger = stranger
        self.outsider = outsider
        everyone = (admin, stranger, outsider, *others)
        self.named: Mapping[str, Principal] = MappingProxyType({principal.name: principal for principal in everyone})
        self._by_key = {principal.credentials.access_key_id: principal for principal in everyone}
        self._by_arn = {principal.arn: principal for principal in everyone}

    @classmethod
    def from_assembly(
        cls, assembly: CloudAssembly, *, organization: str | None = None, keep: Principals | None = None
    ) -> Principals:
        """Gives each IAM role and user of the templates credentials of its own.

        Roles and users that the templates only attach policies to (imported ones) are principals too, named by ARN.

        Args:
            assembly: The assembly.
            organization: Id of the AWS organization that its accounts are in (`o-...`). Default: in none, so that a grant to an
                organization helps nobody here.
            keep: Those of an earlier reading, whose credentials and ids stay as they are. Default: all are made anew.

        Raises:
            AssemblyError: `NAME_TAKEN` when two principals would have one name.
        """
        functions = assembly.of_type("AWS::Lambda::Function")
        home = functions[0].stack if functions else assembly.stacks[0]
        inside = {stack.account for stack in assembly.stacks}
        outside = OUTSIDE_ACCOUNT if OUTSIDE_ACCOUNT not in inside else "888888888888"
        others: dict[str, Principal] = {}
        for stack in assembly.stacks:
            for resource in (*stack.of_type("AWS::IAM::Role"), *stack.of_type("AWS::IAM::User")):
                if resource.path in ("admin", "stranger", "outsider", *others):
                    raise AssemblyError(f"NAME_TAKEN: two principals are called {resource.path}; rename the construct")
                others[resource.path] = _of_resource(resource, organization)
        known = {principal.arn for principal in others.values()}
        for imported in _imported(assembly, organization):
            if imported.arn not in known:
                others[imported.arn] = imported
        made = (
            _user("admin", home.account, home.partition, organization, everywhere=True),
            _user("stranger", home.account, home.partition, organization, everywhere=True),
            _user("outsider", outside, home.partition, None),
            *others.values(),
        )
        admin, stranger, outsider, *rest = (_kept(principal, keep) for principal in made)
        return cls(admin, stranger, outsider, tuple(rest))

    def by_access_key(self, access_key_id: str) -> Principal | None:
        """Whose key this is."""
        return self._by_key.get(access_key_id)

    def by_arn(self, arn: str) -> Principal | None:
        """The role or user with this ARN: a function's execution role, for one. None for one that no template mentions."""
        return self._by_arn.get(arn)

    def credentials(self, access_key_id: str) -> Credentials | None:
        """The `lookup` of `verify`."""
        principal = self.by_access_key(access_key_id)
        return principal.credentials if principal else None

    @staticmethod
    def service(name: str) -> Principal:
        """An AWS service as caller, such as `apigateway.amazonaws.com`: only resource policies give it rights."""
        return Principal(
            name=name,
            arn=name,
            session_arn=name,
            unique_id=name,
            account="",
            organization=None,
            credentials=_credentials(temporary=True),
            service=name,
        )


def _kept(principal: Principal, keep: Principals | None) -> Principal:
    known = keep.named.get(principal.name) if keep is not None else None
    if known is None or known.arn != principal.arn:
        return principal
    return replace(principal, credentials=known.credentials, unique_id=known.unique_id)


def role(name: str, arn: str, organization: str | None, unique_id: str | None = None) -> Principal:
    """A role's session."""
    _, partition, _, _, account, rest = arn.split(":", 5)
    unique_id = unique_id or f"AROA{_random(17)}"
    return Principal(
        name=name,
        arn=arn,
        session_arn=f"arn:{partition}:sts::{account}:assumed-role/{rest.rsplit('/', 1)[-1]}/{_SESSION}",
        unique_id=f"{unique_id}:{_SESSION}",
        account=account,
        organization=organization,
        credentials=_credentials(temporary=True),
    )


def _of_resource(resource: Resource, organization: str | None) -> Principal:
    arn = str(resource.get_att("Arn"))
    if resource.type == "AWS::IAM::Role":
        return role(resource.path, arn, organization, str(resource.get_att("RoleId")))
    return Principal(
        name=resource.path,
        arn=arn,
        session_arn=arn,
        unique_id=f"AIDA{_random(17)}",
        account=resource.stack.account,
        organization=organization,
        credentials=_credentials(temporary=False),
    )


def _imported(assembly: CloudAssembly, organization: str | None) -> list[Principal]:
    """Those that a policy of the templates names and no template makes: CDK writes such policies for imported roles and users."""
    found: dict[str, Principal] = {}
    made = {(r.stack.account, r.ref) for kind in ("AWS::IAM::Role", "AWS::IAM::User") for r in assembly.of_type(kind)}
    for policy in (policy for type in ATTACHING for policy in assembly.of_type(type)):
        stack = policy.stack
        for kind, name in attached_to(policy).names:
            arn = f"arn:{stack.partition}:iam::{stack.account}:{kind}/{name}"
            if kind == "group" or arn in found or (stack.account, name) in made:
                continue
            is_role = kind == "role"
            found[arn] = (
                role(arn, arn, organization) if is_role else _user(arn, stack.account, stack.partition, organization, arn=arn)
            )
    return list(found.values())


def _user(
    name: str, account: str, partition: str, organization: str | None, *, arn: str | None = None, everywhere: bool = False
) -> Principal:
    # The path keeps the stand-ins apart from a template's user of the same name.
    arn = arn or f"arn:{partition}:iam::{account}:user/emulator/{name}"
    return Principal(
        name=name,
        arn=arn,
        session_arn=arn,
        unique_id=f"AIDA{_random(17)}",
        account=account,
        organization=organization,
        credentials=_credentials(temporary=False),
        at_home_everywhere=everywhere,
    )


def _credentials(*, temporary: bool) -> Credentials:
    return Credentials(
        access_key_id=f"{'ASIA' if temporary else 'AKIA'}{_random(16)}",
        secret_access_key=secrets.token_urlsafe(30),
        session_token=secrets.token_urlsafe(96) if temporary else None,
    )


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
