"""The browser's module, built as npm would publish it, and what runs it in Node.js."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGE = ROOT / "clients" / "browser"
MODULES = ROOT / "node_modules"
INSTALLED = (MODULES / "vite").exists() and (MODULES / "aws4fetch").exists()
NEEDS_NPM = "the npm packages are not installed: make node_modules/.ready"


def node() -> str:
    found = os.environ.get("JSII_NODE") or shutil.which("node")
    assert found is not None
    return found


def run(*command: str | Path, input: str = "", cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """What a Node.js program prints."""
    done = subprocess.run(
        [node(), *map(str, command)],
        input=input,
        cwd=cwd,
        env=None if environment is None else dict(environment),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(folder: Path) -> Path:
    """Builds the module into `folder`, where its dependencies are found too."""
    dist = folder / "dist"
    run(MODULES / "vite" / "bin" / "vite.js", "build", "--outDir", dist, "--logLevel", "warn", cwd=PACKAGE)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(MODULES)
    return dist


def offline(dist: Path, command: str, cases: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What the module makes of each case, without a network: see node/browser_offline.mjs."""
    return json.loads(run(HERE / "node" / "browser_offline.mjs", dist, command, input=json.dumps(cases)))
