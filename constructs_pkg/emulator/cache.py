"""Where things that are worth keeping between runs are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/streaming-lambda-constructs`, by default under `~/.cache`. Safe to delete at any time."""
    base = os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "streaming-lambda-constructs"
