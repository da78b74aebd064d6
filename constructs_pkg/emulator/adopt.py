"""Takes a fresh assembly over into one that functions run from, without pulling anything away from under them."""

from __future__ import annotations

import filecmp
import re
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMED_BY_CONTENT = re.compile(r"^asset\.[0-9a-f]{64}(\..+)?$")
"""How CDK names assets: https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/core/lib/asset-staging.ts."""

_LAST = "manifest.json"


def adopt(fresh: Path, live: Path) -> None:
    """Makes `live` hold what `fresh` holds. Both are on one file system; what `fresh` holds is moved.

    An asset that is named by its content and is there already stays, and so does one that the fresh assembly no longer has: functions
    may still run from it. The manifest comes last, so that one who looks in between sees the old assembly, or the whole new one.

    Raises:
        OSError: it cannot be written.
    """
    live.mkdir(exist_ok=True)
    for entry in sorted(fresh.iterdir(), key=lambda entry: (entry.name == _LAST, entry.is_file(), entry.name)):
        target = live / entry.name
        if NAMED_BY_CONTENT.match(entry.name) and target.exists():
            continue
        if not target.exists() or target.is_dir() != entry.is_dir():
            _remove(target)
            entry.rename(target)
        elif entry.is_dir():
            _take_over(entry, target)
        elif not filecmp.cmp(entry, target, shallow=False):
            entry.replace(target)


def _take_over(fresh: Path, live: Path) -> None:
    """A folder that is not named by its content: that of a stage, or an asset of a hand-written app."""
    kept = {entry.name for entry in fresh.iterdir()}
    for entry in list(live.iterdir()):
        if entry.name not in kept and not NAMED_BY_CONTENT.match(entry.name):
            _remove(entry)
    adopt(fresh, live)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
