"""AWS's event-stream frames: botocore's decoder agrees, wherever the bytes are cut, and nothing that was changed gets through."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from streaming_runtime.aws.event_stream import EventStreamDecoder, MalformedFrame

VALUES: dict[str, tuple[bytes, Any]] = {
    ":yes": (b"\x00", True), ":no": (b"\x01", False), ":byte": (b"\x02\xff", -1), ":short": (b"\x03\x01\x00", 256),
    ":int": (b"\x04\x80\x00\x00\x00", -(2**31)), ":long": (b"\x05" + bytes(7) + b"\x07", 7), ":bytes": (b"\x06\x00\x02\x00\xff", b"\x00\xff"),
    ":text": (b"\x07\x00\x02\xc3\xa9", "é"), ":time": (b"\x08" + bytes(7) + b"\x09", 9),
    ":uuid": (b"\x09" + bytes(range(16)), bytes(range(16))),
}  # fmt: skip


def frame(headers: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def header(name: str) -> bytes:
    return bytes((len(name),)) + name.encode() + VALUES[name][0]


ALL = b"".join(header(name) for name in VALUES)
WIRE = frame(ALL, b'{"a":1}') + frame(b"", b"") + frame(header(":text"), bytes(range(256)))
DECODED = [({name: value for name, (_, value) in VALUES.items()}, b'{"a":1}'), ({}, b""), ({":text": "é"}, bytes(range(256)))]


def read(*pieces: bytes) -> list[tuple[dict[str, Any], bytes]]:
    decoder = EventStreamDecoder()
    frames = [frame for piece in pieces for frame in decoder.feed(piece)]
    decoder.close()
    return [(frame.headers, frame.payload) for frame in frames]


def test_frames_cut_anywhere_are_the_same() -> None:
    assert read(WIRE) == DECODED
    assert read(*(bytes((byte,)) for byte in WIRE)) == DECODED
    for at in range(1, len(WIRE)):
        assert read(WIRE[:at], WIRE[at:]) == DECODED


@given(st.lists(st.tuples(st.sampled_from(sorted(VALUES)), st.binary(max_size=40)), max_size=5), st.integers(1, 30))
def test_botocore_reads_the_same(frames: list[tuple[str, bytes]], step: int) -> None:
    wire = b"".join(frame(header(name), payload) for name, payload in frames)
    theirs = EventStreamBuffer()
    theirs.add_data(wire)
    expected = [(message.headers, message.payload) for message in theirs]
    assert read(*(wire[at : at + step] for at in range(0, len(wire), step))) == expected


@pytest.mark.parametrize("at", range(len(frame(ALL, b"payload"))))
def test_no_changed_byte_gets_through(at: int) -> None:
    whole = bytearray(frame(header(":text"), b"payload") + frame(ALL, b"payload"))
    at += len(frame(header(":text"), b"payload"))
    whole[at] ^= 0x40
    frames = EventStreamDecoder().feed(bytes(whole))
    assert next(frames).payload == b"payload", "what came before it is fine"
    with pytest.raises(MalformedFrame):
        next(frames)


@pytest.mark.parametrize("at", range(1, len(frame(b"", b"x"))))
def test_an_end_in_the_middle_of_a_frame_is_told(at: int) -> None:
    decoder = EventStreamDecoder()
    assert list(decoder.feed(frame(b"", b"x")[:at])) == []
    with pytest.raises(MalformedFrame, match=f"ended {at} bytes into a frame"):
        decoder.close()


@pytest.mark.parametrize(("total", "headers"), [(15, 0), (16, 1), (2**31, 0)])
def test_lengths_that_cannot_be_are_refused_before_anything_is_kept(total: int, headers: int) -> None:
    prelude = struct.pack(">II", total, headers)
    with pytest.raises(MalformedFrame, match="a frame of"):
        next(EventStreamDecoder().feed(prelude + struct.pack(">I", zlib.crc32(prelude))))


@pytest.mark.parametrize(
    "headers", [b"\x05ab", b"\x01a", b"\x01a\x07\x00\x09x", b"\x01a\x04\x00", b"\x01a\x63", b"\x01a\x07\x00"]
)
def test_headers_that_do_not_fit_are_refused(headers: bytes) -> None:
    with pytest.raises(MalformedFrame, match="longer than the headers"):
        next(EventStreamDecoder().feed(frame(headers, b"")))
