"""The speech example's checks: what is a recording, and what is refused before anybody listens."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_runtime import BadRequest, HttpError, NotFound, Request
from tests.stacks.handlers import load

if TYPE_CHECKING:
    from tests.stacks.conftest import LocalAws

handler = load("speech", "audio", "asked", "recordings")
read_wav, Audio, Bounds, Asked = handler.audio.read_wav, handler.audio.Audio, handler.audio.Bounds, handler.asked.Asked
RECORDINGS = Path(__file__).parents[2] / "stacks" / "speech" / "recordings"
SECOND = b"\x01\x02" * 16_000


def wav(pcm: bytes = SECOND, *, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    """As Python's own module writes it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(pcm)
    return file.getvalue()


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(data) if size is None else size) + data + b"\0" * (len(data) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def fmt(kind: int = 1, channels: int = 1, rate: int = 16_000, bits: int = 16, more: bytes = b"") -> bytes:
    return chunk(b"fmt ", struct.pack("<HHIIHH", kind, channels, rate, rate * 2, 2, bits) + more)


@pytest.mark.parametrize("name", ["respectable", "amiable", "go-forward"])
def test_real_recordings_are_read_as_the_standard_library_reads_them(name: str) -> None:
    data = (RECORDINGS / f"{name}.wav").read_bytes()
    audio = read_wav(data)
    with wave.open(io.BytesIO(data)) as expected:
        assert (audio.rate, audio.pcm) == (expected.getframerate(), expected.readframes(expected.getnframes()))


@settings(max_examples=50)
@given(st.binary(max_size=200), st.integers(1, 192_000))
def test_what_was_written_is_read(samples: bytes, rate: int) -> None:
    pcm = samples[: len(samples) // 2 * 2]
    audio = read_wav(wav(pcm, rate=rate))
    assert (audio.rate, audio.pcm) == (rate, pcm)


@pytest.mark.parametrize(
    "data",
    [
        riff(chunk(b"LIST", b"odd"), fmt(), chunk(b"fact", b"\0" * 4), chunk(b"data", SECOND), chunk(b"id3 ", b"x")),
        riff(fmt(0xFFFE, more=struct.pack("<HHIH", 22, 16, 4, 1) + b"\0" * 14), chunk(b"data", SECOND)),
        riff(fmt(), chunk(b"data", SECOND, 0xFFFFFFFF)),
        riff(fmt(), chunk(b"data", SECOND, 0)),
    ],
    ids=["other chunks", "extensible", "unknown size", "no size yet"],
)
def test_wav_files_of_other_programs_are_read(data: bytes) -> None:
    assert read_wav(data).pcm == SECOND


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_wav"),
        (b"RIFF", "not_wav"),
        (b"ID3\x04" + b"\0" * 100, "not_wav"),
        (b"RIFF\0\0\0\0AVI " + b"\0" * 100, "not_wav"),
        (riff(fmt()), "not_wav"),
        (riff(chunk(b"data", SECOND), fmt()), "not_wav"),
        (riff(chunk(b"fmt ", b"\1\0"), chunk(b"data", SECOND)), "not_wav"),
        (riff(fmt(kind=3, bits=32), chunk(b"data", SECOND)), "unsupported_audio"),
        (riff(fmt(kind=7, bits=8), chunk(b"data", SECOND)), "unsupported_audio"),
        (wav(width=3, pcm=b"abc" * 99), "unsupported_audio"),
        (wav(channels=2), "unsupported_audio"),
        (wav()[:-1], "cut_off"),
    ],
)
def test_what_is_no_recording_of_ours_is_refused_by_name(data: bytes, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_wav(data)
    assert refused.value.code == code


def test_a_wav_file_cut_anywhere_is_refused() -> None:
    whole = wav(SECOND[:200])
    for length in range(len(whole)):
        with pytest.raises(BadRequest):
            read_wav(whole[:length])


@pytest.mark.parametrize(
    ("rate", "samples", "code"),
    [
        (7_999, 16_000, "sample_rate"),
        (48_001, 16_000, "sample_rate"),
        (16_000, 1_599, "too_short"),
        (16_000, 160_001, "too_long"),
        (16_000, 16_000.5, "cut_off"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(rate: int, samples: float, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        Bounds(lowest_rate=8_000, highest_rate=48_000, most_seconds=10).check(Audio(rate=rate, pcm=b"\0" * int(2 * samples)))
    assert refused.value.code == code


def test_nothing_within_the_bounds_is_larger_than_what_is_read_from_the_bucket() -> None:
    bounds = Bounds(lowest_rate=8_000, highest_rate=48_000, most_seconds=10)
    assert len(wav(b"\0\0" * 480_000, rate=48_000)) <= bounds.most_bytes
    bounds.check(Audio(rate=48_000, pcm=b"\0\0" * 480_000))


@given(st.integers(1, 5_000), st.floats(0.0001, 1))
@settings(max_examples=50)
def test_pieces_put_together_are_the_whole_and_cut_no_sample(samples: int, seconds: float) -> None:
    audio = Audio(rate=8_000, pcm=bytes(range(250)) * (samples * 2 // 250 + 1))
    pieces = audio.pieces(seconds)
    assert b"".join(pieces) == audio.pcm
    assert all(len(piece) % 2 == 0 for piece in pieces)


def request(body: Any, kind: str | None, query: str = "") -> Request:
    import base64

    return Request(
        {
            "requestContext": {"http": {"method": "POST", "path": "/transcripts"}},
            "rawQueryString": query,
            "headers": {} if kind is None else {"content-type": kind},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
    )


@pytest.mark.parametrize(
    ("body", "kind", "query", "data", "key", "rate"),
    [
        (b"x", "audio/wav", "", b"x", None, None),
        (b"x", "Audio/X-WAV; codecs=1", "", b"x", None, None),
        (b"x", "audio/pcm", "rate=8000", b"x", None, 8_000),
        (b"x", "application/octet-stream", "rate=16000", b"x", None, 16_000),
        (b'{"key": "recordings/a.wav"}', "application/json", "", None, "recordings/a.wav", None),
        (b'{"key": "recordings/a.raw", "rate": 16000}', "application/json", "", None, "recordings/a.raw", 16_000),
    ],
)
def test_a_recording_is_taken_as_a_wav_file_as_samples_or_by_key(
    body: bytes, kind: str, query: str, data: bytes | None, key: str | None, rate: int | None
) -> None:
    assert Asked.parse(request(body, kind, query)) == Asked(data=data, key=key, rate=rate)


@pytest.mark.parametrize(
    ("body", "kind", "query"),
    [
        (b"x", None, ""),
        (b"", "audio/wav", ""),
        (b"x", "audio/mpeg", ""),
        (b"x", "audio/pcm", ""),
        (b"x", "audio/pcm", "rate=fast"),
        (b"x", "audio/pcm", "rate=0"),
        (b"x", "audio/pcm", "rate=%D9%A1%D9%A6000"),
        (b"{", "application/json", ""),
        (b"[]", "application/json", ""),
        (b"{}", "application/json", ""),
        (b'{"key": 5}', "application/json", ""),
        (b'{"key": "secrets/a.wav"}', "application/json", ""),
        (b'{"key": "recordings/../a.wav"}', "application/json", ""),
        (b'{"key": "recordings/a.wav", "rate": true}', "application/json", ""),
        (b'{"key": "recordings/a.wav", "rate": 16000.0}', "application/json", ""),
        (b'{"key": "recordings/a.wav", "language": "de-DE"}', "application/json", ""),
    ],
)
def test_a_wrong_request_is_refused(body: bytes, kind: str | None, query: str) -> None:
    with pytest.raises(BadRequest):
        Asked.parse(request(body, kind, query))


def test_recordings_are_read_from_the_bucket_and_large_ones_are_not(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="speech-recordings")
    for key, body in {"good": b"abc", "large": b"x" * 101}.items():
        s3.put_object(Bucket="speech-recordings", Key=f"recordings/{key}", Body=body)
    recordings = handler.recordings.Recordings(s3, "speech-recordings", most_bytes=100)
    assert recordings.read("recordings/good") == b"abc"
    with pytest.raises(BadRequest) as refused:
        recordings.read("recordings/large")
    assert refused.value.code == "too_long"
    with pytest.raises(NotFound):
        recordings.read("recordings/none")
    with pytest.raises(HttpError) as unavailable:
        handler.recordings.Recordings(s3, "no-such-bucket", most_bytes=100).read("recordings/good")
    assert unavailable.value.status == 503
