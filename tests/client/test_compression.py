"""gzip undone as it comes."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_pkg.client import MalformedStream
from constructs_pkg.client._compression import PIECE_BYTES, GzipDecoder


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=3), st.integers(1, 20))
def test_any_cut_of_any_members_gives_the_same_bytes(members: list[bytes], size: int) -> None:
    wire = b"".join(gzip.compress(member) for member in members)
    decoder = GzipDecoder()
    found = b"".join(piece for i in range(0, len(wire), size) for piece in decoder.feed(wire[i : i + size]))
    assert found == b"".join(members)
    assert decoder.complete


def test_a_body_is_complete_only_at_the_end_of_its_compression() -> None:
    wire = gzip.compress(b"hello")
    for cut in range(1, len(wire)):
        decoder = GzipDecoder()
        list(decoder.feed(wire[:cut]))
        assert not decoder.complete
    assert GzipDecoder().complete


def test_a_bomb_is_given_in_bounded_pieces() -> None:
    sizes = [len(piece) for piece in GzipDecoder().feed(gzip.compress(bytes(50 * 1024 * 1024)))]
    assert sum(sizes) == 50 * 1024 * 1024
    assert max(sizes) <= PIECE_BYTES


@pytest.mark.parametrize("wire", [b"data: x\n\n", gzip.compress(b"hello")[:-5] + b"wrong"], ids=["plain", "wrong checksum"])
def test_what_is_not_gzip_is_refused(wire: bytes) -> None:
    with pytest.raises(MalformedStream, match="NOT_GZIP"):
        list(GzipDecoder().feed(wire))
