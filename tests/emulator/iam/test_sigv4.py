"""The verifier against AWS's own vectors, against botocore's signatures, and against everything that must not pass."""

from __future__ import annotations

import hashlib
import json
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.utils import normalize_url_path
from hypothesis import given
from hypothesis import strategies as st

from constructs_pkg.emulator.iam import (
    Credentials,
    SignatureRefusal,
    SignedRequest,
    VerifiedSignature,
    canonical,
    function_url_refusal,
    verify,
)

SUITE = json.loads((Path(__file__).parent / "sigv4_vectors.json").read_text(encoding="utf-8"))
LONG_TERM = Credentials(access_key_id="AKIAEXAMPLE000000000", secret_access_key="secret/of+someone")
TEMPORARY = Credentials(access_key_id="ASIAEXAMPLE000000000", secret_access_key="another", session_token="tok/en+with==")
URL = "http://abc.lambda-url.eu-west-1.on.aws"


def check(
    request: SignedRequest, credentials: Credentials = LONG_TERM, *, after: timedelta = timedelta(0), region: str = "eu-west-1"
) -> VerifiedSignature:
    known = {credentials.access_key_id: credentials}
    return verify(request, lookup=known.get, now=datetime.now(UTC) + after, region=region, service="lambda")


def sign(
    method: str = "POST",
    url: str = f"{URL}/",
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    params: dict[str, str] | None = None,
    credentials: Credentials = LONG_TERM,
    service: str = "lambda",
    region: str = "eu-west-1",
    presign: int | None = None,
) -> SignedRequest:
    """A request as botocore signs it and a client sends it."""
    request = AWSRequest(method=method, url=url, headers=headers or {}, data=body, params=params)
    keys = BotocoreCredentials(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    if presign is None:
        SigV4Auth(keys, service, region).add_auth(request)
    else:
        SigV4QueryAuth(keys, service, region, presign).add_auth(request)
    sent = urlsplit(request.prepare().url)
    return SignedRequest(
        method=method,
        raw_path=sent.path or "/",
        raw_query=sent.query,
        headers=[("Host", sent.netloc), *((name, str(value)) for name, value in request.headers.items())],
        body=body,
    )


def change(request: SignedRequest, **changes: Any) -> SignedRequest:
    return SignedRequest(**{**vars(request), **changes})


def with_header(request: SignedRequest, name: str, value: str | None) -> SignedRequest:
    kept = [pair for pair in request.headers if pair[0].lower() != name.lower()]
    return change(request, headers=kept if value is None else [*kept, (name, value)])


# AWS's own vectors


FORMS = [(vector, form) for vector in SUITE["vectors"] for form in ("header", "query") if form in vector]


@pytest.mark.parametrize(("vector", "form"), FORMS, ids=[f"{vector['name']} {form}" for vector, form in FORMS])
def test_vector_of_aws_passes_and_with_another_key_does_not(vector: dict[str, Any], form: str) -> None:
    sent = vector[form]
    request = SignedRequest(
        method=sent["method"],
        raw_path=sent["path"],
        raw_query=sent["query"],
        headers=[(name, value) for name, value in sent["headers"]],
        body=sent["body"].encode(),
    )
    place = {"region": SUITE["region"], "service": SUITE["service"], "normalize_path": vector["normalize"]}
    now = datetime.fromisoformat(SUITE["time"])

    def key(secret: str) -> Credentials:
        return Credentials(access_key_id=SUITE["access_key_id"], secret_access_key=secret, session_token=vector["token"])

    found = verify(request, lookup=lambda _: key(SUITE["secret_access_key"]), now=now, **place)
    assert found.presigned == (form == "query")
    with pytest.raises(SignatureRefusal, match="does not match"):
        verify(request, lookup=lambda _: key("wrong"), now=now, **place)


def test_no_vector_was_lost() -> None:
    assert len(FORMS) == 75


# botocore's signatures


@pytest.mark.parametrize("presign", [None, 300], ids=["header", "query"])
@pytest.mark.parametrize("credentials", [LONG_TERM, TEMPORARY], ids=["long-term", "temporary"])
@pytest.mark.parametrize(
    "path",
    ["/", "/v1/chat/completions", "/a%20b", "/%E1%88%B4", "/a//b/./c/../d/", "/~x-._", "/a+b", "/a%2Fb", "/*", "/a:b@c;d=e"],
)
def test_botocore_signature_passes_whatever_the_path(path: str, credentials: Credentials, presign: int | None) -> None:
    # botocore moves a body into the query when it presigns.
    request = sign(url=URL + path, body=b"" if presign else b"{}", credentials=credentials, presign=presign)
    assert check(request, credentials).credentials == credentials


@pytest.mark.parametrize(
    "params",
    [
        {"a": ""},
        {"b": "2", "a": "1", "B": "0"},
        {"key": "a b+c/d:e&f=g%h", "ü": "ሴ", "~": "~-._"},
        {"a-b": "1", "a": "2", "a_b": "3"},
    ],
    ids=str,
)
@pytest.mark.parametrize("presign", [None, 60], ids=["header", "query"])
def test_botocore_signature_passes_whatever_the_query(params: dict[str, str], presign: int | None) -> None:
    check(sign("GET", params=params, presign=presign))


@pytest.mark.parametrize("body", [b"", b"{}", bytes(range(256)), b"x" * 1_000_000], ids=["none", "json", "binary", "long"])
def test_botocore_signature_covers_the_body_with_or_without_its_hash_in_a_header(body: bytes) -> None:
    check(sign(body=body))
    check(sign(body=body, headers={"X-Amz-Content-Sha256": hashlib.sha256(body).hexdigest()}))


def test_signed_headers_may_be_folded_and_spaced() -> None:
    request = sign(headers={"X-Team": "a  b   c", "Content-Type": "application/json"})
    check(with_header(request, "X-Team", "  a b\r\n\t c  "))


def test_signed_header_in_utf8_arrives_as_latin_1() -> None:
    request = sign(headers={"X-Team": "größe"})
    check(with_header(request, "X-Team", "größe".encode().decode("latin-1")))


@given(st.lists(st.sampled_from(["", ".", "..", "a", "b c", "%2e", "ü"]), max_size=8).map(lambda parts: "/" + "/".join(parts)))
def test_paths_are_normalized_as_botocore_does(path: str) -> None:
    assert canonical.normalized_path(path) == normalize_url_path(path)


@given(
    path=st.text(string.ascii_letters + string.digits + "/-._~!$&'()*+,;=:@", max_size=30),
    params=st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=8), max_size=4),
    body=st.binary(max_size=64),
)
def test_any_request_that_botocore_signs_passes(path: str, params: dict[str, str], body: bytes) -> None:
    clean = {k.encode("utf-8", "ignore").decode(): v.encode("utf-8", "ignore").decode() for k, v in params.items()}
    reserved = {"X-Amz-Algorithm", "X-Amz-Signature"}
    check(sign(url=f"{URL}/{path}", params={k: v for k, v in clean.items() if k and k not in reserved}, body=body))


# What must not pass


def refusal(request: SignedRequest, credentials: Credentials = LONG_TERM, **more: Any) -> tuple[str, str]:
    with pytest.raises(SignatureRefusal) as caught:
        check(request, credentials, **more)
    assert caught.value.status == 403
    return caught.value.error_type, caught.value.message


def test_no_signature() -> None:
    request = with_header(sign(), "Authorization", None)
    assert refusal(request) == ("MissingAuthenticationTokenException", "Missing Authentication Token")


MISMATCH = ("InvalidSignatureException", "The request signature we calculated does not match the signature you provided")
TAMPERED: list[tuple[str, dict[str, Any]]] = [
    ("body", {"body": b'{"a":2}'}),
    ("method", {"method": "PUT"}),
    ("path", {"raw_path": "/other"}),
    ("path case", {"raw_path": "/Path"}),
    ("query", {"raw_query": "q=2"}),
    ("query added", {"raw_query": "q=1&r=2"}),
    ("query gone", {"raw_query": ""}),
    ("plus for a space", {"raw_query": "q=1+"}),
]


@pytest.mark.parametrize("presign", [None, 300], ids=["header", "query"])
@pytest.mark.parametrize(("what", "changes"), TAMPERED, ids=[case[0] for case in TAMPERED])
def test_tampered_request(what: str, changes: dict[str, Any], presign: int | None) -> None:
    request = sign(url=f"{URL}/path", params={"q": "1"}, body=b"" if presign else b'{"a":1}', presign=presign)
    if "raw_query" in changes and presign:
        changes = {"raw_query": request.raw_query.replace("q=1", changes["raw_query"]).strip("&")}
    error_type, message = refusal(change(request, **changes))
    assert error_type == MISMATCH[0]
    assert message.startswith(MISMATCH[1])


@pytest.mark.parametrize(
    ("name", "value"), [("X-Team", "blue"), ("X-Team", None), ("Host", "elsewhere"), ("Content-Type", "text/plain")]
)
def test_tampered_header(name: str, value: str | None) -> None:
    request = with_header(sign(headers={"X-Team": "red", "Content-Type": "application/json"}), name, value)
    assert refusal(request)[1].startswith(MISMATCH[1])


def test_body_taken_away() -> None:
    assert refusal(change(sign(body=b"{}"), body=b""))[1].startswith(MISMATCH[1])


def test_every_digit_of_the_signature_counts() -> None:
    request = sign()
    (authorization,) = [value for name, value in request.headers if name == "Authorization"]
    for index in range(len(authorization) - 64, len(authorization)):
        other = "0" if authorization[index] != "0" else "1"
        changed = authorization[:index] + other + authorization[index + 1 :]
        assert refusal(with_header(request, "Authorization", changed))[0] == MISMATCH[0]


def test_repeated_header_cannot_smuggle_a_second_value() -> None:
    request = sign(headers={"X-Team": "red"})
    assert refusal(change(request, headers=[*request.headers, ("X-Team", "blue")]))[1].startswith(MISMATCH[1])


def test_second_signature_in_the_query_of_a_header_signed_request_is_just_a_parameter() -> None:
    request = sign(params={"q": "1"})
    assert refusal(change(request, raw_query=f"{request.raw_query}&X-Amz-Signature=0"))[1].startswith(MISMATCH[1])


@pytest.mark.parametrize(
    "declared", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", hashlib.sha256(b"other").hexdigest()]
)
@pytest.mark.parametrize("body", [b"", b"{}"], ids=["no body", "body"])
def test_unsigned_payload_is_not_supported(declared: str, body: bytes) -> None:
    """CloudFront's guide: "Lambda doesn't support unsigned payloads"."""
    request = sign(body=body, headers={"X-Amz-Content-Sha256": declared})
    assert refusal(request)[1].startswith(MISMATCH[1])


def test_wrong_hash_header_is_refused_even_unsigned() -> None:
    request = with_header(sign(body=b"{}"), "X-Amz-Content-Sha256", hashlib.sha256(b"other").hexdigest())
    assert refusal(request)[1].startswith(MISMATCH[1])


INVALID = ("UnrecognizedClientException", "The security token included in the request is invalid.")


def test_unknown_key() -> None:
    assert refusal(sign(credentials=TEMPORARY), LONG_TERM) == INVALID


def test_wrong_secret() -> None:
    forged = Credentials(access_key_id=LONG_TERM.access_key_id, secret_access_key="guess")
    assert refusal(sign(credentials=forged))[1].startswith(MISMATCH[1])


@pytest.mark.parametrize("presign", [None, 300], ids=["header", "query"])
@pytest.mark.parametrize("token", [None, "stale"])
def test_session_token_must_be_the_keys_own(token: str | None, presign: int | None) -> None:
    forged = Credentials(
        access_key_id=TEMPORARY.access_key_id, secret_access_key=TEMPORARY.secret_access_key, session_token=token
    )
    assert refusal(sign(credentials=forged, presign=presign), TEMPORARY) == INVALID


def test_long_term_key_comes_without_a_token() -> None:
    assert refusal(with_header(sign(), "X-Amz-Security-Token", "some")) == INVALID


def test_signature_lives_five_minutes() -> None:
    request = sign()
    check(request, after=timedelta(minutes=4, seconds=50))
    error_type, message = refusal(request, after=timedelta(minutes=5, seconds=10))
    assert error_type == "InvalidSignatureException"
    assert message.startswith("Signature expired: ")
    assert message.endswith(" - 5 min.)")
    assert " is now earlier than " in message


def test_signature_from_the_future() -> None:
    check(sign(), after=-timedelta(minutes=4, seconds=50))
    error_type, message = refusal(sign(), after=-timedelta(minutes=5, seconds=10))
    assert error_type == "InvalidSignatureException"
    assert message.startswith("Signature not yet current: ")
    assert message.endswith(" + 5 min.)")


def test_presigned_url_lives_as_long_as_it_says() -> None:
    request = sign("GET", presign=3600)
    check(request, after=timedelta(minutes=59))
    assert refusal(request, after=timedelta(minutes=61))[1].startswith("Signature expired: ")


@pytest.mark.parametrize("expires", ["0", "-1", "604801", "9" * 5000, "x", "", "1.5", "١"])
def test_lifetime_of_a_presigned_url_must_make_sense(expires: str) -> None:
    request = sign("GET", presign=60)
    changed = change(request, raw_query=request.raw_query.replace("X-Amz-Expires=60", f"X-Amz-Expires={expires}"))
    assert refusal(changed)[0] == "IncompleteSignatureException"


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ({"region": "us-east-1"}, "Credential should be scoped to a valid region, not 'us-east-1'. "),
        ({"service": "execute-api"}, "Credential should be scoped to correct service: 'lambda'. "),
    ],
)
def test_scope_must_be_ours(scope: dict[str, str], message: str) -> None:
    assert refusal(sign(**scope)) == ("InvalidSignatureException", message)


def edited(old: str, new: str) -> SignedRequest:
    request = sign()
    (authorization,) = [value for name, value in request.headers if name == "Authorization"]
    assert old in authorization
    return with_header(request, "Authorization", authorization.replace(old, new))


def test_scope_must_end_as_all_do() -> None:
    assert "valid terminator: 'aws4_request', not 'aws5'" in refusal(edited("aws4_request", "aws5"))[1]


def test_scope_must_be_of_the_day_of_the_date() -> None:
    today = f"{datetime.now(UTC):%Y%m%d}"
    assert refusal(edited(f"/{today}/", "/20200101/"))[1].startswith("Date in Credential scope does not match YYYYMMDD")


def test_scope_must_have_its_parts() -> None:
    assert refusal(edited("/aws4_request", ""))[0] == "IncompleteSignatureException"


def test_host_must_be_signed() -> None:
    assert refusal(edited("SignedHeaders=host;", "SignedHeaders="))[1] == (
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    )


@pytest.mark.parametrize(
    "value",
    [
        "Bearer abc",
        "Basic dXNlcg==",
        "AWS4-HMAC-SHA256",
        "",
        "AWS4-HMAC-SHA256 Credential=a",
        "AWS4-ECDSA-P256-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0",
    ],
)
def test_authorization_of_another_kind_is_incomplete(value: str) -> None:
    error_type, message = refusal(with_header(sign(), "Authorization", value))
    assert error_type == "IncompleteSignatureException"
    assert message.endswith((".", value.partition(" ")[0]))


@pytest.mark.parametrize("date", ["yesterday", "20261301T000000Z", "2026-11-23T00:00:00Z", "99999999T999999Z", ""])
def test_date_must_be_one(date: str) -> None:
    assert refusal(with_header(sign(), "X-Amz-Date", date))[0] == "IncompleteSignatureException"


def test_date_header_serves_where_there_is_no_amz_date() -> None:
    """Signed by hand: botocore always sends X-Amz-Date."""
    now = datetime.now(UTC).replace(microsecond=0)
    date, stamp = f"{now:%a, %d %b %Y %H:%M:%S} GMT", f"{now:%Y%m%dT%H%M%SZ}"
    scope = f"{stamp[:8]}/eu-west-1/lambda/aws4_request"
    headers = [("Host", "h"), ("Date", date)]
    lines = canonical.canonical_headers({"host": ["h"], "date": [date]}, ("date", "host"))
    text = canonical.canonical_request("GET", "/", "", lines, ("date", "host"), hashlib.sha256(b"").hexdigest())
    signed = canonical.signature(LONG_TERM.secret_access_key, scope, canonical.string_to_sign(stamp, scope, text))
    value = f"AWS4-HMAC-SHA256 Credential={LONG_TERM.access_key_id}/{scope}, SignedHeaders=date;host, Signature={signed}"
    check(SignedRequest(method="GET", raw_path="/", raw_query="", headers=[*headers, ("Authorization", value)]))


@pytest.mark.parametrize(
    "name", ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"]
)
def test_presigned_url_needs_all_its_parameters(name: str) -> None:
    request = sign("GET", presign=60)
    kept = "&".join(pair for pair in request.raw_query.split("&") if not pair.startswith(name))
    error_type, message = refusal(change(request, raw_query=kept))
    assert error_type == "IncompleteSignatureException"
    assert name in message


def test_presigned_url_has_each_parameter_once() -> None:
    request = sign("GET", presign=60)
    assert refusal(change(request, raw_query=f"{request.raw_query}&X-Amz-Expires=604800"))[0] == "IncompleteSignatureException"


@given(st.text(max_size=200))
def test_no_authorization_header_breaks_the_verifier(value: str) -> None:
    clean = value.encode("latin-1", "ignore").decode("latin-1")
    assert refusal(with_header(sign(), "Authorization", clean))


# The caller's view


@pytest.mark.parametrize(
    ("error_type", "key"), [("InvalidSignatureException", "message"), ("MissingAuthenticationTokenException", "Message")]
)
def test_function_url_answers_in_the_shape_of_aws(error_type: str, key: str) -> None:
    answer = function_url_refusal(SignatureRefusal(error_type, "words"))
    body = json.loads(answer.body)
    assert answer.status == 403
    assert list(body) == [key]
    assert dict(answer.headers)["Content-Type"] == "application/json"
    if key == "Message":
        assert dict(answer.headers)["x-amzn-ErrorType"] == "AccessDeniedException"
        assert body[key].startswith("Forbidden")
    else:
        assert dict(answer.headers)["x-amzn-ErrorType"] == error_type
        assert body[key] == "words"
