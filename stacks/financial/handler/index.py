"""Live candles, spreads and anomalies as NDJSON: `GET /live?symbols=ACME,BOLT`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from board import Board
from live import live
from replay import Replay
from view import View

from streaming_runtime import HttpError, NotFound, streaming_handler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streaming_runtime import Request
    from streaming_runtime.context import LambdaContext
    from streaming_runtime.events import Yielded

FEED = os.environ["FEED"]
CANDLE_SECONDS = int(os.environ["CANDLE_SECONDS"])
LOOK_SECONDS = int(os.environ["LOOK_MILLISECONDS"]) / 1000
LEAVE_MILLISECONDS = 3_000  # before the deadline, so that the viewer is told where to go on

if FEED == "replay":
    from tape import make_tape

    TAPE = make_tape()
else:
    import boto3

    BOARD = Board(boto3.client("dynamodb"), os.environ["TABLE"], kept_seconds=int(os.environ["KEPT_SECONDS"]))


@streaming_handler(dialect="ndjson")
def handler(request: Request, context: LambdaContext) -> Iterator[Yielded]:
    """Answers `GET /live`."""
    if request.path != "/live":
        raise NotFound(f"There is no {request.path}. This endpoint serves GET /live?symbols=ACME,BOLT.")
    if request.method != "GET":
        raise HttpError(405, "method_not_allowed", f"{request.method} is not allowed on /live; use GET.", {"allow": "GET"})
    view = View.parse(request.query)
    ends_at = time.monotonic() + min(view.seconds, (context.get_remaining_time_in_millis() - LEAVE_MILLISECONDS) / 1000)
    replay = None
    if FEED == "replay":
        replay = Replay(TAPE, speed=float(os.environ["SPEED"]), candle_seconds=CANDLE_SECONDS, clock=time.monotonic)

    def over() -> bool:
        return time.monotonic() >= ends_at or (replay is not None and replay.over)

    yield from live(
        replay or BOARD,
        view.symbols,
        view.after,
        candle_seconds=CANDLE_SECONDS,
        over=over,
        wait=lambda: time.sleep(LOOK_SECONDS),
    )
