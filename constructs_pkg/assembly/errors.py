"""What can be wrong with a cloud assembly, each with one clear line."""

from __future__ import annotations


class AssemblyError(Exception):
    """The assembly, or a part of it, cannot be read. The text is one line: `CODE: found; allowed; mend`."""


class UnresolvedIntrinsic(AssemblyError):
    """An intrinsic function of a template whose value cannot be known without deploying.

    Attributes:
        stack: Construct path of the stack in which the intrinsic stands.
        resource: Logical id of the resource in which it stands, or `Outputs`, `Conditions`, `Parameters`.
        property_path: Where in it, dotted, for example `Environment.Variables.TABLE`.
        intrinsic: The intrinsic, for example `Fn::GetAtt Custom.Value`.
    """

    def __init__(self, *, stack: str, resource: str, property_path: str, intrinsic: str, reason: str, mend: str) -> None:
        self.stack = stack
        self.resource = resource
        self.property_path = property_path
        self.intrinsic = intrinsic
        where = f"{resource}.{property_path}" if property_path else resource
        super().__init__(f"UNRESOLVED_INTRINSIC: {intrinsic} in {where} of stack {stack}: {reason}; {mend}")
