"""HTTP/1.1 to requests and back: each message whole, byte by byte and cut at every single place, and as h11 reads it."""

from __future__ import annotations

import h11
import pytest

from constructs_pkg.emulator import http1
from constructs_pkg.emulator.http1 import MAX_HEAD_BYTES, BadRequest, End, Head, RequestParser, ResponseWriter

GET = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nx-one:\t2  \r\nEmpty:\r\nAccent: caf\xe9 \x7e\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: Chunked\r\nTrailer: A, B\r\n\r\n"
    b"5\r\nhello\r\n00A;note=1\r\n0123456789\r\n1 \r\n\r\r\n0\r\nA: one\r\nB: two words \r\n\r\n"
)
EMPTY_CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
MESSAGES = [GET, POST, CHUNKED, EMPTY_CHUNKED, OLD, GET + POST, b"\r\n" + GET, CHUNKED + GET + EMPTY_CHUNKED]


def read(pieces: list[bytes]) -> list[tuple]:
    """What the parser makes of bytes that come in pieces: per request its head, its body, its trailers."""
    parser, found = RequestParser(), []
    for piece in pieces:
        parser.feed(piece)
        for event in parser.events():
            if isinstance(event, Head):
                found.append([event, b"", None])
            elif isinstance(event, End):
                found[-1][2] = event.trailers
                parser.next_request()
            else:
                assert event
                found[-1][1] += event
    assert parser.idle
    return [tuple(one) for one in found]


def reference(data: bytes) -> list[tuple]:
    """The same by h11."""
    connection, found = h11.Connection(h11.SERVER), []
    connection.receive_data(data)
    while (event := connection.next_event()) is not h11.NEED_DATA:
        if event is h11.PAUSED:
            connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is h11.MUST_CLOSE:
                break
            connection.start_next_cycle()
        elif isinstance(event, h11.Request):
            found.append([event, b"", None])
        elif isinstance(event, h11.Data):
            found[-1][1] += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            found[-1][2] = list(event.headers)
        else:
            break
    return [tuple(one) for one in found]


def lowered(headers) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in headers]


@pytest.mark.parametrize("data", MESSAGES)
def test_it_reads_what_h11_reads(data: bytes) -> None:
    ours, theirs = read([data]), reference(data.removeprefix(b"\r\n"))
    assert len(ours) == len(theirs)
    for (head, body, trailers), (request, its_body, its_trailers) in zip(ours, theirs, strict=True):
        assert (head.method, head.target) == (request.method, request.target)
        assert head.headers == [(name, value) for name, value in request.headers.raw_items()] or (
            # h11 writes the one encoding that it knows in small letters.
            [(n, v.lower()) for n, v in head.headers] == [(n, v.lower()) for n, v in request.headers.raw_items()]
        )
        assert (body, lowered(trailers)) == (its_body, its_trailers)


@pytest.mark.parametrize("data", MESSAGES)
def test_it_does_not_matter_where_bytes_are_cut(data: bytes) -> None:
    whole = read([data])
    assert read([data[i : i + 1] for i in range(len(data))]) == whole
    for cut in range(len(data)):
        assert read([data[:cut], data[cut:]]) == whole


def test_each_chunk_is_handed_over_by_itself() -> None:
    parser = RequestParser()
    parser.feed(CHUNKED)
    assert [event for event in parser.events() if isinstance(event, bytes)] == [b"hello", b"0123456789", b"\r"]


def test_names_keep_their_case_and_repeated_ones_stay() -> None:
    ((head, _, _),) = read([GET])
    assert head.headers == [(b"Host", b"x"), (b"X-One", b"1"), (b"x-one", b"2"), (b"Empty", b""), (b"Accent", b"caf\xe9 ~")]


REFUSED = [
    b"nonsense\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA : c\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: b\nc\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: five\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n",
]


@pytest.mark.parametrize("data", REFUSED)
def test_what_is_not_http_is_refused_however_it_is_cut(data: bytes) -> None:
    # h11 refuses each of these too, so nothing is turned away that it would have taken.
    with pytest.raises(h11.RemoteProtocolError):
        reference(data)
    with pytest.raises(BadRequest):
        read([data])
    with pytest.raises(BadRequest):
        read([data[i : i + 1] for i in range(len(data))])


STRICTER = [
    b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n folded: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1" + b";x" * 2000 + b"\r\n",
    # https://www.rfc-editor.org/rfc/rfc9112#section-6.1-15: its end could be taken to be in two places.
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("data", STRICTER)
def test_what_nobody_sends_any_more_is_refused_though_h11_takes_it(data: bytes) -> None:
    with pytest.raises(BadRequest):
        read([data])
    with pytest.raises(BadRequest):
        read([data[i : i + 1] for i in range(len(data))])


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nHost: x\r\nA: ", EMPTY_CHUNKED[:-2] + b"A: "])
def test_a_head_without_end_is_refused_before_it_fills_the_memory(start: bytes) -> None:
    parser = RequestParser()
    parser.feed(start)
    list(parser.events())
    parser.feed(b"x" * MAX_HEAD_BYTES)
    with pytest.raises(BadRequest) as refused:
        list(parser.events())
    assert refused.value.status == 431


@pytest.mark.parametrize(
    ("lines", "minor", "keeps"),
    [
        (b"", 1, True),
        (b"Connection: close\r\n", 1, False),
        (b"connection: x, Close\r\n", 1, False),
        (b"", 0, False),
        (b"Connection: keep-alive\r\n", 0, True),
    ],
)
def test_whether_the_connection_stays_is_known(lines: bytes, minor: int, keeps: bool) -> None:
    ((head, _, _),) = read([b"GET / HTTP/1.%d\r\nHost: x\r\n%b\r\n" % (minor, lines)])
    assert head.keep_alive is keeps


def test_a_caller_that_waits_to_be_told_is_known() -> None:
    ((head, body, _),) = read([b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"])
    assert (head.expects_continue, body) == (True, b"hi")


def request(line: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") -> Head:
    ((head, _, _),) = read([line])
    return head


def answer(writer: ResponseWriter, status: int, headers: list[tuple[str, str]], *pieces: bytes) -> bytes:
    return writer.head(status, headers) + b"".join(map(writer.data, pieces)) + writer.end()


def client_reads(wire: bytes, method: str = "GET", *, closed: bool = False) -> tuple[int, dict, bytes]:
    """The response as h11's client reads it."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(wire)
    if closed:
        connection.receive_data(b"")
    head = connection.next_event()
    body = b""
    while isinstance(event := connection.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage), event
    assert connection.trailing_data[0] == b""
    return head.status_code, dict(head.headers), body


def test_a_response_of_known_length_is_written_as_it_is() -> None:
    wire = answer(ResponseWriter(request()), 200, [("Content-Length", "3"), ("X-One", " caf\xe9 ")], b"a", b"", b"bc")
    assert wire == b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-One: caf\xe9\r\n\r\nabc"
    assert client_reads(wire)[2] == b"abc"


def test_any_other_is_chunked_a_chunk_a_piece() -> None:
    wire = answer(ResponseWriter(request()), 201, [], b"one", b"", b"x" * 20)
    assert wire.endswith(b"\r\n\r\n3\r\none\r\n14\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n")
    assert client_reads(wire) == (201, {b"transfer-encoding": b"chunked"}, b"one" + b"x" * 20)


@pytest.mark.parametrize(("status", "method"), [(204, "GET"), (304, "GET"), (200, "HEAD")])
def test_where_http_allows_no_body_none_is_written(status: int, method: str) -> None:
    writer = ResponseWriter(request(f"{method} / HTTP/1.1\r\nHost: x\r\n\r\n".encode()))
    assert client_reads(answer(writer, status, [], b"body"), method)[2] == b""


def test_an_old_caller_knows_the_end_by_the_connections() -> None:
    writer = ResponseWriter(request(OLD))
    wire = answer(writer, 200, [], b"one", b"two")
    assert writer.closes
    assert client_reads(wire, closed=True)[2] == b"onetwo"


@pytest.mark.parametrize(
    ("head", "headers"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", [("Connection", "close")]),
    ],
)
def test_either_side_may_close(head: bytes, headers: list[tuple[str, str]]) -> None:
    writer = ResponseWriter(request(head))
    wire = answer(writer, 200, [("Content-Length", "0"), *headers])
    assert writer.closes
    assert client_reads(wire)[1][b"connection"] == b"close"


@pytest.mark.parametrize("header", [("a b", "c"), ("a", "b\r\nc: d"), ("a", "b\x00"), ("", "x"), ("a", "☃")])
def test_a_header_that_would_be_two_is_not_written(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="HEADER_NOT_ALLOWED"):
        ResponseWriter(request()).head(200, [header])


def test_a_status_without_a_phrase_is_written() -> None:
    assert ResponseWriter(request()).head(599, [("Content-Length", "0")]).startswith(b"HTTP/1.1 599 \r\n")


def test_a_head_met_before_is_read_as_it_was_the_first_time() -> None:
    assert read([POST]) == read([POST]) == read([POST[:30], POST[30:]])
    assert read([CHUNKED + GET + CHUNKED]) == read([CHUNKED]) + read([GET]) + read([CHUNKED])


def test_heads_that_are_always_new_do_not_fill_the_memory() -> None:
    for number in range(1000):
        read([b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number, b"GET /%d HTTP/1.1\r\nHost: %s\r\n\r\n" % (number, b"x" * 1000)])
    assert len(http1._heads) <= http1._MOST_HEADS
    assert max(map(len, http1._heads)) <= http1._LONGEST_KNOWN_HEAD
