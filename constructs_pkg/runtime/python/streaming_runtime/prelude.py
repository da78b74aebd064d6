"""Status, headers and cookies in front of a streamed HTTP answer, in the form that Lambda takes off again. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html and the Node client's HttpResponseStream.
"""

from __future__ import annotations

from .events import HttpResponse, compact_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .request import Request

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
MAX_BYTES = 16_384
_END = b"\0" * 8

_known: dict[tuple[object, ...], bytes] = {}
_MOST_KNOWN = 64
_LONGEST_KNOWN = 1_024


def accepts_encodings(request: Request) -> bool:
    """Whether the caller of an HTTP event says which content encodings it takes. Cheap: it is asked before every first byte."""
    headers = request.event.get("headers")
    if not isinstance(headers, dict):
        return "accept-encoding" in request.headers
    # A Function URL has it in lower case, a REST API as it was sent.
    return "accept-encoding" in headers or "Accept-Encoding" in headers


def prelude(
    response: HttpResponse | None,
    content_type: str,
    headers: dict[str, str],
    dialect: str,
    stream_id: str = "",
    *,
    gzip: bool = False,
) -> bytes:
    """The prelude for what a handler asked for, on top of what its dialect says.

    Args:
        response: What the handler asked for. None: 200.
        content_type: The dialect's. Empty: none of its own.
        headers: The dialect's.
        dialect: Its name, sent as `x-stream-dialect`. Empty: not sent; nor where the handler gives the answer another media type.
        stream_id: The stream's name, sent as `x-stream-id`. Empty: not sent.
        gzip: Whether the body is compressed, so that nobody stores it for a caller who cannot read it.

    Raises:
        ValueError: `PRELUDE_TOO_LONG` above 16 KB, which Lambda would not find the end of.
    """
    # An ASGI app answers with the same few headers again and again; what differs each time (a cookie, a stream's name) is not kept.
    reusable = not stream_id and (response is None or not response.cookies)
    asked = None if response is None else (response.status, *response.headers.items())
    key = (dialect, content_type, gzip, asked)
    known = _known.get(key) if reusable else None
    if known is not None:
        return known
    merged = {"content-type": content_type, **headers} if content_type else dict(headers)
    if dialect:
        merged["x-stream-dialect"] = dialect
    if stream_id:
        merged["x-stream-id"] = stream_id
    metadata: dict[str, object] = {"statusCode": 200, "headers": merged}
    if response is not None:
        own = response.headers.get("content-type")
        if own is not None and _media_type(own) != _media_type(content_type) and "x-stream-dialect" not in response.headers:
            merged.pop("x-stream-dialect", None)  # the handler says what it is, and it is not what the dialect writes
        merged.update(response.headers)
        metadata["statusCode"] = response.status
        if response.cookies:
            metadata["cookies"] = list(response.cookies)
    if gzip:
        merged.pop("content-length", None)  # that of the body as it was
        merged["content-encoding"] = "gzip"
        merged["vary"] = f"{merged['vary']}, accept-encoding" if "vary" in merged else "accept-encoding"
    encoded = compact_json(metadata) + _END
    if len(encoded) > MAX_BYTES:
        raise ValueError(
            f"PRELUDE_TOO_LONG: found {len(encoded)} bytes; allowed: {MAX_BYTES}; send fewer or shorter headers and cookies"
        )
    if reusable and len(encoded) <= _LONGEST_KNOWN:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = encoded
    return encoded


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
