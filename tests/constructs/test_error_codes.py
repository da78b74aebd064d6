"""The tables of docs/errors.md and the code that raises, warns and finds say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from constructs_pkg._checks import ALL_RULES, CODES
from constructs_pkg._enforced_defaults import DEFAULTS_CODE

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "errors.md").read_text()
REFUSALS, FINDINGS = PAGE.split("\n## Findings\n")
# Parts of the package with errors of their own; they are no constructs.
ELSEWHERE: Final = ("assembly", "client", "emulator", "runtime")


def sources() -> Iterator[Path]:
    package = ROOT / "constructs_pkg"
    return (path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in ELSEWHERE)


TEXT: Final = "\n".join(path.read_text() for path in sources())


def test_every_code_that_is_raised_is_documented_and_no_other() -> None:
    raised = set(re.findall(r"raise (?:ValueError|AcknowledgementError)\(\s*f?[\"']([A-Z][A-Z0-9_]+):", TEXT))
    documented = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", REFUSALS, re.M)
    assert sorted(raised) == documented


def test_every_warning_is_documented_and_no_other() -> None:
    given = set(re.findall(r"add_warning_v2\(\s*\"([^\"]+)\"", TEXT))
    documented = re.findall(r"^\| `(streaming-lambda:[^`]+)` \|", REFUSALS, re.M)
    assert sorted(given) == documented


def test_every_code_of_a_check_is_documented_as_it_says_and_no_other() -> None:
    severities = {rule.code: rule.severity for rule in ALL_RULES} | {DEFAULTS_CODE: "error"}
    documented = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \| (.+) \| (\w+) \|$", FINDINGS, re.M)
    assert [code for code, _, _ in documented] == sorted(severities)
    for code, says, severity in documented:
        assert severity == severities[code], code
        assert says == CODES.get(code, says), code
