"""`POST /transcripts`: a recording, or its key in the bucket, to what is said in it, while it is heard, as server-sent events."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

import boto3
from asked import CONTENT_TYPES, Asked
from audio import Bounds
from recordings import Recordings

from streaming_runtime import Data, Finish, HttpError, NotFound, streaming_handler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from recogniser import Heard, Recogniser

    from streaming_runtime import Request
    from streaming_runtime.context import LambdaContext
    from streaming_runtime.events import Yielded

RECOGNISER: Recogniser = import_module(f"by_{os.environ['RECOGNISER']}").make()
BOUNDS = Bounds(lowest_rate=RECOGNISER.rates[0], highest_rate=RECOGNISER.rates[1], most_seconds=float(os.environ["MOST_SECONDS"]))
RECORDINGS = Recordings(boto3.client("s3"), os.environ["BUCKET"], most_bytes=BOUNDS.most_bytes)


@streaming_handler(dialect="sse", content_types=CONTENT_TYPES)
async def handler(request: Request, context: LambdaContext) -> AsyncIterator[Yielded]:
    """Answers `POST /transcripts`."""
    if request.path != "/transcripts":
        raise NotFound(f"There is no {request.path}. This endpoint serves POST /transcripts.")
    if request.method != "POST":
        raise HttpError(
            405, "method_not_allowed", f"{request.method} is not allowed on /transcripts; use POST.", {"allow": "POST"}
        )
    asked = Asked.parse(request)
    audio = BOUNDS.check(asked.audio(asked.data if asked.data is not None else RECORDINGS.read(str(asked.key))))
    hearing = await RECOGNISER.start(audio)
    yield Data({"seconds": round(audio.seconds, 3), "rate": audio.rate}, name="audio")
    said: list[str] = []
    try:
        async for heard in hearing:
            yield Data(_shown(heard), name="final" if heard.final else "partial")
            if heard.final and heard.text:
                said.append(heard.text)
    finally:
        await hearing.aclose()
    text = " ".join(said)
    yield Data({"text": text, "words": len(text.split()), "seconds": round(audio.seconds, 3)}, name="transcript")
    yield Finish("stop")


def _shown(heard: Heard) -> dict[str, object]:
    return {"number": heard.number, "text": heard.text, "start": round(heard.start, 2), "end": round(heard.end, 2)}
