"""Who signs: the function's execution role, from the environment, or with SnapStart from the container's endpoint.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime,
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html (credentials are not in the environment then) and
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import json
import os
import time

from .errors import ConfigurationError, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONTAINER_HOST = "http://169.254.170.2"
_PLAIN_HTTP_HOSTS = ("localhost", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23")
REFRESH_SECONDS = 300.0  # before they expire, new ones are fetched
_USABLE_SECONDS = 10.0  # what is left has to be enough for a request to arrive


class Credentials:
    """An access key. Its secrets do not show in its repr."""

    __slots__ = ("access_key", "expires_at", "secret_key", "token")

    def __init__(self, access_key: str, secret_key: str, token: str | None = None, expires_at: float = float("inf")) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token
        self.expires_at = expires_at

    def __repr__(self) -> str:
        return f"Credentials(access_key={self.access_key!r})"


class _Container:
    """What the container's endpoint said last."""

    credentials: Credentials | None = None


def current() -> Credentials:
    """The credentials to sign with now. Those of the environment are read each time: a program may set others.

    Raises:
        ConfigurationError: `AWS_CREDENTIALS`: there are none, or the container's endpoint is none that may be asked.
        Unreachable: The container's endpoint gives none.
    """
    access_key, secret_key = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        return Credentials(access_key, secret_key, os.environ.get("AWS_SESSION_TOKEN") or None)
    held, now = _Container.credentials, time.time()
    if held is not None and now < held.expires_at - REFRESH_SECONDS:
        return held
    try:
        _Container.credentials = held = _fetch()
    except Unreachable:
        if held is None or now >= held.expires_at - _USABLE_SECONDS:
            raise
    return held


def forget() -> None:
    """Lets go of what the container's endpoint said: what a snapshot holds is stale when it is restored."""
    _Container.credentials = None


def _fetch() -> Credentials:
    url = os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
    relative = os.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "")
    if relative:
        url = CONTAINER_HOST + relative
    if not url:
        raise ConfigurationError(
            "AWS_CREDENTIALS: found no AWS_ACCESS_KEY_ID and no AWS_CONTAINER_CREDENTIALS_FULL_URI; allowed: either; Lambda sets one"
        )
    from .connection import exchange
    from .endpoints import Endpoint

    endpoint = Endpoint(url)
    if not endpoint.tls and endpoint.host not in _PLAIN_HTTP_HOSTS and not endpoint.host.startswith("127."):
        raise ConfigurationError(
            f"AWS_CREDENTIALS: found {url!r}; allowed: https, or http to the machine itself; correct AWS_CONTAINER_CREDENTIALS_FULL_URI"
        )
    token = _authorization()
    headers = {"accept": "application/json", **({"authorization": token} if token else {})}
    status, body = exchange(endpoint, "GET", endpoint.path or "/", headers)
    if status != 200:
        raise Unreachable(f"AWS_CREDENTIALS: the container's endpoint answered {status}")
    try:
        return _read(json.loads(body))
    except (ValueError, KeyError, TypeError) as error:
        raise Unreachable(f"AWS_CREDENTIALS: the container's endpoint gave no credentials: {type(error).__name__}") from None


def _authorization() -> str:
    path = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    if path:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs milliseconds
            token = file.read()
    else:
        token = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    if "\r" in token or "\n" in token:
        raise ConfigurationError("AWS_CREDENTIALS: found a line break in the authorization token; allowed: one line; correct it")
    return token


def _read(document: dict[str, Any]) -> Credentials:
    access_key, secret_key = document["AccessKeyId"], document["SecretAccessKey"]
    expiration = document.get("Expiration")
    expires_at = _seconds(expiration) if expiration else float("inf")
    return Credentials(access_key, secret_key, document.get("Token"), expires_at)


def _seconds(moment: str) -> float:
    """An ISO time with its zone, as in 2026-01-31T23:59:59Z, in seconds since 1970."""
    from datetime import datetime

    return datetime.fromisoformat(moment).timestamp()
