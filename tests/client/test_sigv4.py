"""Signatures: AWS's own test vectors, botocore, and an independent verifier agree with what is sent."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from constructs_pkg.client import _sigv4
from constructs_pkg.client._sigv4 import canonical_query, region_of, sign
from tests.client import reference_sigv4 as reference

SUITE = json.loads((Path(__file__).parent / "sigv4_vectors.json").read_text(encoding="utf-8"))
VECTORS = [pytest.param(vector, id=vector["name"]) for vector in SUITE["vectors"]]
NOW = datetime.strptime(SUITE["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def signed_by_us(vector: dict[str, Any]) -> dict[str, str]:
    token = vector["token"] if vector["token_is_signed"] else None
    path, question, query = vector["target"].partition("?")
    return sign(
        method=vector["method"],
        url="https://example.amazonaws.com" + path + question + canonical_query(query),
        headers=[(name.encode(), value.encode()) for name, value in vector["headers"]],
        body=vector["body"].encode(),
        credentials=ReadOnlyCredentials(SUITE["access_key"], SUITE["secret_key"], token),
        region=SUITE["region"],
        service=SUITE["service"],
        now=NOW,
    )


def reference_signature(canonical: str) -> str:
    keys = {name: SUITE[name] for name in ("secret_key", "timestamp", "region", "service")}
    return reference.signature(canonical, **keys)


@pytest.mark.parametrize("vector", VECTORS)
def test_the_verifier_of_these_tests_agrees_with_aws(vector: dict[str, Any]) -> None:
    signed = vector["canonical_request"].splitlines()[-2].split(";")
    headers = [*vector["headers"], ("x-amz-date", SUITE["timestamp"]), ("x-amz-security-token", vector["token"] or "")]
    payload_hash = hashlib.sha256(vector["body"].encode()).hexdigest()
    headers.append(("x-amz-content-sha256", payload_hash))
    assert (
        reference.canonical_request(vector["method"], vector["target"], headers, signed, payload_hash)
        == vector["canonical_request"]
    )
    assert reference_signature(vector["canonical_request"]) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS)
def test_vectors_are_signed_as_aws_does_but_for_the_body_hash_that_we_add(vector: dict[str, Any]) -> None:
    """A vector's canonical request with our two decisions put in: the body's hash is a signed header, its length is not."""
    added = signed_by_us(vector)
    *lines, names, payload_hash = vector["canonical_request"].splitlines()
    fields = [line for line in lines[3:-1] if not line.startswith(("content-length:", "x-amz-content-sha256:"))]
    fields.append(f"x-amz-content-sha256:{payload_hash}")
    fields.sort(key=lambda line: line.partition(":")[0])
    names = ";".join(line.partition(":")[0] for line in fields)
    canonical = "\n".join([*lines[:3], *fields, "", names, payload_hash])
    found = reference.Signature(added["authorization"])
    assert ";".join(found.signed_headers) == names
    assert found.value == reference_signature(canonical)


@pytest.mark.parametrize(
    "vector", [vector for vector in SUITE["vectors"] if vector["content_hash_is_signed"]], ids=lambda vector: vector["name"]
)
def test_vectors_that_sign_the_body_hash_come_out_to_the_letter(vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sigv4, "UNSIGNED_HEADERS", _sigv4.UNSIGNED_HEADERS - {"content-length"})
    assert reference.Signature(signed_by_us(vector)["authorization"]).value == vector["signature"]


def botocore_signature(url: str, headers: dict[str, str], body: bytes) -> str:
    """What botocore itself sends for a request whose clock is ours."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest("POST", url, headers=headers | {"X-Amz-Date": SUITE["timestamp"]}, data=body)
    request.context["timestamp"] = SUITE["timestamp"]
    signer = SigV4Auth(ReadOnlyCredentials(SUITE["access_key"], SUITE["secret_key"], None), "lambda", "eu-west-1")
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


AWKWARD = [
    "/a%20b",
    "/a//b",
    "//a",
    "/a/./b/../c",
    "/%E2%82%AC",
    "/a+b",
    "/a:b@c",
    "/%2F%2f",
    "/%25",
    "/~x*y'(z)!",
    "/trailing/",
    "/.",
    "/a;b=c,d",
    "/?a=b%20c",
    "/?b=2&a=1&a=0",
    "/?a",
    "/?=x",
    "/?%C3%A9=%E2%82%AC",
    "/?a=b%2Fc%3Dd%26",
    "/?A=1&a=2",
    "/?a=%FF",
]


@pytest.mark.parametrize("target", AWKWARD)
@pytest.mark.parametrize("body", [b"", b"{}", bytes(range(256))], ids=["empty", "json", "binary"])
def test_awkward_requests_are_signed_as_botocore_signs_them(target: str, body: bytes) -> None:
    headers = {"host": "example.com", "content-type": "a/b;  c=d ", "x-note": "  two   spaces  "}
    ours = sign(
        method="POST",
        url="https://example.com" + target,
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        body=body,
        credentials=ReadOnlyCredentials(SUITE["access_key"], SUITE["secret_key"], None),
        region="eu-west-1",
        service="lambda",
        now=NOW,
    )
    hashed = headers | {"X-Amz-Content-SHA256": hashlib.sha256(body).hexdigest()}
    assert reference.Signature(ours["authorization"]).value == botocore_signature("https://example.com" + target, hashed, body)


@pytest.mark.parametrize(
    ("query", "spelled"),
    [
        ("a=b/c", "a=b%2Fc"),
        ("a=b+c", "a=b%20c"),
        ("a=b%2bc", "a=b%2Bc"),
        ("q=a:b@c,d;e", "q=a%3Ab%40c%2Cd%3Be"),
        ("a=b=c", "a=b%3Dc"),
        ("a&b=", "a&b="),
        ("&&a=1&", "a=1"),
        ("z=1&a=2&a=1", "z=1&a=2&a=1"),
        ("%ff=%7E~", "%FF=~~"),
        ("é=€", "%C3%A9=%E2%82%AC"),
        ("", ""),
    ],
)
def test_a_query_is_spelled_so_that_every_verifier_reads_it_alike(query: str, spelled: str) -> None:
    assert canonical_query(query) == spelled
    assert canonical_query(spelled) == spelled


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=5))
def test_spelling_a_query_keeps_what_it_says(pairs: list[tuple[str, str]]) -> None:
    from urllib.parse import parse_qsl, urlencode

    pairs = [(name.encode("utf-8", "replace").decode(), value.encode("utf-8", "replace").decode()) for name, value in pairs]
    assert parse_qsl(canonical_query(urlencode(pairs)), keep_blank_values=True) == pairs


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("abc123.lambda-url.eu-central-1.on.aws", "eu-central-1"),
        ("ABC123.Lambda-URL.us-gov-west-1.on.aws.", "us-gov-west-1"),
        ("abc.execute-api.ap-southeast-2.amazonaws.com", "ap-southeast-2"),
        ("abc.execute-api.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("127.0.0.1", None),
        ("d111.cloudfront.net", None),
        ("abc.lambda-url.eu-central-1.on.aws.evil.example", None),
        ("a.b.lambda-url.eu-central-1.on.aws", None),
    ],
)
def test_the_region_is_read_from_hosts_of_aws_alone(host: str, region: str | None) -> None:
    assert region_of(host) == region


def test_headers_that_the_way_may_change_are_not_signed() -> None:
    ours = sign(
        method="GET",
        url="https://h/",
        headers=[
            (b"host", b"h"),
            (b"accept-encoding", b"gzip"),
            (b"user-agent", b"u"),
            (b"x-amzn-trace-id", b"t"),
            (b"x-bad", b"\xff"),
            (b"x-good", b"g"),
        ],
        body=b"",
        credentials=ReadOnlyCredentials("A", "S", None),
        region="r",
        service="s",
        now=NOW,
    )
    assert reference.Signature(ours["authorization"]).signed_headers == ["host", "x-amz-content-sha256", "x-amz-date", "x-good"]
