"""pytest's way to the emulator: a test starts the app that it is about, and streams from it.

In a conftest.py (the plugin loads nowhere unless it is asked for, so that no other test run pays for it):

    pytest_plugins = ["constructs_pkg.emulator.pytest_plugin"]

and in a test:

    def test_the_model_is_quoted(streaming_app):
        app = streaming_app(Path("cdk.out"))
        with StreamingClient(app.url, session=app.session()) as client, client.stream("POST", "/", json={...}) as stream:
            assert "".join(event.text for event in stream)

The client is constructs_pkg.client's or any other that signs: this package knows none.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from constructs_pkg.emulator.app_command import SynthesizedApp, read_cdk_json
from constructs_pkg.emulator.console import log_line
from constructs_pkg.emulator.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from boto3 import Session

    from constructs_pkg.emulator.faults import Faults
    from constructs_pkg.emulator.telemetry import AlarmState

SCOPES = ("function", "class", "module", "package", "session")


class _Synthesizable(Protocol):
    """A CDK App, or any construct in one; named by what it can do, since this package never loads the CDK."""

    node: Any


class StreamingApp:
    """An app that runs.

    Attributes:
        emulator: The emulator, for whatever is not here.
        lines: The log lines of the run so far.
    """

    def __init__(self, emulator: Emulator, lines: list[str]) -> None:
        self.emulator = emulator
        self.lines = lines

    @property
    def urls(self) -> dict[str, str]:
        """Each Function URL by the construct path of its function."""
        return self.emulator.urls

    @property
    def url(self) -> str:
        """The Function URL of an app that has one.

        Raises:
            LookupError: `URL_NOT_ONE`: it has none, or several.
        """
        if len(self.urls) != 1:
            raise LookupError(
                f"URL_NOT_ONE: the app has {len(self.urls)} Function URLs; take one of app.urls: {sorted(self.urls)}"
            )
        return next(iter(self.urls.values()))

    @property
    def principals(self) -> dict[str, dict[str, str | None]]:
        """Credentials by name: `admin`, `stranger`, `outsider`, and each role and user by its construct path."""
        return self.emulator.principals

    def session(self, principal: str = "admin") -> Session:
        """A boto3 session of one of the principals, in the app's region.

        Args:
            principal: Its name.

        Raises:
            LookupError: `PRINCIPAL_UNKNOWN`.
        """
        import boto3  # a third of a second that a test without a session need not pay

        found = self.principals.get(principal)
        if found is None:
            raise LookupError(f"PRINCIPAL_UNKNOWN: {principal!r}; the app has {', '.join(self.principals)}")
        return boto3.Session(
            aws_access_key_id=found["access_key_id"],
            aws_secret_access_key=found["secret_access_key"],
            aws_session_token=found["session_token"],
            region_name=self.emulator.region,
        )

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose: `with app.faults.add("kill:100"): ...`."""
        return self.emulator.faults

    def metric(
        self,
        name: str,
        statistic: str = "Sum",
        *,
        namespace: str = "AWS/Lambda",
        seconds: float | None = None,
        **dimensions: str,
    ) -> float | None:
        """A metric once every call so far is wholly over; see MetricStore.statistic. None where nothing was measured."""
        self.emulator.settle()
        return self.emulator.metrics.statistic(name, statistic, namespace=namespace, seconds=seconds, **dimensions)

    @property
    def alarms(self) -> Mapping[str, AlarmState]:
        """The state of each of the template's alarms once every call so far is wholly over, by construct path."""
        self.emulator.settle()
        return self.emulator.alarms


@contextmanager
def run_app(app: Path | str | _Synthesizable, **options: Any) -> Iterator[StreamingApp]:
    """Runs an app for the length of a `with` block; what the fixture does, for fixtures of one's own.

    Args:
        app: The `cdk.out` folder as a Path, a command that synthesizes (`"python app.py"`; the context of ./cdk.json is given to it), or
            a CDK App, or a Stack or other construct in one, which is synthesized here.
        **options: Further arguments of Emulator, such as `model="echo"` (the default here), `faults=["kill:100"]` or `alarm_period=5`.

    Raises:
        AssemblyError: the assembly cannot be read.
        AppFailed: the command fails.
        TypeError: `APP_UNKNOWN`: it is nothing of these.
    """
    lines: list[str] = []
    with ExitStack() as stack:
        directory = _assembly_of(app, stack)
        emulator = Emulator(directory, **{"model": "echo", "log": lines.append, **options})
        yield StreamingApp(stack.enter_context(emulator), lines)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the plugin's setting."""
    parser.addini(
        "streaming_app_scope",
        "How long an app of the fixture streaming_app runs: function, class, module, package or session.",
        default="function",
    )


def _scope(fixture_name: str, config: pytest.Config) -> Any:
    del fixture_name
    scope = config.getini("streaming_app_scope")
    if scope not in SCOPES:
        raise pytest.UsageError(f"streaming_app_scope is {scope!r}; allowed: {', '.join(SCOPES)}")
    return scope


@pytest.fixture(scope=_scope)
def streaming_app(request: pytest.FixtureRequest) -> Iterator[Callable[..., StreamingApp]]:
    """Starts apps, and stops them at the end of its scope (the setting `streaming_app_scope`; the test, unless it is set).

    Within one scope the same app with the same options is started once. Log lines of what ran are in the report of a test that fails.
    """
    del request
    running: dict[Any, StreamingApp] = {}
    with ExitStack() as stack:

        def start(app: Path | str | _Synthesizable, **options: Any) -> StreamingApp:
            key = (app, repr(sorted(options.items())))
            if key not in running:
                running[key] = stack.enter_context(run_app(app, **options))
            return running[key]

        yield start
        for one in running.values():
            # Captured by pytest, and shown for a test that fails.
            print(*one.lines, sep="\n")  # noqa: T201


def _assembly_of(app: Path | str | _Synthesizable, stack: ExitStack) -> Path:
    if isinstance(app, Path):
        return app
    if isinstance(app, str):
        here = Path.cwd()
        synthesized = stack.enter_context(SynthesizedApp(app, here, read_cdk_json(here), log=log_line))
        synthesized.synthesize()
        return synthesized.directory
    root: Any = getattr(getattr(app, "node", None), "root", None)
    if root is None or not hasattr(root, "synth"):
        raise TypeError(f"APP_UNKNOWN: {app!r} is no Path of an assembly, no command, no CDK App and nothing in one")
    return Path(str(root.synth().directory))
