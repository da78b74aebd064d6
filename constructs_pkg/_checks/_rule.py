"""What makes a function a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from constructs_pkg.assembly import Resource

    from .finding import Severity
    from .model import StreamingApp

CODES: Final[dict[str, str]] = {}
"""What each code stands for, as in docs/errors.md."""


@dataclass(frozen=True)
class Found:
    """What a check found at a resource.

    Attributes:
        resource: Where.
        found: What, and why it cannot work.
        mend: What to do.
        location: The property, such as `Cors.AllowOrigins`.
    """

    resource: Resource
    found: str
    mend: str
    location: str = ""


@dataclass(frozen=True)
class Rule:
    """A check with its code."""

    code: str
    severity: Severity
    look: Callable[[StreamingApp], Iterator[Found]]

    def findings(self, app: StreamingApp) -> Iterator[Finding]:
        """What it finds in an app."""
        for one in self.look(app):
            yield Finding(
                code=self.code,
                path=one.resource.path,
                found=one.found,
                mend=one.mend,
                severity=self.severity,
                stack=one.resource.stack.path,
                logical_id=one.resource.logical_id,
                location=f"Properties.{one.location}" if one.location else "Properties",
            )


def rule(code: str, says: str, *, severity: Severity = "error") -> Callable[[Callable[[StreamingApp], Iterator[Found]]], Rule]:
    """Marks a function as the check of a code.

    Args:
        code: Stable.
        says: What is wrong, in a few words, for the table of codes.
        severity: `warning` for what is only doubtful.
    """
    CODES[code] = says
    return lambda look: Rule(code, severity, look)
