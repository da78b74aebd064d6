"""The least that a Python program can do for an invocation: the floor under every other one here. Nobody should use it.

One socket, one head looked through for one header, the event parsed, a small streamed answer. No error is met, nothing is logged, and there
is no deadline, heartbeat, pacing, back-pressure, disconnect or second try. With `app` after it on the command line it imports that module
first, as a program that serves an app has to.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys

PRELUDE = json.dumps({"statusCode": 200, "headers": {"content-type": "text/plain"}}).encode() + b"\0" * 8


def main() -> None:
    """Answers every invocation with `hello`."""
    for module in sys.argv[1:]:
        importlib.import_module(module)
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    host, _, port = address.partition(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ask = f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
    while True:
        connection.sendall(ask)
        head, body = _message(connection)
        identity = head.partition(b"Lambda-Runtime-Aws-Request-Id: ")[2].partition(b"\r\n")[0].decode()
        event = json.loads(body)
        assert event["rawPath"] == "/first", event["rawPath"]
        connection.sendall(
            f"POST /2018-06-01/runtime/invocation/{identity}/response HTTP/1.1\r\nHost: {address}\r\n"
            "Content-Type: application/vnd.awslambda.http-integration-response\r\n"
            "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
            f"{len(PRELUDE) + 5:x}\r\n".encode()
            + PRELUDE
            + b"hello\r\n"
        )
        connection.sendall(b"0\r\n\r\n")
        _message(connection)


def _message(connection: socket.socket) -> tuple[bytes, bytes]:
    data = connection.recv(65536)
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    wanted = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < wanted:
        body += _more(connection)
    return head, body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        sys.exit("the Runtime API has gone")
    return data


if __name__ == "__main__":
    main()
