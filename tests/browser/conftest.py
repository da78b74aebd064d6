"""Pages in headless Chromium, against the emulated endpoint with IAM auth on: `make e2e` runs these."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
LIMIT_SECONDS: Final = 90
NAMES: Final = ("chromium", "chromium-browser", "google-chrome")

Drive = "Callable[..., Any]"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(LIMIT_SECONDS + 60))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path."""
    wanted = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [wanted] if wanted else NAMES)), None)
    if found is None:
        pytest.fail(
            f"CHROMIUM_MISSING: {wanted or 'chromium'} is not there; the pages are tested in it. Run `apt-get install chromium`, or set "
            "CHROMIUM to the path of a Chromium or Chrome."
        )
    return found


@pytest.fixture(scope="session")
def node() -> str:
    found = os.environ.get("JSII_NODE") or shutil.which("node")
    if found is None or not (ROOT / "node_modules" / "playwright-core").exists():
        pytest.fail("NODE_MISSING: Node.js or the npm packages are not there. Run: make node_modules/.ready")
    return found


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: the folder that SCREENSHOTS names, or a temporary one."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def drive(chromium: str, node: str, shots: Path) -> Callable[..., Any]:
    """Runs a scenario of a script beside this file, in a browser of its own, with what it needs to know; gives what it found."""

    def run(script: str, scenario: str, **given: Any) -> Any:
        command = [node, str(HERE / script), scenario, json.dumps(given), str(shots)]
        environment = {**os.environ, "CHROMIUM": chromium}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False, cwd=ROOT
            )
        except subprocess.TimeoutExpired as late:
            pytest.fail(f"{scenario} did not end within {LIMIT_SECONDS} s; screenshots are in {shots}\n{late.stderr}")
        assert done.returncode == 0, f"{scenario}; screenshots are in {shots}\n{done.stderr}"
        print(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    return run
