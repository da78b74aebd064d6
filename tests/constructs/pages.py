"""Reading the pages under docs: their tables, sections, anchors and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted((DOCS / "constructs").glob("*.md"))
_HEADER: Final = re.compile(r"parameter(?: of (`[\w.]+`(?:, `[\w.]+`)*))?")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.M | re.S)


def examples_of(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text_of(page), re.M | re.S)


def section(page: Path, heading: str) -> str:
    """What stands below a heading of the second level, up to the next; empty where there is none."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text_of(page), re.M | re.S)
    return found[1] if found else ""


def code_words(text: str) -> set[str]:
    """Every word that stands within backticks."""
    return {word for quoted in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"\w+", quoted)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a page says of one parameter.

    Attributes:
        default: The cell below `default`; None where the table has no such column, since all defaults are None.
        whole: All cells.
    """

    default: str | None
    whole: str


def parameters(page: Path) -> dict[str, dict[str, Row]]:
    """Each table of parameters on the page: whose they are, and what is said of each.

    A table whose first heading is `parameter` is of the constructor of what the page is named after; one whose first heading is
    "parameter of `X.y`" is of that. The first cell of a row is the parameter's name.
    """
    found: dict[str, dict[str, Row]] = {}
    for header, *rows in _tables(prose_of(page)):
        match = _HEADER.fullmatch(header[0])
        if match is None:
            continue
        column = header.index("default") if "default" in header else None
        said: dict[str, Row] = {}
        for row in rows:
            name = re.match(r"`(\w+)`", row[0])
            assert name is not None, f"{page.name}: no parameter's name in {row[0]!r}"
            assert name[1] not in said, f"{page.name}: {name[1]} stands twice"
            said[name[1]] = Row(default=None if column is None else row[column], whole=" | ".join(row))
        for owner in re.findall(r"[\w.]+", match[1] or page.stem):
            assert owner not in found, f"{page.name}: two tables for {owner}"
            found[owner] = said
    return found


def _tables(text: str) -> list[list[list[str]]]:
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.M)
    return [[_cells(line) for line in table.splitlines() if not re.fullmatch(r"[|\s:-]+", line)] for table in tables]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def anchors(page: Path) -> set[str]:
    """The anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Links of the page to files of this project that are not there, or to headings that they do not have."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken
