"""`streaming-lambda call`: one signed request, whose answer is printed as it arrives."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ._decoders import DIALECTS
from ._events import Bytes
from ._exceptions import ConfigurationError, StreamingClientError
from ._printing import Printer, summary

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ._stream import Stream

DONE, FAILED, BAD_USAGE, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141
"""Exit codes; the last two are a shell's for a program that SIGINT or SIGPIPE ended."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.description = (
        "Sends a signed request to a streaming URL and prints what arrives as it arrives: text as text, other events as a line of "
        "JSON each. Credentials and region are those of the AWS environment."
    )
    parser.epilog = (
        "exit codes: 0 the answer is complete; 1 it is an error, a refusal or was cut short (the reason is on standard error); "
        "2 the command was called wrongly; 130 interrupted."
    )
    parser.add_argument("url", metavar="URL", help="where to send the request: a Function URL and a path")
    parser.add_argument(
        "-d",
        "--data",
        metavar="BODY|@FILE|-",
        help="the request's body: as written, from a file, or from standard input; implies POST",
    )
    parser.add_argument("-X", "--request", metavar="METHOD", help="HTTP method (default: GET, or POST with -d)")
    parser.add_argument(
        "-H", "--header", metavar="'NAME: VALUE'", action="append", default=[], help="a header to send; may be repeated"
    )
    parser.add_argument("--profile", help="AWS profile to sign with (default: the environment's)")
    parser.add_argument("--region", help="AWS region to sign for (default: the one in the URL, else the environment's)")
    parser.add_argument(
        "--service", default="lambda", help="AWS service to sign for (default: lambda; execute-api for API Gateway)"
    )
    parser.add_argument("--no-sign", action="store_true", help="send the request unsigned, for a URL without auth")
    parser.add_argument("--dialect", choices=DIALECTS, help="the answer's wire format (default: as the answer says)")
    parser.add_argument(
        "--raw", action="store_true", help="print the answer's bytes as they are; errors and cut streams still fail"
    )
    parser.add_argument(
        "--timing", action="store_true", help="print on standard error when each event arrived, and a summary after the last"
    )
    parser.add_argument(
        "--read-timeout", type=float, default=60.0, metavar="SECONDS", help="longest silence accepted (default: 60)"
    )


def run(args: argparse.Namespace) -> int:
    """Makes the call; returns the exit code."""
    try:
        return _call(args)
    except ConfigurationError as error:
        # Where to go and with which options is the command line's; what is missing around it (credentials, a region) is not.
        return _refuse(error, FAILED if str(error).startswith(("NO_", "CREDENTIALS_")) else BAD_USAGE)
    except StreamingClientError as error:
        return _refuse(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. The interpreter would complain at exit about what it cannot flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def _call(args: argparse.Namespace) -> int:
    from ._client import StreamingClient
    from ._exchange import Timeouts

    try:
        content = None if args.data is None else _body(args.data)
    except OSError as error:
        return _refuse(ConfigurationError(f"cannot read the body: {error.strerror}: {error.filename}"), BAD_USAGE)
    headers = dict(_header(line) for line in args.header)
    if content is not None and "content-type" not in headers:
        headers["content-type"] = _content_type(content)
    method = (args.request or ("GET" if content is None else "POST")).upper()
    client = StreamingClient(
        args.url,
        session=None if args.no_sign else _session(args.profile),
        region=args.region,
        service=args.service,
        sign=not args.no_sign,
        timeouts=Timeouts(read_seconds=args.read_timeout),
    )
    with client, client.stream(method, content=content, headers=headers, dialect=args.dialect) as stream:
        printer = Printer(sys.stdout, sys.stderr, exact=args.raw or stream.dialect in ("text", "bytes"))
        try:
            (_print_raw if args.raw else _print_events)(stream, printer, printer.timed if args.timing else None)
        finally:
            printer.end()
            if args.timing:
                printer.say(summary(stream.timing))
    return DONE


def _print_events(stream: Stream, printer: Printer, timed: Callable[[float, object], None] | None) -> None:
    instead = timed is not None and printer.shared_terminal
    for event in stream:
        if timed is not None:
            timed(stream.timing.offsets[-1], event)
        if not instead:  # on one terminal, the timing lines hold the text already
            printer.event(event)


def _print_raw(stream: Stream, printer: Printer, timed: Callable[[float, object], None] | None) -> None:
    for piece in stream.iter_bytes():
        printer.raw(piece)
        if timed is not None:
            timed(stream.timing.last_byte or 0.0, Bytes(piece))


def _body(argument: str) -> bytes:
    if argument == "-":
        return sys.stdin.buffer.read()
    if argument.startswith("@"):
        return Path(argument[1:]).read_bytes()
    return argument.encode()


def _content_type(content: bytes) -> str:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return "application/octet-stream" if b"\0" in content else "text/plain; charset=utf-8"
    return "application/json"


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise ConfigurationError(
            f"BAD_HEADER: {name!r}; allowed: 'Name: value'; put a colon between the header's name and its value."
        )
    return name.strip().lower(), value.strip()


def _session(profile: str | None) -> object:
    """A session whose credentials are found already, so that looking for them is no part of the times that are printed."""
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
    except ModuleNotFoundError:
        return None  # signing says what to install
    try:
        session = boto3.Session(profile_name=profile)
        session.get_credentials()
    except BotoCoreError as error:
        raise ConfigurationError(
            f"CREDENTIALS_FAILED: {error}; `aws configure list-profiles` shows the profiles there are."
        ) from None
    return session


def _refuse(error: StreamingClientError, code: int) -> int:
    Printer(sys.stdout, sys.stderr).failure(str(error))
    return code
