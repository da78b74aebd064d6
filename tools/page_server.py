"""A built page on this machine, served as CloudFront would serve it; and, to that page alone, the credentials that it signs with.

It hands out credentials, so it listens on 127.0.0.1 alone and answers only to who names it so: a page from elsewhere, whose host name was
made to lead here (DNS rebinding), is refused by its Host header, and a request from another origin by its Origin header.
"""

from __future__ import annotations

import contextlib
import json
import mimetypes
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from stacks.page_policy import ENTRY, allow_to_connect, security_headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LOOPBACK: Final = "127.0.0.1"
CONFIG: Final = "config.json"
CREDENTIALS: Final = "credentials.json"
PAGE_HEADER: Final = "x-page"
"""Asked for with the credentials: another origin could send it only after a preflight, which is never answered."""

LOCAL_SOURCES: Final = f"https: http://{LOOPBACK}:*"
_JSON: Final = "application/json"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html; charset=utf-8"}


class PageServer(ThreadingHTTPServer):
    """Serves one page until it is shut down.

    Attributes:
        url: The page's address.
    """

    daemon_threads = True

    def __init__(
        self,
        folder: Path,
        *,
        config: Mapping[str, Any],
        connect_sources: Sequence[str],
        credentials: Mapping[str, Any] | None = None,
        port: int = 0,
    ) -> None:
        """Begins to listen.

        Args:
            folder: The built page.
            config: What its `config.json` says.
            connect_sources: What it may call beside this server.
            credentials: What it may sign with; None where it finds its own.
            port: Default: one that is free.

        Raises:
            OSError: The port is taken.
        """
        self.folder = folder
        self.config = config
        self.connect_sources = connect_sources
        self.credentials = credentials
        super().__init__((LOOPBACK, port), _Handler)
        self.url = f"http://{LOOPBACK}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a request's Host header may say."""
        return tuple(f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost"))

    def file(self, path: str) -> tuple[str, bytes] | None:
        """A file of the page, its type and its bytes; None where the page has none of that name. Nothing is looked up outside the folder."""
        name = path.removeprefix("/") or ENTRY
        if name == CONFIG:
            return _JSON, json.dumps(self.config).encode()
        found = {file.relative_to(self.folder).as_posix(): file for file in self.folder.rglob("*") if file.is_file()}.get(name)
        if found is None:
            return None
        content = found.read_bytes()
        if name == ENTRY:
            content = allow_to_connect(content.decode(), self.connect_sources).encode()
        return _TYPES.get(found.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream", content


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version = "page"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        if not self._came_for_us():
            return
        found = self.server.file(self.path.partition("?")[0])
        if found is None:
            self._refuse(404, "There is no such file.")
        else:
            self._answer(200, *found, cache="no-cache")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.close_connection = True  # whatever body there is stays unread
        if not self._came_for_us():
            return
        if self.path != f"/{CREDENTIALS}" or self.server.credentials is None:
            self._refuse(404, "There is nothing to post to.")
        elif not self._is_the_page():
            self._refuse(403, "Only the page itself gets credentials.")
        else:
            self._answer(200, _JSON, json.dumps(self.server.credentials).encode(), cache="no-store")

    def _came_for_us(self) -> bool:
        named = self.headers.get_all("host") or []
        if len(named) == 1 and named[0] in self.server.hosts:
            return True
        self._refuse(421, "This server answers to its own address alone.")
        return False

    def _is_the_page(self) -> bool:
        origin = f"http://{self.headers['host']}"
        site = self.headers.get("sec-fetch-site", "same-origin")
        return self.headers.get("origin") == origin and site == "same-origin" and PAGE_HEADER in self.headers

    def _refuse(self, status: int, reason: str) -> None:
        self._answer(status, "text/plain; charset=utf-8", f"{reason}\n".encode(), cache="no-store")

    def _answer(self, status: int, type: str, content: bytes, *, cache: str) -> None:
        self.send_response(status)
        for name, value in {
            "content-type": type,
            "content-length": str(len(content)),
            "cache-control": cache,
            **security_headers(LOCAL_SOURCES),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the emulator's log is what one wants to see."""


@contextlib.contextmanager
def serving(folder: Path, **options: Any) -> Iterator[PageServer]:
    """Serves a page until the block ends; `options` are those of `PageServer`."""
    with PageServer(folder, **options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(timeout=5)
