"""CORS settings of a Function URL: https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors."""

from __future__ import annotations

import pytest

from tests.emulator.support import Call, call

HANDLER = """
def handler(event, context):
    yield "hello"
"""
SETTINGS = {
    "AllowOrigins": ["https://app.example", "https://*.example.org"],
    "AllowMethods": ["POST"],
    "AllowHeaders": ["authorization", "x-amz-date"],
    "ExposeHeaders": ["x-stream-dialect"],
    "AllowCredentials": True,
    "MaxAge": 600,
}
PREFLIGHT = {"Access-Control-Request-Method": "POST"}


@pytest.fixture
def emulator(app, emulate):
    app.function("Fn", HANDLER, cors=SETTINGS)
    return emulate(app)


def preflight(emulator, origin: str) -> Call:
    asked = Call(emulator.urls["Test/Fn"], "OPTIONS", b"", {"Origin": origin, **PREFLIGHT})
    asked.head()
    return asked


def test_the_preflight_is_answered_unsigned_and_the_handler_does_not_run(emulator, logs) -> None:
    response = preflight(emulator, "https://app.example")
    assert response.status == 200
    assert response.header("access-control-allow-origin") == "https://app.example"
    assert response.header("access-control-allow-methods") == "POST"
    assert response.header("access-control-allow-headers") == "authorization,x-amz-date"
    assert response.header("access-control-allow-credentials") == "true"
    assert response.header("access-control-max-age") == "600"
    assert not logs.having("START RequestId")


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://a.example.org", True), ("https://evil.example", False), ("http://a.example.org", False)]
)
def test_only_allowed_origins_are_named(emulator, origin: str, allowed: bool) -> None:
    response = preflight(emulator, origin)
    assert response.header("access-control-allow-origin") == (origin if allowed else None)


def test_an_answer_names_the_origin_and_what_it_may_see(emulator) -> None:
    response = call(emulator.urls["Test/Fn"], emulator.principals["admin"], headers={"Origin": "https://app.example"})
    assert response.header("access-control-allow-origin") == "https://app.example"
    assert response.header("access-control-expose-headers") == "x-stream-dialect"
    assert response.header("vary") == "Origin"
    assert response.read() == b"hello"


def test_a_refusal_names_the_origin_too_so_that_a_page_can_read_it(emulator) -> None:
    response = call(emulator.urls["Test/Fn"], None, headers={"Origin": "https://app.example"})
    assert response.status == 403
    assert response.header("access-control-allow-origin") == "https://app.example"
