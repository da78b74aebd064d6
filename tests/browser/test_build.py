"""The pages that are committed are what their sources make."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEB = sorted(ROOT.glob("stacks/*/web"))
LIMIT_SECONDS = 100


def run(node: str, *command: str) -> None:
    done = subprocess.run([node, *command], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("web", WEB, ids=lambda web: web.parent.name)
def test_the_committed_page_is_byte_for_byte_what_its_sources_make(web: Path, node: str, tmp_path: Path) -> None:
    run(node, "node_modules/vite/bin/vite.js", "build", str(web), "--outDir", str(tmp_path / "page"), "--logLevel", "error")
    built, committed = (
        {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for folder in (tmp_path / "page", web.parent / "page")
    )
    assert sorted(built) == sorted(committed)
    for name in sorted(built):
        assert built[name] == committed[name], f"{name} is older than its sources. Run: npx vite build {web.relative_to(ROOT)}"


@pytest.mark.parametrize("web", WEB, ids=lambda web: web.parent.name)
def test_the_sources_are_sound_to_the_type_checker(web: Path, node: str) -> None:
    run(node, "node_modules/typescript/bin/tsc", "--project", str(web))


def test_the_chat_page_is_small() -> None:
    page = ROOT / "stacks/chat/page"
    assert (page / "chat.js").stat().st_size < 45_000
    assert sum(file.stat().st_size for file in page.iterdir()) < 90_000
