"""Where requests go: joined as one expects, and never where credentials do not belong."""

from __future__ import annotations

import pytest

from constructs_pkg.client import ConfigurationError, StreamingClient
from constructs_pkg.client._url import is_loopback, join_url, require_base_url


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://h/", "", "https://h/"),
        ("https://h", "", "https://h"),
        ("https://h/x?a=1", "", "https://h/x?a=1"),
        ("https://h/", "/v1/chat", "https://h/v1/chat"),
        ("https://h", "v1/chat", "https://h/v1/chat"),
        ("https://h/stage", "/v1", "https://h/stage/v1"),
        ("https://h/stage/", "v1/", "https://h/stage/v1/"),
        ("https://h/", "/", "https://h/"),
        ("https://h/", "//v1", "https://h//v1"),
        ("https://h/", "v1?a=b#c", "https://h/v1?a=b#c"),
        ("https://h/x", "?a=b", "https://h/x?a=b"),
        ("https://h", "?a=http://x/", "https://h/?a=http://x/"),
        ("https://h:8/", "https://h:8/other", "https://h:8/other"),
    ],
)
def test_a_path_follows_the_base(base: str, path: str, url: str) -> None:
    assert join_url(base, path) == url


@pytest.mark.parametrize("other", ["https://evil.example/", "http://h/", "https://h:444/", "https://h@evil.example/"])
def test_another_origin_is_refused(other: str) -> None:
    with pytest.raises(ConfigurationError, match="OTHER_ORIGIN"):
        join_url("https://h/", other)


def test_a_path_after_a_query_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="BASE_URL_WITH_QUERY: .*'v1'"):
        join_url("https://h/?a=1", "v1?secret=1")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/", "INSECURE_URL"),
        ("http://127.0.0.1.example.com/", "INSECURE_URL"),
        ("http://10.0.0.1/", "INSECURE_URL"),
        ("http://0.0.0.0/", "INSECURE_URL"),
        ("https://user:password@h/", "URL_WITH_PASSWORD"),
        ("ftp://h/", "BAD_URL"),
        ("h.example", "BAD_URL"),
        ("https:///path", "BAD_URL"),
        ("https://h:port/", "BAD_URL"),
        ("https://[::1/", "BAD_URL"),
        ("", "BAD_URL"),
    ],
)
def test_a_url_that_credentials_must_not_go_to_is_refused(url: str, code: str) -> None:
    with pytest.raises(ConfigurationError, match=code) as caught:
        StreamingClient(url)
    assert "password@" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://h/",
        "http://127.0.0.1:8080/",
        "http://127.1.2.3/",
        "http://localhost:1/",
        "http://[::1]:1/",
        "http://x.localhost/",
    ],
)
def test_https_and_this_machine_are_taken(url: str) -> None:
    assert require_base_url(url, signed=True) == url


def test_plain_http_is_taken_where_nothing_is_signed() -> None:
    assert require_base_url("http://example.com/", signed=False)


def test_names_that_only_look_like_this_machine_are_not() -> None:
    assert not is_loopback("http://localhost.example.com/")
    assert not is_loopback("http://127.0.0.1@example.com/")


def test_a_client_shows_its_url_without_its_query() -> None:
    with StreamingClient("https://h/x?token=secret") as client:
        assert repr(client) == "StreamingClient('https://h/x')"
