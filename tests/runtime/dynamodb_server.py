"""A DynamoDB of the tests' own: moto's server in a process by itself, on loopback. The wire is the real one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from streaming_runtime.aws import DYNAMODB, AwsClient

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}
SERVER = """
import threading
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

WSGIRequestHandler.protocol_version = "HTTP/1.1"
moto, one_at_a_time = DomainDispatcherApplication(create_backend_app), threading.Lock()

def application(environ, start_response):
    # A condition and its write are one step in DynamoDB; between threads moto's are two.
    with one_at_a_time:
        return [b"".join(moto(environ, start_response))]

server = make_server("127.0.0.1", 0, application, threaded=True)
print(server.port, flush=True)
server.serve_forever()
"""


class Server:
    """Where it is."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    @property
    def environment(self) -> dict[str, str]:
        return {**KEYS, "AWS_ENDPOINT_URL_DYNAMODB": self.url}

    def table(self) -> str:
        """A new table as StreamStore makes it."""
        name = f"streams-{uuid.uuid4().hex}"
        self.call(
            "DynamoDB_20120810.CreateTable",
            {
                "TableName": name,
                "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        )
        return name

    def items(self, table: str) -> list[dict[str, Any]]:
        """Everything in it, with pk and sk as plain strings."""
        found = self.call("DynamoDB_20120810.Scan", {"TableName": table})["Items"]
        return [{**item, "pk": item["pk"]["S"], "sk": item["sk"]["S"]} for item in found]

    def call(self, target: str, parameters: dict[str, Any]) -> Any:
        with environment(self.environment):
            client = AwsClient(DYNAMODB)
            answer = client.call(
                "/", {"content-type": "application/x-amz-json-1.0", "x-amz-target": target}, json.dumps(parameters).encode()
            )
            client.close()
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def post(self, path: str, data: str) -> None:
        request = urllib.request.Request(self.url + path, data.encode(), {"content-type": "text/plain"}, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            assert answer.status == 200


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Variables set for a while, for what is called in this process."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def serving() -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        assert process.stdout is not None
        line: list[bytes] = []
        reader = threading.Thread(target=lambda: line.append(process.stdout.readline()), daemon=True)  # type: ignore[union-attr]
        reader.start()
        reader.join(PATIENCE)
        assert line and line[0].strip().isdigit(), "moto's server did not start"
        yield Server(int(line[0]))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=PATIENCE)
        process.stdout.close()  # type: ignore[union-attr]
