"""A FastAPI app that streams: on our runtime, and on uvicorn, as behind the Lambda Web Adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

app = FastAPI()


async def _pieces() -> AsyncIterator[str]:
    yield "hello"


@app.get("/first")
async def first() -> StreamingResponse:
    """Streams one small piece."""
    return StreamingResponse(_pieces(), media_type="text/plain")
