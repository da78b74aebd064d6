"""A stack's template and its resources, as one reads them after deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import identity, parameters
from constructs_pkg.assembly.intrinsics import NO_VALUE, Resolver, is_intrinsic
from constructs_pkg.assembly.lazy import LazyMapping
from constructs_pkg.assembly.manifest import StackSource, construct_path
from constructs_pkg.assembly.place import Place

if TYPE_CHECKING:
    from pathlib import Path

    from constructs_pkg.assembly.reader import CloudAssembly

_PARTITIONS = {
    "cn-": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-": ("aws-us-gov", "amazonaws.com"),
    "us-iso-": ("aws-iso", "c2s.ic.gov"),
    "us-isob-": ("aws-iso-b", "sc2s.sgov.gov"),
    "eusc-": ("aws-eusc", "amazonaws.eu"),
}


class StackTemplate:
    """One stack: its place, its template, and the resources that exist in it.

    Attributes:
        assembly: The assembly it is of.
        name: Stack name.
        path: Construct path, `Prod/Chat`.
        account: The account it is for, or the assembly's default account.
        region: The region it is for, or the assembly's default region.
        has_own_region: Whether the app says for which region it is.
        partition: `aws`, `aws-cn`, `aws-us-gov` ...
        url_suffix: `amazonaws.com` ...
        template: The template as written.
        parent: For a nested stack, the resource that it is in the stack around it.
    """

    def __init__(self, source: StackSource, assembly: CloudAssembly, parent: Resource | None = None) -> None:
        self._source = source
        self._resolver = Resolver(self)
        self.assembly = assembly
        self.parent = parent
        self.path = source.path
        self.account = source.account or assembly.default_account
        self.region = source.region or assembly.default_region
        self.has_own_region = source.region is not None
        self.name = source.name if parent is None else parent.stack.child_name(parent.logical_id)
        self.template = source.template
        found = (value for prefix, value in _PARTITIONS.items() if self.region.startswith(prefix))
        self.partition, self.url_suffix = next(found, ("aws", "amazonaws.com"))

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """By logical id, in the template's order; those whose condition is false are left out."""
        return MappingProxyType(
            {logical_id: Resource(self, logical_id) for logical_id in self.declared if self.exists(logical_id)}
        )

    @cached_property
    def outputs(self) -> Mapping[str, Any]:
        """Values of the outputs, each resolved when it is looked at; those whose condition is false are left out."""
        declared = self.template.get("Outputs", {})
        return LazyMapping({name: name for name in declared if self._has_output(name)}, self._root_output)

    def of_type(self, type: str) -> tuple[Resource, ...]:
        """The resources of one type, in the template's order."""
        return tuple(resource for resource in self.resources.values() if resource.type == type)

    def ref(self, logical_id: str) -> Any:
        """What `Ref` gives, for a resource, a parameter or a pseudo parameter."""
        return self.reference(logical_id, self._root("Ref"))

    def get_att(self, logical_id: str, attribute: str) -> Any:
        """What `Fn::GetAtt` gives."""
        return self.attribute(logical_id, attribute, self._root("Fn::GetAtt"))

    def resolve(self, value: Any) -> Any:
        """Any value of this template with its intrinsics evaluated; None for AWS::NoValue."""
        resolved = self._resolver.resolve(value, self._root("value"))
        return None if resolved is NO_VALUE else resolved

    def asset_path(self, bucket: str, key: str) -> Path | None:
        """The folder or file behind a bucket and key of this template; None where they name no asset of the assembly.

        Raises:
            AssemblyError: the assembly names the asset, but it is not there.
        """
        return self._source.assets.find(bucket, key, account=self.account, region=self.region, partition=self.partition)

    def __repr__(self) -> str:
        return f"<StackTemplate {self.path}>"

    # What the resolver asks for

    @property
    def declared(self) -> Mapping[str, Any]:
        """Every resource of the template, also those whose condition is false."""
        declared: Mapping[str, Any] = self.template.get("Resources", {})
        return declared

    @property
    def given_parameters(self) -> Mapping[str, str]:
        """Values that the assembly itself gives to parameters."""
        return self._source.parameters

    def exists(self, logical_id: str) -> bool:
        """Whether the resource is declared and its condition is not false."""
        resource = self.declared.get(logical_id)
        if resource is None:
            return False
        condition = resource.get("Condition")
        return condition is None or self.condition(condition, Place(self.path, logical_id, ("Condition",)))

    def reference(self, name: str, place: Place) -> Any:
        """`Ref` at a place."""
        pseudo = self._pseudo_parameters.get(name)
        if pseudo is not None:
            return pseudo
        if name in self.template.get("Parameters", {}):
            return parameters.value(self, name, place)
        resource = self._existing(name, f"Ref {name}", place)
        override = self.assembly.overrides.get(resource.attribute_key("Ref"))
        if override is not None:
            return override
        return identity.reference(resource, place.follow(f"{self.path}/{name}.Ref", stack=self.path, resource=name))

    def attribute(self, logical_id: str, attribute: str, place: Place) -> Any:
        """`Fn::GetAtt` at a place."""
        resource = self._existing(logical_id, f"Fn::GetAtt {logical_id}.{attribute}", place)
        override = self.assembly.overrides.get(resource.attribute_key(attribute))
        if override is not None:
            return override
        inside = place.follow(f"{self.path}/{logical_id}.{attribute}", stack=self.path, resource=logical_id)
        found = identity.attribute(resource, attribute, inside)
        if found is None:
            raise place.unresolved(
                f"Fn::GetAtt {logical_id}.{attribute}",
                f"only the deployment of {resource.path} ({resource.type}) tells this attribute",
                f"give it a value: overrides[{resource.attribute_key(attribute)!r}]",
            )
        return found

    def condition(self, name: Any, place: Place) -> bool:
        """A condition of this template, by name."""
        declared = self.template.get("Conditions", {})
        if not isinstance(name, str) or name not in declared:
            raise place.unresolved(f"Condition {name}", "the template has no condition of this name", "declare it")
        inside = place.follow(f"{self.path}/Condition {name}", stack=self.path, resource="Conditions", path=(name,))
        return self._resolver.condition(declared[name], inside)

    def output(self, name: str, place: Place) -> Any:
        """An output at a place; no value is an error."""
        if not self._has_output(name):
            raise place.unresolved(
                f"output {name} of {self.path}", "the stack has no such output", "add it, or mend the reference"
            )
        inside = place.follow(f"{self.path}/Output {name}", stack=self.path, resource="Outputs", path=(name, "Value"))
        return self._resolver.resolve(self.template["Outputs"][name].get("Value"), inside)

    def exports(self, place: Place) -> Iterator[tuple[str, str]]:
        """(export name, output) of each output that is exported."""
        for output, declaration in self.template.get("Outputs", {}).items():
            if "Export" in declaration and self._has_output(output):
                inside = place.follow(
                    f"{self.path}/Export {output}", stack=self.path, resource="Outputs", path=(output, "Export")
                )
                yield str(self._resolver.resolve(declaration["Export"].get("Name"), inside)), output

    def resolve_at(self, value: Any, place: Place) -> Any:
        """A value at a place; may be NO_VALUE."""
        return self._resolver.resolve(value, place)

    def construct_path(self, logical_id: str) -> str:
        """Construct path of a declared resource, without a last `/Resource`."""
        return construct_path(logical_id, self.declared[logical_id], self._source)

    def child_name(self, logical_id: str) -> str:
        """Name of the nested stack that a resource is."""
        return identity.stack_name(self.name, logical_id, f"{self.path}/{logical_id}")

    def child_id(self, logical_id: str) -> str:
        """ARN of the nested stack that a resource is."""
        return self._stack_id(self.child_name(logical_id), f"{self.path}/{logical_id}")

    @cached_property
    def _pseudo_parameters(self) -> Mapping[str, Any]:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
        return {
            "AWS::AccountId": self.account,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": self._stack_id(self.name, self.path),
            "AWS::StackName": self.name,
            "AWS::URLSuffix": self.url_suffix,
        }

    def _stack_id(self, name: str, seed: str) -> str:
        return f"arn:{self.partition}:cloudformation:{self.region}:{self.account}:stack/{name}/{identity.uuid_of(seed)}"

    def _existing(self, logical_id: str, shown: str, place: Place) -> Resource:
        if logical_id not in self.declared:
            raise place.unresolved(shown, f"the template declares no {logical_id}", "mend the reference")
        # Not through `resources`: that would ask the conditions of all of them, and an unrelated one might not be known.
        if not self.exists(logical_id):
            raise place.unresolved(
                shown, f"{logical_id} does not exist, its condition is false", "guard the reference with Fn::If"
            )
        return Resource(self, logical_id)

    def _has_output(self, name: str) -> bool:
        output = self.template.get("Outputs", {}).get(name)
        if output is None:
            return False
        condition = output.get("Condition")
        return condition is None or self.condition(condition, Place(self.path, "Outputs", (name, "Condition")))

    def _root_output(self, name: str) -> Any:
        value = self.output(name, self._root("Outputs"))
        return None if value is NO_VALUE else value

    def _root(self, what: str) -> Place:
        return Place(self.path, what)


class Resource:
    """One resource of a template.

    Attributes:
        stack: The stack it is in.
        logical_id: Its key in the template.
        type: `AWS::Lambda::Function`.
        raw: Its properties as written.
    """

    def __init__(self, stack: StackTemplate, logical_id: str) -> None:
        self._declaration: Mapping[str, Any] = stack.declared[logical_id]
        self.stack = stack
        self.logical_id = logical_id
        self.type: str = self._declaration["Type"]
        self.raw: Mapping[str, Any] = self._declaration.get("Properties", {})

    @cached_property
    def path(self) -> str:
        """Construct path, such as `ChatStack/Chat/Function`; `<stack>/<logical id>` where the assembly does not tell."""
        return self.stack.construct_path(self.logical_id)

    @cached_property
    def properties(self) -> Mapping[str, Any]:
        """The properties, each with its intrinsics resolved when it is first looked at.

        Raises:
            UnresolvedIntrinsic: on looking at a property whose value only deployment would tell.
        """
        return LazyMapping(self.raw, lambda name: self._resolve(self.raw[name], self._place().child(name)))

    @property
    def depends_on(self) -> tuple[str, ...]:
        """Logical ids in DependsOn."""
        declared = self._declaration.get("DependsOn", [])
        return (declared,) if isinstance(declared, str) else tuple(declared)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The Metadata as written."""
        metadata: Mapping[str, Any] = self._declaration.get("Metadata", {})
        return metadata

    @property
    def is_custom(self) -> bool:
        """Whether a custom resource, whose attributes only its own code knows."""
        return self.type.startswith("Custom::") or self.type == "AWS::CloudFormation::CustomResource"

    @property
    def ref(self) -> Any:
        """What `Ref` gives: name, ARN or id, as the type has it."""
        return self.stack.ref(self.logical_id)

    @property
    def seed(self) -> str:
        """What made-up names and ids of this resource are made from."""
        return f"{self.stack.account}/{self.stack.region}/{self.stack.path}/{self.logical_id}"

    def get_att(self, attribute: str) -> Any:
        """What `Fn::GetAtt` gives."""
        return self.stack.get_att(self.logical_id, attribute)

    def attribute_key(self, attribute: str) -> tuple[str, str, str]:
        """The key under which `overrides` of CloudAssembly gives this attribute (or `Ref`) a value."""
        return (self.stack.path, self.logical_id, attribute)

    def property(self, *path: str, default: Any = None, place: Place | None = None) -> Any:
        """One value, such as `property("Environment", "Variables")`; nothing beside it is resolved.

        Args:
            *path: Names, from the top.
            default: What to give where there is no such property, or it is AWS::NoValue.
            place: Where the resolver stands; only for it.
        """
        place = (
            place.follow(f"{self.stack.path}/{self.logical_id}:{'.'.join(path)}", stack=self.stack.path, resource=self.logical_id)
            if place
            else self._place()
        )
        value: Any = self.raw
        for name in path:
            if is_intrinsic(value):
                value = self._resolve(value, place)
            if not isinstance(value, Mapping) or name not in value:
                return default
            value, place = value[name], place.child(name)
        value = self._resolve(value, place)
        return default if value is NO_VALUE else value

    def asset_path(self, property_name: str) -> Path | None:
        """Folder or file behind `Code` of a function or `Content` of a layer; None where that is no asset (inline code, an image).

        Raises:
            AssemblyError: the assembly names the asset, but it is not there.
        """
        bucket, key = self.property(property_name, "S3Bucket"), self.property(property_name, "S3Key")
        if bucket is None or key is None:
            return None
        return self.stack.asset_path(str(bucket), str(key))

    def __repr__(self) -> str:
        return f"<Resource {self.path} {self.type}>"

    def _place(self) -> Place:
        return Place(self.stack.path, self.logical_id)

    def _resolve(self, value: Any, place: Place) -> Any:
        return self.stack.resolve_at(value, place)
