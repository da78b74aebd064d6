"""Packages bundled for Lambda's platform are resolved again where this machine differs; a second start finds them in the cache."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from constructs_pkg.emulator.dependencies import _runs_here
from tests.emulator.support import App, call

if TYPE_CHECKING:
    from pathlib import Path

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def wheel(folder: Path) -> Path:
    """A wheel of package demo, whose WHO says where it came from."""
    path = folder / "demo-1.0-py3-none-any.whl"
    files = {
        "demo/__init__.py": b"WHO = 'resolved here'\n",
        "demo-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        "demo-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for name, data in files.items()
    ]
    files["demo-1.0.dist-info/RECORD"] = ("\n".join([*record, "demo-1.0.dist-info/RECORD,,"]) + "\n").encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def function(app: App, requirement: str, target: str, python: str = VERSION) -> None:
    app.function(
        "Fn",
        {
            "index.py": "import demo, helper\ndef handler(event, context):\n    yield demo.WHO + helper.MINE\n",
            "helper.py": "MINE = '!'\n",
            "demo/__init__.py": "WHO = 'built for Lambda'\n",
            ".streaming-lambda/requirements.txt": requirement + "\n",
            ".streaming-lambda/platform.json": json.dumps({"python": python, "platform": target}),
        },
    )


def test_packages_for_another_machine_are_resolved_again_and_kept(app: App, emulate, tmp_path: Path, logs) -> None:
    function(app, f"demo @ {wheel(tmp_path).as_uri()}", "sparc64-manylinux_2_34")
    emulator = emulate(app)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"resolved here!"
    assert logs.having("resolving the function's dependencies")
    logs.clear()
    again = emulate(app)
    assert call(again.urls["Test/Fn"], again.principals["admin"]).read() == b"resolved here!"
    assert not logs.having("resolving")


def test_packages_for_another_python_are_resolved_again(app: App, emulate, tmp_path: Path) -> None:
    function(app, f"demo @ {wheel(tmp_path).as_uri()}", f"{platform.machine()}-manylinux_2_17", python="3.99")
    emulator = emulate(app)
    assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"resolved here!"


@pytest.mark.skipif(not _runs_here(f"{platform.machine()}-manylinux_2_17"), reason="this machine runs no manylinux packages")
def test_packages_that_run_here_are_used_as_they_are(app: App, emulate) -> None:
    function(app, "demo==1.0", f"{platform.machine()}-manylinux_2_17", python="3.11")
    emulator = emulate(app)
    if VERSION == "3.11":
        assert call(emulator.urls["Test/Fn"], emulator.principals["admin"]).read() == b"built for Lambda!"


def test_what_cannot_be_resolved_breaks_the_function_and_says_why(app: App, emulate, tmp_path: Path) -> None:
    function(app, f"demo @ {(tmp_path / 'demo-2.0-py3-none-any.whl').as_uri()}", "sparc64-manylinux_2_34")
    app.function("Other", "def handler(event, context):\n    yield 'x'\n")
    emulator = emulate(app)
    rows = {row["logical_id"]: row for row in emulator.json()["functions"]}
    assert rows["Fn"]["broken"].startswith("DEPENDENCIES_NOT_RESOLVED: ")
    assert "\n" not in rows["Fn"]["broken"]
    assert call(emulator.urls["Test/Other"], emulator.principals["admin"]).read() == b"x"
