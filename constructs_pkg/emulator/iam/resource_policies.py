"""Who may use a resource, as the resource itself says: Lambda permissions, and policies of REST APIs.

Sources: https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html,
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import UnresolvedIntrinsic
from constructs_pkg.emulator.iam.documents import Statement, statements
from constructs_pkg.emulator.rest.definition import DefinitionUnreadable, read_definition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs_pkg.assembly import CloudAssembly, Resource

_SHORT = "execute-api:/"


def gather(assembly: CloudAssembly) -> tuple[Statement, ...]:
    """The statements of all resource policies, each with the whole ARN that it is about."""
    found: list[Statement] = [_permission(permission) for permission in assembly.of_type("AWS::Lambda::Permission")]
    for api in assembly.of_type("AWS::ApiGateway::RestApi"):
        found += _rest_api(api)
    return tuple(found)


def _permission(permission: Resource) -> Statement:
    """A Lambda permission as the statement that Lambda makes of it."""
    source = f"permission {permission.path}"
    try:
        properties = dict(permission.properties)
    except UnresolvedIntrinsic as error:
        return Statement(source=source, allows=True, unknown=(str(error),))
    conditions: dict[str, dict[str, Any]] = {}
    for name, operator, key in (
        ("SourceArn", "ArnLike", "aws:SourceArn"),
        ("SourceAccount", "StringEquals", "aws:SourceAccount"),
        ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
        ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
        ("EventSourceToken", "StringEquals", "lambda:EventSourceToken"),
    ):
        if name in properties:
            conditions.setdefault(operator, {})[key] = properties[name]
    # Only true restricts: it takes every other way of invoking from the permission.
    if str(properties.get("InvokedViaFunctionUrl", False)).lower() == "true":
        conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
    principal = str(properties.get("Principal", ""))
    is_service = re.fullmatch(r"[a-z0-9.-]+\.[a-z.]+", principal) is not None
    (statement,) = statements(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Service" if is_service else "AWS": principal},
                "Action": properties.get("Action", ""),
                "Resource": function_arn(str(properties.get("FunctionName", "")), permission),
                "Condition": conditions,
            },
        },
        source,
        _as_it_is,
    )
    return replace(statement, source=source)


def function_arn(name: str, beside: Resource) -> str:
    """The ARN for a function's name, partial ARN or ARN, with its qualifier.

    A permission holds for just the ARN it is on: one on the function is none on its alias
    (https://docs.aws.amazon.com/lambda/latest/dg/versioning-aliases.html#permissions-aliases, https://github.com/aws/aws-cdk/issues/19273).
    """
    stack = beside.stack
    if name.startswith("arn:"):
        arn = name
    elif ":function:" in name:
        arn = f"arn:{stack.partition}:lambda:{stack.region}:{name}"
    else:
        arn = f"arn:{stack.partition}:lambda:{stack.region}:{stack.account}:function:{name}"
    return arn.removesuffix(":$LATEST")


def _rest_api(api: Resource) -> Iterator[Statement]:
    policy = api.raw.get("Policy") or _policy_of_document(api)
    if not policy:
        return
    stack = api.stack
    base = f"arn:{stack.partition}:execute-api:{stack.region}:{stack.account}:{api.ref}/"
    for statement in statements(policy, f"resource policy of {api.path}", stack.resolve):
        yield replace(
            statement,
            resources=_expanded(statement.resources, base) if statement.resources is not None else None,
            not_resources=_expanded(statement.not_resources, base) if statement.not_resources is not None else None,
        )


def _policy_of_document(api: Resource) -> Any:
    try:
        definition = read_definition(api)
    except DefinitionUnreadable:
        return None  # then it has no method that could be called, and says why when it is
    return definition.policy if definition is not None else None


def _expanded(resources: tuple[str, ...], base: str) -> tuple[str, ...]:
    """`execute-api:/stage/GET/path` is short for this API's; a lone `*` is this API's too, for the policy is on it alone."""
    return tuple(base + r.removeprefix(_SHORT) if r.startswith(_SHORT) else f"{base}*" if r == "*" else r for r in resources)


def _as_it_is(value: Any) -> Any:
    return value
