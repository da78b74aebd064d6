"""What is known of a reader: the stars that they gave, and what was recommended last. A DynamoDB table.

Items of a reader, `pk` being `READER#<id>`: `CACHE`, the last ranking, and `STARS#<book>`, one for each rated book. One Query gives all.
"""

from __future__ import annotations

import json
import logging
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger(__name__)

_CACHE = "CACHE"
_STARS = "STARS#"


class Known(NamedTuple):
    """One reader.

    Attributes:
        stars: 1 to 5, by the books' ids.
        cached: The books of the last ranking; None where there is none.
        cached_of: What that ranking was made of.
    """

    stars: dict[str, int]
    cached: list[dict[str, Any]] | None
    cached_of: str


class Readers:
    """The table."""

    def __init__(self, client: Any, table: str, *, kept_seconds: int) -> None:
        """
        Args:
            client: A boto3 client of DynamoDB.
            table: Its name.
            kept_seconds: How long a ranking is kept.
        """
        self._client = client
        self._table = table
        self._kept_seconds = kept_seconds

    def load(self, reader: str) -> Known:
        """What is known of a reader; nothing for a new one."""
        stars: dict[str, int] = {}
        cached, cached_of = None, ""
        start: dict[str, Any] = {}
        while True:
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :reader",
                ExpressionAttributeValues={":reader": {"S": f"READER#{reader}"}},
                **start,
            )
            for item in answer["Items"]:
                name = item["sk"]["S"]
                if name == _CACHE:
                    cached, cached_of = json.loads(item["books"]["S"]), item["of"]["S"]
                else:
                    stars[name.removeprefix(_STARS)] = int(item["stars"]["N"])
            if "LastEvaluatedKey" not in answer:
                return Known(stars, cached, cached_of)
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def rate(self, reader: str, book: str, stars: int) -> None:
        """Notes the stars that a reader gave."""
        self._put(reader, f"{_STARS}{book}", stars={"N": str(stars)})

    def keep(self, reader: str, books: list[dict[str, Any]], of: str, *, now: float) -> None:
        """Keeps a ranking for the next time. Where that fails, it is worked out again next time: no reason to send nothing now.

        Args:
            reader: Whose it is.
            books: The ranking.
            of: What it was made of; another value next time says that it is out of date.
            now: In seconds since 1970.
        """
        text = json.dumps(books, ensure_ascii=False, separators=(",", ":"))
        try:
            self._put(reader, _CACHE, books={"S": text}, of={"S": of}, ttl={"N": str(int(now) + self._kept_seconds)})
        except (BotoCoreError, ClientError) as error:
            logger.warning("RANKING_NOT_KEPT: the table did not take a ranking: %s", error)

    def _put(self, reader: str, what: str, **attributes: Any) -> None:
        self._client.put_item(TableName=self._table, Item={"pk": {"S": f"READER#{reader}"}, "sk": {"S": what}, **attributes})
