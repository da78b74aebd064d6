"""A folder of Python code with its packages beside it, built once."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from constructs_pkg._assets import fingerprint, shipped_files

from . import installers, lean
from .cache import built, name_of
from .requirements import requirements_of
from .size import AssetSize, measure, require_size

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from .requirements import Requirements
    from .target import Target

_RECIPE: Final = "3"  # raise it when the way of building changes: old cache entries are then left alone
_NOT_SHIPPED: Final = frozenset({"uv.lock", "pylock.toml", "constraints.txt"})


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A folder that is ready to be shipped.

    Attributes:
        folder: Where it lies: the source itself when nothing had to be added or left out.
        fingerprint: Hash over what it ships.
        size: How large that is.
    """

    folder: Path
    fingerprint: str
    size: AssetSize


def bundle(source: Path, target: Target | None, *, scripts: Mapping[str, str] | None = None) -> Bundle:
    """A folder with the code of `source` and the packages that it asks for.

    Args:
        source: The folder of code.
        target: What the packages are for; None where they are none of Python's, and the folder has them already.
        scripts: Executable files to put beside the code, by name.

    Raises:
        ValueError: `BUNDLE_NO_WHEEL` when a package has no wheel for the target, `BUNDLE_FAILED` for any other failure of the
            resolver, `BUNDLE_TIMEOUT`, `BUNDLE_TOO_LARGE` above the 250 MB that Lambda takes unzipped, or what
            `requirements_of` refuses.
    """
    wanted = requirements_of(source) if target else None
    tests = lean.test_folders(source)
    if wanted is None and not tests and not scripts:
        finished = Bundle(folder=source, fingerprint=fingerprint(source), size=measure(source))
    else:
        finished = _built(source, target, wanted, tests, scripts or {})
    require_size(finished.size)
    return finished


def _built(
    source: Path, target: Target | None, wanted: Requirements | None, tests: Collection[Path], scripts: Mapping[str, str]
) -> Bundle:
    parts = [_RECIPE, fingerprint(source, without=tests), json.dumps(dict(scripts), sort_keys=True)]
    if target is not None and wanted is not None:
        installer = installers.choose()
        parts += [target.python, target.platform, str(target.has_boto3), installer.name, wanted.content]

    def fill(work: Path) -> None:
        asset = work / "asset"
        asset.mkdir()
        if target is not None and wanted is not None:
            installer.install(wanted, target, asset)
            pins = lean.strip(asset, provided=_provided(wanted, target), asked_for=wanted.named - {"boto3", "botocore"})
            _record(asset, pins, target)
        _copy(source, asset, tests)
        for name, text in scripts.items():
            (asset / name).write_text(text, encoding="utf-8")
            (asset / name).chmod(0o755)
        facts = {"fingerprint": fingerprint(asset), "size": measure(asset).to_json()}
        (work / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")

    place = built(name_of(*parts), fill)
    facts = json.loads((place / "bundle.json").read_text(encoding="utf-8"))
    return Bundle(folder=place / "asset", fingerprint=facts["fingerprint"], size=AssetSize.from_json(facts["size"]))


def _provided(wanted: Requirements, target: Target) -> Collection[str]:
    """What the runtime brings along, unless a version of it was asked for: that is then there on purpose."""
    return lean.BOTO3 if target.has_boto3 and not wanted.chosen & {"boto3", "botocore"} else ()


def _record(asset: Path, pins: list[str], target: Target) -> None:
    """What was installed and for what: the emulator resolves it again for its own host."""
    record = asset / ".streaming-lambda"
    record.mkdir()
    (record / "requirements.txt").write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
    platform = {"python": target.python, "platform": target.platform}
    (record / "platform.json").write_text(json.dumps(platform) + "\n", encoding="utf-8")


def _copy(source: Path, asset: Path, tests: Collection[Path]) -> None:
    for path in shipped_files(source, without=tests):
        place = asset / path.relative_to(source)
        if place.parent == asset and place.name in _NOT_SHIPPED:
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place)
