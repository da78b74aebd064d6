"""Token buckets, as API Gateway limits requests. Pure: the time is given.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
"""

from __future__ import annotations


class TokenBucket:
    """So many requests a second, and so many at once."""

    def __init__(self, rate: float, burst: float) -> None:
        """
        Args:
            rate: Tokens a second.
            burst: Most tokens it can hold.
        """
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Whether there is a token; takes it.

        Args:
            now: Seconds of a clock that only goes forward.
        """
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
