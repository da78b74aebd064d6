"""Which port each front takes."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from constructs_pkg.emulator.http_server import PortInUse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


_HIGHEST = 65_535


class Ports:
    """Counts up from a first port, or leaves the choice to the system."""

    def __init__(self, first: int) -> None:
        """
        Args:
            first: The first port; 0 for free ones.
        """
        self._next = first

    async def give(self, bind: Callable[[int], Awaitable[int]]) -> int:
        """Binds the next port.

        Raises:
            PortInUse: it is taken, or above the highest that there is.
        """
        port = self._next
        if port > _HIGHEST:
            raise PortInUse(
                errno.ERANGE, f"PORTS_EXHAUSTED: ports count up from the first, and {_HIGHEST} is the last; give a lower --port"
            )
        if port:
            self._next += 1
        return await bind(port)
