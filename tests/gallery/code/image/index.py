"""Streams three words from a container image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streaming_runtime import Text, streaming_handler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streaming_runtime import Request


@streaming_handler(dialect="text")
def answer(request: Request, context: Any) -> Iterator[Text]:
    for word in ("one", "two", "three"):
        yield Text(f"{word}\n")
