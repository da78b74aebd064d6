"""Each example's README page: says what can be set, how to run it, and points to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("stacks/*/README.md"))
ids = [page.parent.name for page in PAGES]


def test_there_are_pages() -> None:
    assert {"chat", "financial", "recommendations", "summarization"} <= set(ids)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_context_value_that_the_stack_reads_is_on_its_page_and_no_other(page: Path) -> None:
    read = set(re.findall(r'"([a-z]+:[a-z-]+)"', (page.parent / "stack.py").read_text()))
    assert read
    assert set(re.findall(rf"\| `({page.parent.name}:[a-z-]+)` \|", page.read_text())) == read


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_the_page_names_one_command_that_runs_the_example_and_one_that_deploys_it(page: Path) -> None:
    text = page.read_text()
    [target] = set(re.findall(r"^    make (demo[a-z-]*)$", text, re.M))
    assert re.search(rf"^{target}: .* ## ", (ROOT / "Makefile").read_text(), re.M)
    [stack] = re.findall(r"^class (\w+Stack)\(Stack\)", (page.parent / "stack.py").read_text(), re.M)
    assert f"npx cdk deploy {stack}" in text
    assert stack in (ROOT / "app.py").read_text()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_what_the_page_points_to_is_there(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text()) if "://" not in link]
    assert all((page.parent / link).is_file() for link in links), links
