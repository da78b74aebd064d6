"""Builds a folder once, and keeps it under a name made of everything that went into it.

It is made beside its place and moved into it in one step, so it is never half there, and syntheses that run at the same time
agree on one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from constructs_pkg._assets import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT_DAYS: Final = 60
_ABANDONED_DAYS: Final = 1


def name_of(*parts: str) -> str:
    """A name made of everything that went into a build."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def built(name: str, fill: Callable[[Path], None]) -> Path:
    """The folder of this name; `fill` is called with an empty folder when it is not there yet."""
    place = cache_directory("bundles") / name
    if place.is_dir():
        os.utime(place)
        return place
    _forget_unused(place.parent)
    work = Path(tempfile.mkdtemp(prefix=f".{name[:8]}-", dir=place.parent))
    try:
        work.chmod(0o755)
        fill(work)
        try:
            work.rename(place)
        except OSError:
            if not place.is_dir():  # not simply another synthesis that was faster
                raise
    finally:
        if work.is_dir():
            shutil.rmtree(work)
    return place


def _forget_unused(root: Path) -> None:
    """Removes what no synthesis has used for two months, and what an interrupted one left behind."""
    now = time.time()
    for entry in root.iterdir():
        days = _ABANDONED_DAYS if entry.name.startswith(".") else _KEPT_DAYS
        if now - entry.stat().st_mtime > days * 86_400:
            shutil.rmtree(entry, ignore_errors=True)  # another synthesis may be removing it too
