from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.client.reading import ASYNC, SYNC, Caller, Outcome
from tests.client.server import Script, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "session-token-of-the-caller/+="


@pytest.fixture(autouse=True)
def _no_aws_around(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """No test reads the credentials, the configuration or the metadata service of the machine that it runs on."""
    import os

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))


@pytest.fixture
def session() -> boto3.Session:
    return boto3.Session(ACCESS_KEY, SECRET_KEY, TOKEN, region_name="eu-west-1")


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts a server that answers with the scripts given."""
    with ExitStack() as stack:
        yield lambda *scripts: stack.enter_context(ScriptedServer(list[Script](scripts)))


@pytest.fixture(params=[SYNC, ASYNC], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Caller:
    return request.param


@pytest.fixture
def read(caller: Caller, session: boto3.Session) -> Callable[..., Outcome]:
    """Makes a call with either client, signed by `session`, never repeated unless the test says so."""
    from constructs_pkg.client import RetryPolicy

    def call(url: str, *, client: dict[str, object] | None = None, **arguments: object) -> Outcome:
        return caller(url, {"session": session, "retry": RetryPolicy(attempts=1), **(client or {})}, **arguments)

    return call
