"""A request that is not as it must be is refused before the handler runs, in the dialect's own form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from streaming_runtime import HttpError, streaming_handler
from streaming_runtime.checks import Checks
from streaming_runtime.request import Request
from tests.runtime.neutral_api import rest_event, url_event

if TYPE_CHECKING:
    from tests.runtime.conftest import Start

SCHEMA = {"type": "object", "required": ["prompt"], "properties": {"prompt": {"type": "string"}}}
JSON = {"content-type": "application/json"}


def refusal(checks: Checks, event: Any) -> tuple[int, str, str | None] | None:
    try:
        checks.check(Request(event))
    except HttpError as error:
        return error.status, error.code, error.param
    return None


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (url_event("POST", body="x" * 10), None),
        (url_event("POST", body="x" * 11), (413, "request_too_large", None)),
        (url_event("POST", body="ä" * 6), (413, "request_too_large", None)),
        (url_event("POST", body=b"x" * 10), None),
        (url_event("POST", body=b"x" * 11), (413, "request_too_large", None)),
        (url_event(), None),
        (rest_event("POST", body="x" * 11), (413, "request_too_large", None)),
        ({"prompt": "x" * 10}, (413, "request_too_large", None)),
    ],
)
def test_size_is_that_of_the_body_in_bytes(event: Any, found: Any) -> None:
    assert refusal(Checks(10, (), None), event) == found


@pytest.mark.parametrize(
    ("content_type", "allowed"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("text/csv", True),
        ("application/xml", False),
        ("textual/plain", False),
        ("", False),
        (None, False),
    ],
)
def test_content_types(content_type: str | None, allowed: bool) -> None:
    checks = Checks(None, ("application/json", "Text/*"), None)
    headers = {} if content_type is None else {"content-type": content_type}
    expected = None if allowed else (415, "unsupported_media_type", None)
    assert refusal(checks, url_event("POST", body="x", headers=headers)) == expected
    assert refusal(checks, url_event("GET", headers=headers)) is None, "there is no body to have a type"
    assert refusal(checks, {"any": 1}) is None, "a direct invocation has no headers"


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (url_event("POST", body='{"prompt":"Hi"}'), None),
        (url_event("POST", body='{"prompt":7}'), (400, "invalid_request", "$.prompt")),
        (url_event("PUT", body="[]"), (400, "invalid_request", "$")),
        (url_event("POST", body="{"), (400, "invalid_json", None)),
        (url_event("POST"), (400, "invalid_json", None)),
        (url_event("POST", body=b"\xff"), (400, "invalid_json", None)),
        (url_event("GET"), None),
        (url_event("DELETE"), None),
        (url_event("DELETE", body="{}"), (400, "invalid_request", "$.prompt")),
        ({"prompt": "Hi"}, None),
        ({"prompt": None}, (400, "invalid_request", "$.prompt")),
        ([], (400, "invalid_request", "$")),
    ],
)
def test_the_schema_is_held_where_there_is_or_should_be_a_body(event: Any, found: Any) -> None:
    assert refusal(Checks(None, (), SCHEMA), event) == found


@pytest.mark.parametrize("size", [0, -1, 6 * 1_048_576 + 1, 1.5, "10", True])
def test_a_size_that_cannot_be_is_refused(size: Any) -> None:
    with pytest.raises(ValueError, match="^CHECK_SIZE: found max_request_bytes=.*; allowed: 1 to 6291456; "):
        streaming_handler(max_request_bytes=size)


@pytest.mark.parametrize(
    "types", ["application/json", ("json",), ("*/*",), ("text/plain; charset=utf-8",), (7,), ("a/",), ("/b",)]
)
def test_a_media_type_that_is_none_is_refused(types: Any) -> None:
    with pytest.raises(ValueError, match="^CHECK_CONTENT_TYPE: found .*; allowed: media types without parameters"):
        streaming_handler(content_types=types)


def test_a_schema_with_an_unknown_keyword_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="^SCHEMA_KEYWORD: found 'pattern'"):
        streaming_handler(schema={"properties": {"a": {"pattern": "^x"}}})


SOURCE = """
@streaming_handler(
    dialect={dialect!r}, max_request_bytes=100, content_types=("application/json",),
    schema={{"type": "object", "required": ["messages"], "properties": {{"messages": {{"type": "array", "minItems": 1}}}}}},
)
def handler(request, context):
    print("the model is called")
    yield Text("answer")
"""
BAD = [
    ('{"messages":[]}', "application/json", 400, "invalid_request"),
    ("not json: the-secret-word", "application/json", 400, "invalid_json"),
    ('{"messages":["the-secret-word"]}', "text/plain", 415, "unsupported_media_type"),
    ('{"messages":["' + "the-secret-word" * 10 + '"]}', "application/json", 413, "request_too_large"),
]


@pytest.mark.parametrize(
    "dialect",
    ["text", "bytes", "ndjson", "sse", "openai-chat", "openai-responses", "anthropic-messages", "ui-message-stream", "ag-ui"],
)
def test_refused_in_the_dialects_shape_before_the_handler_runs_and_without_a_word_of_it_in_the_log(
    start: Start, dialect: str
) -> None:
    runtime = start(SOURCE.format(dialect=dialect))
    for body, content_type, status, code in BAD:
        reply = runtime.invoke(url_event("POST", body=body, headers={"content-type": content_type}))
        assert (reply.status, reply.prelude["headers"]["content-type"], reply.trailers) == (status, "application/json", {})
        assert reply.json["error"]["code"] == code
        if code == "invalid_request":
            assert reply.json["error"]["message"] == (
                "The request body does not fit: $.messages must have at least 1 elements, and has 0."
            )
            assert reply.json["error"].get("param", "$.messages") == "$.messages"
    good = json.dumps({"messages": [1], "stream": True})
    assert runtime.invoke(url_event("POST", body=good, headers=JSON)).status == 200
    log = runtime.log()
    assert log.count("the model is called") == 1
    assert "secret" not in log


def test_an_undecorated_or_unchecked_handler_loads_no_checks(start: Start) -> None:
    runtime = start(
        "def handler(event, context):\n    yield str([name for name in sys.modules if name.endswith(('.checks', '.schema'))])"
    )
    assert runtime.invoke(url_event()).body == b"[]"
