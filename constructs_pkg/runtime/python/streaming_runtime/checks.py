"""What a request must be like before the handler runs, and a model with it: size, content type, schema. Pure."""

from __future__ import annotations

from .errors import BadRequest, HttpError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .request import Request
    from .schema import Schema

WITH_BODY = ("POST", "PUT", "PATCH")
MOST_BYTES = 6 * 1_048_576  # Lambda takes no larger event


class Checks:
    """The checks of one handler.

    Args:
        max_request_bytes: Longest body. None: not looked at.
        content_types: Media types of a body. Empty: any.
        schema: Of the body. None: any.

    Raises:
        ValueError: `CHECK_SIZE`, `CHECK_CONTENT_TYPE`, `SCHEMA_KEYWORD`, `SCHEMA_VALUE` for a check that cannot be made.
    """

    def __init__(self, max_request_bytes: int | None, content_types: Sequence[str], schema: Mapping[str, Any] | None) -> None:
        if max_request_bytes is not None and not (type(max_request_bytes) is int and 1 <= max_request_bytes <= MOST_BYTES):
            raise ValueError(
                f"CHECK_SIZE: found max_request_bytes={max_request_bytes!r}; allowed: 1 to {MOST_BYTES}; choose one, or leave it out"
            )
        if isinstance(content_types, str) or not all(_is_media_type(name) for name in content_types):
            raise ValueError(
                f"CHECK_CONTENT_TYPE: found {content_types!r}; allowed: media types without parameters, as in ('application/json', "
                "'text/*'); list them"
            )
        self._longest = max_request_bytes
        self._types = tuple(name.lower() for name in content_types)
        self._schema: Schema | None = None
        if schema is not None:
            from .schema import Schema

            self._schema = Schema(schema)

    def check(self, request: Request) -> None:
        """Lets a request pass that is as it must be.

        Raises:
            HttpError: 413 `request_too_large`, 415 `unsupported_media_type`.
            BadRequest: 400 `invalid_json` or `invalid_request`; `param` is where, as in "$.messages[0].role".
        """
        if self._longest is not None and len(request.body) > self._longest:
            raise HttpError(
                413,
                "request_too_large",
                f"The request body has {len(request.body)} bytes; this function takes {self._longest}. Send a shorter one.",
            )
        if self._types and request.is_http and request.body:
            self._check_type(str(request.headers.get("content-type", "")))
        if self._schema is not None and (not request.is_http or request.method in WITH_BODY or request.body):
            mismatch = self._schema.mismatch(request.json())
            if mismatch is not None:
                raise BadRequest(
                    f"The request body does not fit: {mismatch[0]} {mismatch[1]}.", code="invalid_request", param=mismatch[0]
                )

    def _check_type(self, content_type: str) -> None:
        media_type = content_type.partition(";")[0].strip().lower()
        family = media_type.partition("/")[0] + "/*"
        if media_type not in self._types and family not in self._types:
            raise HttpError(
                415,
                "unsupported_media_type",
                f"The request's content type is not one that this function takes. Send one of: {', '.join(self._types)}.",
            )


def _is_media_type(name: object) -> bool:
    if not isinstance(name, str):
        return False
    family, slash, kind = name.partition("/")
    return bool(slash and family and kind) and not any(character in name for character in " ;,\r\n") and "*" not in family
