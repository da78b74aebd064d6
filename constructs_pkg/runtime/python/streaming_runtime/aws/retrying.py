"""How long to wait before a call is tried again: growing, bounded, and never the same for two callers at once."""

from __future__ import annotations

import os

PAUSE_SECONDS = 0.05  # the longest before a second attempt; doubled before each further one
THROTTLED_PAUSE_SECONDS = 0.5
MAX_RETRY_AFTER_SECONDS = 2  # a service that wants longer is not asked again: the caller may have to


def may_be_retried(retry_after: int | None) -> bool:
    """Whether a service that asks to wait for so many seconds (None: that does not say) is worth waiting for."""
    return retry_after is None or retry_after <= MAX_RETRY_AFTER_SECONDS


def pause_before_next(attempt: int, throttled: bool = False, retry_after: int | None = None) -> float:
    """How long to wait after attempt number `attempt` failed, in seconds, with jitter."""
    longest = THROTTLED_PAUSE_SECONDS if throttled else PAUSE_SECONDS
    return (retry_after or 0) + longest * float(1 << (attempt - 1)) * _fraction()


def _fraction() -> float:
    """At random from 0 to 1. From the system, as `random` would be the same in every environment restored from one snapshot."""
    return int.from_bytes(os.urandom(4), "big") / 0xFFFF_FFFF
