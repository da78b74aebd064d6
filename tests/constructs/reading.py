"""Reading a template in assertions."""

from __future__ import annotations

from typing import Any


def only(found: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The single one of the resources found: its logical id and its properties."""
    assert len(found) == 1, f"expected one, found {sorted(found)}"
    [(logical_id, resource)] = found.items()
    return logical_id, resource.get("Properties", {})
