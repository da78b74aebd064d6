"""What went wrong with a model, whoever says it: our own client, or boto3 where that one asked."""

from __future__ import annotations

import sys

from streaming_runtime.aws.errors import Refused, Unreachable
from streaming_runtime.errors import BadRequest, ModelError, Throttled

from ._translation import INCOMPLETE

_THROTTLED = ("ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException", "ModelNotReadyException")
_INVALID = ("ValidationException",)
_FAILED = {
    "InternalServerException": (502, "model_error"),
    "ModelErrorException": (502, "model_error"),
    "ModelStreamErrorException": (502, "model_error"),
    "ServiceUnavailableException": (503, "model_error"),
    "ModelTimeoutException": (504, "model_timeout"),
}
_PASSING = ("InternalServerException", "ServiceUnavailableException", "ModelStreamErrorException", *_THROTTLED)


class Failure:
    """One failure, understood.

    Attributes:
        told: What the caller may know of it; the error itself where that is nothing.
        passing: Whether another attempt may help.
        throttled: Whether the model asks for patience.
        retry_after: For how long, in whole seconds; None where it does not say.
    """

    __slots__ = ("passing", "retry_after", "throttled", "told")

    def __init__(self, told: Exception, passing: bool = False, throttled: bool = False, retry_after: int | None = None) -> None:
        self.told = told
        self.passing = passing
        self.throttled = throttled
        self.retry_after = retry_after


def understand(error: Exception, begun: bool) -> Failure | None:
    """What an exception means; None for one that has nothing to do with the model.

    Args:
        error: As it was raised.
        begun: Whether the answer had begun: then it broke off, and before that the model could not be reached.
    """
    if isinstance(error, ModelError):
        return Failure(error, passing=error.code == INCOMPLETE)
    if isinstance(error, Refused):
        return _refused(error, error.code, error.retry_after)
    if isinstance(error, Unreachable):
        return _unreachable(begun, timed_out=isinstance(error.__cause__, TimeoutError))
    return _of_boto3(error, begun) if "botocore" in sys.modules else None


def _of_boto3(error: Exception, begun: bool) -> Failure | None:
    from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError
    from botocore.exceptions import ConnectionError as NotConnected
    from urllib3.exceptions import HTTPError as BrokenTransfer
    from urllib3.exceptions import ReadTimeoutError as SilentTransfer

    if isinstance(error, ClientError):  # an exception frame within the stream among them: botocore's EventStreamError
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        after = str(headers.get("retry-after", ""))
        return _refused(error, str(error.response.get("Error", {}).get("Code", "")), int(after) if after.isdigit() else None)
    if isinstance(error, (HTTPClientError, NotConnected, BrokenTransfer)):
        return _unreachable(begun, timed_out=isinstance(error, (ReadTimeoutError, SilentTransfer)))
    return None


def _refused(error: Exception, code: str, retry_after: int | None) -> Failure:
    code = code[:1].upper() + code[1:]  # as a frame within the stream it begins in lower case
    if code in _THROTTLED:
        told = Throttled("The model has no capacity for this request now. Try again later.", retry_after=retry_after or 1)
        return Failure(told, True, True, retry_after)
    if code in _INVALID:
        return Failure(BadRequest("The model refused the request as invalid.", code="model_refused_request"))
    if code in _FAILED:
        status, said = _FAILED[code]
        return Failure(ModelError(code=said, status=status), code in _PASSING)
    return Failure(error)


def _unreachable(begun: bool, timed_out: bool) -> Failure:
    if timed_out:  # it may still be at work, and another attempt would be paid for twice
        return Failure(ModelError("The model did not answer in time.", code="model_timeout", status=504))
    if begun:
        return Failure(ModelError("The model's answer broke off.", code=INCOMPLETE), passing=True)
    return Failure(ModelError("The model cannot be reached.", code="model_unreachable", status=503), passing=True)
