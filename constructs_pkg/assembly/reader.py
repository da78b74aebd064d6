"""Finds the stacks of a cloud assembly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from constructs_pkg.assembly.template import Resource, StackTemplate

AttributeKey = tuple[str, str, str]
"""(construct path of the stack, logical id, attribute); the attribute `Ref` stands for the resource's `Ref`."""


class CloudAssembly:
    """A synthesized app: every stack of it, those of its stages and nested stacks too."""

    directory: Path
    stacks: tuple[StackTemplate, ...]

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
            parameters: Values of template parameters, by `Name`, by `Stack:Name`, or, for SSM parameter types, by the SSM name.
            overrides: Values that only deployment would tell, by `Resource.attribute_key(attribute)`.
            default_account: Account of environment-agnostic stacks.
            default_region: Region of environment-agnostic stacks.

        Raises:
            AssemblyError: there is no assembly here, or it cannot be read.
        """
        raise NotImplementedError

    def with_overrides(self, overrides: Mapping[AttributeKey, str]) -> CloudAssembly:
        """The same assembly, in which these attributes have these values (a Function URL its emulated port, for one)."""
        raise NotImplementedError

    def of_type(self, type: str) -> tuple[Resource, ...]:
        """The resources of one type in all stacks."""
        raise NotImplementedError

    def stack(self, name: str) -> StackTemplate:
        """A stack by construct path or, where that is unambiguous, by stack name."""
        raise NotImplementedError
