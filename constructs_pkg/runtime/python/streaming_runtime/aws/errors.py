"""What can go wrong between here and AWS."""

from __future__ import annotations


class AwsError(Exception):
    """A call that did not do what was asked."""


class ConfigurationError(AwsError):
    """Region, endpoint or credentials are missing, or are configured in a way that only boto3 knows."""


class Unreachable(AwsError):
    """No connection, or one that broke or fell silent before the answer was whole. Whether AWS did what was asked is not known."""


class Refused(AwsError):
    """AWS answered with an error.

    Attributes:
        status: As in 400; 0 for an error within a stream.
        code: As in "ValidationException"; empty where AWS named none.
        retry_after: How long AWS asks to wait, in whole seconds; None where it does not say.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(f"{code or status}: {message}")
        self.status = status
        self.code = code
        self.retry_after = retry_after
