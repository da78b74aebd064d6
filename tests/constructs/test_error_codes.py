"""The table of refusals in docs/errors.md and the code that raises them say the same."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ELSEWHERE = {"assembly", "client", "emulator", "runtime"}  # parts with messages of their own
SOURCES = [
    path
    for path in (ROOT / "constructs_pkg").rglob("*.py")
    if path.relative_to(ROOT / "constructs_pkg").parts[0] not in ELSEWHERE
]


def test_every_code_that_is_raised_is_documented_and_no_other() -> None:
    text = "\n".join(path.read_text() for path in SOURCES)
    raised = set(re.findall(r"raise ValueError\(\s*f?[\"']([A-Z][A-Z0-9_]+):", text))
    documented = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", (ROOT / "docs" / "errors.md").read_text(), re.M)
    assert sorted(raised) == documented


def test_every_warning_is_documented_and_no_other() -> None:
    text = "\n".join(path.read_text() for path in SOURCES)
    given = set(re.findall(r"add_warning_v2\(\s*\"([^\"]+)\"", text))
    documented = set(re.findall(r"^\| `(streaming-lambda:[^`]+)` \|", (ROOT / "docs" / "errors.md").read_text(), re.M))
    assert given == documented
