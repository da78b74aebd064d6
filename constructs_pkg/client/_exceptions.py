"""Everything that can go wrong with a stream, as one family.

No message here ever holds a credential, a signature or a query string.
"""

from __future__ import annotations


class StreamingClientError(Exception):
    """The root of the family: `except StreamingClientError` catches whatever this package raises about a call.

    Attributes:
        message: One sentence, without the status and request id that `str()` adds.
        status_code: HTTP status of the answer. None where no answer came.
        request_id: Lambda's (or CloudFront's) id of the request, to find it in the logs. None where it is not known.
    """

    def __init__(self, message: str, *, status_code: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.request_id = request_id

    def __str__(self) -> str:
        known = []
        if self.status_code is not None:
            known.append(f"HTTP {self.status_code}")
        if self.request_id is not None:
            known.append(f"request {self.request_id}")
        return f"{self.message} ({', '.join(known)})" if known else self.message


class ConfigurationError(StreamingClientError, ValueError):
    """What was asked for cannot work: `INSECURE_URL`, `NO_CREDENTIALS`, `NO_REGION`, `UNKNOWN_DIALECT` and the like."""


class MissingDependency(StreamingClientError, ImportError):
    """A package that this part needs is not installed; the message has the command that installs it."""


class ConnectionFailed(StreamingClientError):
    """No answer came: the server could not be reached, or it hung up before answering.

    Attributes:
        request_sent: False when the request certainly never reached the server, so that repeating it is safe.
    """

    def __init__(
        self, message: str, *, request_sent: bool = True, status_code: int | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message, status_code=status_code, request_id=request_id)
        self.request_sent = request_sent


class StreamTimeout(StreamingClientError, TimeoutError):
    """One of the client's own waits ran out (`Timeouts`). The function may still be running."""


class HttpStatusError(StreamingClientError):
    """The answer is not a stream but a refusal or a failure: any status outside 200 to 299.

    Attributes:
        code: The server's name for it (`invalid_request_error`, `AccessDeniedException`, ...). None where it gave none.
        body: The answer's first 64 KiB.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        body: bytes = b"",
        status_code: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, status_code=status_code, request_id=request_id)
        self.code = code
        self.body = body


class AccessDenied(HttpStatusError):
    """403: the signature is wrong, or the caller may not.

    Calling a Function URL takes two permissions, lambda:InvokeFunctionUrl and lambda:InvokeFunction
    (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html).

    Attributes:
        missing_permission: The one that the answer names as missing. None where it names none.
    """

    missing_permission: str | None = None


class Throttled(HttpStatusError):
    """429: too many calls for the function's concurrency, or for the model behind it.

    Attributes:
        retry_after_seconds: How long the server asks to wait. None where it does not say.
    """

    retry_after_seconds: float | None = None


class StreamError(StreamingClientError):
    """The stream said, after it had begun, that it failed. What came before was delivered.

    Attributes:
        code: The stream's name for it, such as `model_error`.
    """

    def __init__(
        self, message: str, *, code: str = "error", status_code: int | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message, status_code=status_code, request_id=request_id)
        self.code = code


class DeadlineExceeded(StreamError):
    """The function reached its time limit (or its longest stream) and ended the stream in order, incomplete."""


class StreamTruncated(StreamingClientError):
    """The stream ended before its terminal event: what was delivered is not the whole answer.

    Attributes:
        last_event_id: The id of the last event that came whole, to resume after. Empty where the stream has no ids.
    """

    def __init__(
        self, message: str, *, last_event_id: str = "", status_code: int | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message, status_code=status_code, request_id=request_id)
        self.last_event_id = last_event_id


class MalformedStream(StreamingClientError):
    """The bytes are not what their type says: not JSON, not gzip, or one event larger than the limit."""
