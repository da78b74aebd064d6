"""Stands in for the compiled module `runtime_client` of awslambdaric where that does not run: it is built for Linux alone.

The same four functions, in plain Python. Source: awslambdaric 4.2.2, lambda_runtime_client.py, which calls them.
"""

from __future__ import annotations

import http.client
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "/2018-06-01/runtime/invocation/"
_connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
_headers: dict[str, str] = {}


def initialize_client(user_agent: str) -> None:
    """Takes the client's name."""
    _headers["User-Agent"] = user_agent


def next() -> tuple[bytes, dict[str, str | int]]:
    """Waits for an invocation."""
    _connection.request("GET", _PREFIX + "next", headers=_headers)
    response = _connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise RuntimeError(f"Failed to get next: {response.status}")
    headers: dict[str, str | int] = dict(response.getheaders())
    headers["Lambda-Runtime-Deadline-Ms"] = int(headers["Lambda-Runtime-Deadline-Ms"])
    return body, headers


def post_invocation_result(request_id: str, body: bytes, content_type: str, invocation_id: str | None = None) -> None:
    """Answers an invocation."""
    _post(f"{request_id}/response", body, {"Content-Type": content_type, **_echo(invocation_id)})


def post_error(request_id: str, body: str, xray_fault: str, invocation_id: str | None = None) -> None:
    """Says that an invocation failed."""
    cause = {"Lambda-Runtime-Function-XRay-Error-Cause": xray_fault} if xray_fault and "\n" not in xray_fault else {}
    _post(f"{request_id}/error", body.encode(), {"Content-Type": "application/json", **cause, **_echo(invocation_id)})


def _echo(invocation_id: str | None) -> dict[str, str]:
    return {"Lambda-Runtime-Invocation-Id": invocation_id} if invocation_id else {}


def _post(path: str, body: bytes, headers: Mapping[str, str]) -> None:
    _connection.request("POST", _PREFIX + path, body, {**_headers, **headers})
    response = _connection.getresponse()
    response.read()
    if response.status not in (202, 410):
        raise RuntimeError(f"Failed to post to {path}: {response.status}")
