"""Status, headers and cookies in front of a streamed HTTP answer, in the form that Lambda takes off again. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html and the Node client's HttpResponseStream.
"""

from __future__ import annotations

from .events import HttpResponse, compact_json

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
MAX_BYTES = 16_384
_END = b"\0" * 8

_defaults: dict[tuple[str, str], bytes] = {}


def prelude(
    response: HttpResponse | None, content_type: str, headers: dict[str, str], dialect: str, stream_id: str = ""
) -> bytes:
    """The prelude for what a handler asked for, on top of what its dialect says.

    Args:
        response: What the handler asked for. None: 200.
        content_type: The dialect's. Empty: none of its own.
        headers: The dialect's.
        dialect: Its name, sent as `x-stream-dialect`. Empty: not sent.
        stream_id: The stream's name, sent as `x-stream-id`. Empty: not sent.

    Raises:
        ValueError: `PRELUDE_TOO_LONG` above 16 KB, which Lambda would not find the end of.
    """
    key = (dialect, content_type)
    reusable = response is None and not stream_id
    if reusable and key in _defaults:
        return _defaults[key]
    merged = {"content-type": content_type, **headers} if content_type else dict(headers)
    if dialect:
        merged["x-stream-dialect"] = dialect
    if stream_id:
        merged["x-stream-id"] = stream_id
    metadata: dict[str, object] = {"statusCode": 200, "headers": merged}
    if response is not None:
        merged.update(response.headers)
        metadata["statusCode"] = response.status
        if response.cookies:
            metadata["cookies"] = list(response.cookies)
    encoded = compact_json(metadata) + _END
    if len(encoded) > MAX_BYTES:
        raise ValueError(
            f"PRELUDE_TOO_LONG: found {len(encoded)} bytes; allowed: {MAX_BYTES}; send fewer or shorter headers and cookies"
        )
    if reusable:
        _defaults[key] = encoded
    return encoded
