"""The one reader of the Kinesis stream: folds each batch into its symbols' markets and leaves them on the board."""

from __future__ import annotations

import base64
import logging
import os
import time
from typing import Any

import boto3
from board import Board, Overtaken
from market import Market
from trades import Trade

logger = logging.getLogger(__name__)

CANDLE_SECONDS = int(os.environ["CANDLE_SECONDS"])
BOARD = Board(boto3.client("dynamodb"), os.environ["TABLE"], kept_seconds=int(os.environ["KEPT_SECONDS"]))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Takes a batch of the event source mapping. What could not be stored is named, and Lambda delivers from there again.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    """
    batches: dict[str, list[Trade]] = {}
    first: dict[str, str] = {}
    for record in event["Records"]:
        sequence = record["kinesis"]["sequenceNumber"]
        try:
            trade = Trade.parse(base64.b64decode(record["kinesis"]["data"]))
        except ValueError as error:
            # Delivering it again would mend nothing and hold up the shard; viewers are told of the hole in the trades' numbers.
            logger.warning("record %s is no trade: %s", sequence, error)
            continue
        batches.setdefault(trade.symbol, []).append(trade)
        first.setdefault(trade.symbol, sequence)
    failed = [first[symbol] for symbol, trades in batches.items() if not _stored(symbol, trades)]
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in failed]}


def _stored(symbol: str, trades: list[Trade]) -> bool:
    market = Market(symbol, candle_seconds=CANDLE_SECONDS, stored=BOARD.load(symbol))
    before = market.position
    events = market.apply(trades)
    if market.position == before:
        return True  # all of it was here already
    market.version += 1
    try:
        BOARD.store(symbol, market.to_json(), events, now=time.time())
    except Overtaken:
        logger.warning("%s was stored by another reader meanwhile; the batch comes again", symbol)
        return False
    return True
