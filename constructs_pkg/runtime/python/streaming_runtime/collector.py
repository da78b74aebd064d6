"""Python's garbage collector while a function starts: what is imported stays, so looking through it again and again finds nothing.

With FastAPI that is a quarter of what importing it takes. Afterwards what is there is set aside for good: later collections look at what
requests made, and leave alone what they could only count.
"""

from __future__ import annotations

import gc

_SELDOM = 100_000  # objects between two collections; a function that makes garbage as it starts still has it collected


class AtRest:
    """Keeps the collector from working while the function is loaded."""

    def __enter__(self) -> None:
        self._usual = gc.get_threshold()
        gc.set_threshold(_SELDOM, *self._usual[1:])

    def __exit__(self, *_: object) -> None:
        if gc.get_threshold()[0] == _SELDOM:  # else the function has set its own
            gc.set_threshold(*self._usual)
        gc.freeze()
