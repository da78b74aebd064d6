"""One deployment for all tests here: bootstrapped, deployed, changed twice and destroyed once, each when a test first asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.e2e.cdk import Project
from tests.e2e.deployed import Deployed, inventory
from tests.e2e.endpoint import Endpoint, ministack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
LIMIT_SECONDS = 900
"""Longest wait for one test: the first has the set-up, the CLI's own limits are shorter."""


class Stage(NamedTuple):
    """What stood after a deployment."""

    stacks: dict[str, Deployed]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.e2e)
        item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))
    # What asks for the end of the deployment comes last, however the rest is ordered.
    items.sort(key=lambda item: "destroyed" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def line(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n  {text}", end=" ", flush=True)

    return line


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def endpoint(folder: Path, say: Callable[[str], None]) -> Iterator[Endpoint]:
    say("starting MiniStack on a free port of 127.0.0.1")
    with ministack(folder) as running:
        yield running


@pytest.fixture(scope="session")
def project(folder: Path, endpoint: Endpoint, say: Callable[[str], None]) -> Project:
    return Project(folder / "project", endpoint, say)


@pytest.fixture(scope="session")
def empty(project: Project) -> dict[str, set[str]]:
    """What is there before the first stack: the toolkit."""
    project.bootstrap()
    return inventory(project.endpoint)


def stage(project: Project) -> Stage:
    project.deploy()
    return Stage({name: Deployed(project.endpoint, name, template) for name, template in project.templates.items()})


@pytest.fixture(scope="session")
def first(project: Project, empty: dict[str, set[str]]) -> Stage:
    """After the first deployment."""
    assert empty
    return stage(project)


@pytest.fixture(scope="session")
def handlers_changed(project: Project, first: Stage) -> Stage:
    """After a line was added to each handler."""
    assert first.stacks
    project.change_handlers()
    return stage(project)


@pytest.fixture(scope="session")
def layer_changed(project: Project, handlers_changed: Stage) -> Stage:
    """After a line was added to the runtime."""
    assert handlers_changed.stacks
    project.change_layer()
    return stage(project)


@pytest.fixture(scope="session")
def destroyed(project: Project, layer_changed: Stage) -> dict[str, set[str]]:
    """What is there after the last stack."""
    assert layer_changed.stacks
    project.destroy()
    return inventory(project.endpoint)
