"""What a type checker says to the people who use the constructs: nothing where they are right, and the word that is wrong.

mypy reads aws_cdk's 300,000 lines once, some two minutes on a small machine; its cache is the one that `make lint` fills.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

import constructs_pkg

from .conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLED_BY_CDK: Final = {"StreamingChecks.validate"}
COLD: Final = 600
"""Seconds that mypy may take when it has no cache."""

pytestmark = pytest.mark.timeout(COLD + 20)


def mypy(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COLD, check=False, cwd=ROOT)
    assert done.returncode in (0, 1), done.stderr or done.stdout
    return done.returncode, done.stdout


def test_an_app_that_uses_every_construct_is_clean() -> None:
    status, said = mypy(*sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "gallery").glob("*.py")))
    assert status == 0, said


@pytest.mark.parametrize(
    ("package", "name"), [("constructs_pkg", "StreamingFuncton"), ("constructs_pkg.client", "StreamingCliet")]
)
def test_a_misspelt_name_is_a_type_error(package: str, name: str) -> None:
    """The names are loaded by a module's `__getattr__`, which a type checker would take for every name there could be."""
    status, said = mypy("-c", f"from {package} import {name}")
    assert status == 1
    assert f'has no attribute "{name}"' in said


def keywords(function: Any) -> list[str]:
    """Parameters that are given by name alone, and so can be misspelt."""
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]


def public_functions() -> Iterator[tuple[str, str, list[str]]]:
    """(what is called, the expression that calls it, its keywords) of every exported class and its methods."""
    for name in constructs_pkg.__all__:
        exported: Any = getattr(constructs_pkg, name)
        if keywords(exported.__init__):
            yield name, name, keywords(exported.__init__)
        for method, found in vars(exported).items():
            factory = isinstance(found, staticmethod | classmethod)
            function = found.__func__ if factory else found
            if method.startswith("_") or not inspect.isfunction(function) or f"{name}.{method}" in CALLED_BY_CDK:
                continue
            if keywords(function):
                yield f"{name}.{method}", f"{name}.{method}" if factory else f"cast({name}, it).{method}", keywords(function)


@pytest.fixture(scope="module")
def said_of_misspelt_words() -> dict[int, str]:
    """By line, what mypy says of a program that calls everything, each time with all words misspelt."""
    lines = ["from typing import Any, cast", f"from constructs_pkg import {', '.join(constructs_pkg.__all__)}", "it: Any = None"]
    lines += [f"{expression}({', '.join(f'{word}x=it' for word in words)})" for _, expression, words in public_functions()]
    status, said = mypy("--no-color-output", "--no-pretty", "-c", "\n".join(lines))
    assert status == 1
    found: dict[int, str] = {}
    for number, message in re.findall(r"^<string>:(\d+): (.*)$", said, re.M):
        found[int(number)] = f"{found.get(int(number), '')}{message}\n"
    return found


FIRST_LINE: Final = 4


@pytest.mark.parametrize(
    ("line", "name", "words"),
    [pytest.param(number, name, words, id=name) for number, (name, _, words) in enumerate(public_functions(), start=FIRST_LINE)],
)
def test_a_misspelt_parameter_is_a_type_error_that_names_it(
    line: int, name: str, words: list[str], said_of_misspelt_words: dict[int, str]
) -> None:
    said = said_of_misspelt_words[line]
    called = name.partition(".")[2] or name
    assert [word for word in words if f'Unexpected keyword argument "{word}x" for "{called}"' not in said] == [], said
