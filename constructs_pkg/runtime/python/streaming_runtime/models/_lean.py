"""Bedrock's two streaming calls without boto3, under the names and with the arguments that boto3 has for them.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
"""

from __future__ import annotations

import json

from streaming_runtime.aws import BEDROCK_RUNTIME, AwsClient, Refused, Unreachable
from streaming_runtime.aws.client import Answer
from streaming_runtime.aws.event_stream import EventStreamDecoder, MalformedFrame
from streaming_runtime.aws.signing import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from streaming_runtime.aws.client import OpenAnswer
    from streaming_runtime.aws.event_stream import Frame

_HEADERS = {"content-type": "application/json", "accept": "application/vnd.amazon.eventstream"}
_INVOKE_HEADERS = {
    "contentType": "content-type",
    "accept": "x-amzn-bedrock-accept",
    "trace": "x-amzn-bedrock-trace",
    "guardrailIdentifier": "x-amzn-bedrock-guardrailidentifier",
    "guardrailVersion": "x-amzn-bedrock-guardrailversion",
    "performanceConfigLatency": "x-amzn-bedrock-performanceconfig-latency",
    "serviceTier": "x-amzn-bedrock-service-tier",
}


class LeanClient:
    """Asks once, and never again: when to try once more is decided where it is known whether anything was passed on."""

    def __init__(self, connect_timeout: float, read_timeout: float) -> None:
        self._client = AwsClient(BEDROCK_RUNTIME, connect_timeout=connect_timeout, read_timeout=read_timeout, attempts=1)
        if self._client.endpoint.tls:
            from streaming_runtime.aws.connection import tls_context

            tls_context()  # 20 ms now, at init, rather than in the first invocation

    def converse_stream(self, *, modelId: str, **asked: Any) -> dict[str, EventStream]:  # noqa: N803 - boto3's name
        """As boto3's.

        Raises:
            Refused, Unreachable, ConfigurationError: Instead of botocore's exceptions.
        """
        body = json.dumps(asked, default=_blob).encode()
        return {"stream": EventStream(self._open(f"/model/{encode(modelId)}/converse-stream", _HEADERS, body))}

    def invoke_model_with_response_stream(self, *, modelId: str, body: bytes, **asked: Any) -> dict[str, EventStream]:  # noqa: N803
        """As boto3's.

        Raises:
            Refused, Unreachable, ConfigurationError: Instead of botocore's exceptions.
        """
        headers = {**_HEADERS, **{_INVOKE_HEADERS[name]: value for name, value in asked.items()}}
        return {"body": EventStream(self._open(f"/model/{encode(modelId)}/invoke-with-response-stream", headers, body))}

    def close(self) -> None:
        """Closes the connections that rest."""
        self._client.close()

    def _open(self, path: str, headers: dict[str, str], body: bytes) -> OpenAnswer:
        answer = self._client.stream(path, headers, body)
        if isinstance(answer, Answer):
            raise answer.refusal()
        return answer


class EventStream:
    """The events of one answer, each a dictionary with one key, as boto3's are."""

    def __init__(self, answer: OpenAnswer) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The events as they come.

        Raises:
            Refused: An error within the stream.
            Unreachable: It broke off, or what came is no event stream.
        """
        decoder = EventStreamDecoder()
        try:
            for piece in self._answer.pieces():
                for frame in decoder.feed(piece):
                    yield _event(frame)
            decoder.close()
        except (MalformedFrame, ValueError) as error:
            raise Unreachable(f"the answer is no event stream: {error}") from error

    def close(self) -> None:
        """Hangs up: the model stops."""
        self._answer.close()


def _event(frame: Frame) -> dict[str, Any]:
    kind = frame.headers.get(":message-type")
    if kind == "exception":
        raise Refused(0, str(frame.headers.get(":exception-type", "")), frame.payload[:2000].decode("utf-8", "replace"))
    if kind == "error":
        raise Refused(0, str(frame.headers.get(":error-code", "")), str(frame.headers.get(":error-message", "")))
    name, document = str(frame.headers.get(":event-type", "")), json.loads(frame.payload) if frame.payload else {}
    if name == "chunk":
        document["bytes"] = _bytes(document.get("bytes", ""))
    elif name == "contentBlockDelta":
        delta = document.get("delta", {})
        for holder, blob in ((delta.get("reasoningContent"), "redactedContent"), (delta.get("image", {}).get("source"), "bytes")):
            if holder and blob in holder:
                holder[blob] = _bytes(holder[blob])
    return {name: document}


def _bytes(text: str) -> bytes:
    from binascii import a2b_base64

    return a2b_base64(text)


def _blob(value: object) -> str:
    """Bytes within a request, as an image, which JSON carries in base64."""
    if isinstance(value, (bytes, bytearray)):
        from binascii import b2a_base64

        return b2a_base64(value, newline=False).decode()
    raise TypeError(f"BEDROCK_REQUEST: found {type(value).__name__} in the request; allowed: JSON values and bytes; convert it")
