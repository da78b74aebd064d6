"""The chat page's server on loopback: it hands out credentials, so it answers to its own page alone."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, NamedTuple

import pytest

from stacks.page_policy import CONNECT_META, security_headers
from tools.page_server import LOCAL_SOURCES, PageServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

LENT = {"accessKeyId": "A", "secretAccessKey": "S", "sessionToken": "T"}
URL = "http://127.0.0.1:1/"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    above = tmp_path_factory.mktemp("above")
    (above / "secret.txt").write_text("secret")
    folder = above / "page"
    folder.mkdir()
    (folder / "index.html").write_text(f"<!doctype html>{CONNECT_META}")
    (folder / "page.js").write_text("1")
    with serving(folder, config={"url": URL}, connect_sources=[URL], credentials=LENT) as running:
        yield running


def ask(server: PageServer, method: str, path: str, **headers: str | None) -> Answer:
    """A request with these headers and no others; `host` is the server's own unless it is given."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        sent = {"host": f"127.0.0.1:{server.server_port}", **headers}
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode())
    finally:
        connection.close()


def origin(server: PageServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def test_the_page_is_served_with_the_headers_of_the_cloud_and_told_whom_to_call(server: PageServer) -> None:
    answer = ask(server, "GET", "/")
    assert answer.status == 200
    assert answer.headers.items() >= security_headers(LOCAL_SOURCES).items()
    assert f"connect-src 'self' {URL}" in answer.body
    assert ask(server, "GET", "/config.json").body == f'{{"url": "{URL}"}}'
    assert ask(server, "GET", "/page.js").headers["content-type"] == "text/javascript"
    head = ask(server, "HEAD", "/page.js")
    assert (head.status, head.headers["content-length"], head.body) == (200, "1", "")


def test_it_listens_on_loopback_alone(server: PageServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_its_page_gets_the_credentials(server: PageServer) -> None:
    answer = ask(server, "POST", "/credentials.json", origin=origin(server), x_page="chat", sec_fetch_site="same-origin")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert '"secretAccessKey": "S"' in answer.body


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": None},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "null"},
        {"x_page": None},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_nobody_else_does(server: PageServer, headers: dict[str, str | None]) -> None:
    answer = ask(server, "POST", "/credentials.json", **{"origin": origin(server), "x_page": "chat", **headers})
    assert answer.status == 403
    assert "S" not in answer.body.replace("Only", "")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", None])
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/config.json"), ("POST", "/credentials.json")])
def test_a_host_name_that_was_made_to_lead_here_gets_nothing(
    server: PageServer, host: str | None, method: str, path: str
) -> None:
    name = host and host.format(port=server.server_port)
    answer = ask(server, method, path, host=name, origin=f"http://{name}", x_page="chat")
    assert answer.status == 421


def test_credentials_are_not_to_be_had_by_get_nor_after_a_preflight(server: PageServer) -> None:
    assert ask(server, "GET", "/credentials.json", x_page="chat").status == 404
    preflight = ask(server, "OPTIONS", "/credentials.json", origin="http://evil.example", access_control_request_headers="x-page")
    assert preflight.status == 501
    assert not [name for name in preflight.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "//etc/passwd", "/page/../../secret.txt", "/no.js", "/."]
)
def test_nothing_but_the_page_is_served(server: PageServer, path: str) -> None:
    answer = ask(server, "GET", path)
    assert (answer.status, "secret" in answer.body) == (404, False)
