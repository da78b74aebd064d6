"""Amazon Transcribe, streaming, by AWS's client for it (https://pypi.org/project/aws-sdk-transcribe-streaming/).

boto3 has no such operation. The client needs Python 3.12, and awscrt for HTTP/2, since audio goes out while text comes in.
Sources: https://docs.aws.amazon.com/transcribe/latest/dg/streaming.html (pieces of 50 to 200 ms, as close to real time as can be),
https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_TranscriptResultStream.html (the errors).
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aws_sdk_transcribe_streaming.client import AsyncTranscribeStreamingClient
from aws_sdk_transcribe_streaming.config import AsyncTranscribeStreamingConfig
from aws_sdk_transcribe_streaming.models import (
    AudioEvent,
    AudioStreamAudioEvent,
    BadRequestException,
    LimitExceededException,
    ServiceError,
    StartStreamTranscriptionInput,
    TranscriptResultStreamTranscriptEvent,
)
from recogniser import Heard
from smithy_core.exceptions import SmithyError
from smithy_http.aio.crt import AWSCRTHTTPClient

from streaming_runtime import BadRequest, ModelError, Throttled

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from audio import Audio

    from streaming_runtime import HttpError

PIECE_SECONDS = 0.1
CLOSE_SECONDS = 2.0
_FAILURES = (SmithyError, OSError)


class Transcribe:
    """Amazon Transcribe, in this function's region."""

    rates = (8_000, 48_000)

    def __init__(self, transport: Callable[[], Any] = AWSCRTHTTPClient) -> None:
        """
        Args:
            transport: Makes what sends requests. Default: awscrt's, which speaks HTTP/2.
        """
        self._transport = transport
        self._language = os.environ["LANGUAGE"]
        self._pace = float(os.environ["PACE"])

    async def start(self, audio: Audio) -> AsyncGenerator[Heard]:
        """Opens a stream; a stream of its own for each recording, as a connection may not outlive the pause between two.

        Raises:
            Throttled: As many streams are open as the account may have (25, unless it has asked for more).
            BadRequest: Transcribe does not hear this language, or this rate.
            ModelError: It failed in another way.
        """
        client = AsyncTranscribeStreamingClient(await AsyncTranscribeStreamingConfig.resolve(transport=self._transport()))
        sending: asyncio.Task[None] | None = None
        try:
            stream = await client.start_stream_transcription(
                StartStreamTranscriptionInput(
                    language_code=self._language,
                    media_sample_rate_hertz=audio.rate,
                    media_encoding="pcm",
                    enable_partial_results_stabilization=True,
                    partial_results_stability="high",
                )
            )
            sending = asyncio.create_task(self._send(stream.input_stream, audio))
            _, results = await stream.await_output()
        except _FAILURES as error:
            await _leave(sending, client)
            raise _told(error) from error
        except BaseException:
            await _leave(sending, client)
            raise
        return self._listen(client, sending, results)

    async def _send(self, input_stream: Any, audio: Audio) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number, piece in enumerate(audio.pieces(PIECE_SECONDS)):
            await asyncio.sleep(begun + number * PIECE_SECONDS / self._pace - loop.time())
            await input_stream.send(AudioStreamAudioEvent(value=AudioEvent(audio_chunk=piece)))
        await input_stream.close()

    async def _listen(self, client: Any, sending: asyncio.Task[None], results: Any) -> AsyncGenerator[Heard]:
        numbers: dict[str, int] = {}
        unfinished: set[str] = set()
        try:
            async for event in results:
                if not isinstance(event, TranscriptResultStreamTranscriptEvent) or event.value.transcript is None:
                    continue
                for result in event.value.transcript.results or []:
                    if not result.alternatives or not result.alternatives[0].transcript:
                        continue
                    id = result.result_id or ""
                    (unfinished.add if result.is_partial else unfinished.discard)(id)
                    yield Heard(
                        number=numbers.setdefault(id, len(numbers) + 1),
                        final=not result.is_partial,
                        text=result.alternatives[0].transcript,
                        start=result.start_time,
                        end=result.end_time,
                    )
            await asyncio.wait({sending}, timeout=CLOSE_SECONDS)
            if unfinished or not sending.done():
                raise ModelError("The recogniser stopped before the end of the recording.")
            sending.result()
        except _FAILURES as error:
            raise _told(error) from error
        finally:
            await _leave(sending, client)


async def _leave(sending: asyncio.Task[None] | None, client: Any) -> None:
    if sending is not None:
        sending.cancel()
        with suppress(asyncio.CancelledError, *_FAILURES):
            await sending
    await client.close()


def _told(error: Exception) -> HttpError:
    """What a caller is told of it; all of it is in the log."""
    if isinstance(error, LimitExceededException):
        return Throttled("As many recordings are being heard as can be. Try again later.", retry_after=5)
    if isinstance(error, BadRequestException):
        return BadRequest("The recogniser does not take this recording.", code="unsupported_audio")
    if isinstance(error, ServiceError):
        return ModelError("The recogniser failed. Try again later.", status=503)
    return ModelError("The recogniser could not be reached. Try again later.", status=503)


make = Transcribe
