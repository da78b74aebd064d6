"""Puts the runtime into the wheel a second time, as an importable package beside `constructs_pkg`.

Once it is the content of the Lambda layer, once it is what a handler's own tests, editor and type checker see. An editable
installation finds it by its search path (`dev-mode-dirs`) instead, so that no stale copy is left in site-packages.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RuntimePackageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds `streaming_runtime` to an ordinary wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds."""
        if version == "standard":
            build_data["force_include"]["constructs_pkg/runtime/python/streaming_runtime"] = "streaming_runtime"
