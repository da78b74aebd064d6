"""What a recogniser is, whoever listens: by_transcribe.py in the cloud, by_pocketsphinx.py on a laptop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from audio import Audio


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What was heard in a stretch of speech, so far or for good.

    Attributes:
        number: The stretch, from 1 on.
        final: Whether this is the last word on it.
        text: What was said.
        start: Where it begins, in seconds from the recording's beginning.
        end: Where it ends, or where the recogniser is.
    """

    number: int
    final: bool
    text: str
    start: float
    end: float


class Recogniser(Protocol):
    """Turns speech into text.

    Attributes:
        rates: The lowest and the highest number of samples a second that it hears.
    """

    rates: tuple[int, int]

    async def start(self, audio: Audio) -> AsyncGenerator[Heard]:
        """Begins to listen. What it gives is whole when it ends without an error.

        Raises:
            HttpError: It cannot listen now; nothing has been sent to the caller yet, so this can be the answer's status.
        """
        ...
