"""One deployment for all tests here: bootstrapped, deployed, changed twice and destroyed once, each when a test first asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from constructs_pkg.emulator.cache import cache_folder
from constructs_pkg.emulator.runtimes.npm import find_node, install_packages
from tests.e2e.cdk import Project
from tests.e2e.deployed import BUCKET, USER_POOL, Deployed, inventory
from tests.e2e.endpoint import Endpoint, ministack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
EMPTIER = "@aws-sdk/client-s3"
"""What CDK's function that empties buckets needs, and Lambda has: fetched by npm once."""
NODE = 24

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
    packages = install_packages(find_node(NODE), [EMPTIER], cache_folder() / "nodejs" / "e2e-client-s3")
    say("starting MiniStack on a free port of 127.0.0.1")
    with ministack(folder, packages) as running:
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
def used(project: Project, layer_changed: Stage) -> dict[str, list[str]]:
    """What was put into the last deployment, by what was put there: an object in each bucket, and a person."""
    found: dict[str, list[str]] = {BUCKET: [], USER_POOL: []}
    for stack in layer_changed.stacks.values():
        for bucket in stack.of_type(BUCKET):
            s3 = project.endpoint.client("s3")
            s3.put_object(Bucket=bucket.physical_id, Key="some/thing", Body=b"left behind")
            s3.put_bucket_tagging(
                Bucket=bucket.physical_id, Tagging={"TagSet": bucket.properties["Tags"]}
            )  # the endpoint drops them
            found[BUCKET].append(bucket.physical_id)
        for pool in stack.of_type(USER_POOL):
            cognito = project.endpoint.client("cognito-idp")
            cognito.admin_create_user(UserPoolId=pool.physical_id, Username="ann@example.com", MessageAction="SUPPRESS")
            found[USER_POOL].append(pool.physical_id)
    return found


@pytest.fixture(scope="session")
def destroyed(project: Project, used: dict[str, list[str]]) -> dict[str, set[str]]:
    """What is there after the last stack."""
    assert used
    project.destroy()
    return inventory(project.endpoint)
