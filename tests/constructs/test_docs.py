"""What the pages under docs say holds: their examples run, their parameters, defaults, codes and links are those of the code."""

from __future__ import annotations

import dataclasses
import inspect
import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import pytest
from aws_cdk import Environment
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from constructs import Construct

import constructs_pkg
from tests.constructs.pages import (
    DOCS,
    PAGES,
    ROOT,
    broken_links,
    code_words,
    examples_of,
    parameters,
    prose_of,
    section,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aws_cdk import Stack

    from tests.constructs.pages import Row

EXPORTED: Final[dict[str, type]] = {name: getattr(constructs_pkg, name) for name in constructs_pkg.__all__}
MADE_BY_FACTORIES: Final = (
    "ImportedStreamingFunction",
    "ProvisionedConcurrency",
    "StreamingCode",
    "StreamingDefaults",
    "TrafficShift",
)
INDEX: Final = DOCS / "README.md"


def pages_of_names() -> dict[str, Path]:
    """Where the index says that each exported name is documented."""
    found = re.findall(r"^\| \[`(\w+)`\]\((constructs/\w+\.md)(?:#[\w-]+)?\) \|", text_of(INDEX), re.M)
    return {name: DOCS / page for name, page in found}


PAGE_OF: Final = pages_of_names()


# The index.


def test_the_index_lists_every_exported_name_once() -> None:
    listed = re.findall(r"^\| \[`(\w+)`\]", text_of(INDEX), re.M)
    assert sorted(listed) == sorted(EXPORTED)


def test_every_construct_has_a_page_of_its_own() -> None:
    constructs = [name for name, kind in EXPORTED.items() if issubclass(kind, Construct) and name not in MADE_BY_FACTORIES]
    assert {PAGE_OF[name].stem for name in constructs} >= set(constructs)
    assert {page.stem for page in PAGES} <= set(EXPORTED)


def test_every_document_is_in_the_index() -> None:
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in re.findall(r"\]\(([^):\s]+)\)", text_of(INDEX))}
    missing = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md") if page != INDEX and page not in listed}
    assert missing == set(), "give each a line in docs/README.md"


@pytest.mark.parametrize("page", [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))], ids=lambda page: page.stem)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


# Examples.


def examples() -> list[object]:
    return [
        pytest.param(block, id=f"{page.stem}-{index}")
        for page in [*PAGES, DOCS / "choosing.md"]
        for index, block in enumerate(examples_of(page))
    ]


@pytest.mark.parametrize("example", examples())
def test_the_example_synthesizes(example: str, make_stack: Callable[..., Stack], entry: Path) -> None:
    stack = make_stack(env=Environment(account="123456789012", region="us-east-1"))
    exec(compile(example, "example", "exec"), {"stack": stack, "entry": entry, "__name__": "example"})
    Template.from_stack(stack)  # raises where it does not


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_when_to_use_it_what_it_costs_and_what_it_refuses(page: Path) -> None:
    assert examples_of(page), "no example"
    text = text_of(page)
    assert re.search(r"\buse\s+it\b", text, re.I), "when to use it"
    assert re.search(r"(do not\s+use\s+it|leave\s+it)", text, re.I), "when not"
    assert section(page, "What it costs")
    assert section(page, "What it refuses")
    assert re.search(r"^```(text)?\n", text, re.M), "no picture"


# Parameters.


def callables() -> dict[str, Callable[..., Any]]:
    """Constructors, and factories that decide something for their caller, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for name, kind in EXPORTED.items():
        if name not in MADE_BY_FACTORIES and parameters_of(kind.__init__):
            found[name] = kind.__init__
        for method, function in inspect.getmembers(kind, inspect.isfunction):
            made = isinstance(inspect.getattr_static(kind, method), staticmethod | classmethod)
            if made and returns(function) in EXPORTED and any(p.default is not p.empty for p in parameters_of(function)):
                found[f"{name}.{method}"] = function
    return found


def returns(function: Callable[..., Any]) -> object:
    return inspect.signature(function).return_annotation


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return [p for p in inspect.signature(function).parameters.values() if p.name not in ("self", "scope", "id")]


CALLABLES: Final = callables()


def documented(name: str) -> dict[str, Row]:
    page = PAGE_OF[name.partition(".")[0]]
    tables = parameters(page)
    assert name in tables, f"{page.name} has no table of the parameters of {name}"
    return tables[name]


@pytest.mark.parametrize("name", CALLABLES)
def test_the_page_lists_every_parameter_and_no_other(name: str) -> None:
    assert sorted(documented(name)) == sorted(p.name for p in parameters_of(CALLABLES[name]))


def test_no_page_lists_the_parameters_of_something_else() -> None:
    assert {owner for page in PAGES for owner in parameters(page)} <= set(CALLABLES)


@pytest.mark.parametrize("name", CALLABLES)
def test_the_page_states_the_defaults_that_the_code_has(name: str) -> None:
    rows = documented(name)
    wrong = {
        p.name: (rows[p.name].default, p.default)
        for p in parameters_of(CALLABLES[name])
        if not agrees(rows[p.name].default, p.default)
    }
    assert wrong == {}, "what the page says, and what the signature says"


def agrees(said: str | None, default: object) -> bool:
    """Whether a cell states the default. Where it is None, the words are the page's own; the docstring holds their numbers."""
    if said is None:
        return default is None
    if default is inspect.Parameter.empty:
        return said == "–"
    if said in ("", "–"):
        return False
    if default in (None, (), ""):
        return True
    if isinstance(default, bool):
        return re.match(r"\w+", said.strip("`")) is not None and said.strip("`").lower().startswith(
            ("true", "yes", "on") if default else ("false", "no", "off")
        )
    if isinstance(default, int | float):
        return numbers(said)[:1] == [float(default)]
    if isinstance(default, Enum):
        return default.name in code_words(said)
    if isinstance(default, lambda_.Runtime):
        return f"`{default.name}`" in said
    assert isinstance(default, str), f"a default that this test cannot read: {default!r}"
    return f"`{default}`" in said


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?", text)]


@pytest.mark.parametrize("name", CALLABLES)
def test_page_and_docstring_name_the_same_numbers(name: str) -> None:
    """Of defaults that are computed, and of what is allowed, the signature says nothing."""
    kind = EXPORTED[name.partition(".")[0]]
    function = CALLABLES[name]
    said = inspect.getdoc(kind if dataclasses.is_dataclass(kind) and function is kind.__init__ else function) or ""
    for parameter, row in documented(name).items():
        described = re.search(rf"^ +{parameter}: (.*?)(?=^ +\w+: |^\w|^$|\Z)", said, re.M | re.S)
        assert described is not None, f"{name} describes no {parameter}"
        for clause in re.findall(r"(?:Default|Allowed): ((?:[^.,;(]|\.(?=\d))+)", described[1]):
            assert set(numbers(clause)) <= set(numbers(row.whole)), f"{parameter}: {clause}"


# Methods, attributes, refusals.


def public_names(kind: type) -> set[str]:
    """Methods and properties of the class itself, without what CDK and jsii ask for."""
    inherited = {"grant_principal", "connections", "name", "version", "rule_ids", "validate", "bind", "to_environment"}
    return {
        name
        for name, value in vars(kind).items()
        if not name.startswith("_")
        and name not in inherited
        and (inspect.isfunction(value) or isinstance(value, staticmethod | classmethod | property))
    }


@pytest.mark.parametrize("name", EXPORTED)
def test_the_page_names_every_method_and_attribute(name: str) -> None:
    kind = EXPORTED[name]
    assert (public_names(kind) | set(attributes_of(kind))) - code_words(prose_of(PAGE_OF[name])) == set()


def attributes_of(kind: type) -> list[str]:
    """What the class's docstring lists under `Attributes:`."""
    block = re.search(r"^Attributes:\n((?:^ +.*\n?|^\n)*)", inspect.getdoc(kind) or "", re.M)
    return re.findall(r"^ {4}(\w+): ", block[1], re.M) if block else []


def codes_of(text: str) -> set[str]:
    return set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`", text))


REFUSALS, FINDINGS = text_of(DOCS / "errors.md").split("\n## Findings\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_code_that_a_page_says_is_refused_is_there(page: Path) -> None:
    table = set(re.findall(r"^\| `(\w+)` \|", REFUSALS, re.M))
    assert codes_of(section(page, "What it refuses")) <= table


@pytest.mark.parametrize("name", EXPORTED)
def test_the_page_names_every_code_that_the_docstrings_name(name: str) -> None:
    kind = EXPORTED[name]
    described = [
        kind,
        *(function for _, function in inspect.getmembers(kind, inspect.isfunction) if function.__qualname__.startswith(name)),
    ]
    raised = codes_of(" ".join(inspect.getdoc(each) or "" for each in described))
    known = set(re.findall(r"^\| `(\w+)` \|", REFUSALS, re.M))
    assert raised & known <= codes_of(section(PAGE_OF[name], "What it refuses"))


def test_every_refusal_is_named_on_a_page() -> None:
    named = {code for page in PAGES for code in codes_of(section(page, "What it refuses"))}
    assert set(re.findall(r"^\| `([A-Z]\w+)` \|", REFUSALS, re.M)) - named == set()


def test_every_warning_is_named_on_a_page() -> None:
    text = " ".join(text_of(page) for page in PAGES)
    assert [id for id in re.findall(r"^\| `(streaming-lambda:[\w-]+)` \|", REFUSALS, re.M) if id not in text] == []


def test_every_finding_is_named_on_the_page_of_the_checks() -> None:
    page = text_of(DOCS / "constructs" / "StreamingChecks.md")
    assert set(re.findall(r"^\| `(\w+)` \|", FINDINGS, re.M)) - codes_of(page) == set()


# The runbook; that each alarm has its section there, tests/constructs/test_alarms.py sees to.


def test_each_section_of_the_runbook_says_where_to_look_first_and_what_mends() -> None:
    runbook = DOCS / "runbook.md"
    headings = re.findall(r"^## (.+)$", text_of(runbook), re.M)
    assert len(headings) > 10
    for heading in headings:
        text = section(runbook, heading)
        assert "**Look first**" in text, heading
        assert "| found | it is | mend |" in text or heading == "paging", heading


def test_the_runbook_names_parameters_and_metrics_that_there_are() -> None:
    """A runbook that sends a tired person to a setting which has another name by now is worse than none."""
    text = text_of(DOCS / "runbook.md")
    known = {parameter for page in PAGES for rows in parameters(page).values() for parameter in rows}
    named = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)(?:=[^`]*)?`", text)) | set(re.findall(r"\((\w+)=\.\.\.\)", text))
    assert named - known == {"grant_invoke_url"}
