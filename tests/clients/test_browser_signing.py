"""What the browser's module sends: signed as AWS's vectors, botocore and an independent verifier say, and never with a secret in sight."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from tests.client import reference_sigv4 as reference
from tests.client.test_sigv4 import AWKWARD, NOW, SUITE
from tests.clients.browser_module import INSTALLED, NEEDS_NPM, build, offline

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not INSTALLED, reason=NEEDS_NPM)

HOST = "abc.lambda-url.eu-west-1.on.aws"
URL = f"https://{HOST}/"
SECRET = SUITE["secret_key"]
CREDENTIALS = {"accessKeyId": SUITE["access_key"], "secretAccessKey": SECRET}
WITH_TOKEN = {**CREDENTIALS, "sessionToken": "a/token+=="}
NOW_MS = int(NOW.timestamp() * 1000)
NOT_SIGNED = ("content-length", "content-type")
"""Headers of AWS's vectors that aws4fetch leaves out of a signature: what lies in between may change them."""

BODIES = {"none": None, "empty": b"", "json": b"{}", "binary": bytes(range(256)), "text": "é€😀".encode()}
HEADERS = {
    "plain": {},
    "type": {"content-type": "application/json; charset=utf-8"},
    "spaces": {"x-note": "  two   spaces  "},
    "many": {"x-b": "2", "x-a": "1", "x-a-b": "3", "accept": "text/event-stream"},
    "empty": {"x-empty": ""},
    "a key of an SDK": {"Authorization": "Bearer sk-1"},
}
TARGETS = [
    *AWKWARD,
    "",
    "?a=b",
    "v1/chat/completions",
    "/?q=a/b+c&d=e&&f",
    "/?q='(!)*",
    "/?é=€",
    "/€/😀/",
    "/a b",
    "/|^`{}",
    "/" + "x" * 2000,
]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("browser"))


def case(
    target: str = "", *, body: bytes | None = b"{}", headers: Any = None, credentials: Any = None, **more: Any
) -> dict[str, Any]:
    options = {"url": URL, "attempts": 1, **more.pop("options", {})}
    call = {"path": target, "method": "POST", "headers": headers or {}, **more.pop("call", {})}
    sent = {} if body is None else {"body": base64.b64encode(body).decode()}
    return {"options": options, "call": call, "credentials": credentials, **sent, **more}


def verified(sent: dict[str, Any]) -> reference.Signature:
    """Asserts that an independent verifier and botocore come to the signature that was sent."""
    parts = urlsplit(sent["url"])
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    body = base64.b64decode(sent["body"])
    headers = {"host": parts.netloc, **sent["headers"]}
    found = reference.verify(sent["method"], target, list(headers.items()), body, secret_key=SECRET)
    request = AWSRequest(sent["method"], sent["url"], headers={name: headers[name] for name in found.signed_headers}, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(ReadOnlyCredentials(SUITE["access_key"], SECRET, None), found.service, found.region)
    assert found.value == signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return found


@pytest.fixture(scope="module")
def targets(dist: Path) -> dict[str, Any]:
    return dict(zip(TARGETS, offline(dist, "send", [case(target, credentials=CREDENTIALS) for target in TARGETS]), strict=True))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[:30])
def test_awkward_paths_and_queries_are_signed_as_they_are_sent(targets: dict[str, Any], target: str) -> None:
    assert verified(targets[target]).region == "eu-west-1"


@pytest.mark.parametrize("target", [target for target in TARGETS if "?" in target and target not in ("/?=x", "/?a=%FF")])
def test_a_query_says_what_it_was_to_say(targets: dict[str, Any], target: str) -> None:
    asked = parse_qsl(target.partition("?")[2], keep_blank_values=True)
    assert parse_qsl(urlsplit(targets[target]["url"]).query, keep_blank_values=True) == asked


@pytest.mark.parametrize("target", [target for target in TARGETS if "?" not in target and "/." not in target])
def test_a_path_says_what_it_was_to_say(targets: dict[str, Any], target: str) -> None:
    assert unquote(urlsplit(targets[target]["url"]).path) == unquote("/" + target.removeprefix("/"))


def test_any_body_and_any_header_are_signed(dist: Path) -> None:
    cases = [case("/a%20b?c=d", body=body, credentials=WITH_TOKEN) for body in BODIES.values()]
    cases += [case("/a%20b?c=d", headers=headers, credentials=WITH_TOKEN) for headers in HEADERS.values()]
    for sent, body in zip(offline(dist, "send", cases), [*BODIES.values(), *[b"{}"] * len(HEADERS)], strict=True):
        found = verified(sent)
        assert base64.b64decode(sent["body"]) == (body or b"")
        assert {"x-amz-security-token", "x-amz-content-sha256"} <= set(found.signed_headers)


def vector_case(vector: dict[str, Any]) -> dict[str, Any]:
    headers: dict[str, str] = {}
    for name, value in vector["headers"]:
        if name.lower() != "host":
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    token = {"sessionToken": vector["token"]} if vector["token"] and vector["token_is_signed"] else {}
    options = {"url": "https://example.amazonaws.com", "region": SUITE["region"], "service": SUITE["service"]}
    call = {"method": vector["method"]}
    body = vector["body"].encode() or None
    return case(
        vector["target"], body=body, headers=headers, credentials=CREDENTIALS | token, options=options, call=call, now=NOW_MS
    )


VECTORS = [vector for vector in SUITE["vectors"] if re.fullmatch(r"[!-~]+", vector["target"])]
"""Those whose target can stand in a request: a browser sends no space and no bare UTF-8, but percent-encodes them first."""


def test_all_vectors_but_three_apply() -> None:
    left_out = {vector["name"] for vector in SUITE["vectors"] if vector not in VECTORS}
    assert left_out == {"get-space-normalized", "get-utf8", "get-vanilla-utf8-query"}


def test_awss_vectors_are_signed_as_aws_does_but_for_our_choice_of_headers(dist: Path) -> None:
    """A vector's canonical request with our decisions put in: the body's hash is a signed header, its length and type are not."""
    for vector, sent in zip(VECTORS, offline(dist, "send", [vector_case(vector) for vector in VECTORS]), strict=True):
        *lines, _, payload_hash = vector["canonical_request"].splitlines()
        left_out = (*NOT_SIGNED, "x-amz-content-sha256")
        fields = [line for line in lines[3:-1] if line.partition(":")[0] not in left_out]
        fields = sorted([*fields, f"x-amz-content-sha256:{payload_hash}"], key=lambda line: line.partition(":")[0])
        names = ";".join(line.partition(":")[0] for line in fields)
        canonical = "\n".join([*lines[:3], *fields, "", names, payload_hash])
        found = reference.Signature(sent["headers"]["authorization"])
        keys = {name: SUITE[name] for name in ("secret_key", "timestamp", "region", "service")}
        assert (vector["name"], ";".join(found.signed_headers)) == (vector["name"], names)
        assert (vector["name"], found.value) == (vector["name"], reference.signature(canonical, **keys))


@pytest.mark.parametrize("body", BODIES)
def test_without_credentials_the_bodys_hash_is_sent_all_the_same(dist: Path, body: str) -> None:
    [sent] = offline(dist, "send", [case(body=BODIES[body], headers={"Authorization": "Bearer t"})])
    assert sent["headers"]["x-amz-content-sha256"] == hashlib.sha256(BODIES[body] or b"").hexdigest()
    assert sent["headers"]["authorization"] == "Bearer t"
    assert "x-amz-date" not in sent["headers"]


@pytest.mark.parametrize(
    ("url", "region", "service"),
    [
        ("https://abc.execute-api.ap-southeast-2.amazonaws.com/prod/", "ap-southeast-2", "execute-api"),
        ("https://abc.execute-api.cn-north-1.amazonaws.com.cn/prod", "cn-north-1", "execute-api"),
        ("https://abc.lambda-url.us-gov-west-1.on.aws", "us-gov-west-1", "lambda"),
    ],
)
def test_the_region_is_told_by_the_host(dist: Path, url: str, region: str, service: str) -> None:
    [sent] = offline(dist, "send", [case("/x", credentials=CREDENTIALS, options={"url": url, "service": service})])
    found = verified(sent)
    assert (found.region, found.service) == (region, service)
    assert sent["url"] == url.rstrip("/") + "/x"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://d111.cloudfront.net/", "NO_REGION"),
        ("https://abc.lambda-url.eu-west-1.on.aws.evil.example/", "NO_REGION"),
        ("http://abc.lambda-url.eu-west-1.on.aws/", "INSECURE_URL"),
        ("http://127.0.0.1.evil.example/", "NO_REGION"),
    ],
)
def test_a_signature_that_would_not_do_is_not_sent(dist: Path, url: str, code: str) -> None:
    [sent] = offline(dist, "send", [case(credentials=WITH_TOKEN, options={"url": url})])
    assert sent["error"]["code"] == code
    assert not any(secret in json.dumps(sent) for secret in WITH_TOKEN.values())


def test_a_call_without_a_body_is_a_get_and_one_with_json_a_post(dist: Path) -> None:
    cases = [
        {"options": {"url": URL}, "call": {}},
        {"options": {"url": URL}, "call": {"json": {"é": None}}},
        {"options": {"url": URL}, "call": {"json": None, "method": "put", "headers": {"Content-Type": "application/cbor"}}},
    ]
    get, post, put = offline(dist, "send", cases)
    assert (get["method"], get["body"]) == ("GET", "")
    assert (post["method"], base64.b64decode(post["body"]).decode()) == ("POST", '{"é":null}')
    assert post["headers"]["content-type"] == "application/json"
    assert (put["method"], put["headers"]["content-type"], put["body"]) == (
        "PUT",
        "application/cbor",
        base64.b64encode(b"null").decode(),
    )
