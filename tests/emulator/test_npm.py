"""Packages that are fetched from npm are unpacked where they belong, by every Python."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from constructs_pkg.emulator.runtimes.npm import _unpack

if TYPE_CHECKING:
    from pathlib import Path


def archive(*names: str) -> tarfile.TarFile:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as packed:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 1
            packed.addfile(member, io.BytesIO(b"x"))
        link = tarfile.TarInfo("package/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        if "../outside.js" in names:
            packed.addfile(link)
    written.seek(0)
    return tarfile.open(fileobj=written)


@pytest.mark.parametrize("old", [False, True], ids=["this Python", "a Python before 3.11.4"])
def test_a_package_is_unpacked(old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if old:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    with archive("package/package.json", "package/dist/index.mjs") as packed:
        _unpack(packed, tmp_path)
    assert (tmp_path / "package" / "dist" / "index.mjs").read_bytes() == b"x"


def test_an_old_python_writes_nothing_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    folder = tmp_path / "in"
    folder.mkdir()
    with archive("../outside.js", "package/index.mjs") as packed:
        _unpack(packed, folder)
    assert [path.name for path in tmp_path.rglob("*") if not path.is_dir()] == ["index.mjs"]
