"""Signed calls to one service: connections kept and reused, retries bounded and with jitter, answers whole or piece by piece."""

from __future__ import annotations

import time
from _weakref import ref

from streaming_runtime.http1 import request as http_request

from . import credentials, endpoints
from .answers import AnswerParser
from .connection import CONNECT_TIMEOUT_SECONDS, Connection, receive_into
from .errors import Refused, Unreachable
from .retrying import may_be_retried, pause_before_next
from .signing import sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

READ_TIMEOUT_SECONDS = 60.0
MAX_ATTEMPTS = 3
MAX_ANSWER_BYTES = 16 * 1_048_576  # of an answer that is wanted whole; DynamoDB's largest is 16 MB
_THROTTLING_CODES = frozenset(
    (
        "ThrottlingException", "Throttling", "ThrottledException", "RequestThrottled", "RequestThrottledException", "SlowDown",
        "TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException", "TransactionInProgressException", "EC2ThrottledException",
    )
)  # fmt: skip


class _ClosedMeanwhile(Unreachable):
    """A connection that was kept turned out to be closed when it was used again."""


class Answer:
    """What a service said, whole.

    Attributes:
        status: As in 200.
        headers: By name in lower case.
        body: As it was sent.
        code: Of an error, as in "ThrottlingException"; empty below status 400.
    """

    __slots__ = ("body", "code", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.code = _error_code(headers, body) if status >= 400 else ""

    @property
    def is_throttling(self) -> bool:
        """Whether it asks for patience."""
        return self.status == 429 or self.code in _THROTTLING_CODES

    @property
    def retry_after(self) -> int | None:
        """How long to wait, in whole seconds, where the service says so."""
        said = self.headers.get("retry-after", "")
        return int(said) if said.isascii() and said.isdigit() and len(said) < 6 else None

    def refusal(self) -> Refused:
        """An error answer as an exception."""
        return Refused(self.status, self.code, self.body[:2000].decode("utf-8", "replace"), self.retry_after)


class OpenAnswer:
    """A successful answer whose body is still coming. Close it; read to its end, its connection is kept for the next call."""

    def __init__(self, client: AwsClient, connection: Connection, parser: AnswerParser, first: bytes) -> None:
        self._client = client
        self._connection: Connection | None = connection
        self._parser = parser
        self._first = first
        self.status = parser.status
        self.headers = parser.headers

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives.

        Raises:
            Unreachable: It broke off before its end.
        """
        piece, self._first = self._first, b""
        while True:
            if piece:
                yield piece
            if self._connection is None or self._parser.complete:
                break
            piece = receive_into(self._parser, self._connection)
        self.close()

    def close(self) -> None:
        """Hangs up, or keeps the connection where nothing more comes on it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._client._release(connection, self._parser)


class AwsClient:
    """Calls one service. May be used by several threads at once.

    Args:
        service: Which.
        connect_timeout: Seconds, for each attempt.
        read_timeout: Longest silence, in seconds.
        attempts: How often a call is tried, as long as nothing of an answer has been passed on.

    Raises:
        ConfigurationError: Where the service is cannot be told.
    """

    def __init__(
        self,
        service: endpoints.Service,
        *,
        connect_timeout: float = CONNECT_TIMEOUT_SECONDS,
        read_timeout: float = READ_TIMEOUT_SECONDS,
        attempts: int = MAX_ATTEMPTS,
    ) -> None:
        self.endpoint = endpoints.endpoint_of(service)
        self.region = endpoints.region_of()
        self._service = service
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._attempts = attempts
        self._idle: list[Connection] = []
        _clients.append(ref(self, _clients.remove))

    def call(
        self, path: str, headers: Mapping[str, str], body: bytes, *, method: str = "POST", attempts: int | None = None
    ) -> Answer:
        """Asks, and waits for the whole answer, whatever its status.

        Args:
            path: Path and query, encoded as they go over the wire.
            headers: Beside those of HTTP and of the signature.
            body: The whole body.
            method: Default: POST.
            attempts: Default: the client's.

        Raises:
            Unreachable: There was no whole answer, in all attempts.
            ConfigurationError: There are no credentials.
        """
        answer = self._ask(method, path, headers, body, attempts or self._attempts, stream=False)
        assert isinstance(answer, Answer)
        return answer

    def stream(
        self, path: str, headers: Mapping[str, str], body: bytes, *, method: str = "POST", attempts: int | None = None
    ) -> Answer | OpenAnswer:
        """As `call`, but a status below 300 gives the answer as soon as its head is there."""
        return self._ask(method, path, headers, body, attempts or self._attempts, stream=True)

    def close(self) -> None:
        """Closes the connections that rest. The next call makes another."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, attempts: int, *, stream: bool
    ) -> Answer | OpenAnswer:
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._attempt(method, path, headers, body, stream)
            except Unreachable:
                if attempt >= attempts:
                    raise
                pause = pause_before_next(attempt)
            else:
                if isinstance(answer, OpenAnswer) or attempt >= attempts or not (answer.status >= 500 or answer.is_throttling):
                    return answer
                if not may_be_retried(answer.retry_after):
                    return answer
                pause = pause_before_next(attempt, answer.is_throttling, answer.retry_after)
            time.sleep(pause)

    def _attempt(self, method: str, path: str, headers: Mapping[str, str], body: bytes, stream: bool) -> Answer | OpenAnswer:
        kept = self._kept()
        if kept is not None:
            try:
                return self._exchange(kept, method, path, headers, body, stream)
            except _ClosedMeanwhile as error:
                del error  # between two requests, as anybody may; nobody has read this one
        return self._exchange(self._connect(), method, path, headers, body, stream)

    def _exchange(
        self, connection: Connection, method: str, path: str, headers: Mapping[str, str], body: bytes, stream: bool
    ) -> Answer | OpenAnswer:
        parser = AnswerParser()
        try:
            connection.send(self._signed(method, path, headers, body))
            first = b""
            while not parser.status:
                first += receive_into(parser, connection)
            if stream and 200 <= parser.status < 300:
                return OpenAnswer(self, connection, parser, first)
            whole = _rest(first, parser, connection)
        except BaseException as error:  # an interrupt among them: nobody knows how far the connection got
            connection.close()
            if (
                connection.used
                and not parser.begun
                and isinstance(error, Unreachable)
                and not isinstance(error.__cause__, TimeoutError)
            ):
                raise _ClosedMeanwhile(str(error)) from error
            raise
        self._release(connection, parser)
        return Answer(parser.status, parser.headers, whole)

    def _signed(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        target = self.endpoint.path + path
        if not set("\r\n\0").isdisjoint("".join((target, *headers, *headers.values()))):
            raise ValueError(f"AWS_REQUEST: found a line break in {target!r} or its headers; allowed: none; encode them first")
        added = sign(
            method, target, [("host", self.endpoint.authority), *headers.items()], body, credentials.current(),
            region=self.region, service=self._service.signing_name, timestamp=time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        )  # fmt: skip
        return http_request(method, target, self.endpoint.authority, {**headers, **added}, body)

    def _connect(self) -> Connection:
        connection = Connection(self.endpoint, self._connect_timeout)
        connection.patience(self._read_timeout)
        return connection

    def _kept(self) -> Connection | None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break  # another thread took the last one
            if connection.is_fresh():
                return connection
            connection.close()
        return None

    def _release(self, connection: Connection, parser: AnswerParser) -> None:
        if parser.complete and parser.keep_alive:
            connection.rest()
            self._idle.append(connection)
        else:
            connection.close()


def _rest(first: bytes, parser: AnswerParser, connection: Connection) -> bytes:
    pieces, size = [first], len(first)
    while size <= MAX_ANSWER_BYTES:
        if parser.complete:
            return b"".join(pieces)
        pieces.append(receive_into(parser, connection))
        size += len(pieces[-1])
    raise Unreachable(f"an answer of more than {MAX_ANSWER_BYTES} bytes")


def _error_code(headers: Mapping[str, str], body: bytes) -> str:
    """An error's name, from the header or the body, without the namespace and the address that some services put around it."""
    code = headers.get("x-amzn-errortype", "")
    if not code and body[:1] == b"{":
        from json import loads

        try:
            document = loads(body)
        except ValueError:
            document = {}
        code = str(document.get("__type") or document.get("code") or "")
    return code.partition(":")[0].rpartition("#")[2]


_clients: list[ref[AwsClient]] = []


def close_all() -> None:
    """Closes every connection that rests, and forgets fetched credentials: neither outlives a snapshot."""
    for client in filter(None, [made() for made in _clients]):
        client.close()
    credentials.forget()
