"""`streaming-lambda call`, run as a person or a script runs it."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from constructs_pkg.client import command
from tests.client import reference_sigv4
from tests.client.conftest import ACCESS_KEY, SECRET_KEY, TOKEN
from tests.client.server import Connection, Received, Script, ScriptedServer, chat, sse

Serve = Callable[..., ScriptedServer]
Call = Callable[..., "Done"]
PROGRAM = """
import argparse, sys
from constructs_pkg.client import command
parser = argparse.ArgumentParser(prog="call")
command.configure(parser)
sys.exit(command.run(parser.parse_args()))
"""
ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")},
        "PYTHONPATH": str(ROOT), "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_SESSION_TOKEN": TOKEN,
        "AWS_REGION": "eu-west-1", "PYTHONWARNINGS": "error", "TERM": "xterm", **more,
    }  # fmt: skip


@dataclass
class Done:
    returncode: int
    stdout: bytes
    stderr: bytes


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Done]:
    """Runs the command in this process, as the command line does."""

    def run(*arguments: str, stdin: bytes = b"", **env: str) -> Done:
        for name, value in environment(**env).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        parser = argparse.ArgumentParser(prog="call")
        command.configure(parser)
        try:
            code = command.run(parser.parse_args(arguments))
        except SystemExit as wrong:
            code = int(str(wrong.code))
        return Done(code, *capfdbinary.readouterr())

    return run


@contextlib.contextmanager
def started(*arguments: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    def heed_interrupts() -> None:
        """A job that was started in the background ignores Ctrl-C, and so would what it starts."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], env=environment(), preexec_fn=heed_interrupts, **streams
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=20)


def streams(pieces: list[bytes], dialect: str = "openai-chat", content_type: str = "text/event-stream") -> Script:
    return lambda connection, _: connection.stream(
        pieces, content_type=content_type, x_stream_dialect=dialect, x_amzn_requestid="req-1"
    )


def test_the_text_is_printed_and_the_request_was_signed(call: Call, serve: Serve) -> None:
    server = serve(streams(chat("Hel", "lo 😀\n", "x")))
    done = call(server.url + "v1/chat/completions", "-d", '{"a": 1}')
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, "Hello 😀\nx\n", "")
    [request] = server.received
    reference_sigv4.verify(request.method, request.target, request.headers, request.body, secret_key=SECRET_KEY)
    assert (request.method, request.target, request.body) == ("POST", "/v1/chat/completions", b'{"a": 1}')
    assert request.header("content-type") == "application/json"


def test_each_piece_is_printed_when_it_comes(serve: Serve) -> None:
    printed = threading.Semaphore(0)

    def script(connection: Connection, _: Received) -> None:
        connection.head(transfer_encoding="chunked", content_type="text/event-stream", x_stream_dialect="openai-chat")
        for number, piece in enumerate(chat("a", "b", "c")):
            connection.chunk(piece)
            if 1 <= number <= 3:
                assert printed.acquire(timeout=30), "the command held text back"
        connection.end()

    with started(serve(script).url, "-X", "POST", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for letter in (b"a", b"b", b"c"):
            assert os.read(process.stdout.fileno(), 100) == letter
            printed.release()
        assert process.wait(20) == 0


def test_data_is_a_line_of_json_each(call: Call, serve: Serve) -> None:
    wire = sse(
        'event: text\ndata: {"text":"hi"}',
        'event: progress\ndata: {"é":1}',
        "event: data\ndata: [1,2]",
        'event: finish\ndata: {"reason":"stop"}',
    )
    done = call(serve(streams([wire], "sse")).url)
    assert done.stdout.decode() == 'hi\n{"name":"progress","value":{"é":1}}\n[1,2]\n'


@pytest.mark.parametrize(("content_type", "body"), [("text/plain", "no line end"), ("application/octet-stream", "\x00\x1b[31m")])
def test_text_and_bytes_are_printed_to_the_byte_in_a_pipe(call: Call, serve: Serve, content_type: str, body: str) -> None:
    assert call(serve(streams([body.encode()], "", content_type)).url).stdout == body.encode()


def test_raw_prints_the_wire(call: Call, serve: Serve) -> None:
    pieces = chat("a")
    done = call(serve(streams(pieces)).url, "--raw", "--timing")
    assert (done.returncode, done.stdout) == (0, b"".join(pieces))
    assert re.search(r"^\+\d+\.\d{3}s  Bytes \d+$", done.stderr.decode(), re.MULTILINE)


@pytest.mark.parametrize("options", [[], ["--raw"]])
def test_a_truncated_stream_fails_with_what_came(call: Call, serve: Serve, options: list[str]) -> None:
    done = call(serve(streams(chat("par", done=False))).url, *options)
    assert done.returncode == 1
    assert b"par" in done.stdout
    assert done.stderr.decode() == (
        "error: the stream ended without its terminal event (data: [DONE]): "
        "what was delivered is not the whole answer (HTTP 200, request req-1)\n"
    )


@pytest.mark.parametrize("options", [[], ["--raw"]])
def test_an_error_in_the_stream_fails_in_one_line(call: Call, serve: Serve, options: list[str]) -> None:
    wire = [*chat("par", done=False)[:2], sse('data: {"error":{"message":"two\\nlines\\u001b[31m","code":"model_error"}}')]
    done = call(serve(streams(wire)).url, *options)
    assert (done.returncode, done.stderr.decode()) == (1, "error: model_error: two lines\\x1b[31m (HTTP 200, request req-1)\n")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("403 Forbidden", "error: access denied: no (HTTP 403)\n"),
        ("400 Bad Request", "error: no (HTTP 400)\n"),
        ("500 Internal Server Error", "error: no (HTTP 500)\n"),
    ],
)
def test_a_refusal_fails_with_the_servers_reason(call: Call, serve: Serve, status: str, reason: str) -> None:
    done = call(serve(lambda connection, _: connection.answer(status, b'{"Message":"no"}')).url)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", reason)


def test_a_server_that_is_not_there_fails(call: Call, serve: Serve) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = call(f"http://127.0.0.1:{port}/")
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: cannot connect: ")


def test_timing_tells_when_each_event_came_and_sums_up(call: Call, serve: Serve) -> None:
    def script(connection: Connection, _: Received) -> None:
        connection.head(transfer_encoding="chunked", content_type="text/event-stream", x_stream_dialect="openai-chat")
        for piece in chat("Hel", 'lo "you"\n'):
            connection.chunk(piece)
            time.sleep(0.1)  # what is measured
        connection.end()

    done = call(serve(script).url, "--timing")
    assert done.stdout.decode() == 'Hello "you"\n'
    *lines, summary = done.stderr.decode().splitlines()
    found = [re.fullmatch(r"\+(\d+\.\d{3})s  (.*)", line) for line in lines]
    assert [match and match[2] for match in found] == ['Text "Hel"', 'Text "lo \\"you\\"\\n"', "Finish stop"]
    offsets = [float(match[1]) for match in found if match]
    assert offsets[1] - offsets[0] > 0.05
    assert offsets[2] - offsets[1] > 0.1
    assert re.fullmatch(
        r"first byte \d+\.\d{3}s \| first token \d+\.\d{3}s \| last \d+\.\d{3}s \| 3 events \| 2 tokens \| "
        r"\d+\.\d tokens/s \| longest gap 0\.\d{3}s",
        summary,
    )


def test_timing_sums_up_a_stream_that_failed_too(call: Call, serve: Serve) -> None:
    done = call(serve(streams(chat("par", done=False))).url, "--timing")
    *_, summary, error = done.stderr.decode().splitlines()
    assert summary.startswith("first byte ")
    assert error.startswith("error: the stream ended without")


@pytest.mark.parametrize(
    ("data", "stdin", "body", "content_type"),
    [
        ('{"a":1}', b"", b'{"a":1}', "application/json"),
        ("@FILE", b"", b'["from a file"]', "application/json"),
        ("-", b"\x00\xff", b"\x00\xff", "application/octet-stream"),
        ("-", b"plain words", b"plain words", "text/plain; charset=utf-8"),
        ("", b"", b"", "text/plain; charset=utf-8"),
    ],
)
def test_a_body_comes_from_the_command_line_a_file_or_standard_input(
    call: Call, serve: Serve, tmp_path: Path, data: str, stdin: bytes, body: bytes, content_type: str
) -> None:
    (tmp_path / "body").write_bytes(b'["from a file"]')
    server = serve(streams(chat("ok")))
    assert call(server.url, "-d", data.replace("FILE", str(tmp_path / "body")), stdin=stdin).returncode == 0
    [request] = server.received
    assert (request.method, request.body, request.header("content-type")) == ("POST", body, content_type)


def test_method_headers_region_and_dialect_are_as_asked(call: Call, serve: Serve) -> None:
    server = serve(streams([b"data: x\n\n"]))
    done = call(
        server.url,
        "-X",
        "put",
        "-d",
        "{}",
        "-H",
        "X-One: 1",
        "-H",
        "content-type:text/x",
        "--region",
        "sa-east-1",
        "--dialect",
        "event-stream",
    )
    assert done.stdout == b'{"event":"message","data":"x"}\n'
    [request] = server.received
    assert (request.method, request.header("x-one"), request.header("content-type")) == ("PUT", "1", "text/x")
    assert "/sa-east-1/lambda/" in (request.header("authorization") or "")


def test_without_a_body_it_is_a_get(call: Call, serve: Serve) -> None:
    server = serve(streams(chat("ok")))
    call(server.url)
    assert (server.received[0].method, server.received[0].header("content-type")) == ("GET", None)


def test_a_profile_signs(call: Call, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(f"[dev]\naws_access_key_id = AKIDOFDEV\naws_secret_access_key = {SECRET_KEY}\n")
    server = serve(streams(chat("ok")))
    done = call(server.url, "--profile", "dev", AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"))
    assert done.returncode == 0, done.stderr
    assert "Credential=AKIDOFDEV/" in (server.received[0].header("authorization") or "")


def test_a_profile_that_does_not_exist_fails_with_the_mend(call: Call, serve: Serve) -> None:
    done = call(serve(streams(chat("ok"))).url, "--profile", "nowhere")
    assert done.returncode == 1
    assert re.fullmatch(rb"error: CREDENTIALS_FAILED: .*nowhere.*list-profiles.*\n", done.stderr)


def test_no_credentials_fails_with_the_mend(call: Call, serve: Serve) -> None:
    done = call(serve(streams(chat("ok"))).url, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_SESSION_TOKEN="")
    assert done.returncode == 1
    assert re.fullmatch(rb"error: NO_CREDENTIALS: .*AWS_PROFILE.*\n", done.stderr)


def test_unsigned_needs_no_credentials(call: Call, serve: Serve) -> None:
    server = serve(streams(chat("ok")))
    assert call(server.url, "--no-sign", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="").returncode == 0
    assert server.received[0].header("authorization") is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["http://example.com/"], b"error: INSECURE_URL: "),
        (["example.com"], b"error: BAD_URL: "),
        (["http://127.0.0.1:1/", "-H", "nonsense"], b"error: BAD_HEADER: "),
        (
            ["http://127.0.0.1:1/", "-d", "@/does/not/exist"],
            b"error: cannot read the body: No such file or directory: /does/not/exist",
        ),
        (["http://127.0.0.1:1/", "--dialect", "morse"], b"usage: "),
        ([], b"usage: "),
    ],
)
def test_wrong_usage_is_told_apart(call: Call, arguments: list[str], reason: bytes) -> None:
    done = call(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(reason)
    if not reason.startswith(b"usage"):
        assert done.stderr.count(b"\n") == 1


def test_a_reader_that_leaves_is_no_noise(serve: Serve) -> None:
    def flood(connection: Connection, _: Received) -> None:
        connection.head(transfer_encoding="chunked", content_type="text/plain")
        while True:
            connection.chunk(b"line\n" * 1000)

    with started(serve(flood).url, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert os.read(process.stdout.fileno(), 5) == b"line\n"
        process.stdout.close()
        assert process.wait(20) == 141
        assert process.stderr.read() == b""
        process.stdout = None


def test_an_interrupt_is_no_noise(serve: Serve) -> None:
    over = threading.Event()

    def stall(connection: Connection, _: Received) -> None:
        connection.head(transfer_encoding="chunked", content_type="text/plain")
        connection.chunk(b"begun")
        over.wait(30)

    with started(serve(stall).url, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert os.read(process.stdout.fileno(), 5) == b"begun"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read() == b""
    over.set()


# On a terminal


def on_terminal(*arguments: str, **env: str) -> tuple[str, int]:
    """What a person sees: standard output and standard error on one terminal."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdout=terminal, stderr=terminal, env=environment(**env)
    )
    os.close(terminal)
    seen = b""
    ends_at = time.monotonic() + 60
    try:
        while time.monotonic() < ends_at:
            if not select.select([controller], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(controller, 65536)
            except OSError:  # Linux's way to say that the terminal's last user left
                break
            if not data:
                break
            seen += data
        return seen.decode().replace("\r\n", "\n"), process.wait(20)
    finally:
        process.kill()
        process.wait(20)
        os.close(controller)


def test_a_terminal_gets_text_that_cannot_command_it(serve: Serve) -> None:
    seen, code = on_terminal(serve(streams(chat("a\x1b]52;c;aGk=\x07b\tc\n\x9b31m"))).url)
    assert (seen, code) == ("a\\x1b]52;c;aGk=\\x07b\tc\n\\x9b31m\n", 0)


def test_on_one_terminal_timing_lines_and_text_do_not_cut_each_other(serve: Serve) -> None:
    seen, _ = on_terminal(serve(streams(chat("Hel", "lo"))).url, "--timing", NO_COLOR="1")
    line = r"\+\d+\.\d{3}s  "
    assert re.match(rf'{line}Text "Hel"\n{line}Text "lo"\n{line}Finish stop\nfirst byte .*\n$', seen)
    assert "\x1b" not in seen


def test_colour_is_for_terminals_that_want_it(serve: Serve) -> None:
    server = serve(lambda connection, _: connection.answer("400 Bad Request", b"no"))
    assert on_terminal(server.url) == ("\x1b[31merror:\x1b[0m no (HTTP 400)\n", 1)
    assert on_terminal(server.url, NO_COLOR="1") == ("error: no (HTTP 400)\n", 1)
    assert on_terminal(server.url, TERM="dumb") == ("error: no (HTTP 400)\n", 1)


def test_help_names_the_exit_codes() -> None:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    assert "exit codes" in parser.format_help()
