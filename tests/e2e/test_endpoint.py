"""The local endpoint is on this machine alone, and is gone with whoever started it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.e2e.endpoint import Endpoint, EndpointNotLocal

if TYPE_CHECKING:
    from pathlib import Path

WAIT_SECONDS = 20
KILLED = """
import os, signal, sys
from pathlib import Path
from tests.e2e.endpoint import ministack

with ministack(Path(sys.argv[1])) as endpoint:
    print(endpoint.url, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def is_open(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


@pytest.mark.parametrize(
    "url",
    [
        "https://lambda.us-east-1.amazonaws.com",
        "http://10.0.0.1:4566",
        "http://0.0.0.0:4566",
        "http://127.0.0.1.example.com:4566",
        "http://127.0.0.1@example.com:4566",
        "http://localhost.example.com",
        "127.0.0.1:4566",
        "",
    ],
)
def test_an_endpoint_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(EndpointNotLocal, match="^ENDPOINT_NOT_LOOPBACK: "):
        Endpoint(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "http://[::1]:4566", "http://localhost:4566"])
def test_an_endpoint_on_this_machine_is_taken(url: str) -> None:
    assert Endpoint(url).environment["AWS_ENDPOINT_URL"] == url


def test_it_listens_on_one_address(endpoint: Endpoint) -> None:
    """Whoever listens on all addresses answers on 127.0.0.2 too, where there is one."""
    port = port_of(endpoint.url)
    assert is_open("127.0.0.1", port)
    assert not is_open("127.0.0.2", port)


def test_it_ends_even_with_a_program_that_was_killed(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=100, check=False
    )
    assert killed.returncode < 0, killed.stderr
    port, end_time = port_of(killed.stdout.strip()), time.monotonic() + WAIT_SECONDS
    while is_open("127.0.0.1", port) and time.monotonic() < end_time:
        time.sleep(0.05)
    assert not is_open("127.0.0.1", port)
