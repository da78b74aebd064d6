"""What `Ref` and `Fn::GetAtt` give for each resource type: names, ids and ARNs as AWS would make them.

The tables are in `identity_table`; what a table cannot say (Lambda versions and aliases, nested stacks, custom resources) is here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import naming
from constructs_pkg.assembly.identity_table import KINDS, Kind
from constructs_pkg.assembly.naming import uuid_of

if TYPE_CHECKING:
    from constructs_pkg.assembly.place import Place
    from constructs_pkg.assembly.template import Resource

__all__ = ["attribute", "function_arn", "reference", "stack_name", "uuid_of"]

_FIELD = re.compile(r"\{([^}]*)\}")
_LAMBDA_QUALIFIED = ("AWS::Lambda::Version", "AWS::Lambda::Alias", "AWS::Lambda::Url")
_NESTED_STACK = "AWS::CloudFormation::Stack"
_EXPORT_WRITER = "Custom::CrossRegionExportWriter"
_EXPORT_READER = "Custom::CrossRegionExportReader"


def reference(resource: Resource, place: Place) -> Any:
    """What `Ref` gives. For a type unknown here, a made-up physical name."""
    if resource.type in _LAMBDA_QUALIFIED:
        return _lambda_attribute(resource, "Ref", place)
    if resource.type == _NESTED_STACK:
        return resource.stack.child_id(resource.logical_id)
    kind = KINDS.get(resource.type)
    return _fill(resource, kind.ref, kind, place) if kind else _generated(resource)


def attribute(resource: Resource, name: str, place: Place) -> Any:
    """What `Fn::GetAtt` gives; None where only deployment would tell.

    For a type or attribute unknown here, ARNs, ids and names are made up: nothing can depend on what exactly is in them. Anything
    else (an address, a count, a custom resource's data) cannot be guessed.
    """
    found: Any = None
    kind = KINDS.get(resource.type)
    if resource.type in _LAMBDA_QUALIFIED:
        found = _lambda_attribute(resource, name, place)
    elif resource.type == _NESTED_STACK and name.startswith("Outputs."):
        found = _nested_output(resource, name.removeprefix("Outputs."), place)
    elif resource.type == _EXPORT_READER:
        found = _cross_region_export(resource, name, place)
    elif kind and name in kind.attributes:
        found = _fill(resource, kind.attributes[name], kind, place)
    elif not resource.is_custom:
        found = _guess(resource, name, kind, place)
    return found


def function_arn(resource: Resource, property_name: str, place: Place) -> tuple[str, str | None]:
    """The unqualified ARN and the qualifier in a property that names a function: by name, by partial or by whole ARN."""
    text = str(resource.property(property_name, default="", place=place))
    parts = text.split(":")
    stack = resource.stack
    if parts[0] == "arn" and len(parts) >= 7:
        return ":".join(parts[:7]), parts[7] if len(parts) > 7 else None
    if len(parts) >= 3 and parts[1] == "function":
        account, name, *rest = parts[0], parts[2], *parts[3:]
    else:
        account, name, *rest = stack.account, parts[0], *parts[1:]
    return f"arn:{stack.partition}:lambda:{stack.region}:{account}:function:{name}", rest[0] if rest else None


def stack_name(parent: str, logical_id: str, seed: str) -> str:
    """Name of a nested stack."""
    return naming.physical_name(parent, logical_id, seed, 128)


def _lambda_attribute(resource: Resource, name: str, place: Place) -> str | None:
    stack = resource.stack
    if resource.type == "AWS::Lambda::Url":
        arn, _ = function_arn(resource, "TargetFunctionArn", place)
        qualifier = resource.property("Qualifier", place=place)
        if name in ("Ref", "FunctionArn"):
            return f"{arn}:{qualifier}" if qualifier else arn
        domain = "on.amazonwebservices.com.cn" if stack.partition == "aws-cn" else "on.aws"
        return f"https://{naming.lower(resource.seed, 32)}.lambda-url.{stack.region}.{domain}/" if name == "FunctionUrl" else None
    arn, _ = function_arn(resource, "FunctionName", place)
    if resource.type == "AWS::Lambda::Alias":
        return f"{arn}:{resource.property('Name', place=place)}" if name in ("Ref", "AliasArn") else None
    # Versions count from 1; a template that holds several of one function publishes them in its own order.
    siblings = [r for r in stack.of_type("AWS::Lambda::Version") if r.raw.get("FunctionName") == resource.raw.get("FunctionName")]
    number = 1 + [sibling.logical_id for sibling in siblings].index(resource.logical_id)
    if name == "Version":
        return str(number)
    return f"{arn}:{number}" if name in ("Ref", "FunctionArn") else None


def _nested_output(resource: Resource, output: str, place: Place) -> Any:
    nested = resource.stack.assembly.nested(resource)
    return nested.output(output, place) if nested else None


def _cross_region_export(resource: Resource, name: str, place: Place) -> Any:
    """CDK's custom resources hand values from region to region through SSM: the reader's attribute is the writer's export."""
    for writer in resource.stack.assembly.of_type(_EXPORT_WRITER):
        found = writer.property("WriterProps", "exports", name, place=place)
        if found is not None:
            return found
    return None


def _guess(resource: Resource, name: str, kind: Kind | None, place: Place) -> str | None:
    physical = _fill(resource, "{name}", kind, place) if kind else _generated(resource)
    if name.endswith("Arn"):
        stack = resource.stack
        _, service, what = (*resource.type.lower().split("::"), "", "")[:3]
        return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{what}/{physical}"
    if name == "Id" or re.search(r"[a-z](Id|Name)$", name) or name == "Name":
        return str(physical)
    return None


def _generated(resource: Resource) -> str:
    return naming.physical_name(resource.stack.name, resource.logical_id, resource.seed, 255)


def _fill(resource: Resource, pattern: str, kind: Kind | None, place: Place) -> Any:
    """Fills a pattern of the table. A pattern that is one property alone keeps that property's type."""
    if pattern.startswith("{property ") and pattern.count("{") == 1 and pattern.endswith("}"):
        return resource.property(*pattern[len("{property ") : -1].split("."), place=place)
    return _FIELD.sub(lambda match: str(_field(resource, match.group(1), kind, place)), pattern)


def _field(resource: Resource, field: str, kind: Kind | None, place: Place) -> Any:
    stack = resource.stack
    word, _, rest = field.partition(" ")
    length, _, salt = rest.partition(" ")
    seed = f"{resource.seed}/{salt}" if salt else resource.seed
    match word:
        case "partition" | "region" | "account" | "url_suffix":
            return getattr(stack, word)
        case "name":
            return _name(resource, kind, place)
        case "arn":
            return _fill(resource, kind.arn if kind else "", kind, place)
        case "ref":
            return reference(resource, place)
        case "property":
            name, _, fallback = rest.partition(" ")
            return resource.property(*name.split("."), default=fallback, place=place)
        case "upper":
            return naming.upper(seed, int(length))
        case "lower":
            return naming.lower(seed, int(length))
        case "hex":
            return naming.hexadecimal(seed, int(length))
        case "uuid":
            return naming.uuid_of(seed)
        case _:
            raise ValueError(f"identity table: unknown field {field!r}")


def _name(resource: Resource, kind: Kind | None, place: Place) -> str:
    if kind is None or kind.name is None:
        return _generated(resource)
    given = resource.property(kind.name, place=place)
    if given is not None:
        return str(given)
    suffix = ".fifo" if resource.raw.get("FifoQueue") is True or resource.raw.get("FifoTopic") is True else ""
    name = naming.physical_name(resource.stack.name, resource.logical_id, resource.seed, kind.limit - len(suffix)) + suffix
    return name.lower() if kind.lowercase else name
