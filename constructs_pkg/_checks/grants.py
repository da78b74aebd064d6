"""Who holds which permission on functions: the statements of identity policies, and the permissions of functions, in one form."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .model import is_true

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs_pkg.assembly import Resource

    from .model import StreamingApp

_ATTACHED: Final = {
    # type: properties that name roles, users and groups
    "AWS::IAM::Policy": ("Roles", "Users", "Groups"),
    "AWS::IAM::ManagedPolicy": ("Roles", "Users", "Groups"),
    "AWS::IAM::RolePolicy": ("RoleName",),
    "AWS::IAM::UserPolicy": ("UserName",),
    "AWS::IAM::GroupPolicy": ("GroupName",),
}
_PRINCIPALS: Final = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")
_SOURCES: Final = ("SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken")


@dataclass(frozen=True)
class Grant:
    """One principal's permission on one thing.

    Attributes:
        resource: The policy or permission that gives it.
        location: Where in it.
        principal: An ARN, an account, a service or `*`.
        actions: Patterns.
        on: The pattern of what it is on: a function's ARN, with or without a qualifier.
        via_url: Whether it holds for calls by way of the URL only (True), for others only (False), or for both (None).
        source: What it is bound to: the source's ARN, its account, an organisation.
    """

    resource: Resource
    location: str
    principal: str
    actions: tuple[str, ...]
    on: str
    via_url: bool | None
    source: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Whether one of the actions is this one."""
        return any(matches(pattern.lower(), action.lower()) for pattern in self.actions)


@dataclass(frozen=True)
class _Document:
    resource: Resource
    location: str
    statements: tuple[tuple[int, Any], ...]
    principals: tuple[str, ...]


def grants(app: StreamingApp) -> tuple[Grant, ...]:
    """All that is allowed to anybody; denials are left out of account."""
    return (*_of_identities(app), *_of_functions(app))


def unread_principals(app: StreamingApp) -> frozenset[str]:
    """Principals of whose policies some statement cannot be known: nothing is said about them."""
    return frozenset(
        principal
        for document in _documents(app)
        for _, statement in document.statements
        if statement is None
        for principal in document.principals
    )


def matches(pattern: str, text: str) -> bool:
    """IAM's wildcards: `*` is any text, `?` any character."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _of_identities(app: StreamingApp) -> Iterator[Grant]:
    for document in _documents(app):
        for index, statement in document.statements:
            if not isinstance(statement, dict) or statement.get("Effect") != "Allow" or "Action" not in statement:
                continue
            via_url = _via_url(statement.get("Condition"))
            for principal in document.principals:
                for on in _texts(statement.get("Resource", "*")):
                    location = f"{document.location}.Statement.{index}"
                    yield Grant(document.resource, location, principal, tuple(_texts(statement["Action"])), on, via_url)


def _of_functions(app: StreamingApp) -> Iterator[Grant]:
    for resource in app.assembly.of_type("AWS::Lambda::Permission"):
        called = app.reference(resource, "FunctionName")
        principal = app.value(resource, "Principal")
        if called is None or principal is None:
            continue
        source = tuple(f"{name}={value}" for name in _SOURCES if (value := app.value(resource, name)) is not None)
        via_url = app.value(resource, "InvokedViaFunctionUrl")
        yield Grant(
            resource,
            "Action",
            str(principal),
            (str(app.value(resource, "Action")),),
            str(called),
            None if via_url is None else is_true(via_url),
            source,
        )


def _documents(app: StreamingApp) -> Iterator[_Document]:
    principals = {str(app.ref(resource)): _arn(app, resource) for kind in _PRINCIPALS for resource in app.assembly.of_type(kind)}
    attached: dict[str, list[str]] = {}
    for kind in _PRINCIPALS:
        for resource in app.assembly.of_type(kind):
            for _, policy in app.items(resource, "ManagedPolicyArns"):
                attached.setdefault(str(policy), []).append(_arn(app, resource))
            for index, _ in app.items(resource, "Policies"):
                yield from _inline(app, resource, index)
    for kind, names in _ATTACHED.items():
        for resource in app.assembly.of_type(kind):
            values = [app.value(resource, name, default=()) or () for name in names]
            holders = [principals.get(str(name), str(name)) for value in values for name in _texts(value)]
            holders += attached.get(str(app.ref(resource)), [])
            yield _Document(
                resource, "PolicyDocument", _statements(app, resource, resource.raw.get("PolicyDocument")), tuple(holders)
            )


def _inline(app: StreamingApp, resource: Resource, index: int) -> Iterator[_Document]:
    policies = resource.raw.get("Policies")
    if isinstance(policies, list) and isinstance(policies[index], dict):
        document = policies[index].get("PolicyDocument")
        location = f"Policies.{index}.PolicyDocument"
        yield _Document(resource, location, _statements(app, resource, document), (_arn(app, resource),))


def _statements(app: StreamingApp, resource: Resource, document: Any) -> tuple[tuple[int, Any], ...]:
    """Each statement resolved on its own; None for one that may matter here and cannot be known."""
    statements = document.get("Statement", []) if isinstance(document, dict) else []
    found = []
    for index, statement in enumerate(statements if isinstance(statements, list) else [statements]):
        text = json.dumps(statement)
        if '"*"' in text or "lambda:" in text.lower():
            found.append((index, app.resolved(resource, statement)))
    return tuple(found)


def _arn(app: StreamingApp, principal: Resource) -> str:
    return app.attribute(principal, "Arn") or principal.path


def _via_url(condition: Any) -> bool | None:
    for operator, keys in condition.items() if isinstance(condition, dict) else ():
        for key, value in keys.items() if isinstance(keys, dict) else ():
            if key.lower() == "lambda:invokedviafunctionurl" and operator.lower().startswith(("bool", "stringequals")):
                return is_true(value[0] if isinstance(value, list) and value else value)
    return None


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else [str(value)]
