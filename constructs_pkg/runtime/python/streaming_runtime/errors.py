"""Errors that a handler raises to say something to its caller. Any other exception is a bug, and the caller learns nothing of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEADLINE_CODE = "deadline_exceeded"
DEADLINE_MESSAGE = "The time limit was reached before the answer was complete."
CANCELLED_CODE = "cancelled"
CANCELLED_MESSAGE = "The stream was cancelled."
INTERNAL_CODE = "internal_error"


def internal_message(request_id: str) -> str:
    """All that a caller learns of a bug: enough to find its traceback in the log."""
    return f"The function failed. Request id: {request_id}."


class HttpError(Exception):
    """An expected refusal or failure. Code and message reach the caller; before the first byte the status does too.

    Args:
        status: HTTP status, 400 to 599.
        code: What went wrong, for programs, as in "bad_request".
        message: What went wrong, for people.
        headers: Sent with the answer, as in {"retry-after": "2"}. Default: none.
        param: The part of the request that is wrong, where the dialect can say so (openai-chat). Default: not said.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None, *, param: str | None = None
    ) -> None:
        super().__init__(message)
        if not 400 <= status <= 599:
            raise ValueError(f"HTTP_ERROR_STATUS: found {status}; allowed: 400 to 599; yield HttpResponse for other answers")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.param = param


class BadRequest(HttpError):
    """400: the request is wrong, and the message says how."""

    def __init__(self, message: str, *, code: str = "bad_request", param: str | None = None) -> None:
        super().__init__(400, code, message, param=param)


class Forbidden(HttpError):
    """403: this caller may not do this."""

    def __init__(self, message: str, *, code: str = "forbidden", param: str | None = None) -> None:
        super().__init__(403, code, message, param=param)


class NotFound(HttpError):
    """404: there is nothing here, or nothing that this caller may know of."""

    def __init__(self, message: str, *, code: str = "not_found", param: str | None = None) -> None:
        super().__init__(404, code, message, param=param)


class Throttled(HttpError):
    """429: too many requests. `retry_after` is sent as Retry-After, in whole seconds."""

    def __init__(
        self, message: str = "Too many requests. Try again later.", *, code: str = "throttled", retry_after: int = 1
    ) -> None:
        super().__init__(429, code, message, {"retry-after": str(retry_after)})


class ModelError(HttpError):
    """502: the model did not give a complete answer."""

    def __init__(self, message: str = "The model failed.", *, code: str = "model_error", status: int = 502) -> None:
        super().__init__(status, code, message)


class InitError(Exception):
    """The function cannot start. Its type and message go to the Runtime API's /init/error, and the process ends."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


class StreamInterrupted(GeneratorExit):
    """Raised inside a handler whose stream is over already: the deadline, a broken connection.

    A GeneratorExit, so that cleaning up is written once: `finally` and `except GeneratorExit` see it, `except Exception` does not.
    """
