"""The Runtime API's answers, cut at every byte."""

from __future__ import annotations

import pytest

from streaming_runtime import http1
from streaming_runtime.http1 import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    Answer,
    AnswerReader,
    ConnectionClosed,
    ProtocolError,
    last_chunk,
    request,
    whole,
)

ANSWERS = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello", 200, b"hello", True),
    "empty": (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 202, b"", True),
    "no reason": (b"HTTP/1.1 202\r\nContent-Length: 0\r\n\r\n", 202, b"", True),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx", 200, b"x", False),
    "http 1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x", False),
    "http 1.0 kept": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
        200,
        b"abc0123456789",
        True,
    ),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", 200, b"x", True),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True),
    "same length twice": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True),
    "body with head's end": (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n\r\n\r\n\r\n\r\n", 200, b"\r\n\r\n\r\n\r\n", True),
}


def read(pieces: list[bytes]) -> Answer:
    reader = AnswerReader()
    answers = [reader.feed(piece) for piece in pieces]
    assert answers[:-1] == [None] * (len(pieces) - 1), "complete before its end"
    assert answers[-1] is not None
    return answers[-1]


@pytest.mark.parametrize("name", ANSWERS)
def test_whole_byte_by_byte_and_at_every_cut(name: str) -> None:
    data, status, body, keep_alive = ANSWERS[name]
    ways = [[data], [data[i : i + 1] for i in range(len(data))], *([data[:cut], data[cut:]] for cut in range(1, len(data)))]
    for pieces in ways:
        answer = read(pieces)
        assert (answer.status, answer.body, answer.keep_alive) == (status, body, keep_alive)


def test_headers_are_found_in_lower_case_and_trimmed() -> None:
    assert read([ANSWERS["length"][0]]).headers == {"content-length": "5", "x-a": "b"}


def test_a_body_until_the_connection_closes() -> None:
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nab") is None
    assert reader.feed(b"c") is None
    answer = reader.close()
    assert (answer.body, answer.keep_alive) == (b"abc", False)


@pytest.mark.parametrize("name", ANSWERS)
def test_closed_at_every_byte_is_an_error(name: str) -> None:
    data = ANSWERS[name][0]
    for cut in range(len(data)):
        reader = AnswerReader()
        if cut:
            reader.feed(data[:cut])
        with pytest.raises(ConnectionClosed if not cut else ProtocolError):
            reader.close()


@pytest.mark.parametrize(
    "data",
    [
        b"X",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % (MAX_BODY_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * (MAX_HEAD_BYTES // 6),
    ],
)
def test_what_can_not_become_an_answer_is_refused_and_not_waited_for(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        AnswerReader().feed(data)


def test_a_request_with_and_without_a_body() -> None:
    assert request("GET", "/p", "h:1", {}) == b"GET /p HTTP/1.1\r\nHost: h:1\r\n\r\n"
    assert request("POST", "/p", "h", {"A": "b"}, b"xy") == b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nA: b\r\n\r\nxy"


def test_the_end_with_and_without_trailers() -> None:
    assert last_chunk({}) == b"0\r\n\r\n"
    assert last_chunk({"A": "b"}) == b"0\r\nA: b\r\n\r\n"


def test_a_name_met_before_is_still_no_header_without_its_colon() -> None:
    read([ANSWERS["length"][0]])
    with pytest.raises(ProtocolError, match="no header line: 'Content-Length'"):
        AnswerReader().feed(b"HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n")


@pytest.mark.parametrize("line", [b"X-Spaced: v", b"X-Spaced:v", b"X-Spaced:  v ", b"X-Spaced:\tv"])
def test_a_field_is_read_however_it_is_spaced_and_however_often_it_was_met(line: bytes) -> None:
    for _ in range(3):
        assert read([b"HTTP/1.1 204 No Content\r\n" + line + b"\r\n\r\n"]).headers == {"x-spaced": "v"}


def test_a_name_with_a_space_in_it_is_not_remembered() -> None:
    for _ in range(2):
        assert read([b"HTTP/1.1 204 No Content\r\nX Y: 1\r\n\r\n"]).headers == {"x y": "1"}
    assert "X Y:" not in http1._keys


def test_names_met_are_remembered_within_bounds() -> None:
    names = b"".join(b"X-%d: 1\r\n" % number for number in range(500))
    assert len(read([b"HTTP/1.1 204 No Content\r\n" + names + b"\r\n"]).headers) == 500
    assert len(http1._keys) <= http1._MOST_KEYS


def test_a_body_without_a_length_is_bounded_too() -> None:
    reader = AnswerReader()
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(ProtocolError, match="a body of more than"):
        reader.feed(bytes(MAX_BODY_BYTES + 1))


def test_trailers_are_bounded_and_their_end_is_waited_for() -> None:
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n") is None
    with pytest.raises(ProtocolError, match="no end of the trailers"):
        reader.feed(b"a: b\r\n" * (MAX_HEAD_BYTES // 6 + 1))


def test_an_encoding_other_than_chunked_is_refused() -> None:
    with pytest.raises(ProtocolError, match="transfer encoding 'gzip'"):
        AnswerReader().feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n")


def test_two_lengths_are_refused() -> None:
    with pytest.raises(ProtocolError, match="two different content lengths"):
        AnswerReader().feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n")


def test_status_lines_met_are_remembered_within_bounds() -> None:
    for number in range(200, 500):
        assert read([b"HTTP/1.1 %d a\r\nContent-Length: 0\r\n\r\n" % number]).status == number
    assert read([b"HTTP/1.1 200 " + b"a" * 100 + b"\r\nContent-Length: 0\r\n\r\n"]).status == 200
    assert len(http1._starts) <= http1._MOST_KEYS


@pytest.mark.parametrize("more", [b"", b"X-Long: " + b"x" * 300 + b"\r\n"], ids=["short", "long"])
def test_a_head_met_before_is_read_as_the_first_time(more: bytes) -> None:
    first, second = (whole(b"HTTP/1.1 202 Accepted\r\n" + more + b"Content-Length: 1\r\n\r\n" + body) for body in (b"a", b"b"))
    assert first is not None
    assert second is not None
    assert (first.body, second.body) == (b"a", b"b")
    assert (first.status, first.headers, first.keep_alive) == (second.status, second.headers, second.keep_alive)


def test_a_head_met_before_still_wants_its_whole_body() -> None:
    assert whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab") is not None
    assert whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na") is None


def test_heads_met_are_remembered_within_bounds() -> None:
    for second in range(500):
        assert whole(b"HTTP/1.1 202 Accepted\r\nDate: %d\r\nContent-Length: 0\r\n\r\n" % second)
        assert len(http1._heads) <= http1._MOST_KEYS
    assert whole(b"HTTP/1.1 202 Accepted\r\nX: " + b"x" * 1000 + b"\r\nContent-Length: 0\r\n\r\n")
    assert max(map(len, http1._heads)) < 300
