"""The event of a Function URL, payload format 2.0.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-request-payload and LocalStack's snapshots
(TestLambdaURL in tests/aws/services/lambda_/test_lambda.snapshot.json), taken on AWS.
"""

from __future__ import annotations

import base64
import json
import socket

import pytest

from tests.emulator.support import ACCOUNT, Call, call, sign

ECHO = """
import json

def handler(event, context):
    yield json.dumps(event)
"""


@pytest.fixture
def emulator(app, emulate):
    app.function("Fn", ECHO)
    return emulate(app)


def event_of(emulator, path: str = "", **options) -> dict:
    response = call(emulator.urls["Test/Fn"] + path, emulator.principals["admin"], **options)
    return json.loads(response.read())


def test_the_whole_event(emulator) -> None:
    url, admin = emulator.urls["Test/Fn"], emulator.principals["admin"]
    host = url.removeprefix("http://").rstrip("/")
    headers = {"Content-Type": "application/json", "User-Agent": "test/echo", "ExTrA-HeadErs": "With WeiRd CapS"}
    event = event_of(emulator, "path/1?q=query&multi=foo&multi=%2Fbar&empty=", body=b'{"foo":"b\xc3\xa4r"}', headers=headers)
    context = event["requestContext"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == context["routeKey"] == "$default"
    assert context["stage"] == "$default"
    assert event["rawPath"] == context["http"]["path"] == "/path/1"
    assert event["rawQueryString"] == "q=query&multi=foo&multi=%2Fbar&empty="
    assert event["queryStringParameters"] == {"q": "query", "multi": "foo,/bar", "empty": ""}
    assert event["headers"]["extra-headers"] == "With WeiRd CapS"
    assert event["headers"]["host"] == host == context["domainName"]
    assert event["headers"]["x-forwarded-for"] == context["http"]["sourceIp"] == "127.0.0.1"
    assert event["headers"]["x-amzn-trace-id"].startswith("Root=1-")
    assert all(name == name.lower() for name in event["headers"])
    assert (event["body"], event["isBase64Encoded"]) == ('{"foo":"bär"}', False)
    assert (context["http"]["method"], context["http"]["protocol"]) == ("POST", "HTTP/1.1")
    assert context["http"]["userAgent"] == "test/echo"
    assert context["accountId"] == ACCOUNT
    assert context["authentication"] is None
    assert context["apiId"] == context["domainPrefix"]
    assert context["time"].endswith(" +0000")
    assert isinstance(context["timeEpoch"], int)
    assert "cookies" not in event
    assert context["authorizer"]["iam"]["accessKey"] == admin["access_key_id"]
    assert context["authorizer"]["iam"]["accountId"] == ACCOUNT
    assert set(context["authorizer"]["iam"]) == {
        "accessKey", "accountId", "callerId", "cognitoIdentity", "principalOrgId", "userArn", "userId",
    }  # fmt: skip


def test_cookies_stand_apart_each_for_itself(emulator) -> None:
    event = event_of(emulator, headers={"Cookie": "a=1; b=2"})
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


def test_a_repeated_header_is_joined_with_commas(emulator) -> None:
    url = emulator.urls["Test/Fn"]
    signed = sign(url, emulator.principals["admin"])
    lines = [f"{name}: {value}" for name, value in signed.items()] + ["X-Twice: one", "x-twice: two", "Content-Length: 0"]
    host = url.removeprefix("http://").rstrip("/")
    with socket.create_connection(host.split(":"), timeout=10) as connection:
        connection.sendall(
            ("POST / HTTP/1.1\r\nHost: " + host + "\r\n" + "\r\n".join(lines) + "\r\nConnection: close\r\n\r\n").encode()
        )
        received = b""
        while data := connection.recv(65536):
            received += data
    assert b'"x-twice": "one,two"' in received


def test_the_path_stays_as_it_was_sent(emulator) -> None:
    event = event_of(emulator, "a%20b/%C3%A4")
    assert event["rawPath"] == "/a%20b/%C3%A4"


@pytest.mark.parametrize(
    ("content_type", "body", "is_base64"),
    [
        ("text/plain", b"text", False),
        ("application/vnd.api+json; charset=utf-8", b"{}", False),
        ("application/octet-stream", b"\x00\xff", True),
        ("multipart/form-data; boundary=x", b"--x--", True),
        ("text/plain", b"\xff\xfe", True),
    ],
)
def test_a_body_is_text_or_base64_by_its_type(emulator, content_type: str, body: bytes, is_base64: bool) -> None:
    event = event_of(emulator, body=body, headers={"Content-Type": content_type})
    assert event["isBase64Encoded"] is is_base64
    assert event["body"] == (base64.b64encode(body).decode() if is_base64 else body.decode())


def test_no_body_is_no_body(emulator) -> None:
    event = event_of(emulator, method="GET")
    assert "body" not in event
    assert event["isBase64Encoded"] is False


def test_a_request_over_6_mb_is_413_and_the_handler_does_not_run(emulator, logs) -> None:
    response = call(emulator.urls["Test/Fn"], emulator.principals["admin"], body=b"x" * 6_400_000)
    assert response.status == 413
    assert json.loads(response.read())["Message"].startswith("Request must be smaller than")
    assert not logs.having("START RequestId")


def test_a_binary_body_counts_as_base64(emulator) -> None:
    # 5 MB of octets are 6.7 MB in the event.
    headers = {"Content-Type": "application/octet-stream"}
    response = call(emulator.urls["Test/Fn"], emulator.principals["admin"], body=b"x" * 5_000_000, headers=headers)
    assert response.status == 413


def test_a_head_request_has_no_body(emulator) -> None:
    url = emulator.urls["Test/Fn"]
    response = Call(url, "HEAD", b"", sign(url, emulator.principals["admin"], method="HEAD"))
    assert response.head() == 200
    response._socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        response._file.read(1)


def test_a_connection_is_kept_for_the_next_request(emulator) -> None:
    url, admin = emulator.urls["Test/Fn"], emulator.principals["admin"]
    first = call(url, admin)
    first.read()
    signed = sign(url, admin)
    lines = [f"{name}: {value}" for name, value in signed.items()]
    host = url.removeprefix("http://").rstrip("/")
    first._socket.sendall(
        ("POST / HTTP/1.1\r\nHost: " + host + "\r\n" + "\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode()
    )
    first.response_headers.clear()
    assert first.head() == 200
    assert first.read()
