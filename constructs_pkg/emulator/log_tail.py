"""The last of an invocation's log, for callers who ask for it by `LogType=Tail`. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_ResponseSyntax: the last 4 KB, base64-encoded.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TAIL_BYTES = 4096


class LogTail:
    """Gathers the lines of one invocation until its REPORT is written."""

    def __init__(self) -> None:
        self._text = b""
        self._closed = False
        self._waiting: list[Callable[[str], None]] = []

    def add(self, line: str) -> None:
        """A line of the log."""
        self._text = (self._text + line.encode() + b"\n")[-TAIL_BYTES:]

    def close(self) -> None:
        """The log is complete."""
        self._closed = True
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one(self.encoded)

    def then(self, what: Callable[[str], None]) -> None:
        """Hands the tail over, base64-encoded, once the log is complete."""
        if self._closed:
            what(self.encoded)
        else:
            self._waiting.append(what)

    @property
    def encoded(self) -> str:
        """What there is, in base64."""
        return base64.b64encode(self._text).decode()
