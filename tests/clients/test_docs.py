"""Every example in docs/clients, run as it stands against an emulated URL with IAM auth; and the table of what each client notices."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.endpoints import NOTICES_A_CLEAN_END, TEXT, asgi, endpoints, public, url_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs_pkg.emulator import Emulator
    from tests.emulator.support import App

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "clients"
REGION = "eu-west-1"
DIALECT_OF = {
    "python": "openai-chat",
    "browser": "openai-chat",  # its examples: test_browser_docs.py
    "openai": "openai-chat",
    "anthropic": "anthropic-messages",
    "langchain": "openai-chat",
    "vercel-ai": "ui-message-stream",
    "ag-ui": "ag-ui",
    "curl": "openai-chat",
    "mcp": "mcp",
    "event-source": "sse",
}
SERVED = re.compile(r"^# (main|index)\.py$", re.M)  # how a block begins that the page's function runs
BLOCKS = [
    pytest.param(page.stem, language, code, id=f"{page.stem}-{language}-{number}")
    for page in sorted(PAGES.glob("*.md"))
    for number, (language, code) in enumerate(re.findall(r"^```(python|js|sh)\n(.*?)^```$", page.read_text(), re.M | re.S), 1)
    if not SERVED.match(code)
]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    def served(app: App) -> None:
        asgi(app, "mcp", served_by("mcp"))
        public(app, "sse", served_by("event-source"))

    with endpoints(tmp_path_factory.mktemp("endpoints"), served) as running:
        yield running


def served_by(page: str) -> str:
    [code] = re.findall(r"^```python\n(# (?:main|index)\.py\n.*?)^```$", (PAGES / f"{page}.md").read_text(), re.M | re.S)
    return code


def environment(emulator: Emulator, dialect: str) -> dict[str, str]:
    keys = emulator.principals["admin"]
    functions = {row["path"]: row["function_name"] for row in emulator.json()["functions"]}
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": keys["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
        **({"AWS_SESSION_TOKEN": keys["session_token"]} if keys["session_token"] else {}),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_LAMBDA": emulator.lambda_endpoint,
        "STREAM_URL": url_of(emulator, dialect),
        "STREAM_FUNCTION": functions[f"Test/{dialect.replace('-', '')}"],
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NO_PROXY": "*",
    }


@pytest.mark.parametrize(("page", "language", "code"), BLOCKS)
def test_the_example_prints_the_whole_answer(page: str, language: str, code: str, emulator: Emulator, tmp_path: Path) -> None:
    variables = environment(emulator, DIALECT_OF[page])
    if language == "js":
        if not (ROOT / "node_modules" / "ai").exists():
            pytest.skip("the npm packages are not installed: make node_modules/.ready")
        (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
        (tmp_path / "example.mjs").write_text(code)
        node = os.environ.get("JSII_NODE") or shutil.which("node")
        assert node is not None
        command = [node, str(tmp_path / "example.mjs")]
    elif language == "python":
        command = [sys.executable, "-c", code]
    else:
        if "AWS_SESSION_TOKEN" not in variables:
            code = re.sub(r"^ .*x-amz-security-token.*\n", "", code, flags=re.M)
        command = ["sh", "-euc", code]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    pieces = re.findall(r'"content":"([^"]*)"', done.stdout)
    assert TEXT in (done.stdout if not pieces else "".join(pieces))


def test_there_is_a_guide_for_each_dialects_client_and_each_is_listed() -> None:
    listed = set(re.findall(r"\]\(([a-z-]+)\.md\)", (PAGES / "README.md").read_text()))
    assert listed == set(DIALECT_OF) == {page.stem for page in PAGES.glob("*.md")} - {"README"}


def test_the_table_says_what_the_tests_found() -> None:
    table = (PAGES / "README.md").read_text().partition("## What each of them notices")[2]
    rows = {
        cells[0]: cells
        for cells in (re.split(r"\s*\|\s*", line.strip("| ")) for line in table.splitlines() if line.startswith("|"))
    }
    for client, notices in NOTICES_A_CLEAN_END.items():
        assert rows[client][3].startswith("raises") is notices, client
        assert "swallows" not in "".join(rows[client][:3] + rows[client][4:])
