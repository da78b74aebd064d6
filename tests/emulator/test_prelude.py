"""The prelude's parser, cut at every byte; the event stream's encoder, read by botocore."""

from __future__ import annotations

import pytest
from botocore.eventstream import EventStreamBuffer

from constructs_pkg.emulator.eventstream import encode_blob, encode_event, encode_exception
from constructs_pkg.emulator.prelude import MAX_PRELUDE_BYTES, Prelude, PreludeError, PreludeParser

NULS = bytes(8)
CASES = [
    (b"{}" + NULS, Prelude(), b""),
    (b'{"statusCode":404}' + NULS + b"gone", Prelude(status=404), b"gone"),
    (b'{"headers":{"A":"1"}}' + NULS + NULS + b"x", Prelude(headers=(("A", "1"),)), NULS + b"x"),
    (b'{"headers":{"A":1,"B":true}}' + NULS, Prelude(headers=(("A", "1"), ("B", "true"))), b""),
    (b'{"headers":{"a":"1"},"multiValueHeaders":{"A":["2","3"]}}' + NULS, Prelude(headers=(("A", "2"), ("A", "3"))), b""),
    (b'{"cookies":["a=1; Path=/"]}' + NULS + b"\0", Prelude(cookies=("a=1; Path=/",)), b"\0"),
    # Seven NULs inside the metadata's text would end nothing; JSON escapes them anyway.
    (b'{"headers":{"A":"\\u00e4"}}' + NULS + b"\xff", Prelude(headers=(("A", "ä"),)), b"\xff"),
]


def feed(*pieces: bytes) -> tuple[Prelude | None, bytes]:
    parser = PreludeParser()
    body = b"".join(parser.feed(piece) for piece in pieces)
    parser.close()
    return parser.prelude, body


@pytest.mark.parametrize(("wire", "prelude", "body"), CASES)
def test_the_prelude_is_the_same_however_the_stream_is_cut(wire: bytes, prelude: Prelude, body: bytes) -> None:
    assert feed(wire) == (prelude, body)
    assert feed(*(wire[i : i + 1] for i in range(len(wire)))) == (prelude, body)
    for cut in range(len(wire) + 1):
        assert feed(wire[:cut], wire[cut:]) == (prelude, body)


@pytest.mark.parametrize(
    "wire", [b"", b"{}", b"{}" + bytes(7), b"nonsense" + NULS, b'{"statusCode":99}' + NULS, b'{"cookies":"a"}' + NULS]
)
def test_what_is_no_prelude_is_refused(wire: bytes) -> None:
    with pytest.raises(PreludeError):
        feed(wire)


def test_metadata_without_end_is_refused_before_it_fills_the_memory() -> None:
    parser = PreludeParser()
    assert parser.feed(b" " * MAX_PRELUDE_BYTES) == b""
    with pytest.raises(PreludeError, match="no delimiter"):
        parser.feed(b" " * 9)


def test_frames_are_what_botocore_reads() -> None:
    wire = (
        encode_event("messageStart", {"role": "ä"})
        + encode_blob("PayloadChunk", bytes(range(256)))
        + encode_exception("x", {"message": "m"})
    )
    buffer = EventStreamBuffer()
    for start in range(0, len(wire), 7):
        buffer.add_data(wire[start : start + 7])
    first, second, third = list(buffer)
    assert first.headers == {":event-type": "messageStart", ":content-type": "application/json", ":message-type": "event"}
    assert first.payload == '{"role":"ä"}'.encode()
    assert second.payload == bytes(range(256))
    assert third.headers[":message-type"] == "exception"
