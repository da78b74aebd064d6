"""The page of the StreamStore says what the code does: every bound, and what a stream costs."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest

from streaming_runtime import Request
from streaming_runtime.dialects import Dialect
from streaming_runtime.store import batches, callers, dynamodb, encoders, ids, keeper, replay, streams, table, visits

PAGE = (Path(__file__).parents[2] / "docs" / "constructs" / "StreamStore.md").read_text(encoding="utf-8")
KIB, MIB = 1_024, 1_048_576
BOUNDS = {
    "events are written": (keeper.BATCH_SECONDS == 1, f"when {batches.BATCH_BYTES // KIB} KiB wait"),
    "an item holds, before it is compressed": (True, f"{table.MAX_DATA_BYTES // KIB} KiB at most"),
    "may wait for the table": (True, f"{batches.MAX_PENDING_BYTES // MIB} MiB"),
    "looks for a cancel": (keeper.LOOK_SECONDS == 1, "each second"),
    "sign of life": (True, f"each {keeper.BEAT_SECONDS:g} seconds"),
    "a stream without one is lost": (True, f"after {replay.LOST_SECONDS:g} seconds"),
    "a follower looks for more": (True, f"each {replay.POLL_SECONDS:g} seconds"),
    "a slot's lease": (True, f"{keeper.LEASE_SECONDS:g} seconds, renewed each {keeper.RENEW_SECONDS:g}"),
    "a new stream waits for its slot": (visits.ADMISSION_SECONDS == 1, "1 second at most"),
    "the environment stays awake for the table after a stream": (True, f"{visits.CLOSING_SECONDS:g} seconds at most"),
    "connecting and each answer of DynamoDB may take": (
        dynamodb.CONNECT_TIMEOUT_SECONDS == dynamodb.READ_TIMEOUT_SECONDS == 1,
        "1 second each",
    ),
}


def rows(title: str) -> dict[str, str]:
    """A section's first table: first column to second."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    return {name: text for name, text in found if not set(name) <= set("-| ")}


def test_every_bound_is_the_codes() -> None:
    said = rows("How it works beside a stream")
    del said["what"]
    assert set(said) == set(BOUNDS)
    for name, (holds, text) in BOUNDS.items():
        assert holds, name
        assert text in said[name], name


def test_the_names_of_callers_are_the_codes() -> None:
    said = rows("Who a caller is")
    for prefix in ("handler:", "cognito:", "iam:", "authorizer:"):
        assert any(text.startswith(f"`{prefix}<") for text in said.values())
    assert f"`{callers.ANYBODY}`" in said.values()


def test_headers_codes_and_names_are_the_codes() -> None:
    for text in (streams.CANCEL_HEADER, streams.CUSTOM_RESUME, streams.CUSTOM_CANCEL, replay.LOST_CODE):
        assert f"`{text}" in PAGE or f'"{text}"' in PAGE
    assert f"{len(ids.new_stream()) * 6} random bits" in PAGE


def test_a_minute_costs_what_the_page_says() -> None:
    signs = 60 / keeper.BEAT_SECONDS
    assert f"{signs:g} writes and {60 / keeper.LOOK_SECONDS - signs:g} reads for each minute" in PAGE
    assert 60 / keeper.RENEW_SECONDS == 3
    assert "With a bound: two writes, and three more a minute" in PAGE


@pytest.mark.parametrize(
    "dialect", ["sse", "openai-chat", "openai-responses", "anthropic-messages", "ui-message-stream", "ag-ui"]
)
def test_a_second_of_a_stream_shrinks_as_the_page_says(dialect: str) -> None:
    """Thirty different words a second, as a model writes them."""
    request = Request({"stream": True}, "11111111-2222-4333-8444-555555555555")
    kept: list[bytes] = []
    encoder = encoders.NumberedEncoder(
        request, Dialect(dialect).encoder(request), ids.new_stream(), True, lambda data, _: kept.append(data), lambda _: None
    )
    words = re.findall(r"[A-Za-z]{3,}", PAGE)
    for word in words[100:130]:
        encoder.text(word + " ")
    whole = b"".join(kept)
    assert len(zlib.compress(whole, 1)) < len(whole) / 5
