"""docs/emulator.md: every option is on the page, nothing else is, and its commands are ones that the command line takes."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from pathlib import Path

import pytest

from constructs_pkg.emulator import command
from constructs_pkg.emulator.faults import KINDS, Fault
from constructs_pkg.emulator.pytest_plugin import StreamingApp

PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="streaming-lambda local")
    command.configure(made)
    return made


def test_every_option_is_in_the_table_and_no_other(parser: argparse.ArgumentParser) -> None:
    options = {name for action in parser._actions for name in action.option_strings if name.startswith("--")} - {"--help"}
    listed = re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(options)


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("streaming-lambda local")]


@pytest.mark.parametrize("line", commands())
def test_the_commands_are_ones_that_it_takes(parser: argparse.ArgumentParser, line: str) -> None:
    assert parser.parse_args(shlex.split(line)[2:])


def test_the_python_on_the_page_names_what_there_is() -> None:
    block, *_ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    tree = ast.parse(block)
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    from constructs_pkg.emulator import Emulator

    assert names == {"urls", "principals"}
    assert all(hasattr(Emulator, name) for name in names)


def test_every_fault_is_in_the_table_and_no_other() -> None:
    section = PAGE.partition("## Faults")[2].partition("## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)", section, re.MULTILINE)) == set(KINDS)
    for example in re.findall(r"`([a-z-]+:[^`]*@[^`]*)`", section):
        Fault.parse(example)


def test_the_fixture_on_the_page_is_asked_for_what_it_has() -> None:
    _, conftest, tests = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    asked = {
        node.attr
        for node in ast.walk(ast.parse(tests))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "app"
    }
    assert asked == {"url", "session", "alarms"}
    assert all(hasattr(StreamingApp, name) for name in asked)
    assert StreamingApp.__module__ in conftest
