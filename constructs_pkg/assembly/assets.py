"""Which file on disk a bucket and key of a template stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly.errors import AssemblyError

if TYPE_CHECKING:
    from pathlib import Path

LEGACY_BUCKET = "cdk-legacy-assets"
"""Made-up bucket of assets that the old synthesizer hands over by parameters; the value those parameters get here."""


@dataclass(frozen=True)
class FileAsset:
    """One file asset. `bucket` may hold `${AWS::AccountId}`, `${AWS::Region}` and `${AWS::Partition}`."""

    bucket: str
    key: str
    path: Path

    def bucket_in(self, *, account: str, region: str, partition: str) -> str:
        """The bucket's name in one place."""
        return (
            self.bucket.replace("${AWS::AccountId}", account)
            .replace("${AWS::Region}", region)
            .replace("${AWS::Partition}", partition)
        )


class AssetIndex:
    """The file assets of one assembly directory, found by bucket and key."""

    def __init__(self, assets: tuple[FileAsset, ...]) -> None:
        self._by_key: dict[str, list[FileAsset]] = {}
        for asset in assets:
            self._by_key.setdefault(asset.key, []).append(asset)

    def find(self, bucket: str, key: str, *, account: str, region: str, partition: str) -> Path | None:
        """The asset at this place; None where the bucket and key are not an asset's.

        A key that just one asset has is enough, whatever the bucket: keys are content hashes, and a custom synthesizer may
        write bucket names that only deployment knows.

        Raises:
            AssemblyError: `ASSET_MISSING` when the manifest names a file that is not there.
        """
        candidates = self._by_key.get(key, [])
        exact = [a for a in candidates if a.bucket_in(account=account, region=region, partition=partition) == bucket]
        paths = {asset.path for asset in exact or candidates}
        if not exact and len(paths) != 1:
            return None
        path = min(paths)
        if not path.exists():
            raise AssemblyError(f"ASSET_MISSING: the assembly names {path}, which is not there; synthesize again")
        return path.resolve()


def file_assets(directory: Path, manifest: Mapping[str, Any]) -> Iterator[FileAsset]:
    """The file assets that an asset manifest (`*.assets.json`) declares.

    Assets that a command makes at publishing time (`source.executable`) have no file here and are left out.
    """
    for entry in manifest.get("files", {}).values():
        source = entry.get("source", {}).get("path")
        if source is None:
            continue
        for destination in entry.get("destinations", {}).values():
            yield FileAsset(destination["bucketName"], destination["objectKey"], directory / source)


def legacy_assets(directory: Path, metadata: Mapping[str, Any]) -> tuple[tuple[FileAsset, ...], dict[str, str]]:
    """The assets of the old synthesizer (`aws:cdk:asset` metadata of schema 1 to 55), and values for the parameters that carry them.

    Its templates read the key as two halves around `||`.
    """
    assets: list[FileAsset] = []
    parameters: dict[str, str] = {}
    for entries in metadata.values():
        for entry in entries:
            data = entry.get("data")
            if entry.get("type") != "aws:cdk:asset" or not isinstance(data, Mapping) or "s3KeyParameter" not in data:
                continue
            path = directory / data["path"]
            extension = ".zip" if data.get("packaging") == "zip" else path.suffix
            name = f"{data['id']}{extension}"
            assets.append(FileAsset(LEGACY_BUCKET, f"assets/{name}", path))
            parameters[data["s3BucketParameter"]] = LEGACY_BUCKET
            parameters[data["s3KeyParameter"]] = f"assets/||{name}"
            parameters[data["artifactHashParameter"]] = data.get("sourceHash", data["id"])
    return tuple(assets), parameters
