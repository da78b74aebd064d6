"""Where the one reader of the Kinesis stream leaves what it knows, and every viewer finds it: a DynamoDB table.

Items of a symbol, `pk` being the symbol: `EVENT#<n>`, one for each numbered event, and `STATE`, the present. In that order, so that one
Query gives a viewer what it has not seen and the present behind it.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

_PRESENT = "STATE"
_PAGE = 200


class Page(NamedTuple):
    """What a viewer has not seen yet.

    Attributes:
        events: In order.
        state: The present; None where there is none, and where more events come before it.
        more: Whether there are more events than these.
    """

    events: list[dict[str, Any]]
    state: dict[str, Any] | None
    more: bool = False


class Overtaken(Exception):
    """Somebody else has stored a newer state of this symbol."""


class Board:
    """The table."""

    def __init__(self, client: Any, table: str, *, kept_seconds: int) -> None:
        """
        Args:
            client: A boto3 client of DynamoDB.
            table: Its name.
            kept_seconds: How long events can be read.
        """
        self._client = client
        self._table = table
        self._kept_seconds = kept_seconds

    def load(self, symbol: str) -> dict[str, Any] | None:
        """The state as it is now, for the reader that goes on from it."""
        answer = self._client.get_item(TableName=self._table, Key=_key(symbol, _PRESENT), ConsistentRead=True)
        return _body(answer["Item"]) if "Item" in answer else None

    def store(self, symbol: str, state: dict[str, Any], events: list[dict[str, Any]], *, now: float) -> None:
        """Stores events, then the state that counts them: what is cut off in between is written again, under the same numbers.

        Raises:
            Overtaken: The state before this one is not the last any more.
        """
        for event in events:
            item = {**_key(symbol, f"EVENT#{event['n']:012d}"), "body": {"S": _text(event)}}
            self._client.put_item(TableName=self._table, Item={**item, "ttl": {"N": str(int(now) + self._kept_seconds)}})
        version = state["version"]
        try:
            self._client.put_item(
                TableName=self._table,
                Item={**_key(symbol, _PRESENT), "body": {"S": _text(state)}, "version": {"N": str(version)}},
                ConditionExpression="attribute_not_exists(pk) OR version = :before",
                ExpressionAttributeValues={":before": {"N": str(version - 1)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise Overtaken(symbol) from error

    def read(self, symbol: str, after: int | None) -> Page:
        """One Query: the events after number `after`, then the present. None: the present alone."""
        first = _PRESENT if after is None else f"EVENT#{after + 1:012d}"
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :symbol AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={":symbol": {"S": symbol}, ":first": {"S": first}, ":last": {"S": _PRESENT}},
            Limit=_PAGE,
        )
        items = answer["Items"]
        present = next((_body(item) for item in items if item["sk"]["S"] == _PRESENT), None)
        events = [_body(item) for item in items if item["sk"]["S"] != _PRESENT]
        return Page(events, present, more="LastEvaluatedKey" in answer and present is None)


def _key(symbol: str, what: str) -> dict[str, Any]:
    return {"pk": {"S": symbol}, "sk": {"S": what}}


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _body(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(item["body"]["S"])
    return found
