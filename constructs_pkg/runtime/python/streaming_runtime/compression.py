"""gzip on the way out: negotiated with the caller, and flushed with everything that leaves, so that no token waits for another. Pure.

Compression comes after pacing: what leaves together is compressed together. The prelude in front of the body is not compressed, as it is
Lambda's and not the caller's.

Who compresses on the way: API Gateway leaves it to the function
(https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html). Through CloudFront, compressed streams of a
Function URL came back as 502 (https://github.com/opennextjs/opennextjs-aws/issues/1127), so what comes that way is never compressed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .request import Request

SMALLEST = 1_024  # bytes of a whole answer: below it gzip's own bytes and the work are more than what is saved
LEVEL = 6  # a token takes 3 to 4 microseconds at levels 1 to 6, and 5 at 9
# zlib's numbers for gzip's frame with a window of 8 KiB, and for memory to go with it: tokens shrink by a twentieth less than with the usual
# 32 KiB, and a stream begins sooner, as there is 100 KB to be cleared and not 270.
_GZIP_FORMAT = 16 + 13
_MEMORY = 7
_TEXTS = ("application/json", "application/x-ndjson", "application/javascript", "application/xml", "image/svg+xml")


class Gzip:
    """One body."""

    __slots__ = ("_deflate",)

    def __init__(self) -> None:
        from zlib import DEFLATED, compressobj

        self._deflate = compressobj(LEVEL, DEFLATED, _GZIP_FORMAT, _MEMORY)

    def flush(self, pieces: Sequence[bytes]) -> bytes:
        """Compresses what leaves now, so that a reader gets all of it."""
        return self._compressed(pieces) + self._deflate.flush(2)  # Z_SYNC_FLUSH

    def finish(self, pieces: Sequence[bytes]) -> bytes:
        """Compresses what leaves last, with gzip's end."""
        return self._compressed(pieces) + self._deflate.flush()

    def _compressed(self, pieces: Sequence[bytes]) -> bytes:
        return b"".join(map(self._deflate.compress, pieces))


def is_wanted(request: Request, status: int, headers: Mapping[str, str], content_type: str, size: int | None) -> bool:
    """Whether this answer leaves compressed.

    Args:
        request: What was asked, by HTTP.
        status: Of the answer.
        headers: Those of the handler's own HttpResponse, in lower case.
        content_type: Of the answer.
        size: Bytes of a whole answer. None: it streams.
    """
    length = headers.get("content-length", "")
    if length.isdigit():
        size = int(length)
    if size is not None and size < SMALLEST:
        return False
    if status in (204, 205, 206, 304) or request.method == "HEAD":
        return False
    # What the handler encoded itself, what nobody may change, and what is named byte by byte.
    if "content-encoding" in headers or "content-range" in headers or "etag" in headers:
        return False
    if "no-transform" in headers.get("cache-control", ""):
        return False
    return (
        is_text(content_type) and accepts_gzip(request.headers.get("accept-encoding", "")) and not _is_through_cloudfront(request)
    )


def is_text(content_type: str) -> bool:
    """Whether a body of this type gets smaller."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.startswith("text/") or media_type in _TEXTS or media_type.endswith(("+json", "+xml"))


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header takes gzip, and likes it no less than no encoding.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.accept-encoding
    """
    weights: dict[str, float] = {}
    for item in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        weights[name] = _weight(parameters)
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            value = value.strip()
            return (
                float(value) if value.replace(".", "", 1).isdigit() and value.isascii() else 0.0
            )  # what cannot be read is no wish
    return 1.0


def _is_through_cloudfront(request: Request) -> bool:
    """Whether CloudFront stands in front, as it says by headers of its own.

    Source: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
    """
    return "x-amz-cf-id" in request.headers or "cloudfront" in request.headers.get("via", "").lower()
