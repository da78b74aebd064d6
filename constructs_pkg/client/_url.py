"""Where a request goes: joins base URL and path, and refuses what would hand credentials to the wrong party. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from ._exceptions import ConfigurationError


def require_base_url(url: str, *, signed: bool) -> str:
    """The URL itself, if requests may be sent to it.

    Args:
        url: A Function URL, or whatever stands in front of it.
        signed: Whether requests carry credentials.

    Raises:
        ConfigurationError: `BAD_URL`, `URL_WITH_PASSWORD` or `INSECURE_URL`.
    """
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"BAD_URL: {url!r} is not a web address; allowed: https://host/path, or http://127.0.0.1:port/ for an emulator."
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            "URL_WITH_PASSWORD: the URL holds a user name or password; take it out: requests are signed instead."
        )
    if signed and parts.scheme == "http" and not is_loopback(url):
        raise ConfigurationError(
            f"INSECURE_URL: http://{parts.netloc} would send a signed request, and with it a session token, in plain text; "
            "allowed: https, or http to this machine (127.0.0.1, localhost); use https."
        )
    return url


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    host = _split(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def join_url(base: str, path: str) -> str:
    """The URL of a path below a base URL.

    An empty path is the base itself. Any other is appended to the base's own path, with one slash between the two:
    `https://host/stage` and `/v1/chat` make `https://host/stage/v1/chat`. The path may have a query; a base that has
    one takes no path. A whole URL is taken as it is when it names the base's scheme, host and port.

    Raises:
        ConfigurationError: `OTHER_ORIGIN` or `BASE_URL_WITH_QUERY`.
    """
    if not path:
        return base
    root = _split(base)
    if "://" in path.partition("?")[0]:
        other = _split(path)
        if (other.scheme, other.netloc) != (root.scheme, root.netloc):
            raise ConfigurationError(
                f"OTHER_ORIGIN: {other.scheme}://{other.netloc} is not where this client's requests go ({root.scheme}://{root.netloc}); "
                "make a client of its own for it."
            )
        return path
    if root.query:
        raise ConfigurationError(
            f"BASE_URL_WITH_QUERY: the base URL has a query, so the path {path.partition('?')[0]!r} cannot follow it; "
            "pass the query with the path."
        )
    if path.startswith("?"):
        return f"{root.scheme}://{root.netloc}{root.path or '/'}{path}"
    return f"{root.scheme}://{root.netloc}{root.path.rstrip('/')}/{path.removeprefix('/')}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for one that is no number
    except ValueError as error:
        raise ConfigurationError(f"BAD_URL: {url!r} is not a web address: {error}.") from None
    return parts
