"""What importing costs, and what happens where a package is missing. Each in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

import constructs_pkg.client as client


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


HEAVY = "[name for name in ('aws_cdk', 'jsii', 'constructs', 'boto3', 'botocore', 'httpx', 'httpx2', 'ssl', 'asyncio') if name in sys.modules]"


@pytest.mark.parametrize("module", ["constructs_pkg.client", "constructs_pkg.client.command"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    assert python(f"import sys, {module}; print({HEAVY})") == "[]"


def test_making_a_client_does_not_load_boto3_or_the_cdk() -> None:
    code = "from constructs_pkg.client import StreamingClient; StreamingClient('http://127.0.0.1:1/').close()"
    assert python(f"import sys; {code}; print({HEAVY})") == "['httpx', 'ssl']"


def test_signing_for_httpx2_does_not_load_httpx() -> None:
    found = python(f"import sys; from constructs_pkg.client.httpx2 import SigV4Auth; print({HEAVY})")
    assert "'httpx2'" in found
    assert "'httpx'" not in found


WITHOUT = "import sys; sys.modules.update(dict.fromkeys({names!r})); "


def test_without_httpx_the_client_says_what_to_install() -> None:
    code = (
        WITHOUT.format(names=["httpx"])
        + "\ntry:\n  from constructs_pkg.client import StreamingClient\nexcept ImportError as e: print(e)"
    )
    assert "HTTPX_MISSING" in python(code)
    assert "pip install 'streaming-lambda-constructs[client]'" in python(code)


def test_without_httpx_an_auth_still_serves_httpx2() -> None:
    code = (
        "import boto3, httpx2; from constructs_pkg.client import SigV4Auth; a = SigV4Auth(boto3.Session('A', 'S'), region='r'); "
    )
    code += "r = a(httpx2.Request('GET', 'https://h/')); print(r.headers['authorization'][:16])"
    assert python(WITHOUT.format(names=["httpx"]) + code) == "AWS4-HMAC-SHA256"


def test_without_httpx2_its_module_says_what_to_install() -> None:
    code = WITHOUT.format(names=["httpx2"]) + "\ntry:\n  import constructs_pkg.client.httpx2\nexcept ImportError as e: print(e)"
    assert "HTTPX2_MISSING" in python(code)


def test_without_boto3_signing_says_what_to_install() -> None:
    code = """
from constructs_pkg.client import StreamingClient
try:
    with StreamingClient("https://h/").stream("GET"):
        pass
except ImportError as error:
    print(error)
"""
    assert "BOTO3_MISSING" in python(WITHOUT.format(names=["boto3"]) + code)


def test_every_name_that_is_promised_is_there() -> None:
    for name in client.__all__:
        assert getattr(client, name) is not None
        assert name in dir(client)
    assert sorted(client.__all__) == sorted(set(client.__all__))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        client.Nothing  # noqa: B018
