"""One connection to AWS: the only file of this package that does I/O. Every wait is bounded.

A socket with TLS around it, as http.client would add some 10 ms to the first call of every cold start.
"""

from __future__ import annotations

import os
import time

from streaming_runtime.http1 import request as http_request

from .answers import AnswerParser, MalformedAnswer
from .errors import Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Mapping

    from .endpoints import Endpoint

CONNECT_TIMEOUT_SECONDS = 5.0
MAX_IDLE_SECONDS = 50.0  # a connection kept longer may be gone without a word: what is between here and AWS forgets idle ones
CREDENTIALS_TIMEOUT_SECONDS = 2.0
_RECEIVE_BYTES = 65_536


class _Tls:
    """Made once: reading the certificate authorities costs some 20 ms."""

    context: ssl.SSLContext | None = None


def tls_context() -> ssl.SSLContext:
    """The process's TLS settings: the system's certificate authorities, or those of AWS_CA_BUNDLE; certificates and names are checked."""
    if _Tls.context is None:
        import ssl

        _Tls.context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
    return _Tls.context


class Connection:
    """A connection to one endpoint, made at once.

    Args:
        endpoint: Where to.
        timeout: How long connecting may take, in seconds, and then each silence while sending and receiving; see `patience`.

    Attributes:
        process: The process that made it. A connection that came along with a fork belongs to somebody else.
        used: Whether a request has been answered on it.

    Raises:
        Unreachable: There is nobody, or nobody who can prove who he is.
    """

    __slots__ = ("_idle_since", "_socket", "process", "used")

    def __init__(self, endpoint: Endpoint, timeout: float = CONNECT_TIMEOUT_SECONDS) -> None:
        import socket

        try:
            connected = socket.create_connection((endpoint.host, endpoint.port), timeout)
        except OSError as error:
            raise Unreachable(f"no connection to {endpoint.authority}: {error}") from error
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket: socket.socket = (
                tls_context().wrap_socket(connected, server_hostname=endpoint.host) if endpoint.tls else connected
            )
        except OSError as error:  # ssl.SSLError among them
            connected.close()
            raise Unreachable(f"no TLS with {endpoint.authority}: {error}") from error
        self.process = os.getpid()
        self.used = False
        self._idle_since = time.time()

    def patience(self, seconds: float) -> None:
        """From now on, silence longer than this is an error."""
        self._socket.settimeout(seconds)

    def send(self, data: bytes) -> None:
        """Sends all of it.

        Raises:
            Unreachable: The connection broke.
        """
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Unreachable(f"the connection broke: {error}") from error

    def receive(self) -> bytes:
        """What has arrived; empty at the end.

        Raises:
            Unreachable: The connection broke, or was silent for too long.
        """
        try:
            return self._socket.recv(_RECEIVE_BYTES)
        except OSError as error:
            raise Unreachable(f"the connection broke: {error}") from error

    def rest(self) -> None:
        """It is not needed for now."""
        self.used = True
        self._idle_since = time.time()  # not monotonic: that clock may stand still while Lambda freezes the environment

    def is_fresh(self) -> bool:
        """Whether it may be used again: nobody closed it, nobody spoke unasked, and it has not rested for too long."""
        if self.process != os.getpid() or not 0 <= time.time() - self._idle_since < MAX_IDLE_SECONDS:
            return False
        import select

        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Closes it, without a farewell."""
        self._socket.close()


def exchange(endpoint: Endpoint, method: str, target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """One unsigned request on a connection of its own: status and body.

    Raises:
        Unreachable: There was no whole answer.
    """
    connection = Connection(endpoint, CREDENTIALS_TIMEOUT_SECONDS)
    try:
        connection.send(http_request(method, target, endpoint.authority, {**headers, "connection": "close"}))
        parser, body = AnswerParser(), b""
        while not parser.complete:
            body += receive_into(parser, connection)
    finally:
        connection.close()
    return parser.status, body


def receive_into(parser: AnswerParser, connection: Connection) -> bytes:
    """Receives once. Returns what of the body that brought; it may be nothing.

    Raises:
        Unreachable: The answer broke off, or is none.
    """
    data = connection.receive()
    try:
        if data:
            return parser.feed(data)
        parser.close()
    except MalformedAnswer as error:
        raise Unreachable(f"the answer broke off: {error}") from error
    return b""
