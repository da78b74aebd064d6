"""A cloud assembly as a whole: its stacks, and what one of them reads from another."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly.errors import AssemblyError, UnresolvedIntrinsic
from constructs_pkg.assembly.manifest import StackSource, read_stacks
from constructs_pkg.assembly.parameters import require_known
from constructs_pkg.assembly.template import Resource, StackTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from constructs_pkg.assembly.place import Place

AttributeKey = tuple[str, str, str]
"""(construct path of the stack, logical id, attribute); the attribute `Ref` stands for the resource's `Ref`."""


class CloudAssembly:
    """A synthesized app: every stack of it, those of its stages and nested stacks too. It never changes.

    Attributes:
        directory: Where it was read from.
        stacks: Parents before their nested stacks; those whose condition is false are left out.
        parameters: The template parameters that were given.
        overrides: The attributes that were given.
        default_account: Account of agnostic stacks.
        default_region: Region of agnostic stacks.
    """

    def __init__(
        self,
        directory: Path,
        sources: tuple[StackSource, ...],
        *,
        parameters: Mapping[str, str],
        overrides: Mapping[AttributeKey, str],
        default_account: str,
        default_region: str,
    ) -> None:
        self._sources = sources
        self.directory = directory
        self.parameters = MappingProxyType(dict(parameters))
        self.overrides = MappingProxyType(dict(overrides))
        self.default_account = default_account
        self.default_region = default_region
        self.stacks = self._build(sources)

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        parameters: Mapping[str, str] | None = None,
        overrides: Mapping[AttributeKey, str] | None = None,
        default_account: str = "123456789012",
        default_region: str = "us-east-1",
    ) -> CloudAssembly:
        """Reads an assembly.

        Args:
            directory: The `cdk.out` folder.
            parameters: Values of template parameters: by `Name` (in every stack that has it), by `Stack:Name` (the stack's name or
                construct path), or, for SSM parameter types, by the SSM parameter's name. Default: the templates' own defaults.
            overrides: Values that only deployment would tell, by `Resource.attribute_key(attribute)`. Default: none.
            default_account: Account of environment-agnostic stacks.
            default_region: Region of environment-agnostic stacks.

        Raises:
            AssemblyError: there is no assembly here, or it cannot be read, or a given parameter is one that no template has.
        """
        assembly = cls(
            directory,
            read_stacks(directory),
            parameters=parameters or {},
            overrides=overrides or {},
            default_account=default_account,
            default_region=default_region,
        )
        require_known(assembly.stacks, assembly.parameters)
        return assembly

    def with_overrides(self, overrides: Mapping[AttributeKey, str]) -> CloudAssembly:
        """The same assembly, in which these attributes have these values: a Function URL its emulated port, for one.

        Take stacks and resources from what this gives; those taken before keep their values.
        """
        return CloudAssembly(
            self.directory,
            self._sources,
            parameters=self.parameters,
            overrides={**self.overrides, **overrides},
            default_account=self.default_account,
            default_region=self.default_region,
        )

    def of_type(self, type: str) -> tuple[Resource, ...]:
        """The resources of one type in all stacks."""
        return tuple(resource for stack in self.stacks for resource in stack.of_type(type))

    def stack(self, name: str) -> StackTemplate:
        """A stack by construct path or by stack name.

        Raises:
            AssemblyError: no stack is called so, or several are.
        """
        found = [stack for stack in self.stacks if stack.path == name] or [stack for stack in self.stacks if stack.name == name]
        if len(found) != 1:
            known = ", ".join(stack.path for stack in self.stacks)
            raise AssemblyError(
                f"UNKNOWN_STACK: {len(found)} stacks are called {name}; the assembly has {known}; name one by its path"
            )
        return found[0]

    # What the resolver asks for

    def find(self, name: str, *, region: str, account: str | None) -> StackTemplate | None:
        """The one stack of this name in a region; None where there is none, or more than one."""
        found = [s for s in self.stacks if s.name == name and s.region == region and account in (None, s.account)]
        return found[0] if len(found) == 1 else None

    def nested(self, resource: Resource) -> StackTemplate | None:
        """The nested stack that a resource is."""
        key = (resource.stack.path, resource.logical_id)
        return next((s for s in self.stacks if s.parent and (s.parent.stack.path, s.parent.logical_id) == key), None)

    def export(self, name: str, consumer: StackTemplate, place: Place) -> Any:
        """The exported value of this name in the consumer's account and region.

        Raises:
            UnresolvedIntrinsic: no stack exports it there.
        """
        elsewhere: list[str] = []
        unreadable: UnresolvedIntrinsic | None = None
        for stack in self.stacks:
            try:
                output = next((output for export, output in stack.exports(place) if export == name), None)
            except UnresolvedIntrinsic as error:
                unreadable = error  # another stack's export name: it matters only if nobody else exports what is sought
                continue
            if output is None:
                continue
            if (stack.account, stack.region) == (consumer.account, consumer.region):
                return stack.output(output, place)
            elsewhere.append(f"{stack.path} in {stack.account}/{stack.region}")
        reason = f"no stack of this assembly exports it in {consumer.account}/{consumer.region}"
        if elsewhere:
            reason += f" (but {', '.join(elsewhere)} does)"
        if unreadable:
            reason += f" (one export's name is unknown: {unreadable})"
        raise place.unresolved(f"Fn::ImportValue {name}", reason, "synthesize the exporting stack into the same assembly")

    def _build(self, sources: tuple[StackSource, ...]) -> tuple[StackTemplate, ...]:
        stacks: dict[str, StackTemplate] = {}
        for source in sources:
            parent = None
            if source.parent is not None:
                around = stacks.get(source.parent[0])
                if around is None or not around.exists(source.parent[1]):
                    continue
                parent = Resource(around, source.parent[1])
            stacks[source.path] = self._place_in(stacks, source, parent)
        return tuple(stacks.values())

    def _place_in(self, stacks: Mapping[str, StackTemplate], source: StackSource, parent: Resource | None) -> StackTemplate:
        if source.path in stacks:
            raise AssemblyError(f"DUPLICATE_STACK: two stacks have the path {source.path}; synthesize the app again")
        return StackTemplate(source, self, parent)
