"""One example stack in the emulator, for the demos: synthesized as the CDK CLI would, and called as one of its own roles."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import boto3

from constructs_pkg.assembly import CloudAssembly
from constructs_pkg.client import StreamingClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).parents[1]
START_LIMIT_SECONDS: Final = 180
STOP_LIMIT_SECONDS: Final = 15


@dataclass(frozen=True, kw_only=True)
class LocalStack:
    """A running stack.

    Attributes:
        ready: What `streaming-lambda local --json` printed.
        assembly: What was synthesized.
    """

    ready: dict[str, Any]
    assembly: CloudAssembly

    def function(self, path: str) -> dict[str, Any]:
        """The row of the function whose construct path begins with this."""
        row: dict[str, Any] = next(row for row in self.ready["functions"] if row["path"].startswith(path))
        if row["broken"]:
            sys.exit(f"{path} does not run: {row['broken']}")
        return row

    def session(self, principal: str) -> boto3.Session:
        """A session with the credentials of a role of the template, by its construct path."""
        credentials = self.ready["principals"][principal]
        return boto3.Session(
            aws_access_key_id=credentials["access_key_id"],
            aws_secret_access_key=credentials["secret_access_key"],
            aws_session_token=credentials["session_token"],
            region_name=self.ready["region"],
        )

    def make_tables(self, endpoint: str) -> None:
        """Makes the template's DynamoDB tables at a local endpoint."""
        # The endpoint asks for keys, and looks at none.
        dynamodb = boto3.client(
            "dynamodb",
            endpoint_url=endpoint,
            region_name=self.ready["region"],
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106  # nosec B106
        )
        for table in (*self.assembly.of_type("AWS::DynamoDB::GlobalTable"), *self.assembly.of_type("AWS::DynamoDB::Table")):
            keys = {name: table.property(name) for name in ("KeySchema", "AttributeDefinitions")}
            dynamodb.create_table(TableName=table.ref, BillingMode="PAY_PER_REQUEST", **keys)

    def client(self, path: str, principal: str) -> StreamingClient:
        """A client of a function's URL, signing as a role."""
        return StreamingClient(self.function(path)["url"], session=self.session(principal))


@contextlib.contextmanager
def running(stack: str, *, context: Mapping[str, str] | None = None, options: tuple[str, ...] = ()) -> Iterator[LocalStack]:
    """Synthesizes a stack, runs it until the block ends, and leaves nothing behind. Ends the program where it does not start.

    Args:
        stack: Its name in app.py.
        context: Context values beside those of cdk.json.
        options: Further options of `streaming-lambda local`.
    """
    print(f"Starting the {stack.removesuffix('Stack').lower()} stack in the emulator: no AWS account, no Docker ...", flush=True)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as log:
        _synthesize(stack, context or {}, Path(folder), log)
        command = [sys.executable, "-m", "constructs_pkg", "local", "--json", "--assembly", folder, *options]
        # A group of its own: Ctrl-C is ours, and it is told once, below.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, start_new_session=True)
        try:
            yield LocalStack(ready=_first_line(process, log), assembly=CloudAssembly.load(Path(folder)))
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=STOP_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def local_aws() -> Iterator[str]:
    """A local endpoint for the AWS services that the emulator has not, such as DynamoDB; it forgets all at its end. Gives its URL."""
    from moto.server import ThreadedMotoServer  # of the development requirements: most demos go without

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def _synthesize(stack: str, context: Mapping[str, str], outdir: Path, log: IO[str]) -> None:
    known = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    settings = {"CDK_OUTDIR": str(outdir), "CDK_CONTEXT_JSON": json.dumps({**known, "stacks": stack, **context})}
    done = subprocess.run(
        [sys.executable, "app.py"],
        env={**os.environ, **settings},
        stdout=log,
        stderr=log,
        cwd=ROOT,
        timeout=START_LIMIT_SECONDS,
        start_new_session=True,
    )
    if done.returncode != 0:
        _give_up(log, f"{stack} could not be synthesized")


def _first_line(process: subprocess.Popen[str], log: IO[str]) -> dict[str, Any]:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_LIMIT_SECONDS)
    line = process.stdout.readline() if readable else ""
    if not line:
        _give_up(log, "the emulator did not start")
    ready: dict[str, Any] = json.loads(line)
    return ready


def _give_up(log: IO[str], reason: str) -> None:
    log.seek(0)
    sys.stderr.write(log.read())
    sys.exit(f"{reason}; what was said stands above.")
