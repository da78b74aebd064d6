"""Every example in the browser module's guide and in its README, run as it stands against an emulated URL with IAM auth."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from constructs_pkg.emulator import Emulator
from tests.clients.browser_module import HERE, INSTALLED, NEEDS_NPM, PACKAGE, ROOT, build, node
from tests.clients.endpoints import _HANDLER, TEXT
from tests.emulator.support import App
from tests.runtime.dynamodb_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not INSTALLED, reason=NEEDS_NPM)

PAGES = (ROOT / "docs" / "clients" / "browser.md", PACKAGE / "README.md")
BLOCKS = {page: re.findall(r"^```ts\n(.*?)^```$", page.read_text(), re.M | re.S) for page in PAGES}
EXAMPLES = [
    pytest.param(page, number, id=f"{page.name}-{number}") for page, blocks in BLOCKS.items() for number in range(1, len(blocks))
]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    app = App(tmp_path_factory.mktemp("browser-docs"))
    with serving() as dynamodb:
        app.function("chat", _HANDLER.replace("DIALECT", "'openai-chat'"), environment={"STREAM_STORE_TABLE": dynamodb.table()})
        with Emulator(app.write(), model=None, mounts=False, endpoints={"dynamodb": dynamodb.url}) as running:
            yield running


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package is installed."""
    folder = tmp_path_factory.mktemp("package")
    build(folder)
    (folder / "package.json").write_text((PACKAGE / "package.json").read_text())
    (folder / "user" / "node_modules").mkdir(parents=True)
    (folder / "user" / "node_modules" / "streaming-lambda-client").symlink_to(folder)
    return folder / "user"


@pytest.mark.parametrize(("page", "number"), EXAMPLES)
def test_the_example_shows_the_whole_answer(page: Path, number: int, emulator: Emulator, installed: Path) -> None:
    """Each stands on the first, which makes the client."""
    parts = [(HERE / "node" / "browser_docs.mjs").read_text(), BLOCKS[page][0], BLOCKS[page][number]]
    example = installed / "example.mts"
    example.write_text("\n".join(parts))
    keys = emulator.principals["admin"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": keys["access_key_id"] or "",
        "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"] or "",
        **({"AWS_SESSION_TOKEN": keys["session_token"]} if keys["session_token"] else {}),
        "AWS_REGION": "eu-west-1",
        "STREAM_URL": emulator.urls["Test/chat"],
    }
    done = subprocess.run([node(), example], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert TEXT in done.stdout, done.stderr


def test_there_are_examples() -> None:
    assert all(len(blocks) >= 2 for blocks in BLOCKS.values())
