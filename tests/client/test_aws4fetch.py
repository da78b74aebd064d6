"""Signatures: aws4fetch, which browsers and Node.js sign with, comes to the same one on paths, queries, headers and bodies that are awkward."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import ReadOnlyCredentials

from constructs_pkg.client._sigv4 import canonical_query, sign
from tests.client.test_sigv4 import AWKWARD, NOW, SUITE

ROOT = Path(__file__).parents[2]
BODIES = {"empty": b"", "json": b"{}", "binary": bytes(range(256)), "text": "é€😀".encode()}
HEADERS = {
    "plain": {},
    "type": {"content-type": "application/json; charset=utf-8"},
    "spaces": {"x-note": "  two   spaces  "},
    "many": {"x-b": "2", "x-a": "1", "x-a-b": "3", "accept": "text/event-stream"},
    "empty": {"x-empty": ""},
}
DIFFERENT = ("/?=x", "/?a=%FF")
"""What aws4fetch sends and does not sign as it is: a pair without a name, and bytes that are not UTF-8."""
TARGETS = [
    *(target for target in AWKWARD if target not in DIFFERENT),
    "/v1/chat/completions",
    "/?" + canonical_query("q=a/b c+d&e=é&&f"),
    "/?" + canonical_query("a=b+c&a=b%2bc&A=%c3%bf"),
    "/%E2%82%AC/%F0%9F%98%80/",
    "/" + "x" * 2000,
]
CASES = [
    *((target, HEADERS["plain"], BODIES["json"], None) for target in TARGETS),
    *(("/a%20b?c=d", headers, BODIES["json"], "a/token+==") for headers in HEADERS.values()),
    *(("/a%20b?c=d", HEADERS["type"], body, None) for body in BODIES.values()),
    *((target, HEADERS["plain"], BODIES["json"], None) for target in DIFFERENT),
]
SAME = len(CASES) - len(DIFFERENT)
HOST = "abc.lambda-url.eu-west-1.on.aws"


def ours(target: str, headers: dict[str, str], body: bytes, token: str | None) -> dict[str, str]:
    return sign(
        method="POST",
        url=f"https://{HOST}{target}",
        headers=[(name.encode(), value.encode()) for name, value in {"host": HOST, **headers}.items()],
        body=body,
        credentials=ReadOnlyCredentials(SUITE["access_key"], SUITE["secret_key"], token),
        region="eu-west-1",
        service="lambda",
        now=NOW,
    )


@pytest.fixture(scope="module")
def theirs() -> list[str]:
    """What aws4fetch signs each case with."""
    node = os.environ.get("JSII_NODE") or shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "aws4fetch").exists():
        pytest.skip("the npm packages are not installed: make node_modules/.ready")
    requests: list[dict[str, Any]] = [
        {
            "url": f"https://{HOST}{target}",
            "method": "POST",
            "headers": {**headers, "x-amz-content-sha256": ours(target, headers, body, token)["x-amz-content-sha256"]},
            "body": base64.b64encode(body).decode(),
            "accessKeyId": SUITE["access_key"],
            "secretAccessKey": SUITE["secret_key"],
            "sessionToken": token,
            "region": "eu-west-1",
            "service": "lambda",
            "datetime": SUITE["timestamp"],
        }
        for target, headers, body, token in CASES
    ]
    command = [node, str(Path(__file__).parent / "aws4fetch.mjs")]
    done = subprocess.run(command, input=json.dumps(requests), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", range(SAME), ids=lambda number: CASES[number][0][:30])
def test_it_comes_to_the_same_signature(theirs: list[str], number: int) -> None:
    assert ours(*CASES[number])["authorization"] == theirs[number]


@pytest.mark.parametrize("number", range(SAME, len(CASES)), ids=lambda number: CASES[number][0])
def test_ours_signs_what_is_sent_where_aws4fetch_does_not(theirs: list[str], number: int) -> None:
    """botocore's signature is ours there too: see test_sigv4.py."""
    assert ours(*CASES[number])["authorization"] != theirs[number]
