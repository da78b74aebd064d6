"""One reviewed snapshot per example stack: the whole template, without what changes from build to build.

A changed template fails; after reading the difference, accept it with `UPDATE_SNAPSHOTS=1 make test`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "__snapshots__"

_ASSET_HASH = re.compile(r"\b[0-9a-f]{64}\b")
_VERSION_ID = re.compile(r"((?:CurrentVersion|Deployment)[0-9A-F]{8})[0-9a-f]{32}\b")


def normalised(template: dict[str, Any]) -> str:
    """The template as text: sorted, asset hashes and version hashes replaced."""
    text = json.dumps(template, indent=1, sort_keys=True, ensure_ascii=False)
    return _VERSION_ID.sub(r"\1<version>", _ASSET_HASH.sub("<asset>", text)) + "\n"


def assert_matches_snapshot(name: str, template: dict[str, Any]) -> None:
    """Compares with `__snapshots__/<name>.json`, and shows what differs."""
    path = FOLDER / f"{name}.json"
    found = normalised(template)
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    expected = path.read_text(encoding="utf-8") if path.is_file() else ""
    difference = "\n".join(
        difflib.unified_diff(expected.splitlines(), found.splitlines(), "snapshot", "synthesized", lineterm="", n=4)
    )
    assert not difference, f"{difference}\n\nRead the difference; if it is meant, run: UPDATE_SNAPSHOTS=1 make test"
