"""All checks over one assembly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from . import alarms, concurrency, exposure, permissions, pretence, rest, timeouts, warm
from ._rule import Rule
from .acknowledged import Acknowledgements
from .model import StreamingApp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs_pkg.assembly import CloudAssembly

    from .finding import Finding

_MODULES: Final = (warm, permissions, exposure, pretence, timeouts, rest, concurrency, alarms)

ALL_RULES: Final[tuple[Rule, ...]] = tuple(
    found for module in _MODULES for found in vars(module).values() if isinstance(found, Rule)
)
"""Every check of this package, in the order of its modules."""


@dataclass(frozen=True)
class Report:
    """What all checks found in an assembly.

    Attributes:
        findings: What is wrong and was not acknowledged, by path.
        acknowledged: What was.
        unread: What could not be known, and so was not looked at; one line each.
        unused: Acknowledgements of which no finding was one.
    """

    findings: tuple[Finding, ...]
    acknowledged: tuple[Finding, ...]
    unread: tuple[str, ...]
    unused: tuple[str, ...]


def check(assembly: CloudAssembly, *, acknowledged: Acknowledgements | None = None, more: Sequence[Rule] = ()) -> Report:
    """Looks at an assembly with every check.

    Args:
        assembly: What to look at.
        acknowledged: Findings that are meant so, beside those that the assembly records. Default: none.
        more: Checks beside those of this package.
    """
    app = StreamingApp(assembly)
    given = acknowledged or Acknowledgements()
    known = given | Acknowledgements.recorded(assembly.directory)
    found = sorted(
        {finding: None for rule in (*ALL_RULES, *more) for finding in rule.findings(app)},
        key=lambda finding: (finding.path, finding.code, finding.location),
    )
    return Report(
        findings=tuple(finding for finding in found if not known.covers(finding)),
        acknowledged=tuple(finding for finding in found if known.covers(finding)),
        unread=tuple(app.unread),
        unused=given.unused(found),
    )
