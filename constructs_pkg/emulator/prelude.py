"""The HTTP integration response: metadata, eight NULs, body. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming, and the source of
AWS's Node client (aws/aws-lambda-nodejs-runtime-interface-client, HttpResponseStream).
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"

DELIMITER = b"\x00" * 8

MAX_PRELUDE_BYTES = 16_384
"""Longest metadata. AWS documents no bound; 16 KB is what its clients keep within."""

_TOKEN = re.compile(r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$")
_CONTROL = re.compile(r"[\x00\r\n]")


class PreludeError(Exception):
    """The metadata cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Prelude:
    """Status and headers of a response, as the function gave them."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[str, ...] = ()


class PreludeParser:
    """Splits a stream at the first eight NULs, however it was cut."""

    def __init__(self) -> None:
        self.prelude: Prelude | None = None
        self._buffer = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Takes a chunk, gives what of it is body. `prelude` is set as soon as the metadata is whole.

        Raises:
            PreludeError: the metadata is too long or is not what it should be.
        """
        if self.prelude is not None:
            return data
        searched = max(0, len(self._buffer) - len(DELIMITER) + 1)
        self._buffer += data
        end = self._buffer.find(DELIMITER, searched)
        if end < 0:
            if len(self._buffer) > MAX_PRELUDE_BYTES + len(DELIMITER):
                raise PreludeError(f"no delimiter of eight NULs within {MAX_PRELUDE_BYTES} bytes")
            return b""
        metadata, body = bytes(self._buffer[:end]), bytes(self._buffer[end + len(DELIMITER) :])
        self._buffer.clear()
        self.prelude = parse_prelude(metadata)
        return body

    def close(self) -> None:
        """The stream is over.

        Raises:
            PreludeError: it ended within the metadata.
        """
        if self.prelude is None:
            raise PreludeError("the stream ended before the delimiter of eight NULs")


@functools.lru_cache(maxsize=64)
def parse_prelude(metadata: bytes) -> Prelude:
    """Reads `{statusCode, headers, multiValueHeaders, cookies}`. Most streams of a function begin with the same bytes.

    Raises:
        PreludeError: it is no JSON object, or a field has a value that HTTP does not allow.
    """
    try:
        document = json.loads(metadata)
    except ValueError as error:
        raise PreludeError(f"the metadata is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise PreludeError("the metadata is not a JSON object")
    return prelude_of(document)


def prelude_of(document: Mapping[str, Any]) -> Prelude:
    """Status, headers and cookies of a response document.

    Raises:
        PreludeError: a field has a value that HTTP does not allow.
    """
    headers: dict[str, tuple[str, list[str]]] = {}
    for name, value in _object(document, "headers").items():
        headers[str(name).lower()] = (str(name), [_text(value)])
    for name, values in _object(document, "multiValueHeaders").items():
        listed = values if isinstance(values, list) else [values]
        headers[str(name).lower()] = (str(name), [_text(value) for value in listed])
    pairs = tuple((name, value) for name, values in headers.values() for value in values)
    cookies = document.get("cookies") or []
    if not isinstance(cookies, list):
        raise PreludeError("cookies is not a list")
    for name, value in (*pairs, *(("set-cookie", str(cookie)) for cookie in cookies)):
        if not _TOKEN.match(name) or _CONTROL.search(value):
            raise PreludeError(f"header {name!r} cannot stand in an HTTP response")
    return Prelude(
        status=_status(document.get("statusCode", 200)), headers=pairs, cookies=tuple(str(cookie) for cookie in cookies)
    )


def _status(value: object) -> int:
    """Text is taken too: AWS was seen to accept "418" (LocalStack's test_lambda_url_headers_and_status, validated on AWS)."""
    try:
        status = int(str(value))
    except ValueError as error:
        raise PreludeError(f"statusCode {value!r} is no number") from error
    if not 200 <= status <= 599:
        raise PreludeError(f"statusCode {status} is not between 200 and 599")
    return status


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name) or {}
    if not isinstance(value, dict):
        raise PreludeError(f"{name} is not an object")
    return value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()


@dataclass(frozen=True, kw_only=True)
class BufferedResponse:
    """A whole response, taken from the payload of a function that did not stream."""

    prelude: Prelude = field(default_factory=Prelude)
    body: bytes = b""
