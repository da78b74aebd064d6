"""What the conformance tests call: the emulator, or, by an environment variable, what was deployed to an account.

STREAMING_LAMBDA_CONFORMANCE=aws, and CONFORMANCE_OUTPUTS naming the file that `cdk deploy --outputs-file` wrote; credentials and region
are boto3's own. docs/emulator.md says how.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config

from constructs_pkg.emulator.pytest_plugin import run_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STACK = "StreamingLambdaConformance"
APP = Path(__file__).with_name("app.py")
WAIT_SECONDS = 30.0


@dataclass
class Reply:
    """An answer, read piece by piece."""

    status: int
    headers: list[tuple[str, str]]
    connection: http.client.HTTPConnection
    response: http.client.HTTPResponse
    started: float = field(default_factory=time.monotonic)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def pieces(self) -> Iterator[tuple[float, bytes]]:
        """Each piece as it comes, with the time since the head came."""
        while piece := self.response.read1(65_536):
            yield time.monotonic() - self.started, piece

    def read(self) -> bytes:
        return self.response.read()

    def json(self) -> Any:
        return json.loads(self.read())


class Target:
    """The deployed stack, wherever it is deployed."""

    def __init__(
        self, outputs: Mapping[str, str], session: boto3.Session, stranger: Callable[[], boto3.Session], endpoint: str | None
    ) -> None:
        """
        Args:
            outputs: Of the stack.
            session: Of one who may call all of it.
            stranger: Gives the session of one who may call nothing, or skips the test.
            endpoint: Of Lambda's API; None for boto3's own choice.
        """
        self.outputs = outputs
        self.session = session
        self._stranger = stranger
        self.endpoint = endpoint
        self.broken: Mapping[str, str] = {}

    def url(self, function: str) -> str:
        self._require(function)
        return self.outputs[f"{function}Url"]

    def name(self, function: str) -> str:
        self._require(function)
        return self.outputs[f"{function}Name"]

    def stranger(self) -> boto3.Session:
        return self._stranger()

    def client(self, session: boto3.Session | None = None) -> Any:
        config = Config(retries={"total_max_attempts": 1}, read_timeout=WAIT_SECONDS)
        return (session or self.session).client("lambda", endpoint_url=self.endpoint, config=config)

    @property
    def region(self) -> str:
        region = self.session.region_name
        assert region, "set AWS_REGION, or the region of the profile"
        return region

    def _require(self, function: str) -> None:
        if function in self.broken:
            pytest.skip(self.broken[function])


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    where = os.environ.get("STREAMING_LAMBDA_CONFORMANCE", "emulator")
    if where == "emulator":
        with _emulated() as found:
            yield found
    elif where == "aws":
        yield _deployed()
    else:
        pytest.exit(f"STREAMING_LAMBDA_CONFORMANCE is {where!r}; allowed: emulator, aws", 2)


@contextmanager
def _emulated() -> Iterator[Target]:
    with run_app(f"{shlex.quote(sys.executable)} {shlex.quote(str(APP))}", model=None) as app:

        def session(principal: str) -> boto3.Session:
            return app.session(principal)

        found = Target(
            app.emulator.outputs[STACK], session("admin"), lambda: session(f"{STACK}/Stranger"), app.emulator.lambda_endpoint
        )
        rows = app.emulator.json()["functions"]
        found.broken = {row["path"].rpartition("/")[2].removesuffix("Function"): row["broken"] for row in rows if row["broken"]}
        yield found


def _deployed() -> Target:
    file = os.environ.get("CONFORMANCE_OUTPUTS")
    if not file:
        pytest.exit("CONFORMANCE_OUTPUTS must name the file that `cdk deploy --outputs-file` wrote", 2)
    stacks = json.loads(Path(file).read_text())
    outputs = stacks[os.environ.get("CONFORMANCE_STACK", STACK)]
    session = boto3.Session()

    def stranger() -> boto3.Session:
        profile = os.environ.get("CONFORMANCE_STRANGER_PROFILE")
        if profile:
            return boto3.Session(profile_name=profile, region_name=session.region_name)
        taken = session.client("sts").assume_role(RoleArn=outputs["StrangerRole"], RoleSessionName="conformance")["Credentials"]
        return boto3.Session(
            taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"], region_name=session.region_name
        )

    return Target(outputs, session, stranger, None)


@pytest.fixture
def ask(target: Target) -> Iterator[Callable[..., Reply]]:
    """Calls a Function URL, signed by botocore, and gives the answer with its head read."""
    open_ones: list[http.client.HTTPConnection] = []

    def call(
        function: str,
        path: str = "/",
        *,
        method: str = "POST",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        session: boto3.Session | None = None,
        signed: bool = True,
        change: Callable[[dict[str, str]], None] | None = None,
    ) -> Reply:
        url = target.url(function).rstrip("/") + path
        parts = urlsplit(url)
        request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
        if signed:
            credentials = (session or target.session).get_credentials()
            SigV4Auth(credentials, "lambda", target.region).add_auth(request)
        sent = dict(request.headers.items())
        if change is not None:
            change(sent)
        assert parts.hostname is not None
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname, parts.port, timeout=WAIT_SECONDS)
        open_ones.append(connection)
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body or None, sent)
        response = connection.getresponse()
        return Reply(response.status, response.getheaders(), connection, response)

    yield call
    for connection in open_ones:
        connection.close()
