"""Which port each front takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


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
            PortInUse: it is taken.
        """
        port = self._next
        if port:
            self._next += 1
        return await bind(port)
