"""Redaction on its way through dialects, errors, documents and the end of a stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_pkg.client import decoder_for
from streaming_runtime import Data, Error, Finish, Redact, Start, streaming_handler
from streaming_runtime.dialects import redacted
from streaming_runtime.dialects.redacted import MOST_WAITING
from streaming_runtime.errors import InitError
from streaming_runtime.handler import load
from streaming_runtime.redaction import SLICE, Redaction
from streaming_runtime.request import Request
from tests.runtime.neutral_api import url_event
from tests.runtime.test_dialects import DOCUMENTS, encoder

if TYPE_CHECKING:
    from tests.runtime.conftest import Start as Begin

EMAIL = Redaction(["email"])
SECRET = "bob@example.com"
ASKED = {"model": "m", "stream": True, "threadId": "t", "runId": "r"}
TEXT_DIALECTS = sorted(set(DOCUMENTS) - {"bytes"})


def encoding(dialect: str = "sse", redaction: Redaction = EMAIL) -> redacted.Encoder:
    return redacted.Encoder(Request(None), encoder(dialect, ASKED), redaction)


def events(wire: bytes) -> list[Any]:
    """An SSE stream's events: the text of Text, else (name, data)."""
    found = []
    for frame in wire.decode().split("\n\n")[:-1]:
        name, _, data = frame.partition("\n")
        value = json.loads(data.removeprefix("data: "))
        found.append(value["text"] if name == "event: text" else (name.removeprefix("event: "), value))
    return found


# ---- through a dialect


pieces = st.lists(st.text(alphabet="ab@.- c", max_size=6), max_size=8)


@pytest.mark.parametrize("dialect", [name for name in TEXT_DIALECTS if name not in ("text", "ndjson")])
@settings(deadline=None, max_examples=40)
@given(texts=pieces)
def test_what_a_reader_gets_is_the_whole_text_redacted(dialect: str, texts: list[str]) -> None:
    using = encoding(dialect, Redaction([Redact("a{1,3}@[abc.]{1,4}"), Redact("cb?c")]))
    wire = b"".join(using.text(text) for text in texts) + using.flush() + using.finish(Finish())
    decoder = decoder_for(dialect=dialect)
    read = [event for event in decoder.feed(wire) + decoder.close() if type(event).__name__ == "Text"]
    assert "".join(event.text for event in read) == using._redaction.redact("".join(texts))
    assert decoder.done


def test_text_is_one_text_whatever_comes_between_and_the_order_stays() -> None:
    using = encoding()
    wire = using.start(Start(model="m")) + using.text("Write to bo")
    assert events(wire) == ["Write to "]
    wire = using.data(Data({"n": 1})) + using.data(Data({"n": 2}, "progress"))
    assert wire == b"", "they wait with the text in front of them"
    assert events(using.text("b@example.com now. ")) == ["[EMAIL]", ("data", {"n": 1}), ("progress", {"n": 2}), " now. "]
    assert events(using.data(Data({"n": 3}))) == [("data", {"n": 3})], "nothing is held, and nothing waits"


def test_data_between_pieces_that_turn_out_harmless_stays_between_them() -> None:
    using = encoding()
    assert using.text("as shown.") + using.data(Data(1)) != b""
    assert events(using.text(" Next") + using.flush()) == ["shown.", ("data", 1), " ", "Next"]


def test_several_that_wait_at_different_places_leave_at_their_places() -> None:
    using = encoding(redaction=Redaction([Redact("abcdef")]))
    wire = using.text("a") + using.data(Data(1)) + using.text("b") + using.data(Data(2))
    assert wire == b""
    assert events(using.text("c") + using.data(Data(3)) + using.text("x")) == [
        "a",
        ("data", 1),
        "b",
        ("data", 2),
        "c",
        ("data", 3),
        "x",
    ]
    wire = using.text("ab") + using.data(Data(4)) + using.text("cdef")
    assert events(wire) == ["[REDACTED]", ("data", 4)]
    wire = using.text("abc") + using.data(Data(5)) + using.text("abc") + using.flush()
    assert events(wire) == ["abc", ("data", 5), "abc"]


def test_a_place_that_is_not_decided_yet_holds_what_waits_there() -> None:
    using = encoding(redaction=Redaction([Redact("abcdef"), Redact("bcdxxx")]))
    assert using.text("ab") + using.data(Data(1)) + using.text("c") == b""
    assert events(using.text("dx")) == ["a"], "the rest may still become the other"
    assert events(using.text("y")) == ["b", ("data", 1), "cdxy"]


def test_more_than_a_few_that_wait_go_ahead_so_that_memory_stays_flat() -> None:
    using = encoding()
    assert events(using.text("Write to bo")) == ["Write to "]
    wire = b"".join(using.data(Data(number)) for number in range(MOST_WAITING + 1))
    assert events(wire) == [("data", number) for number in range(MOST_WAITING + 1)]
    assert events(using.data(Data("last")) + using.flush()) == ["bo", ("data", "last")]


def test_strings_in_data_are_redacted_each_by_itself() -> None:
    using = encoding()
    wire = using.data(Data({"to": [SECRET, "a@", "b.example"], SECRET: None}, "mail"))
    assert events(wire) == [("mail", {"to": ["[EMAIL]", "a@", "b.example"], SECRET: None})]


def test_bytes_are_text_in_utf8_cut_anywhere() -> None:
    using = encoding()
    wire = b"".join(using.raw(bytes([byte])) for byte in f"Grüße an {SECRET} …".encode()) + using.flush()
    assert "".join(events(wire)) == "Grüße an [EMAIL] …"
    using = encoding()
    assert "".join(events(using.raw(b"x \xff\xe2\x82") + using.flush())) == "x \ufffd\ufffd"


def test_what_is_held_leaves_before_the_last_word_and_errors_are_redacted() -> None:
    using = encoding()
    wire = using.text("ask bo") + using.flush() + using.error(Error("code", f"No {SECRET} here."))
    assert events(wire) == ["ask ", "bo", ("error", {"code": "code", "message": "No [EMAIL] here."})]
    assert json.loads(using.error_body(400, "c", f"Not {SECRET}.", None))["error"]["message"] == "Not [EMAIL]."


def test_a_long_text_is_looked_at_slice_by_slice_and_as_one() -> None:
    text = f"{'x ' * (SLICE // 2 - 4)}{SECRET} {'y ' * SLICE}"
    cleared = text.replace(SECRET, "[EMAIL]")
    assert EMAIL.redact(text) == cleared
    using = encoding()
    assert "".join(events(using.text(text) + using.flush())) == cleared


def test_a_stream_that_goes_on_goes_on_in_the_dialect_behind_it() -> None:
    using = encoding("ui-message-stream")
    using.go_on()
    assert using.error(Error("code", "m")) == b'data: {"type":"error","errorText":"m"}\n\ndata: [DONE]\n\n'
    assert b'"start"' not in using.data(Data(1))


def test_it_looks_like_the_dialect_behind_it() -> None:
    for dialect in TEXT_DIALECTS:
        inner, using = encoder(dialect, ASKED), encoding(dialect)
        assert (using.name, using.content_type, using.headers, using.heartbeat) == (
            inner.name,
            inner.content_type,
            inner.headers,
            inner.heartbeat,
        )


# ---- whole answers


@pytest.mark.parametrize(
    ("body", "content_type", "cleared"),
    [
        (b'{"a": "bob@example.com", "b": 1}', "application/json", b'{"a":"[EMAIL]","b":1}'),
        (b'{"a":"mail:\\nbob@example.com"}', "application/json; charset=utf-8", b'{"a":"mail:\\n[EMAIL]"}'),
        (b'{ "a" : 1 }', "application/json", b'{ "a" : 1 }'),
        (b"{bob@example.com", "application/json", b"{[EMAIL]"),
        (b"[" * 100_000 + b"bob@example.com", "application/json", b"[" * 100_000 + b"[EMAIL]"),
        (b"bob@example.com\xff", "text/plain", b"[EMAIL]\xef\xbf\xbd"),
        (b"null", "application/json", b"null"),
        (b'{"a":"bob@example.com"}\n{}\n', "application/x-ndjson", b'{"a":"[EMAIL]"}\n{}\n'),
        (b"bob@example.com", "application/octet-stream", b"bob@example.com"),
    ],
)
def test_a_whole_answer_is_redacted_as_what_it_is(body: bytes, content_type: str, cleared: bytes) -> None:
    assert EMAIL.redact_body(body, content_type) == cleared


# ---- where it is asked for, and where it cannot be


def test_bytes_cannot_be_redacted() -> None:
    with pytest.raises(ValueError, match="^REDACTION_NEEDS_TEXT: found the dialect 'bytes', whose answers are bytes; allowed: "):
        streaming_handler(dialect="bytes", redact=["email"])
    with pytest.raises(ValueError, match="^REDACTION_NAME: found 'mail'"):
        streaming_handler(redact=["mail"])


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def handler(event, context): ...", "a handler without @streaming_handler"),
        ("from streaming_runtime.asgi import asgi\nasync def app(*_): ...\nhandler = asgi(app)", "an ASGI app"),
        ("@streaming_handler(dialect='bytes')\ndef handler(request, context): ...", "the dialect 'bytes'"),
    ],
)
def test_a_function_that_is_to_redact_and_cannot_does_not_start(start: Begin, source: str, found: str) -> None:
    runtime = start(source, environment={"STREAM_REDACT": "email"})
    report = runtime.accept().read_request()
    assert report.path.endswith("/runtime/init/error")
    assert runtime.connection is not None
    runtime.connection.read_body(report)
    assert report.json["errorType"] == "Runtime.InvalidSetting"
    assert report.json["errorMessage"].startswith(f"REDACTION_NEEDS_TEXT: found {found}")
    runtime.acknowledge()
    assert runtime.exit()[0] == 1


def test_the_environment_adds_to_what_the_decorator_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "redacting.py").write_text(
        "from streaming_runtime import Redact, streaming_handler\n"
        "@streaming_handler(redact=[Redact('secret', replacement='[S]')])\ndef handler(request, context): ...\n"
        "@streaming_handler\ndef plain(request, context): ...\ndef bare(event, context): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    both = load("redacting.handler", ("email",)).redaction
    assert both is not None
    assert both.redact(f"secret {SECRET}") == "[S] [EMAIL]"
    alone = load("redacting.plain", ("email",)).redaction
    assert alone is not None
    assert alone.redact(f"secret {SECRET}") == "secret [EMAIL]"
    assert load("redacting.plain").redaction is None
    assert load("redacting.bare").redaction is None
    with pytest.raises(InitError, match="REDACTION_NEEDS_TEXT"):
        load("redacting.bare", ("email",))


# ---- on the wire


def decorated(dialect: str, body: str) -> str:
    indented = "".join(f"    {line}\n" for line in body.split("\n"))
    return f"@streaming_handler(dialect={dialect!r}, redact=['email'])\ndef handler(request, context):\n{indented}"


@pytest.mark.parametrize("dialect", TEXT_DIALECTS)
def test_no_dialect_lets_it_through(start: Begin, dialect: str, interpreter: str) -> None:
    data = "yield Data({'to': 'bob@example.com'})\n" if dialect in ("text", "ndjson", "sse", "ui-message-stream", "ag-ui") else ""
    runtime = start(
        decorated(
            dialect,
            f"for piece in ('I know bo', 'b@exam', 'ple.com well. '):\n    yield Text(piece)\n{data}yield b'bob@'\nyield 'example.com'",
        )
    )
    for body in (json.dumps(ASKED), json.dumps({**ASKED, "stream": False})):
        reply = runtime.invoke(url_event("POST", body=body))
        assert reply.status == 200
        assert b"[EMAIL]" in reply.body
        assert b"bob" not in reply.raw
        assert b"example.com" not in reply.raw


@pytest.mark.parametrize("dialect", TEXT_DIALECTS)
@pytest.mark.parametrize(
    "fault",
    [
        "raise BadRequest('Not bob@example.com.')",
        "yield Error('code', 'Not bob@example.com.')",
        "raise ValueError('bob@example.com')",
    ],
)
@pytest.mark.parametrize("first", ["", "yield Text('x ')\n"])
def test_no_error_lets_it_through(start: Begin, dialect: str, fault: str, first: str) -> None:
    runtime = start(decorated(dialect, f"{first}{fault}\nif False: yield"))
    for event in (url_event("POST", body=json.dumps(ASKED)), ASKED):
        reply = runtime.invoke(event)
        assert b"example.com" not in reply.raw
        assert "example.com" not in str(reply.trailer_error)
        if "ValueError" not in fault and (event is not ASKED or first):
            assert b"Not [EMAIL]." in reply.raw or "Not [EMAIL]." in str(reply.trailer_error)


@pytest.mark.parametrize(
    ("returned", "event", "body"),
    [
        ("{'to': 'bob@example.com'}", {}, b'{"to":"[EMAIL]"}'),
        ("{'to': 'bob@example.com'}", url_event(), b'{"to":"[EMAIL]"}'),
        ("HttpResponse.json({'to': 'bob@example.com'})", url_event(), b'{"to":"[EMAIL]"}'),
        ("HttpResponse(200, body='to bob@example.com')", url_event(), b"to [EMAIL]"),
        ("HttpResponse(200, {'content-type': 'image/png'}, body=b'bob@example.com')", url_event(), b"bob@example.com"),
        ("'to bob@example.com'", url_event(), b"to [EMAIL]"),
    ],
)
def test_what_a_function_returns_is_redacted_too(start: Begin, returned: str, event: Any, body: bytes) -> None:
    assert start(decorated("text", f"return {returned}")).invoke(event).body == body


@pytest.mark.parametrize("timeout", [1.5, 10])
def test_what_is_held_leaves_at_the_end_whichever_that_is(start: Begin, timeout: float) -> None:
    runtime = start(decorated("sse", "yield Text('ask bo')\ntime.sleep(3 if request.path == '/slow' else 0)"))
    reply = runtime.invoke(url_event(path="/slow" if timeout < 3 else "/"), timeout=timeout)
    assert events(reply.body)[:2] == ["ask ", "bo"]
    assert events(reply.body)[2][0] == ("error" if timeout < 3 else "finish")


def test_a_heartbeat_does_not_wait_for_what_is_held(start: Begin) -> None:
    runtime = start(
        decorated("sse", "yield Text('bo')\ntime.sleep(1.5)\nyield Text('b@example.com')"),
        environment={"STREAM_HEARTBEAT_SECONDS": "1"},
    )
    reply = runtime.invoke(url_event())
    assert reply.body.startswith(b': heartbeat\n\nevent: text\ndata: {"text":"[EMAIL]"}\n\n')


def test_a_token_that_cannot_start_a_match_is_not_delayed(start: Begin, tmp_path: Any) -> None:
    runtime = start(
        """
        @streaming_handler(redact=["aws-access-key-id"])
        def handler(request, context):
            for number in range(3):
                yield Text(f"token {number} ")
                while not os.path.exists(f"read-{number}"):
                    time.sleep(0.002)
        """
    )
    runtime.deliver(url_event())
    reply = runtime.head()
    for number in range(3):
        while b"token %d " % number not in reply.raw:
            assert runtime.chunk(reply) is not None
        (tmp_path / "task" / f"read-{number}").touch()
    runtime.rest(reply)


def test_nothing_of_redaction_is_loaded_where_nothing_is_redacted(start: Begin) -> None:
    loaded = "yield str([name for name in sys.modules if name.endswith(('.redaction', '.automaton', '.redacted'))])"
    runtime = start(f"@streaming_handler\ndef handler(request, context):\n    {loaded}")
    assert runtime.invoke(url_event()).body == b"[]"
