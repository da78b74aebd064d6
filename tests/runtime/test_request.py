"""One request, whoever delivered it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from streaming_runtime import BadRequest, HttpResponse
from streaming_runtime import prelude as preludes
from streaming_runtime.prelude import MAX_BYTES, prelude
from streaming_runtime.request import Request
from tests.runtime.neutral_api import rest_event, url_event

IAM = {
    "accessKey": "AKIA", "accountId": "123456789012", "callerId": "AROA:s", "cognitoIdentity": None, "principalOrgId": "o-1",
    "userArn": "arn:aws:sts::123456789012:assumed-role/r/s", "userId": "AROA:s",
}  # fmt: skip


def test_payload_2() -> None:
    request = Request(
        url_event(
            "post",
            "/a/b%20c",
            body='{"a":1}',
            headers={"Accept": "x"},
            query="q=1&q=2&e=&p=%C3%A9+x",
            cookies=["a=1", "b=2=3", "a=9", "z"],
        ),
        "id",
    )
    assert (request.method, request.path, request.is_http, request.id) == ("POST", "/a/b%20c", True, "id")
    assert request.query == {"q": "2", "e": "", "p": "é x"}
    assert request.query_pairs == [("q", "1"), ("q", "2"), ("e", ""), ("p", "é x")]
    assert request.headers["ACCEPT"] == request.headers.get("accept") == "x"
    assert "aCCept" in request.headers
    assert 7 not in request.headers
    assert request.headers.get("missing") is None
    assert request.cookies == {"a": "1", "b": "2=3"}
    assert (request.body, request.json()) == (b'{"a":1}', {"a": 1})
    assert request.event["version"] == "2.0"
    assert repr(request) == "Request(method='POST', path='/a/b%20c')"


def test_payload_1() -> None:
    request = Request(
        rest_event(
            "PATCH",
            "/a",
            headers={"Cookie": "a=1"},
            multiValueHeaders={"Cookie": ["a=1; b=2"], "X-A": ["1", "2"]},
            multiValueQueryStringParameters={"q": ["1", "2"]},
            body="YQ==",
            isBase64Encoded=True,
        )
    )
    assert (request.method, request.path, request.is_http) == ("PATCH", "/a", True)
    assert request.headers["x-a"] == "1, 2"
    assert request.cookies == {"a": "1", "b": "2"}
    assert request.query == {"q": "2"}
    assert request.body == b"a"


def test_payload_1_without_multiple_values() -> None:
    request = Request(rest_event(headers={"X-A": "1"}, queryStringParameters={"q": "1"}))
    assert (request.headers["x-a"], request.query, request.body) == ("1", {"q": "1"}, b"")


def test_a_direct_invocation_is_its_own_body() -> None:
    request = Request({"é": [1]})
    assert (request.method, request.path, request.is_http) == ("POST", "/", False)
    assert (request.headers, request.query, request.cookies, request.identity, request.last_event_id) == ({}, {}, {}, None, None)
    assert request.json() == {"é": [1]}
    assert request.body == '{"é":[1]}'.encode()


def test_the_caller_as_iam_found_it() -> None:
    identity = Request(url_event(iam=IAM)).identity
    assert identity is not None
    assert (identity.user_arn, identity.account_id, identity.access_key) == (IAM["userArn"], "123456789012", "AKIA")
    assert (identity.caller_id, identity.user_id, identity.organization_id) == ("AROA:s", "AROA:s", "o-1")
    assert "AKIA" not in repr(identity)


def test_the_caller_of_a_rest_api() -> None:
    event = rest_event()
    event["requestContext"]["identity"] = {"userArn": "arn:u", "caller": "c", "user": "u", "accountId": "1"}
    identity = Request(event).identity
    assert identity is not None
    assert (identity.user_arn, identity.caller_id, identity.user_id) == ("arn:u", "c", "u")


@pytest.mark.parametrize("event", [url_event(), rest_event(), {}])
def test_nobody_where_iam_did_not_ask(event: Any) -> None:
    assert Request(event).identity is None


def test_where_a_caller_was_cut_off() -> None:
    assert Request(url_event(headers={"last-event-id": "7"})).last_event_id == "7"


@pytest.mark.parametrize("body", ["", "{", "nul", '{"a":Infinity}', "[" * 100_000, "\ud800"])
def test_a_body_that_is_no_json_is_a_bad_request(body: str) -> None:
    with pytest.raises(BadRequest) as caught:
        Request(url_event("POST", body=body)).json()
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


def test_a_body_that_is_no_utf8_is_a_bad_request() -> None:
    with pytest.raises(BadRequest):
        Request(url_event("POST", body=b'"\xff"')).json()


def test_a_body_that_is_no_base64_is_a_bad_request() -> None:
    event = url_event("POST")
    event.update(body="é", isBase64Encoded=True)
    with pytest.raises(BadRequest, match="base64"):
        _ = Request(event).body


def test_every_byte_survives() -> None:
    data = bytes(range(256))
    assert Request(url_event("POST", body=data)).body == data
    assert base64.b64encode(data)


@pytest.mark.parametrize("status", [0, 100, 199, 600, 1000])
def test_a_status_that_is_no_final_one(status: int) -> None:
    with pytest.raises(ValueError, match=f"HTTP_STATUS: found {status}; allowed: 200 to 599"):
        HttpResponse(status)


@pytest.mark.parametrize(
    "headers", [{"a b": "1"}, {"": "1"}, {"a": "1\r\nb: 2"}, {"a": "1\n"}, {"a": "\0"}, {"é": "1"}, {"a:": "1"}]
)
def test_headers_that_would_break_the_answer(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="HTTP_HEADER"):
        HttpResponse(200, headers)


def test_cookies_that_would_break_the_answer() -> None:
    with pytest.raises(ValueError, match="HTTP_HEADER"):
        HttpResponse(200, cookies=["a=1\r\nb: 2"])


@pytest.mark.parametrize("status", [204, 304])
def test_no_body_where_http_has_none(status: int) -> None:
    with pytest.raises(ValueError, match="HTTP_BODY"):
        HttpResponse(status, body="x")


def test_the_prelude_ends_with_the_first_eight_nuls() -> None:
    encoded = prelude(HttpResponse(200, {"x": "é"}), "text/plain", {}, "text")
    assert encoded.count(b"\0") == 8
    assert encoded.endswith(b"}" + b"\0" * 8)


def test_a_prelude_that_lambda_would_not_find_the_end_of() -> None:
    with pytest.raises(ValueError, match=f"PRELUDE_TOO_LONG: found .*; allowed: {MAX_BYTES}"):
        prelude(HttpResponse(200, {"x": "y" * MAX_BYTES}), "text/plain", {}, "text")


def test_answers_that_differ_never_share_a_prelude() -> None:
    asked = [
        (None, "text"), (HttpResponse(), "text"), (HttpResponse(201), "text"), (HttpResponse(200, {"a": "b"}), "text"),
        (HttpResponse(200, {"a": "c"}), "text"), (HttpResponse(200, {"a": "b"}), "sse"), (HttpResponse(cookies=["a=b"]), "text"),
        (HttpResponse(cookies=["a=c"]), "text"),
    ]  # fmt: skip
    first = [prelude(response, "text/plain", {}, dialect, gzip=gzip) for response, dialect in asked for gzip in (False, True)]
    again = [prelude(response, "text/plain", {}, dialect, gzip=gzip) for response, dialect in asked for gzip in (False, True)]
    assert first == again
    assert len(set(first)) == len(first) - 2  # no wish at all is status 200 with nothing more


def test_preludes_are_remembered_within_bounds() -> None:
    for number in range(500):
        assert b'"x":"%d"' % number in prelude(HttpResponse(200, {"x": str(number)}), "text/plain", {}, "text")
        assert len(preludes._known) <= preludes._MOST_KNOWN
    prelude(HttpResponse(200, {"x": "y" * 8_000}), "text/plain", {}, "text")
    prelude(HttpResponse(cookies=["session=secret"]), "text/plain", {}, "text")
    assert not [known for known in preludes._known.values() if len(known) > preludes._LONGEST_KNOWN or b"secret" in known]


def test_what_a_direct_invocation_and_a_request_without_a_query_lack_is_empty() -> None:
    direct, plain = Request({"httpMethod": 7}), Request(url_event())
    assert (direct.source_ip, direct.query, direct.query_pairs) == ("", {}, [])
    assert (plain.source_ip, plain.query, plain.query_pairs) == ("127.0.0.1", {}, [])
