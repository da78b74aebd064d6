"""Echoes the last message word by word, as a chat model would answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streaming_runtime import BadRequest, Text, streaming_handler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streaming_runtime import Request


@streaming_handler(dialect="openai-chat")
def handler(request: Request, context: Any) -> Iterator[Text]:
    messages = request.json().get("messages")
    if not messages:
        raise BadRequest("messages is empty; send at least one", param="messages")
    for word in str(messages[-1]["content"]).split():
        yield Text(f"{word} ")
