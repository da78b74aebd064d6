"""Recommendations of books as a FastAPI app: `GET /readers/{reader}/recommendations` streams, by Accept as NDJSON or as server-sent events."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Annotated, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from catalogue import read_books
from fastapi import Body, FastAPI, Header, HTTPException, Path, Query, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from readers import Readers
from recommending import recommend
from starlette.exceptions import HTTPException as AnyHTTPException
from wire import DIALECTS, NDJSON, SSE, error, event, finish, preferred

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

BOOKS = read_books()
READERS = Readers(boto3.client("dynamodb"), os.environ["TABLE"], kept_seconds=int(os.environ["KEPT_SECONDS"]))

app = FastAPI(title="Recommendations", openapi_url=None, redirect_slashes=False)

_SAID = {
    404: "There is no such path. This endpoint serves GET /readers/{reader}/recommendations, PUT /readers/{reader}/stars/{book}, GET /books.",
    405: "This method is not allowed here; the header 'allow' says which is.",
}

Reader = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


@app.get("/books")
def books() -> dict[str, Any]:
    """The catalogue."""
    return {"books": [book.shown() for book in BOOKS.values()]}


@app.put("/readers/{reader}/stars/{book}", status_code=204)
def rate(reader: Reader, book: str, stars: Annotated[int, Body(embed=True, ge=1, le=5, strict=True)]) -> Response:
    """Notes that a reader gives a book 1 to 5 stars."""
    if book not in BOOKS:
        raise HTTPException(404, "There is no such book. GET /books lists them.")
    READERS.rate(reader, book, stars)
    return Response(status_code=204)


@app.get("/readers/{reader}/recommendations")
def recommendations(
    reader: Reader, limit: Annotated[int, Query(ge=1, le=50)] = 10, accept: Annotated[str, Header()] = "*/*"
) -> StreamingResponse:
    """Streams rankings, each better than the one before it."""
    form = preferred(accept)
    if form is None:
        raise HTTPException(406, f"Recommendations come as {NDJSON} or {SSE}.")
    known = READERS.load(reader)
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no", "x-stream-dialect": DIALECTS[form]}
    return StreamingResponse(
        _events(form, recommend(BOOKS, READERS, reader, known, limit, now=time.time())), headers=headers, media_type=form
    )


def _events(form: str, sent: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    try:
        for ranking in sent:
            yield event(form, "ranking", ranking)
    except Exception:
        logger.exception("the rankings broke off")
        yield error(form, "internal_error", "The recommendations broke off. Ask again.")
        raise  # so that Lambda counts it
    yield finish(form)


@app.exception_handler(RequestValidationError)
def wrong_request(_: object, found: RequestValidationError) -> JSONResponse:
    """Says which part of the request is wrong, without quoting it."""
    first = found.errors()[0]
    if first["type"] == "json_invalid":
        return _not_json()
    return _refusal(400, f"'{'.'.join(str(part) for part in first['loc'][1:])}': {first['msg']}.")


@app.exception_handler(AnyHTTPException)
def refused(_: object, found: AnyHTTPException) -> JSONResponse:
    """The runtime's own shape of an error."""
    if found.status_code == 400:  # what FastAPI says of a body that it could not even begin to read
        return _not_json()
    message = str(found.detail) if isinstance(found, HTTPException) else _SAID.get(found.status_code, str(found.detail))
    return _refusal(found.status_code, message, found.headers)


@app.exception_handler(ClientError)
@app.exception_handler(BotoCoreError)
def unavailable(_: object, found: Exception) -> JSONResponse:
    """The table did not answer, or not so soon."""
    logger.error("the table failed: %s", found)
    return _refusal(503, "Recommendations are not available now. Try again later.", {"retry-after": "1"})


@app.exception_handler(Exception)
def broken(_: object, __: Exception) -> JSONResponse:
    """Shows nothing internal; the log has the traceback."""
    return _refusal(500, "Something went wrong here. Try again later.")


def _not_json() -> JSONResponse:
    return _refusal(400, "The request body is not valid JSON.", code="invalid_json")


def _refusal(status: int, message: str, headers: Any = None, *, code: str | None = None) -> JSONResponse:
    codes = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 406: "not_acceptable", 503: "unavailable"}
    return JSONResponse({"error": {"code": code or codes.get(status, "internal_error"), "message": message}}, status, headers)
