"""The table's items, and the single requests that are made of them. No thread and no clock: whoever calls says when it is.

The items are a contract: docs/constructs/StreamStore.md. Names in expressions are all aliased, as DynamoDB reserves many of them
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html). Every request may be repeated: if an answer is
lost, doing it again changes nothing.
"""

from __future__ import annotations

import zlib
from binascii import a2b_base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeAlias

    Call: TypeAlias = Callable[[str, dict[str, Any]], dict[str, Any] | None]
    Item: TypeAlias = dict[str, dict[str, Any]]

RUNNING = "running"
MAX_DATA_BYTES = 262_144  # of an item, before it is compressed; DynamoDB takes 400 KB with names and all


class Stream:
    """A stream's own item.

    Attributes:
        owner: Hash of whom it belongs to.
        status: "running", "completed", "errored", "truncated", "cancelled" or "deadline".
        cancel: Whether it was asked to stop.
        kept: Whether its events are in the table, all of them up to now.
        last: Number of its last event; 0 while it runs.
        dialect: Of its events.
        content_type: Of its answer.
        seen_at: When its producer was last known to be alive, in seconds since 1970.
        ttl: From when on it counts as absent.
    """

    __slots__ = ("cancel", "content_type", "dialect", "kept", "last", "owner", "seen_at", "status", "ttl")

    def __init__(self, item: Item) -> None:
        self.owner = str(item["owner"]["S"])
        self.status = str(item["status"]["S"])
        self.cancel = bool(item["cancel"]["BOOL"])
        self.kept = bool(item["kept"]["BOOL"])
        self.last = int(item["last_event"]["N"])
        self.dialect = str(item["dialect"]["S"])
        self.content_type = str(item["content_type"]["S"])
        self.seen_at = float(item["seen_at"]["N"])
        self.ttl = int(item["ttl"]["N"])


class Batch:
    """Events as they were sent, or one part of an event that is too long for an item.

    Attributes:
        first: Number of the first event in it.
        last: Number of the last.
        part: Which part of it this is, from 0.
        parts: How many there are.
        data: The encoded bytes.
    """

    __slots__ = ("data", "first", "last", "part", "parts")

    def __init__(self, first: int, last: int, data: bytes, part: int = 0, parts: int = 1) -> None:
        self.first = first
        self.last = last
        self.data = data
        self.part = part
        self.parts = parts

    @property
    def key(self) -> str:
        """Sorts as the stream does."""
        return event_key(self.first, self.part)


class Table:
    """What is done with the table, each a single request.

    Args:
        name: Of the table.
        call: Makes a request: an action and its parameters give the answer, or None where a condition did not hold.
            It raises StoreUnavailable.
    """

    def __init__(self, name: str, call: Call) -> None:
        self._name = name
        self._call = call

    # ---- a stream that runs

    def begin(self, stream: str, owner: str, dialect: str, content_type: str, kept: bool, now: float, ttl: int) -> None:
        """Makes the stream's item, unless it is there: then a lost answer was the answer."""
        item = {
            **_key(_stream(stream), _META),
            "owner": {"S": owner},
            "status": {"S": RUNNING},
            "cancel": {"BOOL": False},
            "kept": {"BOOL": kept},
            "created_at": _number(now),
            "seen_at": _number(now),
            "last_event": _number(0),
            "content_type": {"S": content_type},
            "dialect": {"S": dialect},
            "ttl": _number(ttl),
        }
        self._do("PutItem", Item=item, ConditionExpression="attribute_not_exists(#pk)", ExpressionAttributeNames={"#pk": "pk"})

    def append(self, stream: str, batch: Batch, ttl: int) -> None:
        """Writes events."""
        item = {
            **_key(_stream(stream), batch.key),
            "first": _number(batch.first),
            "last": _number(batch.last),
            "part": _number(batch.part),
            "parts": _number(batch.parts),
            "data": {"B": zlib.compress(batch.data, 1)},
            "ttl": _number(ttl),
        }
        self._do("PutItem", Item=item)

    def is_cancelled(self, stream: str) -> bool:
        """Whether the stream was asked to stop."""
        answer = self._do(
            "GetItem",
            Key=_key(_stream(stream), _META),
            ConsistentRead=True,
            ProjectionExpression="#cancel",
            ExpressionAttributeNames={"#cancel": "cancel"},
        )
        return bool(answer and answer.get("Item", {}).get("cancel", {}).get("BOOL"))

    def beat(self, stream: str, kept: bool, now: float) -> bool:
        """Says that the stream is alive. Returns whether it was asked to stop."""
        changed: Item = {"kept": {"BOOL": kept}, "seen_at": _number(now)}
        answer = self._update(stream, changed, "attribute_exists(#pk)", {"#pk": "pk"})
        return bool(answer and answer["Attributes"]["cancel"]["BOOL"])

    def end(self, stream: str, status: str, last: int, kept: bool, now: float, ttl: int) -> None:
        """Says how the stream ended."""
        changed: Item = {
            "status": {"S": status},
            "last_event": _number(last),
            "kept": {"BOOL": kept},
            "seen_at": _number(now),
            "ttl": _number(ttl),
        }
        self._update(stream, changed, "attribute_exists(#pk)", {"#pk": "pk"})

    # ---- somebody who comes back

    def cancel(self, stream: str, owner: str, now: float) -> Stream | None:
        """Asks the stream to stop. Returns it, or None where it is not the owner's, or not there."""
        answer = self._update(
            stream,
            {"cancel": {"BOOL": True}},
            "#owner = :owner AND #ttl > :now",
            {"#owner": "owner", "#ttl": "ttl"},
            {":owner": {"S": owner}, ":now": _number(now)},
        )
        return None if answer is None else Stream(answer["Attributes"])

    def find(self, stream: str, owner: str, now: float) -> Stream | None:
        """The stream; None where it is not the owner's, or not there."""
        answer = self._do("GetItem", Key=_key(_stream(stream), _META), ConsistentRead=True)
        item = answer.get("Item") if answer else None
        found = None if item is None else Stream(item)
        return found if found is not None and found.owner == owner and found.ttl > now else None

    def key_holding(self, stream: str, number: int) -> str:
        """The key of the last item that begins with this event or before it. Where there is none, one before all that may come."""
        answer = self._query(
            stream,
            "#sk BETWEEN :low AND :high",
            {":low": {"S": _EVENT}, ":high": {"S": event_key(number, _LAST_PART)}},
            ScanIndexForward=False,
            Limit=1,
            ProjectionExpression="#first",
            names={"#first": "first"},
        )
        items = answer["Items"]
        return event_key(int(items[0]["first"]["N"]) if items else 0)

    def batches(self, stream: str, key: str) -> Iterator[Batch]:
        """The stream's items from `key` on, page by page as they are asked for."""
        start: dict[str, Any] = {}
        while True:
            answer = self._query(stream, "#sk BETWEEN :low AND :high", {":low": {"S": key}, ":high": {"S": _EVENTS_END}}, **start)
            for item in answer["Items"]:
                yield _batch(item)
            if not answer.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    # ---- streams per caller

    def take_slot(self, owner: str, number: int, stream: str, now: float, expires_at: float) -> bool:
        """Takes a slot that is free, or whose lease ran out, or which this stream has already."""
        item = {
            **_key(_caller(owner), _slot(number)),
            "stream": {"S": stream},
            "expires_at": _number(expires_at),
            "ttl": _number(expires_at + 60),
        }
        answer = self._do(
            "PutItem",
            Item=item,
            ConditionExpression="attribute_not_exists(#pk) OR #expires_at < :now OR #stream = :stream",
            ExpressionAttributeNames={"#pk": "pk", "#expires_at": "expires_at", "#stream": "stream"},
            ExpressionAttributeValues={":now": _number(now), ":stream": {"S": stream}},
        )
        return answer is not None

    def taken_slots(self, owner: str, now: float) -> set[int]:
        """Which slots are taken."""
        answer = self._do(
            "Query",
            KeyConditionExpression="#pk = :pk",
            ExpressionAttributeNames={"#pk": "pk"},
            ExpressionAttributeValues={":pk": {"S": _caller(owner)}},
            ConsistentRead=True,
        )
        items = answer["Items"] if answer else []
        return {int(item["sk"]["S"].rpartition("#")[2]) for item in items if float(item["expires_at"]["N"]) >= now}

    def release_slot(self, owner: str, number: int, stream: str) -> None:
        """Gives a slot back, unless it is somebody else's by now."""
        self._do(
            "DeleteItem",
            Key=_key(_caller(owner), _slot(number)),
            ConditionExpression="#stream = :stream",
            ExpressionAttributeNames={"#stream": "stream"},
            ExpressionAttributeValues={":stream": {"S": stream}},
        )

    def _do(self, action: str, **parameters: Any) -> dict[str, Any] | None:
        return self._call(action, {"TableName": self._name, **parameters})

    def _update(
        self, stream: str, changed: Item, condition: str, names: dict[str, str], values: Item | None = None
    ) -> dict[str, Any] | None:
        return self._do(
            "UpdateItem",
            Key=_key(_stream(stream), _META),
            UpdateExpression="SET " + ", ".join(f"#{name} = :new_{name}" for name in changed),
            ConditionExpression=condition,
            ExpressionAttributeNames={**{f"#{name}": name for name in changed}, **names},
            ExpressionAttributeValues={**{f":new_{name}": value for name, value in changed.items()}, **(values or {})},
            ReturnValues="ALL_NEW",
        )

    def _query(
        self, stream: str, condition: str, values: Item, names: dict[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        answer = self._do(
            "Query",
            KeyConditionExpression=f"#pk = :pk AND {condition}",
            ExpressionAttributeNames={"#pk": "pk", "#sk": "sk", **(names or {})},
            ExpressionAttributeValues={":pk": {"S": _stream(stream)}, **values},
            ConsistentRead=True,
            **more,
        )
        assert answer is not None  # a query has no condition that could fail
        return answer


_META = "META"
_EVENT = "EVENT#"
_EVENTS_END = "EVENT#~"
_LAST_PART = 9999


def event_key(first: int, part: int = 0) -> str:
    """The sort key of the item whose first event is this one."""
    return f"{_EVENT}{first:012d}#{part:04d}"


def behind(key: str) -> str:
    """Sorts after this key and before every other that does."""
    return key + " "


def _stream(stream: str) -> str:
    return f"STREAM#{stream}"


def _caller(owner: str) -> str:
    return f"CALLER#{owner}"


def _slot(number: int) -> str:
    return f"SLOT#{number:04d}"


def _key(partition: str, sort: str) -> Item:
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def _number(value: float) -> dict[str, str]:
    return {"N": str(value) if isinstance(value, int) else f"{value:.3f}"}


def _batch(item: Item) -> Batch:
    stored = item["data"]["B"]
    data = zlib.decompressobj().decompress(a2b_base64(stored) if isinstance(stored, str) else stored, MAX_DATA_BYTES)
    return Batch(int(item["first"]["N"]), int(item["last"]["N"]), data, int(item["part"]["N"]), int(item["parts"]["N"]))
