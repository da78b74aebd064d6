"""The terminal that a demo runs in: how wide it is, words that arrive piece by piece, and an end by Ctrl-C that leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

WIDEST: Final = 100
"""Longer lines are hard to read, however wide the terminal."""

INTERRUPTED: Final = 130


def run(main: Callable[[], int]) -> int:
    """Runs a demo: what it began is ended by Ctrl-C and by a polite kill too, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # bars are not in every encoding
    # SIGINT too: a shell that begins this in the background has it ignored. SIGHUP: the terminal was closed.
    for interrupting in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(interrupting, _interrupt)
    try:
        return main()
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read this has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def width() -> int:
    """How many characters a line has; 80 where it is no terminal."""
    return min(shutil.get_terminal_size((80, 24)).columns, WIDEST)


def cut(text: str) -> str:
    """A line that fits."""
    return text if len(text) <= width() else f"{text[: width() - 1]}…"


def wrapped(text: str, *, indent: int) -> str:
    """A text in lines that fit; all but the first stand this far in."""
    return textwrap.fill(text, width(), subsequent_indent=" " * indent, drop_whitespace=True, break_on_hyphens=False)


def can_overwrite() -> bool:
    """Whether what was written can be written over."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Words:
    """Text that comes in pieces, written at once and broken between words."""

    def __init__(self) -> None:
        self._column = 0
        self._word = ""

    def write(self, text: str) -> None:
        """Writes all whole words, and keeps the beginning of the next."""
        for character in text:
            if not character.isspace():
                self._word += character
                continue
            self._flush()
            if character == "\n":
                self._put("\n")
                self._column = 0
            elif 0 < self._column < width():
                self._put(" ")
                self._column += 1
        sys.stdout.flush()

    def end(self) -> bool:
        """Writes the rest, and ends the line. Returns whether anything stands in it."""
        self._flush()
        something = self._column > 0
        if something:
            self._put("\n")
        self._column = 0
        sys.stdout.flush()
        return something

    def _flush(self) -> None:
        if self._column and self._column + len(self._word) > width():
            self._put("\n")
            self._column = 0
        self._put(self._word)
        self._column += len(self._word)
        self._word = ""

    @staticmethod
    def _put(text: str) -> None:
        sys.stdout.write(text)
