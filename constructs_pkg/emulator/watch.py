"""Looks whether an assembly has been written anew, by looking at its files: that works on every system, and twice a second is enough."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

LOOK_SECONDS = 0.5
"""How often."""

QUIET_SECONDS = 0.3
"""How long nothing must have changed: synthesis writes its files one after the other."""

_PATTERNS = ("manifest.json", "*.template.json", "*.assets.json", "assembly-*/*.json", "assembly-*/*/*.json", "asset.*/*")


def signature(directory: Path) -> frozenset[tuple[str, int, int]]:
    """The assembly's own files, with size and time of change."""
    found = set()
    for pattern in _PATTERNS:
        for path in directory.glob(pattern):
            try:
                status = path.stat()
            except OSError:
                continue  # gone between the two looks
            found.add((str(path), status.st_mtime_ns, status.st_size))
    return frozenset(found)


async def watch_assembly(
    directory: Path, on_change: Callable[[], Awaitable[None]], seen: frozenset[tuple[str, int, int]]
) -> None:
    """Calls each time the assembly has changed and is quiet again. Never returns.

    Args:
        directory: The `cdk.out` folder.
        on_change: What to do.
        seen: The signature from before the assembly was read: what has changed since then is a change, too.
    """
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = await asyncio.to_thread(signature, directory)
        if now == seen:
            continue
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            later = await asyncio.to_thread(signature, directory)
            if later == now:
                break
            now = later
        seen = now
        await on_change()
