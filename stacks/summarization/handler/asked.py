"""What a caller asks for. Pure: raises what the caller got wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cursor import MOST_CHARACTERS as MOST_CURSOR_CHARACTERS

from streaming_runtime import BadRequest

FOLDER = "documents/"
_KEY = re.compile(r"[A-Za-z0-9!_.*'()/-]{1,900}", re.ASCII)
_MOST_STEPS = 1_000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that was found good. Of `text` and `key` one is there.

    Attributes:
        text: The document itself.
        key: Where it lies in the bucket, below `documents/`.
        cursor: Where to go on.
        most_steps: How many summaries to send at most before a cursor is sent instead.
    """

    text: str | None
    key: str | None
    cursor: str | None
    most_steps: int | None

    @classmethod
    def parse(cls, body: Any) -> Asked:
        """Checks a body.

        Raises:
            BadRequest: Something in it is wrong; `param` says what.
        """
        if not isinstance(body, dict):
            raise BadRequest("The request's body must be a JSON object.")
        unknown = sorted(body.keys() - {"text", "key", "cursor", "most_steps"})
        if unknown:
            raise BadRequest(
                "The body holds text or key, and cursor and most_steps where they are wanted.", param=unknown[0][:40]
            )
        text, key = _string(body, "text"), _string(body, "key")
        if (text is None) == (key is None):
            raise BadRequest("One of 'text' and 'key' is required.", param="text")
        if text is not None and not text.strip():
            raise BadRequest("'text' is empty.", param="text")
        if key is not None and (not key.startswith(FOLDER) or not _KEY.fullmatch(key) or ".." in key):
            raise BadRequest(f"'key' begins with {FOLDER} and has letters, digits and !_.*'()/- in it.", param="key")
        cursor = _string(body, "cursor")
        if cursor is not None and len(cursor) > MOST_CURSOR_CHARACTERS:
            raise BadRequest("'cursor' is not one that was given here.", param="cursor")
        steps = body.get("most_steps")
        if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= _MOST_STEPS):
            raise BadRequest(f"'most_steps' is a whole number from 1 to {_MOST_STEPS}.", param="most_steps")
        return cls(text=text, key=key, cursor=cursor, most_steps=steps)


def _string(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequest(f"'{name}' must be a string.", param=name)
    return value
