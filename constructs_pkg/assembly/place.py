"""Where the resolver stands: for clear errors, and against going round in circles."""

from __future__ import annotations

from dataclasses import dataclass, replace

from constructs_pkg.assembly.errors import UnresolvedIntrinsic

_MAX_DEPTH = 100  # levels of one value; CloudFormation's own templates stay below 30
_MAX_CHAIN = 64  # references followed one after the other, through stacks too


@dataclass(frozen=True)
class Place:
    """A spot in a template.

    Attributes:
        stack: Construct path of the stack.
        resource: Logical id, or `Outputs`, `Conditions`, `Parameters`.
        path: Names and indexes from there.
        followed: The references that led here, in order.
    """

    stack: str
    resource: str
    path: tuple[str, ...] = ()
    followed: tuple[str, ...] = ()

    def child(self, name: str) -> Place:
        """One level further in."""
        deeper = replace(self, path=(*self.path, name))
        if len(deeper.path) > _MAX_DEPTH:
            raise deeper.unresolved(name, f"it is nested more than {_MAX_DEPTH} deep", "simplify the value")
        return deeper

    def follow(self, reference: str, *, stack: str, resource: str, path: tuple[str, ...] = ()) -> Place:
        """The place that a reference leads to.

        Raises:
            UnresolvedIntrinsic: the reference was being followed already.
        """
        if reference in self.followed:
            circle = " -> ".join([*self.followed[self.followed.index(reference) :], reference])
            raise self.unresolved(reference, f"it refers to itself ({circle})", "break the circle in the app")
        if len(self.followed) >= _MAX_CHAIN:
            raise self.unresolved(reference, f"the chain of references is longer than {_MAX_CHAIN}", "shorten it in the app")
        return Place(stack, resource, path, (*self.followed, reference))

    def unresolved(self, intrinsic: str, reason: str, mend: str) -> UnresolvedIntrinsic:
        """The error to raise about an intrinsic that stands here."""
        return UnresolvedIntrinsic(
            stack=self.stack,
            resource=self.resource,
            property_path=".".join(self.path),
            intrinsic=intrinsic,
            reason=reason,
            mend=mend,
        )
