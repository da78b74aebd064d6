"""The speech stack with AWS's own client of Amazon Transcribe, against a server of this machine, and against a transport that reads its frames.

What only AWS can show stays unproven: that Transcribe takes the signatures and the pace, and what it hears.
The client needs Python 3.12: where the machine has none, these tests are skipped and say so.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.client import Data, Finish, HttpStatusError, RetryPolicy, StreamError, StreamingClient
from constructs_pkg.emulator import Emulator
from constructs_pkg.emulator.dependencies import resolve_dependencies
from constructs_pkg.emulator.interpreters import find_interpreter
from stacks.speech.stack import SpeechStack
from tests.stacks.conftest import session_of, synthesize
from tests.stacks.transcribe_server import TranscribeServer, audio_of, failure, result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.stacks.conftest import Synthesized

FUNCTION, CALLER = "SpeechStack/Transcripts/Function", "SpeechStack/Caller"
RECORDING = Path(__file__).parents[2] / "stacks" / "speech" / "recordings" / "go-forward.wav"
WAV = {"content-type": "audio/wav"}
HEARD = [
    result("a", "Go", 0.5, 0.7, partial=True),
    result("a", "Go forward.", 0.5, 1.3, partial=False),
    result("b", "Ten", 1.5, 1.8, partial=True),
    result("b", "Ten meters.", 1.5, 2.4, partial=False),
]


@pytest.fixture(scope="module")
def server() -> Iterator[TranscribeServer]:
    made = TranscribeServer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def emulator(server: TranscribeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    quick = synthesize(tmp_path_factory.mktemp("transcribe"), SpeechStack, pace=50)
    with Emulator(quick.directory, model=None, endpoints={"transcribe-streaming": server.endpoint}) as running:
        [row] = running.json()["functions"]
        if row["broken"] and "DEPENDENCIES_NOT_RESOLVED" in row["broken"]:
            pytest.skip(f"no Python of this machine takes AWS's client: {row['broken']}")
        yield running


@pytest.fixture
def client(emulator: Emulator, server: TranscribeServer) -> Iterator[StreamingClient]:
    server.asked, server.answer = [], HEARD
    once = RetryPolicy(attempts=1)
    with StreamingClient(emulator.urls[FUNCTION], session=session_of(emulator, CALLER), retry=once) as made:
        yield made


def collect(stream: Iterable[Any], events: list[Any]) -> None:
    """Keeps what came, also where it then broke off."""
    for event in stream:
        events.append(event)


def post(client: StreamingClient, events: list[Any] | None = None) -> list[tuple[str, Any]]:
    events = [] if events is None else events
    with client.stream("POST", "transcripts", content=RECORDING.read_bytes(), headers=WAV) as stream:
        collect(stream, events)
    assert events[-1] == Finish("stop")
    return [(event.name or "", event.value) for event in events if isinstance(event, Data)]


def test_what_transcribe_hears_is_what_the_caller_reads(client: StreamingClient) -> None:
    events = post(client)
    assert events == [
        ("audio", {"seconds": 2.786, "rate": 16_000}),
        ("partial", {"number": 1, "text": "Go", "start": 0.5, "end": 0.7}),
        ("final", {"number": 1, "text": "Go forward.", "start": 0.5, "end": 1.3}),
        ("partial", {"number": 2, "text": "Ten", "start": 1.5, "end": 1.8}),
        ("final", {"number": 2, "text": "Ten meters.", "start": 1.5, "end": 2.4}),
        ("transcript", {"text": "Go forward. Ten meters.", "words": 4, "seconds": 2.786}),
    ]


def test_transcribe_is_told_what_it_will_hear_and_who_asks(client: StreamingClient, server: TranscribeServer) -> None:
    post(client)
    [headers] = server.asked
    assert headers["x-amzn-transcribe-language-code"] == "en-US"
    assert headers["x-amzn-transcribe-media-encoding"] == "pcm"
    assert headers["x-amzn-transcribe-sample-rate"] == "16000"
    assert headers["x-amz-content-sha256"] == "STREAMING-AWS4-HMAC-SHA256-EVENTS"
    assert "/us-east-1/transcribe/aws4_request" in headers["authorization"]


LISTENING = """
import asyncio, base64, json, sys
from pathlib import Path
import by_transcribe
from audio import read_wav
from smithy_http import Field, Fields
from smithy_http.aio import HTTPResponse

frames = [base64.b64decode(frame) for frame in json.loads(sys.argv[2])]
sent = []

class Transport:
    SUPPORTS_DUPLEX_STREAMING = True
    TIMEOUT_EXCEPTIONS = ()
    def __deepcopy__(self, memo):
        return self
    async def close(self): ...
    async def send(self, request, *, request_config=None):
        kind = Field(name="content-type", values=["application/vnd.amazon.eventstream"])
        return HTTPResponse(status=200, fields=Fields([kind]), body=self.answer(request.body))
    async def answer(self, body):
        async for piece in body:  # a word for each fifth piece: text goes back while audio comes
            sent.append(piece)
            if len(sent) % 5 == 0 and len(frames) > 1:
                yield frames.pop(0)
        for frame in frames:
            yield frame

async def main():
    hearing = await by_transcribe.Transcribe(Transport).start(read_wav(Path(sys.argv[1]).read_bytes()))
    heard = [(len(sent), piece.text) async for piece in hearing]
    print(json.dumps({"heard": heard, "sent": base64.b64encode(b"".join(sent)).decode(), "pieces": len(sent)}))

asyncio.run(main())
"""


def test_transcribe_is_sent_the_whole_recording_in_signed_pieces_of_a_tenth_of_a_second_and_heard_meanwhile(
    speech: Synthesized, emulator: Emulator
) -> None:
    interpreter = find_interpreter("3.13")
    [code] = [found.parent for found in speech.directory.glob("asset.*/by_transcribe.py")]
    packages = resolve_dependencies(code, interpreter, lambda _: None) or code
    runtime = Path(__file__).parents[2] / "constructs_pkg" / "runtime" / "python"
    settings = {
        "LANGUAGE": "en-US",
        "PACE": "50",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    told = json.dumps([base64.b64encode(frame).decode() for frame in HEARD])
    done = subprocess.run(
        [interpreter.path, "-c", LISTENING, str(RECORDING), told],
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(map(str, (packages, code, runtime))), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    audio = audio_of(base64.b64decode(answer["sent"]))
    with wave.open(str(RECORDING)) as reader:
        assert b"".join(audio) == reader.readframes(reader.getnframes())
    assert {len(piece) for piece in audio[:-1]} == {3_200}
    assert [text for _, text in answer["heard"]] == ["Go", "Go forward.", "Ten", "Ten meters."]
    assert answer["heard"][0][0] < answer["pieces"]


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ((429, "LimitExceededException"), 429, "throttled"),
        ((400, "BadRequestException"), 400, "unsupported_audio"),
        ((500, "InternalFailureException"), 503, "model_error"),
        ((403, "AccessDeniedException"), 503, "model_error"),
    ],
)
def test_a_refusal_before_the_first_word_is_a_status(
    answer: tuple[int, str], status: int, code: str, client: StreamingClient, server: TranscribeServer
) -> None:
    server.answer = answer
    with pytest.raises(HttpStatusError) as refused:
        post(client)
    assert refused.value.status_code == status
    assert json.loads(refused.value.body)["error"]["code"] == code
    assert "secret-internal-detail" not in str(refused.value.body)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([HEARD[0], failure("LimitExceededException")], "throttled"),
        ([HEARD[0], failure("InternalFailureException")], "model_error"),
        (HEARD[:3], "model_error"),
        ([HEARD[0], HEARD[1][:-5]], "model_error"),
    ],
    ids=["throttled", "failed", "ended too soon", "cut in a frame"],
)
def test_a_transcript_that_breaks_off_is_never_taken_for_a_whole_one(
    frames: list[bytes], code: str, client: StreamingClient, server: TranscribeServer
) -> None:
    server.answer = frames
    events: list[Any] = []
    with pytest.raises(StreamError) as failed:
        post(client, events)
    assert failed.value.code == code
    assert "secret-internal-detail" not in str(failed.value)
    assert [event.name for event in events if isinstance(event, Data)][:2] == ["audio", "partial"]


def test_the_next_recording_is_heard_after_one_that_failed(client: StreamingClient, server: TranscribeServer) -> None:
    server.answer = [failure("InternalFailureException")]
    with pytest.raises(StreamError):
        post(client)
    server.answer = HEARD
    assert post(client)[-1][1]["words"] == 4
