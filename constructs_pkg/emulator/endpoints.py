"""Where functions find AWS services that are not emulated here: at endpoints that the person names.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html (the variables, and that the one of a service
comes before the one of all).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

ALL = ""
"""The key that stands for every service without an endpoint of its own."""

_SERVICE = re.compile(r"^[A-Za-z][A-Za-z0-9 _-]*$")


def parse_endpoint(text: str) -> tuple[str, str]:
    """Reads `URL` (for every service) or `SERVICE=URL`, such as `dynamodb=http://127.0.0.1:8000`.

    Returns:
        The service, ALL for every one, and the URL.

    Raises:
        ValueError: `ENDPOINT_UNREADABLE`.
    """
    name, equals, url = text.partition("=")
    if not equals or "://" in name:
        name, url = ALL, text
    parts = urlsplit(url)
    if (name and not _SERVICE.match(name)) or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            f"ENDPOINT_UNREADABLE: {text!r} names no endpoint; write http://127.0.0.1:4566 for every service, or "
            "dynamodb=http://127.0.0.1:8000 for one"
        )
    return name, url


def endpoint_variables(endpoints: Mapping[str, str]) -> dict[str, str]:
    """The environment variables by which every AWS SDK finds the endpoints.

    Args:
        endpoints: URLs by service (its SDK id, such as `dynamodb` or `bedrock-runtime`), ALL for every other one.
    """
    return {
        f"AWS_ENDPOINT_URL_{re.sub('[ -]', '_', name).upper()}" if name else "AWS_ENDPOINT_URL": url
        for name, url in endpoints.items()
    }


def names_dynamodb(variables: Mapping[str, str]) -> bool:
    """Whether an SDK with these variables finds a DynamoDB that is not AWS's own."""
    return bool(variables.get("AWS_ENDPOINT_URL_DYNAMODB") or variables.get("AWS_ENDPOINT_URL"))
