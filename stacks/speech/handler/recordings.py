"""Recordings in the bucket, read whole."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from streaming_runtime import BadRequest, HttpError, NotFound

_ABSENT = ("NoSuchKey", "404", "AccessDenied", "403")  # without s3:ListBucket, S3 says of an absent key that it is forbidden


class Recordings:
    """The bucket."""

    def __init__(self, client: Any, bucket: str, *, most_bytes: int) -> None:
        """
        Args:
            client: A boto3 client of S3.
            bucket: Its name.
            most_bytes: Largest recording; a larger one is not read.
        """
        self._client = client
        self._bucket = bucket
        self._most_bytes = most_bytes

    def read(self, key: str) -> bytes:
        """A recording's bytes.

        Raises:
            NotFound: There is none.
            BadRequest: It is too large.
            HttpError: 503: the bucket did not answer.
        """
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            with answer["Body"] as body:
                if answer["ContentLength"] > self._most_bytes:
                    raise BadRequest(f"The recording has more than {self._most_bytes} bytes.", code="too_long", param="key")
                data: bytes = body.read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                raise NotFound("There is no such recording.", param="key") from error
            raise _unavailable() from error
        except BotoCoreError as error:
            raise _unavailable() from error
        return data


def _unavailable() -> HttpError:
    return HttpError(503, "unavailable", "The recording cannot be read now. Try again later.", {"retry-after": "1"})
