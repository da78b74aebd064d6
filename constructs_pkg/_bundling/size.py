"""How large an asset is, and what Lambda takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from constructs_pkg._assets import shipped_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MB: Final = 1024 * 1024
LARGEST: Final = 250 * _MB
"""Unzipped, layers included (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""


@dataclass(frozen=True, kw_only=True)
class AssetSize:
    """The size of what is shipped.

    Attributes:
        total_bytes: Unzipped.
        largest: The ten largest top-level folders and files with their bytes, largest first.
    """

    total_bytes: int
    largest: tuple[tuple[str, int], ...]

    def to_json(self) -> dict[str, Any]:
        """For the assembly's metadata and the cache."""
        return {"totalBytes": self.total_bytes, "largest": dict(self.largest)}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> AssetSize:
        """The opposite of `to_json`."""
        return AssetSize(total_bytes=int(value["totalBytes"]), largest=tuple(value["largest"].items()))


def measure(folder: Path) -> AssetSize:
    """The size of what a folder ships."""
    sizes: dict[str, int] = {}
    for path in shipped_files(folder):
        top = path.relative_to(folder).parts[0]
        sizes[top] = sizes.get(top, 0) + path.stat().st_size
    largest = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:10]
    return AssetSize(total_bytes=sum(sizes.values()), largest=tuple(largest))


def require_size(size: AssetSize) -> None:
    """Refuses what Lambda would refuse at deployment.

    Raises:
        ValueError: `BUNDLE_TOO_LARGE`.
    """
    if size.total_bytes > LARGEST:
        listed = ", ".join(f"{name} {part / _MB:.1f} MB" for name, part in size.largest)
        raise ValueError(
            f"BUNDLE_TOO_LARGE: the code and its dependencies are {size.total_bytes / _MB:.0f} MB unzipped; Lambda takes 250 MB, "
            f"layers included. The largest: {listed}. Drop a dependency, or use a container image."
        )
