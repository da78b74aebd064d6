"""From a call to its answer: what to send, when to send it again, what to make of a refusal. Sans-IO.

A generator says what it needs done (`Send`, `ReadRefusal`, `Wait`), and the transport does it: one flow for sync and async, as in
httpx's own authentication.
"""

from __future__ import annotations

import json as _json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast
from urllib.parse import quote, urlencode

from ._compression import content_decoder
from ._decoders import decoder_for
from ._exceptions import ConfigurationError, MalformedStream, StreamingClientError
from ._reader import StreamReader
from ._refusals import LONGEST_BODY_BYTES, refusal, request_id_of
from ._retry import RetryPolicy, is_idempotent
from ._timing import StreamTiming
from ._url import join_url

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping


class Answer(Protocol):
    """The head of an HTTP response, as httpx gives it."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


T = TypeVar("T")

NOTHING_MORE = 204
CANCEL_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """The longest waits, in seconds. None waits for ever.

    Attributes:
        connect_seconds: For a connection, its TLS handshake included. Default: 10.
        read_seconds: For the answer to begin, and for each next piece of it. Default: 60. Keep it above the function's
            heartbeat (15 seconds by default).
        write_seconds: For each piece of the request to be taken. Default: 30.
        pool_seconds: For one of the client's connections to come free. Default: 10.
        total_seconds: For the whole call. Default: 960, which is above the 15 minutes that a Lambda function can run
            (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
    """

    connect_seconds: float | None = 10.0
    read_seconds: float | None = 60.0
    write_seconds: float | None = 30.0
    pool_seconds: float | None = 10.0
    total_seconds: float | None = 960.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request ready to be sent, and how to read its answer."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    dialect: str | None
    idempotent: bool
    patience_seconds: float | None = None  # for each wait of this request alone; None: the client's own timeouts


@dataclass(frozen=True)
class Send:
    """Send the call; give the answer's head."""

    call: Call


@dataclass(frozen=True)
class ReadRefusal:
    """Give at most `limit` bytes of the answer's body as they stand on the wire, and close it."""

    answer: Any
    limit: int


@dataclass(frozen=True)
class Wait:
    """Let this many seconds pass."""

    seconds: float


Step = Send | ReadRefusal | Wait


@dataclass(frozen=True, kw_only=True)
class ClientCore:
    """What a client was told when it was made; both clients hold the same."""

    base_url: str
    headers: Mapping[str, str]
    timeouts: Timeouts
    retry: RetryPolicy
    max_event_bytes: int
    clock: Callable[[], float]

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None,
        json: Any,
        content: bytes | str | None,
        headers: Mapping[str, str] | None,
        dialect: str | None,
        idempotent: bool | None,
        last_event_id: str | None,
    ) -> Call:
        """Makes a call of a caller's arguments; `StreamingClient.stream` documents them."""
        if json is not None and content is not None:
            raise ConfigurationError("TWO_BODIES: both json= and content= were given; pass one of them.")
        if dialect is not None:
            decoder_for(dialect=dialect)  # refuses an unknown one before anything is sent
        method = method.upper()
        merged = {name.lower(): value for name, value in self.headers.items()}
        body = _utf8(content) if isinstance(content, str) else content
        if json is not None:
            body = _utf8(_json.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
            merged["content-type"] = "application/json"
        merged.update({name.lower(): value for name, value in (headers or {}).items()})
        merged.setdefault("accept-encoding", "gzip")
        merged.setdefault("user-agent", "streaming-lambda-client")
        if last_event_id is not None:
            merged["last-event-id"] = last_event_id
        url = join_url(self.base_url, path)
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(params, quote_via=quote, safe='')}"
        return Call(
            method=method, url=url, headers=merged, content=body, dialect=dialect, idempotent=is_idempotent(method, idempotent)
        )

    def start(self) -> StreamTiming:
        """Starts the clock of a call."""
        return StreamTiming(self.clock())

    def exchange(self, call: Call, timing: StreamTiming) -> Generator[Step, Any, Any]:
        """Says step by step what to do until there is an answer that streams, which it returns.

        Raises:
            StreamingClientError: what became of the last attempt.
        """
        while True:
            timing.attempts += 1
            try:
                answer = yield Send(call)
                if 200 <= answer.status_code < 300:
                    timing.headers = self.clock() - timing.started
                    return answer
                raise refusal(
                    answer.status_code, answer.headers, _unpacked(answer, (yield ReadRefusal(answer, LONGEST_BODY_BYTES)))
                )
            except StreamingClientError as error:
                delay = self.retry.delay(error, attempt=timing.attempts, idempotent=call.idempotent)
                if delay is None:
                    raise
            yield Wait(delay)

    def take_up(
        self, call: Call, reader: StreamReader, timing: StreamTiming, error: StreamingClientError
    ) -> Generator[Step, Any, Any]:
        """Says step by step how to get the rest of a stream that broke off with `error`; returns the answer that has it.

        Raises:
            StreamingClientError: `error`, where the function does not keep the stream, or has nothing more of it.
        """
        place = reader.last_event_id
        if reader.stream_id is None or timing.resumes >= self.retry.resumes or reader.out_of_time:
            raise error
        timing.resumes += 1
        yield Wait(self.retry.backoff(timing.resumes))
        rest = replace(call, headers={**call.headers, "last-event-id": place}, idempotent=True)
        try:
            answer = yield from self.exchange(rest, timing)
        except StreamingClientError as refused:
            raise error from refused
        if answer.status_code == NOTHING_MORE:
            yield ReadRefusal(answer, 0)
            raise error
        reader.go_on(content_decoder(answer.headers.get("content-encoding")), request_id_of(answer.headers))
        return answer

    def cancel(self, call: Call, stream_id: str, timing: StreamTiming) -> Generator[Step, Any, bool]:
        """Says step by step how to stop a stream; returns whether it was still running.

        Raises:
            StreamingClientError: what became of the last attempt.
        """
        headers = {name: value for name, value in call.headers.items() if name not in ("last-event-id", "content-type")}
        stop = replace(
            call,
            method="DELETE",
            headers={**headers, "x-stream-id": stream_id},
            content=None,
            idempotent=True,
            patience_seconds=CANCEL_PATIENCE_SECONDS,
        )
        answer = yield from self.exchange(stop, timing)
        yield ReadRefusal(answer, 0)
        return bool(answer.status_code != NOTHING_MORE)

    def reader(self, call: Call, answer: Answer, timing: StreamTiming) -> StreamReader:
        """The reader of an answer's body.

        Raises:
            MalformedStream: `UNKNOWN_ENCODING`.
        """
        return StreamReader(
            decoder=decoder_for(
                dialect=call.dialect,
                header=answer.headers.get("x-stream-dialect"),
                content_type=answer.headers.get("content-type"),
                max_event_bytes=self.max_event_bytes,
            ),
            content_decoder=content_decoder(answer.headers.get("content-encoding")),
            timing=timing,
            clock=self.clock,
            total_seconds=self.timeouts.total_seconds,
            status_code=answer.status_code,
            request_id=request_id_of(answer.headers),
            stream_id=answer.headers.get("x-stream-id"),
            counted=_counted(call.headers.get("last-event-id"), answer.headers.get("x-stream-id")),
        )


def drive(steps: Generator[Step, Any, T], do: Callable[[Step], object]) -> T:
    """Has `do` do what an exchange asks for, step by step, until it returns; what `do` raises of our own is the exchange's to judge."""
    try:
        step = next(steps)
        while True:
            try:
                result = do(step)
            except StreamingClientError as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as done:
        return cast("T", done.value)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"NOT_UTF8: the request's body holds half of a surrogate pair ({text[error.start]!a}), which UTF-8 has no bytes for; "
            "mend the text before, as with text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
        ) from None


def _counted(place: str | None, stream_id: str | None) -> int:
    """The number in a Last-Event-ID of this stream; 0 in any other."""
    name, colon, number = (place or "").rpartition(":")
    return int(number) if colon and name == stream_id and number.isascii() and number.isdigit() else 0


def _unpacked(answer: Answer, body: bytes) -> bytes:
    """A refusal's body without its compression, at most `LONGEST_BODY_BYTES` of it; as it came where that cannot be undone."""
    try:
        unpack = content_decoder(answer.headers.get("content-encoding"))
        return body if unpack is None else next(unpack.feed(body), b"")[:LONGEST_BODY_BYTES]
    except MalformedStream:
        return body
