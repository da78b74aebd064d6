"""Streams without a URL: the Lambda API's InvokeWithResponseStream, for callers inside AWS and for functions in a VPC."""

from __future__ import annotations

import contextlib
import json as _json
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from ._decoders import MAX_EVENT_BYTES
from ._exceptions import (
    AccessDenied,
    ConfigurationError,
    ConnectionFailed,
    HttpStatusError,
    MissingDependency,
    StreamError,
    StreamingClientError,
    StreamTimeout,
    Throttled,
)
from ._exchange import Call, ClientCore, ReadRefusal, Send, Step, Timeouts, Wait, drive
from ._invocation_event import HeadReader, event_of
from ._retry import RetryPolicy
from ._stream import Origin, Stream

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    import httpx

    from ._reader import StreamReader

_NOWHERE = "https://lambda.invalid"  # of a call's URL only path and query reach the function


@contextmanager
def invoke_stream(
    function_name: str,
    method: str = "POST",
    path: str = "/",
    *,
    qualifier: str | None = "live",
    params: Mapping[str, str] | None = None,
    json: Any = None,
    content: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    event: Any = None,
    dialect: str | None = None,
    idempotent: bool | None = None,
    last_event_id: str | None = None,
    session: Any = None,
    client: Any = None,
    timeouts: Timeouts | None = None,
    retry: RetryPolicy | None = None,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> Iterator[Stream]:
    """Invokes a function and gives its answer as soon as it begins: the same `Stream` as a call of its URL.

    The caller needs `lambda:InvokeFunction` alone. The function gets the event that its URL would give it, so that a handler
    serves both; `event` sends another one. It sees no caller in it (`request.identity` is None).

    Args:
        function_name: The function's name or ARN.
        method: `GET`, `POST`, ... Default: POST.
        path: As on the URL, maybe with a query. Default: `/`.
        qualifier: Alias or version. Default: "live", which `StreamingFunction` makes. None where `function_name` has one.
        params: Added to the query.
        json: A value to send as JSON.
        content: A body to send as it is. Default: no body.
        headers: The request's headers.
        event: An event of your own in place of the request: any JSON value. The function's answer to it has no head, as a rule, so say
            `dialect`. Default: the request.
        dialect: The answer's wire format. Default: what its head says; bytes where it has none.
        idempotent: Whether the function may run twice for this call. Default: what HTTP says of the method.
        last_event_id: Sent as Last-Event-ID.
        session: A `boto3.Session`. Default: one made from the environment.
        client: A boto3 client of `lambda` to use again; its own timeouts and retries then count before the answer begins.
            Default: one made of the session, for this call.
        timeouts: The longest waits. Default: `Timeouts()`.
        retry: How often a call is repeated before its answer began. Default: `RetryPolicy()`.
        max_event_bytes: The largest event accepted, in bytes. Default: 8 MiB.

    Raises:
        AccessDenied: The caller may not invoke the function.
        Throttled: Too many invocations, after the repetitions.
        HttpStatusError: The handler answered with another status than 200 to 299, or there is no such function.
        ConnectionFailed: No answer came.
        StreamError: While the stream is read: the function failed in its middle.
        StreamTruncated: While it is read: the connection broke.
        ConfigurationError: `TWO_BODIES` for an event beside a request's body, and what `StreamingClient.stream` raises.
        MissingDependency: boto3 is not installed.
    """
    core = ClientCore(
        base_url=_NOWHERE,
        headers={},
        timeouts=timeouts or Timeouts(),
        retry=retry or RetryPolicy(),
        max_event_bytes=max_event_bytes,
        clock=time.perf_counter,
    )
    if event is not None and (json is not None or content is not None):
        raise ConfigurationError(
            "TWO_BODIES: event= is the whole request, and json= or content= was given too; pass one of them."
        )
    call = core.call(
        method, path, params=params, json=json, content=content, headers=headers,
        dialect=dialect, idempotent=idempotent, last_event_id=last_event_id,
    )  # fmt: skip
    invocation = {"FunctionName": function_name} if qualifier is None else {"FunctionName": function_name, "Qualifier": qualifier}
    transport = _Transport(
        client or _client(session, core.timeouts),
        invocation,
        None if event is None else _json.dumps(event).encode(),
        core.timeouts,
    )
    timing = core.start()
    answer = transport.run(core.exchange(call, timing))
    stream: Stream | None = None
    try:
        reader = core.reader(call, answer, timing)
        stream = Stream(cast("Any", transport), cast("httpx.Response", answer), reader, timing, Origin(core, call))
        yield stream
    finally:
        (answer if stream is None else stream).close()


class _Answer:
    """The head of an invocation's answer, and its body still to come."""

    def __init__(self, response: dict[str, Any]) -> None:
        self.status_code = 200
        self.headers: dict[str, str] = {"x-amzn-requestid": response["ResponseMetadata"].get("RequestId", "")}
        self._stream = response["EventStream"]
        self._events = iter(self._stream)
        self._first = b""
        self._failure: StreamError | None = None
        self._complete = False
        self._read_head()

    def _read_head(self) -> None:
        head = HeadReader()
        for piece in self._pieces():
            body = head.feed(piece)
            if body is not None:
                break
        else:
            body = head.end()
            if not body and self._failure is not None:
                raise self._failure
        self.status_code = head.status_code
        self.headers = {**head.headers, **self.headers}
        self._first = body

    def chunks(self) -> Iterator[bytes]:
        """The body's bytes as they come. Raises what the invocation says of itself at its end, and what ends it without a word."""
        if self._first:
            first, self._first = self._first, b""
            yield first
        yield from self._pieces()
        if self._failure is not None:
            raise self._failure

    def _pieces(self) -> Iterator[bytes]:
        for event in self._events:
            if "PayloadChunk" in event:
                yield event["PayloadChunk"]["Payload"]
            elif "InvokeComplete" in event:
                self._note(event["InvokeComplete"])
                return
        if not self._complete:
            raise _Unfinished

    def _note(self, complete: dict[str, Any]) -> None:
        self._complete = True
        code = complete.get("ErrorCode")
        if not code:
            return
        details = complete.get("ErrorDetails") or ""
        with contextlib.suppress(ValueError, AttributeError):
            details = _json.loads(details).get("errorMessage", details)
        self._failure = StreamError(
            f"{code}: {details or 'the function failed'}", code=str(code), request_id=self.headers["x-amzn-requestid"] or None
        )

    def close(self) -> None:
        """Hangs up, if the answer is not complete."""
        self._stream.close()


class _Unfinished(Exception):
    """The event stream ended without InvokeComplete."""


class _Transport:
    """Does an exchange's steps by invoking the function."""

    def __init__(self, client: Any, invocation: dict[str, str], payload: bytes | None, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._client = client
        self._invocation = invocation
        self._payload = payload

    def run(self, steps: Generator[Step, Any, Any]) -> Any:
        return drive(steps, self._do)

    def _do(self, step: Step) -> _Answer | bytes | None:
        match step:
            case Send(call):
                return self._send(call)
            case ReadRefusal(answer, limit):
                body = b""
                with contextlib.closing(answer), contextlib.suppress(StreamingClientError, _Unfinished, *_broken()):
                    for chunk in answer.chunks():
                        body += chunk
                        if len(body) >= limit:
                            break
                return body[:limit]
            case Wait(seconds):
                time.sleep(seconds)
        return None

    def _send(self, call: Call) -> _Answer:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectTimeoutError,
            EndpointConnectionError,
            HTTPClientError,
            NoCredentialsError,
            ReadTimeoutError,
        )

        payload = self._payload
        if payload is None:
            event = event_of(call, request_id=str(uuid.uuid4()), time_epoch_ms=int(time.time() * 1000))
            payload = _json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            return _Answer(self._client.invoke_with_response_stream(**self._invocation, Payload=payload))
        except ClientError as error:
            raise _refused(error) from None
        except _Unfinished:
            raise ConnectionFailed("the invocation broke off before its answer began") from None
        except ReadTimeoutError as error:
            raise StreamTimeout(f"the answer did not begin in time: {error}") from None
        except NoCredentialsError:
            raise ConfigurationError(
                "NO_CREDENTIALS: boto3 found no AWS credentials; set AWS_PROFILE, or pass session=boto3.Session(profile_name=...)."
            ) from None
        except (EndpointConnectionError, ConnectTimeoutError) as error:
            raise ConnectionFailed(f"cannot connect: {error}", request_sent=False) from None
        except HTTPClientError as error:
            raise ConnectionFailed(f"no answer came: {error}") from None
        except BotoCoreError as error:
            raise ConfigurationError(f"BAD_REQUEST: this invocation cannot be made: {' '.join(str(error).split())}") from None

    def chunks(self, response: _Answer, reader: StreamReader) -> Iterator[bytes]:
        """The body's bytes as they come, read only when asked for: a slow consumer pauses the sender."""
        try:
            for chunk in response.chunks():
                yield chunk
                if reader.done:
                    return
        except StreamError:
            if not reader.done:
                raise
        except _Unfinished:
            reader.broken("no InvokeComplete at its end")
        except _broken() as error:
            if type(error).__name__ == "ReadTimeoutError" and not reader.done:
                raise reader.timed_out(self._timeouts.read_seconds or 0.0) from None
            reader.broken(" ".join(str(error).split()) or type(error).__name__)


def _broken() -> tuple[type[Exception], ...]:
    """What reading an event stream raises when its connection breaks; not all of it is botocore's own."""
    from botocore.eventstream import ParserError
    from botocore.exceptions import EventStreamError, HTTPClientError
    from urllib3.exceptions import HTTPError

    return (EventStreamError, HTTPClientError, HTTPError, ParserError, OSError)


def _refused(error: Any) -> HttpStatusError:
    """The Lambda API's refusal in this package's terms."""
    answer = error.response.get("ResponseMetadata", {})
    status = int(answer.get("HTTPStatusCode", 0)) or None
    code = error.response.get("Error", {}).get("Code")
    message = " ".join(str(error.response.get("Error", {}).get("Message") or "the answer does not say why").split())
    request_id = answer.get("RequestId")
    if code == "AccessDeniedException" or status == 403:
        denied = AccessDenied(
            f"access denied: {message}; lambda:InvokeFunction on the alias is needed",
            code=code,
            status_code=status,
            request_id=request_id,
        )
        denied.missing_permission = "lambda:InvokeFunction"
        return denied
    if code == "TooManyRequestsException" or status == 429:
        throttled = Throttled(f"throttled: {message}", code=code, status_code=status, request_id=request_id)
        with contextlib.suppress(TypeError, ValueError):
            throttled.retry_after_seconds = float(answer.get("HTTPHeaders", {}).get("retry-after"))
        return throttled
    return HttpStatusError(f"{code}: {message}", code=code, status_code=status, request_id=request_id)


def _client(session: Any, timeouts: Timeouts) -> Any:
    """A client whose waits are the call's, and which leaves repeating to the call."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ModuleNotFoundError:
        raise MissingDependency(
            "BOTO3_MISSING: invoke_stream needs boto3, which is not installed; pip install 'streaming-lambda-constructs[client]'."
        ) from None
    config = Config(
        connect_timeout=timeouts.connect_seconds,
        read_timeout=timeouts.read_seconds,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    try:
        return (session or boto3.Session()).client("lambda", config=config)
    except BotoCoreError as error:
        raise ConfigurationError(f"NO_REGION: {error}; set AWS_REGION, or pass session=boto3.Session(region_name=...).") from None
