"""Every Python example on the construct pages runs, in a stack of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Environment
from aws_cdk.assertions import Template

import constructs_pkg

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import Stack

PAGES = sorted((Path(__file__).parents[2] / "docs" / "constructs").glob("*.md"))


def examples() -> list[object]:
    return [
        pytest.param(block, id=f"{page.stem}-{index}")
        for page in PAGES
        for index, block in enumerate(re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S))
    ]


@pytest.mark.parametrize("example", examples())
def test_the_example_synthesizes(example: str, make_stack: Callable[..., Stack], entry: Path) -> None:
    stack = make_stack(env=Environment(account="123456789012", region="us-east-1"))
    exec(compile(example, "example", "exec"), {"stack": stack, "entry": entry, "__name__": "example"})
    Template.from_stack(stack)  # raises where it does not


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_page_is_about_something_that_is_exported(page: Path) -> None:
    assert page.stem in constructs_pkg.__all__
