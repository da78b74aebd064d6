"""When a call may be made again, and after how long. Pure: no clock, no sleep."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ._exceptions import ConnectionFailed, HttpStatusError, StreamingClientError, Throttled

_IDEMPOTENT_METHODS = frozenset(
    {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
)  # https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
_TRANSIENT = frozenset({502, 503, 504})


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently a call is repeated before its answer began, and a stream taken up again after it broke.

    Once an answer began, the call is never repeated. A stream that the function keeps (`StreamStore`, `resumable=True`) is asked for
    its rest, with Last-Event-ID: the handler does not run again, and no event is given twice.

    Always repeated: a connection that could not be made, and 429. Both mean that no answer was paid for. Repeated only when the
    request is idempotent: a connection that broke before the answer, and 502, 503 and 504, where the function may have run.
    GET, HEAD, OPTIONS, PUT and DELETE are; a POST is when the call says `idempotent=True`.

    Attributes:
        attempts: How often the request is sent at most, the first time included. Default: 3. 1 never repeats.
        backoff_seconds: The wait before the n-th repetition is random between 0 and this times 2 to the (n-1). Default: 0.25.
        longest_backoff_seconds: Upper bound of that wait. Default: 5.
        longest_retry_after_seconds: A `Retry-After` up to this is waited for in full; after a longer one the call fails at
            once with what the server said. Default: 20.
        resumes: How often a stream is taken up again, each time after a wait as above. Default: 3. 0 never does.
    """

    attempts: int = 3
    backoff_seconds: float = 0.25
    longest_backoff_seconds: float = 5.0
    longest_retry_after_seconds: float = 20.0
    resumes: int = 3

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(
                f"RETRY_ATTEMPTS: {self.attempts}; allowed: 1 or more; 1 sends the request once and never repeats it."
            )

    def delay(self, error: StreamingClientError, *, attempt: int, idempotent: bool) -> float | None:
        """Seconds to wait before sending again. None when the error stands.

        Args:
            error: What became of this attempt.
            attempt: The number of this attempt, from 1.
            idempotent: Whether the function may run twice for this request.
        """
        if attempt >= self.attempts or not _worth_repeating(error, idempotent=idempotent):
            return None
        asked = error.retry_after_seconds if isinstance(error, Throttled) else None
        if asked is not None:
            return asked if asked <= self.longest_retry_after_seconds else None
        return self.backoff(attempt)

    def backoff(self, attempt: int) -> float:
        """Seconds to wait before the repetition with this number, from 1: at random, so that callers do not come back all at once."""
        ceiling = min(self.backoff_seconds * 2.0 ** (attempt - 1), self.longest_backoff_seconds)
        return random.uniform(0, ceiling)  # noqa: S311  # nosec B311  # full jitter, no secret


def is_idempotent(method: str, idempotent: bool | None) -> bool:
    """What the caller says; else what the method says."""
    return method in _IDEMPOTENT_METHODS if idempotent is None else idempotent


def parse_retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds of a `Retry-After` header, given as such or as a date. None where there is none, or nonsense."""
    text = (value or "").strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def _worth_repeating(error: StreamingClientError, *, idempotent: bool) -> bool:
    if isinstance(error, ConnectionFailed):
        return idempotent or not error.request_sent
    if isinstance(error, Throttled):
        return True
    return idempotent and isinstance(error, HttpStatusError) and error.status_code in _TRANSIENT
