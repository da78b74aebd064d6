"""An app to be written, and an emulator to run it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.emulator import Emulator
from tests.emulator.running import Running
from tests.emulator.support import CALLS, App

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The person's own cache stays as it is."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path / "cdk.out")


class Logs(list[str]):
    """The emulator's log lines."""

    def __call__(self, line: str) -> None:
        self.append(line)

    def having(self, text: str) -> list[str]:
        return [line for line in self if text in line]


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Shown at the end of a test that fails."""
    lines = Logs()
    yield lines
    print("\n".join(lines))


@pytest.fixture(autouse=True)
def close_calls() -> Iterator[None]:
    """Closes what the test's calls left open."""
    yield
    while CALLS:
        CALLS.pop().close()


@pytest.fixture
def emulate(logs: Logs) -> Iterator[Callable[..., Emulator]]:
    """Starts emulators, and stops them at the end. Without mounts: a real /tmp would hide the test's own files from handlers."""
    with ExitStack() as stack:

        def start(app: App, **options: Any) -> Emulator:
            return stack.enter_context(Emulator(app.write(), **{"model": None, "log": logs, "mounts": False, **options}))

        yield start


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts the command, and kills it at the end where it still runs."""
    started: list[Running] = []

    def made(*arguments: str, cwd: Path = tmp_path) -> Running:
        started.append(Running(list(arguments), cwd, tmp_path / "tmp"))
        return started[-1]

    yield made
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()
