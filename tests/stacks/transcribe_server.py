"""Amazon Transcribe's streaming operation on this machine, for AWS's own client: it says what a test tells it to, and hears nothing.

AWS's client speaks HTTP/2 by TLS only, with the system's certificates; over HTTP/1.1, as here, it sends a request's head and no audio.
Frames and headers are those of https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html.
"""

from __future__ import annotations

import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from constructs_pkg.emulator.eventstream import CONTENT_TYPE, encode_event, encode_exception


class TranscribeServer:
    """Answers with `answer`: results, which are sent as events, or (status, error's name)."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer: list[bytes] | tuple[int, str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server.asked.append({name.lower(): value for name, value in self.headers.items()})
                if isinstance(server.answer, tuple):
                    status, name = server.answer
                    self._start(status, "application/json", {"x-amzn-ErrorType": name})
                    self._chunk(b'{"Message": "secret-internal-detail"}')
                else:
                    self._start(200, CONTENT_TYPE, {"x-amzn-transcribe-session-id": "s"})
                    for frame in server.answer:
                        self._chunk(frame)
                self.wfile.write(b"0\r\n\r\n")

            def _start(self, status: int, kind: str, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {"content-type": kind, "transfer-encoding": "chunked", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def _chunk(self, data: bytes) -> None:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def result(id: str, text: str, start: float, end: float, *, partial: bool) -> bytes:
    """A frame with one result, as Transcribe names its fields."""
    found = {
        "ResultId": id,
        "StartTime": start,
        "EndTime": end,
        "IsPartial": partial,
        "Alternatives": [{"Transcript": text, "Items": []}],
    }
    return encode_event("TranscriptEvent", {"Transcript": {"Results": [found]}})


def failure(name: str) -> bytes:
    """A frame that ends a stream."""
    return encode_exception(name, {"Message": "secret-internal-detail"})


def audio_of(body: bytes) -> list[bytes]:
    """The audio of a request's frames, each of which lies in a signed one; the last of them is empty and says that this is all."""
    audio: list[bytes] = []
    *signed, (_, last) = frames(body)
    assert last == b""
    for headers, payload in signed:
        assert {":chunk-signature", ":date"} <= headers.keys()
        [(inner, piece)] = frames(payload)
        assert inner[":event-type"] == "AudioEvent"
        assert inner[":message-type"] == "event"
        audio.append(piece)
    return audio


def frames(data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    found = []
    while data:
        total, length = struct.unpack_from(">II", data)
        found.append((_headers(data[12 : 12 + length]), data[12 + length : total - 4]))
        data = data[total:]
    return found


def _headers(data: bytes) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    while data:
        end = 1 + data[0]
        name, kind = data[1:end].decode(), data[end]
        if kind in (6, 7):  # bytes, string
            (size,) = struct.unpack_from(">H", data, end + 1)
            value: Any = data[end + 3 : end + 3 + size]
            headers[name] = value.decode() if kind == 7 else value
            data = data[end + 3 + size :]
        elif kind == 8:  # a time
            (headers[name],) = struct.unpack_from(">q", data, end + 1)
            data = data[end + 9 :]
        else:
            raise AssertionError(f"a header of kind {kind}")
    return headers
