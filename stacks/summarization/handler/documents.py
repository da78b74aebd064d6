"""Documents in the bucket, read whole."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from streaming_runtime import BadRequest, HttpError, NotFound

_ABSENT = ("NoSuchKey", "404", "AccessDenied", "403")  # without s3:ListBucket, S3 says of an absent key that it is forbidden


class Documents:
    """The bucket."""

    def __init__(self, client: Any, bucket: str, *, most_bytes: int) -> None:
        """
        Args:
            client: A boto3 client of S3.
            bucket: Its name.
            most_bytes: Longest document; a longer one is not read.
        """
        self._client = client
        self._bucket = bucket
        self._most_bytes = most_bytes

    def read(self, key: str) -> str:
        """A document's text.

        Raises:
            NotFound: There is none.
            BadRequest: It is too long, empty, or not text in UTF-8.
            HttpError: 503: the bucket did not answer.
        """
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            with answer["Body"] as body:
                if answer["ContentLength"] > self._most_bytes:
                    raise BadRequest(f"The document has more than {self._most_bytes} bytes.", code="too_long", param="key")
                text: str = body.read().decode("utf-8-sig")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                raise NotFound("There is no such document.", param="key") from error
            raise _unavailable() from error
        except BotoCoreError as error:
            raise _unavailable() from error
        except UnicodeDecodeError as error:
            raise BadRequest("The document is not text in UTF-8.", code="not_text", param="key") from error
        if not text.strip():
            raise BadRequest("The document is empty.", param="key")
        return text


def _unavailable() -> HttpError:
    return HttpError(503, "unavailable", "The document cannot be read now. Try again later.", {"retry-after": "1"})
