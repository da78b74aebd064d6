"""One thing that is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, where, and what mends it.

    Attributes:
        code: Stable, such as `PUBLIC_URL`.
        path: Construct path of the resource.
        found: What was found and why it cannot work, without a full stop.
        mend: What to do, a sentence.
        severity: `error`, or `warning` for what is only doubtful.
        stack: Construct path of its stack.
        logical_id: Of the resource, in the stack's template.
        location: The property, dotted from `Properties` on.
    """

    code: str
    path: str
    found: str
    mend: str
    severity: Severity
    stack: str
    logical_id: str
    location: str

    def __str__(self) -> str:
        return f"{self.severity} {self.code} {self.path}: {self.found}. {self.mend}"
