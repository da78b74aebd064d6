"""DynamoDB's JSON protocol, over the runtime's own client; where the environment asks for what only boto3 knows, over boto3.

Every wait is bounded, and nothing is tried twice here: the caller knows whether it is worth while.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

from __future__ import annotations

import json
import os
from binascii import b2a_base64

from streaming_runtime.aws import DYNAMODB, AwsClient, ConfigurationError, Unreachable, why_not

from .errors import StoreRefused, StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .table import Call

CONNECT_TIMEOUT_SECONDS = 1.0
READ_TIMEOUT_SECONDS = 1.0
_TARGET = "DynamoDB_20120810."
_CONDITION_FAILED = "ConditionalCheckFailedException"
_TRANSIENT = ("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException", "InternalServerError",
              "LimitExceededException", "TransactionConflictException", "ReplicatedWriteConflictException")  # fmt: skip


def caller() -> Call:
    """What makes requests in this environment.

    Raises:
        StoreRefused: Region or credentials are missing.
    """
    return _over_boto3() if why_not(DYNAMODB) else _over_our_own()


def _over_our_own() -> Call:
    client = AwsClient(DYNAMODB, connect_timeout=CONNECT_TIMEOUT_SECONDS, read_timeout=READ_TIMEOUT_SECONDS, attempts=1)

    def call(action: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": _TARGET + action}
        body = json.dumps(parameters, separators=(",", ":"), default=_base64).encode()
        try:
            answer = client.call("/", headers, body)
        except Unreachable as error:
            raise StoreUnavailable(f"{action}: {error}") from error
        except ConfigurationError as error:
            raise StoreRefused(f"{action}: {error}") from error
        try:
            said = json.loads(answer.body)
        except ValueError as error:  # it was not DynamoDB who answered
            raise StoreUnavailable(f"{action}: {answer.status}, not JSON: {answer.body[:300]!r}") from error
        if answer.status == 200:
            return dict(said)
        refuse(action, answer.code, str(said.get("message") or said.get("Message")), answer.status)
        return None

    return call


def _over_boto3() -> Call:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        settings = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS, read_timeout=READ_TIMEOUT_SECONDS, retries={"total_max_attempts": 1}
        )
        client = boto3.Session(region_name=os.environ.get("AWS_REGION")).client("dynamodb", config=settings)
    except Exception as error:
        raise StoreRefused(f"boto3: {type(error).__name__}: {error}") from error
    methods = {
        "PutItem": "put_item",
        "GetItem": "get_item",
        "UpdateItem": "update_item",
        "DeleteItem": "delete_item",
        "Query": "query",
    }

    def call(action: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return dict(getattr(client, methods[action])(**parameters))
        except ClientError as error:
            said = error.response["Error"]
            refuse(action, said["Code"], said["Message"], error.response["ResponseMetadata"]["HTTPStatusCode"])
            return None
        except BotoCoreError as error:
            raise StoreUnavailable(f"{action}: {error}") from error

    return call


def refuse(action: str, code: str, message: str, status: int) -> None:
    """Raises what an error answer comes to; nothing for a condition that did not hold.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html

    Raises:
        StoreUnavailable, StoreRefused: Any other error.
    """
    if code == _CONDITION_FAILED:
        return
    said = f"{action}: {status} {code}: {message}"
    raise StoreUnavailable(said) if status >= 500 or code in _TRANSIENT else StoreRefused(said)


def _base64(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode()
