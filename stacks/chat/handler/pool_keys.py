"""The user pool's public keys, as this environment last saw them.

Any token may name any key, so what is asked of Cognito has a bound: a key that is not known makes it ask once in a while, and so does a
Cognito that does not answer. Keys that are known are asked for anew after some hours, and count for a day where they cannot be had.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

FETCH_SECONDS = 2.0
PAUSE_SECONDS = 30.0
"""Between two questions because of a key that is not known."""
RETRY_SECONDS = 5.0
"""Between two questions where Cognito did not answer."""
FRESH_SECONDS = 6 * 3600.0
COUNT_SECONDS = 24 * 3600.0

_NEVER = float("-inf")


class KeysUnavailable(Exception):
    """Cognito did not give its keys, and older ones do not count any more."""


class PoolKeys:
    """The keys of one user pool."""

    def __init__(self, pool: str, *, clock: Callable[[], float] = time.time) -> None:
        """
        Args:
            pool: Its id, such as `eu-west-1_AbCdEfGhI`.
            clock: Seconds. Default: the time of day, which goes on while Lambda lets an environment sleep.
        """
        self.issuer = f"https://cognito-idp.{pool.partition('_')[0]}.amazonaws.com/{pool}"
        self._pool = pool
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._seen_at = _NEVER
        self._failed_at = _NEVER

    def find(self, name: str) -> dict[str, Any] | None:
        """The key of this name; None where the pool has none.

        Raises:
            KeysUnavailable: Nobody can say.
        """
        age = self._clock() - self._seen_at
        if age > (FRESH_SECONDS if name in self._keys else PAUSE_SECONDS):
            failed = not self._ask()
            if failed and (name not in self._keys or age > COUNT_SECONDS):
                raise KeysUnavailable
        return self._keys.get(name)

    def _ask(self) -> bool:
        """Asks Cognito, unless it just failed to answer. Returns whether the keys are new."""
        if self._clock() - self._failed_at < RETRY_SECONDS:
            return False
        try:
            self._keys = self._fetch()
        except (OSError, ValueError, KeyError, TypeError) as error:
            import logging

            logging.getLogger(__name__).warning("KEYS_UNAVAILABLE: Cognito did not give the user pool's keys: %s", error)
            self._failed_at = self._clock()
            return False
        self._seen_at = self._clock()
        return True

    def _fetch(self) -> dict[str, Any]:
        from urllib.parse import quote
        from urllib.request import urlopen

        endpoint = os.environ.get("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER")
        address = f"{endpoint.rstrip('/')}/{quote(self._pool)}" if endpoint else self.issuer
        # The address is the environment's, and nothing of the request is in it.
        with urlopen(f"{address}/.well-known/jwks.json", timeout=FETCH_SECONDS) as answer:  # noqa: S310  # nosec B310
            return {str(key["kid"]): key for key in json.loads(answer.read(1_000_000))["keys"]}
