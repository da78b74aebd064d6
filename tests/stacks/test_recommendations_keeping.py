"""A ranking that cannot be kept is no reason to send none."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.stacks.handlers import load

handler = load("recommendations", "catalogue", "readers", "recommending")
BOOKS = handler.catalogue.read_books()


class FullTable:
    """A table that takes nothing."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked = 0

    def put_item(self, **_: Any) -> None:
        self.asked += 1
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow down"}}, "PutItem"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
    ],
    ids=["throttled", "unreachable"],
)
def test_the_best_ranking_is_sent_although_the_table_does_not_take_it(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    table = FullTable(error)
    readers = handler.readers.Readers(table, "table", kept_seconds=60)
    known = handler.readers.Known({"dracula": 5}, None, "")
    with caplog.at_level(logging.WARNING):
        rankings = list(handler.recommending.recommend(BOOKS, readers, "ann", known, 5, now=0))
    assert rankings[-1]["complete"]
    assert table.asked == 1
    assert "RANKING_NOT_KEPT" in caplog.text


def test_stars_that_cannot_be_noted_are_an_error() -> None:
    error = ClientError({"Error": {"Code": "InternalServerError", "Message": "no"}}, "PutItem")
    with pytest.raises(ClientError):
        handler.readers.Readers(FullTable(error), "table", kept_seconds=60).rate("ann", "emma", 5)
