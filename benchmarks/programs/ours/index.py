"""What a handler's author writes, on our runtime."""

from __future__ import annotations

import time

from streaming_runtime import Request, Text, streaming_handler

TYPE_CHECKING = False  # typing would cost the start what the peer's handler does not pay either
if TYPE_CHECKING:
    from collections.abc import Iterator


@streaming_handler(dialect="text")
def handler(request: Request, context: object) -> Iterator[Text | bytes]:  # noqa: ARG001
    """Answers /first, /bytes/SIZE/COUNT, /text/SIZE/COUNT and /paced/SIZE/COUNT/MILLISECONDS."""
    kind, *numbers = request.path[1:].split("/")
    if kind == "first":
        yield Text("hello")
        return
    size, count, *pause = map(int, numbers)
    if kind == "bytes":
        chunk = b"x" * size
        for _ in range(count):
            yield chunk
    elif kind == "text":
        token = "x" * size
        for _ in range(count):
            yield Text(token)
    else:
        for _ in range(count):
            time.sleep(pause[0] / 1000)
            yield Text(f"{time.monotonic_ns():0{size}d}")
