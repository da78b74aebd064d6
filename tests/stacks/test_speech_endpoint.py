"""The speech stack end to end with the local recogniser: real recordings, a signed request, what was said, word by word."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg.client import AccessDenied, Data, Finish, HttpStatusError, StreamingClient
from constructs_pkg.emulator import Emulator
from stacks.speech.stack import SpeechStack
from tests.stacks.conftest import session_of, synthesize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stacks.conftest import LocalAws, Synthesized

FUNCTION, CALLER = "SpeechStack/Transcripts/Function", "SpeechStack/Caller"
RECORDINGS = Path(__file__).parents[2] / "stacks" / "speech" / "recordings"
SAID = {
    "go-forward": "go forward ten meters",
    "amiable": "he might even have been made amiable himself",
    "respectable": "had he married a more amiable woman he might have been made still more respectable than he was",
}
WAV = {"content-type": "audio/wav"}


def recording(name: str) -> bytes:
    return (RECORDINGS / f"{name}.wav").read_bytes()


def samples(name: str) -> bytes:
    with wave.open(str(RECORDINGS / f"{name}.wav")) as reader:
        return reader.readframes(reader.getnframes())


def wav(pcm: bytes, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm)
    return file.getvalue()


def wrong_words(heard: str, said: str) -> int:
    """How many words have to be put in, taken out or changed."""
    one, other = heard.split(), said.split()
    row = list(range(len(other) + 1))
    for number, word in enumerate(one, 1):
        previous, row[0] = row[0], number
        for column, wanted in enumerate(other, 1):
            previous, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, previous + (word != wanted))
    return row[-1]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(tmp_path_factory.mktemp("local"), SpeechStack, context={"speech:recogniser": "pocketsphinx"})


@pytest.fixture(scope="module")
def emulator(local: Synthesized, aws: LocalAws) -> Iterator[Emulator]:
    with Emulator(local.directory, model=None, endpoints={"s3": aws.endpoint}) as running:
        [row] = running.json()["functions"]
        if row["broken"] and "DEPENDENCIES_NOT_RESOLVED" in row["broken"]:
            pytest.skip(f"no PocketSphinx for the Pythons of this machine: {row['broken']}")
        bucket = next(iter(running.services.values())).function.environment["BUCKET"]
        aws.client("s3").create_bucket(Bucket=bucket)
        aws.client("s3").put_object(Bucket=bucket, Key="recordings/go-forward.wav", Body=recording("go-forward"))
        aws.client("s3").put_object(Bucket=bucket, Key="recordings/go-forward.raw", Body=samples("go-forward"))
        yield running


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Iterator[StreamingClient]:
    with StreamingClient(emulator.urls[FUNCTION], session=session_of(emulator, CALLER)) as made:
        yield made


def post(client: StreamingClient, path: str = "transcripts", **what: Any) -> list[tuple[str, Any]]:
    with client.stream("POST", path, **what) as stream:
        events = list(stream)
    assert events[-1] == Finish("stop")
    return [(event.name or "", event.value) for event in events if isinstance(event, Data)]


def text(events: list[tuple[str, Any]]) -> str:
    name, value = events[-1]
    assert name == "transcript"
    return str(value["text"])


@pytest.mark.parametrize(("name", "allowed"), [("go-forward", 0), ("amiable", 3), ("respectable", 4)])
def test_real_speech_is_written_down(name: str, allowed: int, client: StreamingClient) -> None:
    heard = text(post(client, content=recording(name), headers=WAV))
    assert wrong_words(heard, SAID[name]) <= allowed, heard


def test_the_caller_reads_along_and_then_has_the_whole(client: StreamingClient) -> None:
    events = post(client, content=recording("go-forward"), headers=WAV)
    (first, audio), *between, (last, transcript) = events
    assert (first, audio) == ("audio", {"seconds": 2.786, "rate": 16_000})
    assert (last, transcript) == ("transcript", {"text": SAID["go-forward"], "words": 4, "seconds": 2.786})
    partials = [value for name, value in between if name == "partial"]
    assert len(partials) >= 2
    assert partials[-1]["text"].startswith("go forward")
    assert len({value["text"] for value in partials}) == len(partials)
    assert [value["end"] for value in partials] == sorted(value["end"] for value in partials)
    [(_, final)] = [event for event in between if event[0] == "final"]
    assert (final["number"], final["text"]) == (1, SAID["go-forward"])
    assert 0.3 < final["start"] < 0.6
    assert 2.2 < final["end"] < 2.6


def test_what_is_said_after_a_pause_is_a_stretch_of_its_own(client: StreamingClient) -> None:
    pause = b"\0\0" * 24_000
    joined = samples("go-forward") + pause + samples("go-forward")
    events = post(client, content=wav(joined), headers=WAV)
    finals = [value for name, value in events if name == "final"]
    assert [value["number"] for value in finals] == [1, 2]
    assert finals[1]["start"] > 2.786 + 1.5
    assert text(events).split()[:4] == SAID["go-forward"].split()
    assert text(events).split()[-2:] == ["ten", "meters"]


def test_nobodys_transcript_depends_on_who_spoke_before(client: StreamingClient) -> None:
    alone = text(post(client, content=recording("amiable"), headers=WAV))
    post(client, content=recording("go-forward"), headers=WAV)
    assert text(post(client, content=recording("amiable"), headers=WAV)) == alone


def test_a_reader_who_leaves_in_the_middle_leaves_nothing_behind(client: StreamingClient) -> None:
    with client.stream("POST", "transcripts", content=recording("respectable"), headers=WAV) as stream:
        for event in stream:
            if isinstance(event, Data) and event.name == "partial":
                break
    assert text(post(client, content=recording("go-forward"), headers=WAV)) == SAID["go-forward"]


def test_raw_samples_are_heard_as_the_wav_file_is(client: StreamingClient) -> None:
    events = post(client, "transcripts?rate=16000", content=samples("go-forward"), headers={"content-type": "audio/pcm"})
    assert text(events) == SAID["go-forward"]


@pytest.mark.parametrize(
    "body", [{"key": "recordings/go-forward.wav"}, {"key": "recordings/go-forward.raw", "rate": 16_000}], ids=["wav", "raw"]
)
def test_a_recording_in_the_bucket_is_heard(body: dict[str, Any], client: StreamingClient) -> None:
    assert text(post(client, json=body)) == SAID["go-forward"]


def test_where_nothing_is_said_nothing_is_heard(client: StreamingClient) -> None:
    events = post(client, content=wav(b"\0\0" * 16_000), headers=WAV)
    assert events == [
        ("audio", {"seconds": 1.0, "rate": 16_000}),
        ("transcript", {"text": "", "words": 0, "seconds": 1.0}),
    ]


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ({"content": b"not a recording", "headers": WAV}, 400, "not_wav"),
        ({"content": wav(b"\0\0" * 8_000, rate=8_000), "headers": WAV}, 400, "sample_rate"),
        ({"content": wav(b"\0\0" * 100), "headers": WAV}, 400, "too_short"),
        ({"content": recording("amiable")[:-10], "headers": WAV}, 400, "cut_off"),
        ({"content": b"x", "headers": {"content-type": "audio/mpeg"}}, 400, "unsupported_audio"),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415, "unsupported_media_type"),
        ({"json": {"key": "secrets/a.wav"}}, 400, "bad_request"),
        ({"json": {"key": "recordings/none.wav"}}, 404, "not_found"),
        ({"path": "elsewhere", "json": {}}, 404, "not_found"),
    ],
)
def test_wrong_requests_are_refused(what: dict[str, Any], status: int, code: str, client: StreamingClient) -> None:
    with pytest.raises(HttpStatusError) as refused:
        post(client, **what)
    assert refused.value.status_code == status
    assert json.loads(refused.value.body)["error"]["code"] == code


@pytest.mark.parametrize("principal", ["stranger", "outsider", "SpeechStack/Transcripts/Role"])
def test_nobody_but_the_caller_role_may_ask(principal: str, emulator: Emulator) -> None:
    with StreamingClient(emulator.urls[FUNCTION], session=session_of(emulator, principal)) as other, pytest.raises(AccessDenied):
        post(other, content=recording("go-forward"), headers=WAV)
