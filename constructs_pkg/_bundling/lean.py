"""What of a folder of Python code, and of the packages installed for it, has no business in a Lambda function."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_TEST_FOLDERS: Final = ("tests", "test")
_TEST_MODULE: Final = re.compile(r"^(test_.*|.*_test|conftest)\.py$")
_KEPT_METADATA: Final = ("METADATA", "entry_points.txt")
_LICENCE: Final = re.compile(r"^(licen[cs]e|copying|notice|authors)", re.IGNORECASE)

BOTO3: Final = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
"""boto3 and what it needs, which Lambda's managed Python runtimes bring along: 30 MB that nobody has to upload again."""


def test_folders(directory: Path) -> frozenset[Path]:
    """The folders that hold tests: named `tests` or `test`, with test modules in them.

    The name alone does not decide: `django.test` is part of Django, and an app may have a domain of its own called tests.
    """
    found = set()
    for root, folders, _ in os.walk(directory):
        for name in [name for name in folders if name in _TEST_FOLDERS]:
            path = Path(root, name)
            if any(_TEST_MODULE.match(file) for _, _, files in os.walk(path) for file in files):
                found.add(path)
                folders.remove(name)
    return frozenset(found)


def strip(folder: Path, *, provided: Collection[str], asked_for: Collection[str]) -> list[str]:
    """Removes what an installed set of packages does not need at run time.

    Args:
        folder: Where the packages were installed.
        provided: Names of packages that the runtime brings along; they are removed unless something else needs them here.
        asked_for: Names of packages that are kept in any case.

    Returns:
        What is left, one pin a line: `name==version`, or `name @ url` for what came from a URL.
    """
    _remove_provided(folder, provided, asked_for)
    for path in [path for path in folder.rglob("__pycache__") if path.is_dir()]:
        shutil.rmtree(path)
    # Console scripts: they name this machine's interpreter, and Lambda never calls them.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for path in test_folders(folder):
        shutil.rmtree(path)
    for file in [path for path in folder.iterdir() if path.is_file() and path.name.startswith(".")]:
        file.unlink()  # the installer's own marks, such as .lock
    packages = [_Package.read(information) for information in sorted(folder.glob("*.dist-info"))]
    pins = [package.pin() for package in packages]
    for package in packages:
        _thin(package.information)
    return pins


def normalised(name: str) -> str:
    """A package's name as an index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class _Package:
    information: Path
    name: str
    version: str
    needs: frozenset[str]

    @staticmethod
    def read(information: Path) -> _Package:
        head = (information / "METADATA").read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
        fields = re.findall(r"^(Name|Version|Requires-Dist): (.+?)\r?$", head, re.MULTILINE)
        single = dict(fields)
        # Extras count as well: nothing records which of them were asked for (aioboto3 gets boto3 through one).
        needs = (re.split(r"[^A-Za-z0-9._-]", value, maxsplit=1)[0] for field, value in fields if field == "Requires-Dist")
        return _Package(information, normalised(single["Name"]), single["Version"], frozenset(normalised(name) for name in needs))

    def pin(self) -> str:
        origin = self.information / "direct_url.json"
        if origin.is_file():
            url = json.loads(origin.read_text(encoding="utf-8")).get("url", "")
            if url.startswith(("https://", "http://")):
                return f"{self.name} @ {url}"
        return f"{self.name}=={self.version}"

    def remove(self) -> None:
        folder = self.information.parent
        with (self.information / "RECORD").open(encoding="utf-8", newline="") as record:
            files = [folder / row[0] for row in csv.reader(record) if row]
        for file in files:
            if file.is_file() and folder in file.parents:
                file.unlink()
        for top in {folder / file.relative_to(folder).parts[0] for file in files if folder in file.parents}:
            if top.is_dir() and not any(path.is_file() and path.suffix != ".pyc" for path in top.rglob("*")):
                shutil.rmtree(top)
        shutil.rmtree(self.information, ignore_errors=True)


def _remove_provided(folder: Path, provided: Collection[str], asked_for: Collection[str]) -> None:
    packages = [_Package.read(information) for information in folder.glob("*.dist-info")]
    while True:
        needed = {name for package in packages if package.name not in provided for name in package.needs} | set(asked_for)
        kept = [package for package in packages if package.name not in provided or package.name in needed]
        # A provided package that stays because something needs it keeps what it needs itself.
        needed |= {name for package in kept for name in package.needs}
        dropped = [package for package in packages if package.name in provided and package.name not in needed]
        if not dropped:
            return
        for package in dropped:
            package.remove()
        packages = [package for package in packages if package not in dropped]


def _thin(information: Path) -> None:
    """Keeps what `importlib.metadata` answers from, and the licence, which has to travel with the code."""
    for path in sorted(information.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.name not in _KEPT_METADATA and not _LICENCE.match(path.name) and "licenses" not in path.parts:
            path.unlink()
