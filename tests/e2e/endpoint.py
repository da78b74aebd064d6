"""The local AWS endpoint: a MiniStack of our own, on a free port of 127.0.0.1, for as long as the tests run."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
PYTHON: Final = Path(sys.prefix) / "e2e" / "bin" / "python"
"""MiniStack pins another botocore than this project does, so it lives in an environment of its own, which `make e2e` makes."""

START_SECONDS: Final = 60
STOP_SECONDS: Final = 10
ATTEMPTS: Final = 3
DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
NO_FILE: Final = os.devnull
KEYS: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class EndpointNotLocal(ValueError):
    """What is deployed here must not reach a real account."""


class Endpoint:
    """An AWS endpoint on this machine, and no other."""

    def __init__(self, url: str) -> None:
        """
        Args:
            url: Where it listens.

        Raises:
            EndpointNotLocal: that is not an address of this machine alone.
        """
        host = urlsplit(url).hostname or ""
        if not _is_loopback(host):
            raise EndpointNotLocal(
                f"ENDPOINT_NOT_LOOPBACK: {url!r} is not on this machine; these tests deploy and delete, and never touch a real account. "
                "Use an endpoint on 127.0.0.1."
            )
        self.url = url

    @property
    def environment(self) -> dict[str, str]:
        """For programs: this endpoint for all services, credentials that are none, and no file or address that has others."""
        return {
            **KEYS,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": NO_FILE,
            "AWS_SHARED_CREDENTIALS_FILE": NO_FILE,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(proxies={}, connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1}),
        )

    def all(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """All items of all pages of a listing; `key` is where they are in the answer, such as `Things.Items`."""
        client = self.client(service)
        if client.can_paginate(operation):
            answer = client.get_paginator(operation).paginate(**arguments).build_full_result()
        else:
            answer = getattr(client, operation)(**arguments)
        for step in key.split("."):
            answer = answer.get(step) or []  # CloudFront says of an empty listing nothing but that it is
            if not answer:
                break
        found: list[Any] = answer
        return found


@contextmanager
def ministack(folder: Path, packages: Path | None = None) -> Iterator[Endpoint]:
    """Starts MiniStack, and ends it and all that it started.

    Args:
        folder: Takes its log and its temporary files.
        packages: What its Node.js functions find beside their own packages, as those on Lambda find AWS's SDK. Default: nothing.
    """
    if not PYTHON.is_file():
        raise FileNotFoundError(f"{PYTHON} is not there. Run: make e2e")
    for attempt in range(ATTEMPTS):
        with _started(folder / f"ministack-{attempt}.log", packages) as (process, endpoint):
            if not _is_ready(process, endpoint):
                continue  # another program took the port in between
            yield endpoint
            return
    raise RuntimeError(f"MiniStack did not start:\n{(folder / f'ministack-{ATTEMPTS - 1}.log').read_text()}")


@contextmanager
def _started(log: Path, packages: Path | None) -> Iterator[tuple[subprocess.Popen[bytes], Endpoint]]:
    port = _free_port()
    settings = {
        **KEYS,
        "PATH": os.environ["PATH"],
        "TMPDIR": str(log.parent),
        "HOME": str(log.parent),
        "BIND_HOST": "127.0.0.1",  # it listens on all addresses unless told otherwise
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "S3_DATA_DIR": str(log.parent / "s3"),
        "STATE_DIR": str(log.parent / "state"),
        "IOT_MTLS_ENABLED": "0",  # it and SFTP would listen on ports of their own
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nowhere",
        "AWS_EC2_METADATA_DISABLED": "true",
        **({"NODE_PATH": str(packages)} if packages is not None else {}),
    }
    program = [str(PYTHON), str(Path(__file__).with_name("endpoint_process.py"))]
    with log.open("wb") as output:
        process = subprocess.Popen(
            program, env=settings, cwd=log.parent, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield process, Endpoint(f"http://127.0.0.1:{port}")
        finally:
            end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Ends a process that leads a group, and the group with it."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):  # the group is ended below in any case
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError, PermissionError):  # nothing is left; macOS says the second where only zombies are
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)
    if process.stdin is not None:
        process.stdin.close()


def _is_ready(process: subprocess.Popen[bytes], endpoint: Endpoint) -> bool:
    end_time = time.monotonic() + START_SECONDS
    while time.monotonic() < end_time and process.poll() is None:
        try:
            with DIRECT.open(f"{endpoint.url}/_ministack/health", timeout=5) as answer:
                return bool(json.load(answer)["services"])
        except OSError:
            time.sleep(0.1)
    return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
