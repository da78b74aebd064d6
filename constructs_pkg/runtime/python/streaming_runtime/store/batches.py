"""What a stream said and the table has not got yet, cut into items. Pure. Used by one thread at a time."""

from __future__ import annotations

from . import ids
from .table import MAX_DATA_BYTES, Batch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH_BYTES = 65_536  # so much is written without waiting for more
MAX_PENDING_BYTES = 4 * 1_048_576  # what may wait for the table; a partition takes about 1 MB a second


class Pending:
    """Pieces in order, each with the number of its last event.

    Attributes:
        size: Bytes that wait, those that are being written among them.
        last: Number of the last event that came.
    """

    __slots__ = ("_cut", "_pieces", "_unit", "last", "size")

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._pieces: list[tuple[bytes, int]] = []
        self._cut: list[Batch] = []
        self.size = 0
        self.last = 0

    def add(self, data: bytes, last: int) -> bool:
        """Takes a piece. Returns whether there was room for it."""
        if self.size + len(data) > MAX_PENDING_BYTES:
            return False
        self._pieces.append((data, last - self.last))
        self.size += len(data)
        self.last = last
        return True

    def next(self) -> Batch:
        """The next item to be written; the same one again until it was. There has to be one."""
        if not self._cut:
            pieces, self._pieces = self._pieces, []
            first = self.last - sum(count for _, count in pieces) + 1
            self._cut = list(_batches(pieces, self._unit, first))
        return self._cut[0]

    def written(self) -> None:
        """The next item is in the table."""
        if self._cut:  # unless everything was dropped meanwhile
            self.size -= len(self._cut.pop(0).data)

    def drop(self) -> None:
        """Nothing is to be written any more."""
        self._pieces = []
        self._cut = []
        self.size = 0


def _batches(pieces: list[tuple[bytes, int]], unit: str, first: int) -> Iterator[Batch]:
    gathered: list[bytes] = []
    size = 0
    last = first - 1
    for data, count in _fitting(pieces, unit):
        if gathered and size + len(data) > MAX_DATA_BYTES:
            yield Batch(first, last, b"".join(gathered))
            gathered, size, first = [], 0, last + 1
        if len(data) > MAX_DATA_BYTES:  # one event, too long for an item
            last += 1
            parts = [data[start : start + MAX_DATA_BYTES] for start in range(0, len(data), MAX_DATA_BYTES)]
            for part, piece in enumerate(parts):
                yield Batch(first, last, piece, part, len(parts))
            first = last + 1
        else:
            gathered.append(data)
            size += len(data)
            last += count
    if gathered:
        yield Batch(first, last, b"".join(gathered))


def _fitting(pieces: list[tuple[bytes, int]], unit: str) -> Iterator[tuple[bytes, int]]:
    """The pieces, those that are too long for an item event by event."""
    for data, count in pieces:
        if len(data) <= MAX_DATA_BYTES:
            yield data, count
        elif unit == ids.BYTES:
            for start in range(0, len(data), MAX_DATA_BYTES):
                piece = data[start : start + MAX_DATA_BYTES]
                yield piece, len(piece)
        else:
            for event in ids.split(data, unit):
                yield event, 1
