"""Recordings as they come: WAV files and raw PCM, checked before anybody listens. Pure: raises what the caller got wrong.

Sources: https://learn.microsoft.com/windows/win32/xaudio2/resource-interchange-file-format--riff- (the chunks),
https://docs.aws.amazon.com/transcribe/latest/dg/how-input.html (what Transcribe hears: 16 bits, little-endian, 8 to 48 kHz).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from streaming_runtime import BadRequest

BYTES_OF_A_SAMPLE = 2
SHORTEST_SECONDS = 0.1
_PCM, _EXTENSIBLE = 0x0001, 0xFFFE
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # what programs write that did not know yet how long it would get


@dataclass(frozen=True, kw_only=True)
class Audio:
    """One channel of samples, each a signed number of 16 bits, little-endian.

    Attributes:
        rate: Samples a second.
        pcm: The samples.
    """

    rate: int
    pcm: bytes

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / BYTES_OF_A_SAMPLE / self.rate

    def pieces(self, seconds: float) -> list[bytes]:
        """Cut into pieces of this length; the last may be shorter."""
        size = max(1, round(seconds * self.rate)) * BYTES_OF_A_SAMPLE
        return [self.pcm[start : start + size] for start in range(0, len(self.pcm), size)]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What is listened to.

    Attributes:
        lowest_rate: Samples a second, at least.
        highest_rate: Samples a second, at most.
        most_seconds: Longest recording.
    """

    lowest_rate: int
    highest_rate: int
    most_seconds: float

    @property
    def most_bytes(self) -> int:
        """No recording within these bounds is larger, its header included."""
        return int(self.highest_rate * self.most_seconds) * BYTES_OF_A_SAMPLE + 4_096

    def check(self, audio: Audio) -> Audio:
        """The recording, if it is within the bounds.

        Raises:
            BadRequest: It is not; the code says `sample_rate`, `too_short` or `too_long`.
        """
        if not self.lowest_rate <= audio.rate <= self.highest_rate:
            rates = (
                f"{self.lowest_rate}" if self.lowest_rate == self.highest_rate else f"{self.lowest_rate} to {self.highest_rate}"
            )
            raise BadRequest(f"The recording has {audio.rate} samples a second; {rates} can be heard here.", code="sample_rate")
        if len(audio.pcm) % BYTES_OF_A_SAMPLE:
            raise BadRequest("The recording ends in the middle of a sample: something of it is missing.", code="cut_off")
        if audio.seconds < SHORTEST_SECONDS:
            raise BadRequest(f"The recording is shorter than {SHORTEST_SECONDS} seconds.", code="too_short")
        if audio.seconds > self.most_seconds:
            raise BadRequest(
                f"The recording is {audio.seconds:.1f} seconds long; at most {self.most_seconds:g} are listened to.",
                code="too_long",
            )
        return audio


def read_wav(data: bytes) -> Audio:
    """A WAV file's samples.

    Raises:
        BadRequest: `not_wav`; `unsupported_audio` for what is in it and cannot be heard here; `cut_off` where its end is missing.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise BadRequest("This is not a WAV file.", code="not_wav")
    rate: int | None = None
    place = 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8
        if name == b"fmt ":
            rate = _rate(data[place : place + size])
        elif name == b"data":
            if rate is None:
                raise BadRequest("This WAV file has its samples before their format.", code="not_wav")
            if size in _UNKNOWN_SIZES:
                size = len(data) - place
            elif place + size > len(data):
                raise BadRequest(
                    f"The WAV file says it has {size} bytes of samples, and {len(data) - place} are there.", code="cut_off"
                )
            return Audio(rate=rate, pcm=data[place : place + size])
        place += size + size % 2  # chunks begin at even places
    raise BadRequest("This WAV file has no samples.", code="not_wav")


def _rate(header: bytes) -> int:
    if len(header) < 16:
        raise BadRequest("This WAV file's format is cut off.", code="not_wav")
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if kind == _EXTENSIBLE and len(header) >= 26:
        (kind,) = struct.unpack_from("<H", header, 24)
    if kind != _PCM or bits != 8 * BYTES_OF_A_SAMPLE:
        raise BadRequest("The WAV file's samples must be PCM of 16 bits.", code="unsupported_audio")
    if channels != 1:
        raise BadRequest(f"The WAV file has {channels} channels; mix them to one.", code="unsupported_audio")
    return int(rate)
