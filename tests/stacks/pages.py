"""Keeps the tables in an example's README page in step with what its cost model makes of its template."""

from __future__ import annotations

import os
import re
from pathlib import Path

STACKS = Path(__file__).parents[2] / "stacks"


def assert_shows(example: str, name: str, table: str) -> None:
    """The page holds `table` between `<!-- cost: name -->` and `<!-- end -->`. UPDATE_SNAPSHOTS=1 writes it there."""
    page = STACKS / example / "README.md"
    text = page.read_text(encoding="utf-8")
    place = re.compile(rf"(<!-- cost: {name} -->\n)(.*?)(\n?<!-- end -->)", re.S)
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        page.write_text(place.sub(lambda found: f"{found[1]}{table}\n<!-- end -->", text), encoding="utf-8")
        text = page.read_text(encoding="utf-8")
    found = place.search(text)
    assert found is not None, f"{page} has no place for the costs named {name}"
    assert found[2] == table, f"{page} does not show what the template costs; read it, then run: UPDATE_SNAPSHOTS=1 make test"
